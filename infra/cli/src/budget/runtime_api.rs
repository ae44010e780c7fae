//! As much of Lambda's Runtime API as a function meets before its first invocation.
//!
//! The CPU time that a process has spent when it asks for its first invocation is its start: the loader, the runtime,
//! settings and clients.

use std::{
    fs,
    io::{self, Read},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a function may take to ask.
const ASKS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_micros(500);

/// All that a sender, or `events`, reads from its environment, and what Lambda puts there itself. Nothing is ever called.
const SETTINGS: [(&str, &str); 21] = [
    ("AUTH_TABLE", "auth"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_NAME", "function"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("EMAIL_QUEUE_URL", "http://127.0.0.1:9/email"),
    ("KMS_KEY_ARN", "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"),
    ("M365_QUEUE_URL", "http://127.0.0.1:9/m365"),
    ("PROBE_QUEUE_URL", "http://127.0.0.1:9/probe"),
    ("RUST_LOG", "info"),
    ("SLACK_API_URL", "https://slack.com/api"),
    ("SLACK_QUEUE_URL", "http://127.0.0.1:9/slack"),
    ("TEAMS_QUEUE_URL", "http://127.0.0.1:9/teams"),
    ("WEBHOOK_QUEUE_URL", "http://127.0.0.1:9/webhook"),
    ("STAGE", "local"),
    ("TENANT_TABLE", "tenants"),
];

/// Starts a function and returns the CPU time, in microseconds, that it has spent when it asks for its first invocation.
pub fn init_cpu_us(binary: &Path) -> io::Result<u64> {
    let api = TcpListener::bind(("127.0.0.1", 0))?;
    api.set_nonblocking(true)?;
    let mut function = Command::new(binary)
        .env_clear()
        .envs(SETTINGS)
        .env("AWS_LAMBDA_RUNTIME_API", api.local_addr()?.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let spent = first_request(&api, &mut function).and_then(|request| {
        let line = request.lines().next().unwrap_or_default();
        if line.starts_with("GET ") && line.contains("/runtime/invocation/next") {
            cpu_us(function.id())
        } else {
            Err(io::Error::other(format!("{} began with `{line}`", binary.display())))
        }
    });
    // It may have ended by itself.
    let _ = function.kill();
    function.wait()?;
    spent
}

fn first_request(api: &TcpListener, function: &mut Child) -> io::Result<String> {
    let deadline = Instant::now() + ASKS_WITHIN;
    loop {
        match api.accept() {
            Ok((stream, _)) => return head(stream),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => {}
        }
        if let Some(status) = function.try_wait()? {
            return Err(io::Error::other(format!("the function ended at its start: {status}")));
        }
        if Instant::now() > deadline {
            return Err(io::Error::other("the function did not ask for an invocation"));
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// A request up to its empty line.
fn head(mut stream: TcpStream) -> io::Result<String> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(ASKS_WITHIN))?;
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(io::Error::other("the function hung up"));
        }
        head.extend_from_slice(&part[..read]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// "No such process", as Linux numbers it.
const ESRCH: i32 = 3;

/// What all threads of a process have spent, by the scheduler's own count in nanoseconds: `/proc/<pid>/stat` counts in
/// hundredths of a second.
fn cpu_us(pid: u32) -> io::Result<u64> {
    let mut spent_ns = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = match fs::read_to_string(thread?.path().join("schedstat")) {
            // It ended since the folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH) => continue,
            text => text?,
        };
        let first = text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        spent_ns += first.ok_or_else(|| io::Error::other(format!("schedstat says {text:?}")))?;
    }
    Ok(spent_ns / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_spent_something() {
        assert!(cpu_us(std::process::id()).unwrap() > 0);
    }

    #[test]
    fn a_function_that_ends_at_once_is_told() {
        let error = init_cpu_us(Path::new("/bin/false")).unwrap_err();
        assert!(error.to_string().contains("ended at its start"), "{error}");
    }
}
