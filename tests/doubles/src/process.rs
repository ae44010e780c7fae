//! A double as a process: `--ready-file FILE [--port N]`. It writes `{"url": ...}` to the file once it listens, and
//! ends on SIGTERM or SIGINT.

use std::{error::Error, fs, future::Future, io, path::PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Runs the double that `start` starts at a port of loopback (0 is a free one) and `url` names, until it is told to end.
pub async fn run<D, F>(start: impl FnOnce(u16) -> F, url: impl FnOnce(&D) -> String) -> Result<(), Box<dyn Error>>
where
    F: Future<Output = io::Result<D>>,
{
    let (mut port, mut ready_file) = (0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--port" => port = value.parse()?,
            "--ready-file" => ready_file = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown argument {argument}; known: --ready-file FILE, --port N").into()),
        }
    }
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let double = start(port).await?;
    if let Some(ready_file) = ready_file {
        // Renamed into place, so that a reader sees all of it or nothing.
        let partial = ready_file.with_extension("partial");
        fs::write(&partial, serde_json::json!({"url": url(&double)}).to_string())?;
        fs::rename(partial, ready_file)?;
    }
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
