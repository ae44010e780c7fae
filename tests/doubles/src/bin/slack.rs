//! `slack-double --ready-file FILE [--port N]`: the Slack double as a process. It writes `{"url": ...}` to the file
//! once it listens, and ends on SIGTERM or SIGINT.

use std::{error::Error, fs, path::PathBuf};
use tokio::signal::unix::{SignalKind, signal};
use trunkline_doubles::slack::{Options, SlackDouble};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut options, mut ready_file) = (Options::default(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--port" => options.port = value.parse()?,
            "--ready-file" => ready_file = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown argument {argument}; known: --ready-file FILE, --port N").into()),
        }
    }
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let double = SlackDouble::start(options).await?;
    if let Some(ready_file) = ready_file {
        // Renamed into place, so that a reader sees all of it or nothing.
        let partial = ready_file.with_extension("partial");
        fs::write(&partial, serde_json::json!({"url": double.url()}).to_string())?;
        fs::rename(partial, ready_file)?;
    }
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
