//! Processes that outlive the command that started them, and are ended by the next.

use super::Error;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{process::Command, time::sleep};

/// How often a condition is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A process that was started for a stack. It leads a process group, so that what it starts (the emulator: every
/// function) ends with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    /// What it is: `emulator`, `smtp`, `slack`, `mail-api`, `events`.
    pub name: String,
    /// Its pid, and that of its process group.
    pub pid: u32,
    /// When it was started, in the system's own words: tells it from a later process with the same pid.
    pub started: String,
    /// Where it writes.
    pub log: PathBuf,
}

impl Process {
    /// Starts it in the background.
    pub(super) fn spawn(name: &str, command: &mut Command, log: PathBuf) -> Result<Self, Error> {
        let out = File::create(&log).map_err(Error::file(&log))?;
        let err = out.try_clone().map_err(Error::file(&log))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(Error::io(format!("starting {name} ({})", command.as_std().get_program().display())))?;
        let ended = || Error::Failed { what: format!("{name} ended at once"), log: log.clone() };
        let pid = child.id().ok_or_else(ended)?;
        let started = start_of(pid).ok_or_else(ended)?;
        Ok(Self { name: name.to_owned(), pid, started, log })
    }

    /// Whether it still runs; false if its pid is another process's by now.
    pub fn is_running(&self) -> bool {
        start_of(self.pid).as_deref() == Some(&self.started)
    }

    /// Waits for the file in which it says that it is ready, and where.
    pub(super) async fn ready<T: DeserializeOwned>(&self, file: &Path, within: Duration) -> Result<T, Error> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(content) = super::state::read_json(file)? {
                return Ok(content);
            }
            let failed = |what| Err(Error::Failed { what, log: self.log.clone() });
            if !self.is_running() {
                return failed(format!("{} ended before it was ready", self.name));
            }
            if Instant::now() > deadline {
                return failed(format!("{} was not ready within {} s", self.name, within.as_secs()));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    fn kill_group(&self) {
        if let Some(group) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // It may have ended meanwhile, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Ends those that still run, with all they started; returns how many. Nothing in them outlives them, so they are not
/// asked to finish.
pub(super) async fn end(processes: &[Process]) -> usize {
    let running: Vec<_> = processes.iter().filter(|process| process.is_running()).collect();
    for process in &running {
        process.kill_group();
    }
    while running.iter().any(|process| process.is_running()) {
        sleep(LOOK_AGAIN).await;
    }
    running.len()
}

/// When the process of that pid was started; none if there is none, or if it has ended and only waits to be noticed.
fn start_of(pid: u32) -> Option<String> {
    if !Path::new("/proc/self/stat").exists() {
        return start_by_ps(pid);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // proc(5): the name in brackets may hold anything, so fields are counted from the last bracket: state is the
    // first after it, start time the twentieth.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18).map(str::to_owned))?
}

/// For systems without /proc.
fn start_by_ps(pid: u32) -> Option<String> {
    let output =
        std::process::Command::new("ps").args(["-o", "state=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, start) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &tempfile::TempDir) -> Process {
        let log = folder.path().join("log");
        // A child of its own, as the emulator has functions.
        Process::spawn("sleeper", Command::new("sh").args(["-c", "sleep 60 & echo $!; wait"]), log).unwrap()
    }

    #[tokio::test]
    async fn ends_a_process_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(&folder);
        let child = loop {
            match fs::read_to_string(&process.log).unwrap().trim().parse() {
                Ok(pid) => break pid,
                Err(_) => sleep(LOOK_AGAIN).await,
            }
        };
        assert!(process.is_running() && start_of(child).is_some());
        assert_eq!(end(std::slice::from_ref(&process)).await, 1);
        while start_of(child).is_some() {
            sleep(LOOK_AGAIN).await;
        }
        assert_eq!(end(&[process]).await, 0);
    }

    #[tokio::test]
    async fn spares_a_process_that_has_only_the_pid() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(&folder);
        let remembered = Process { started: "1".to_owned(), ..process.clone() };
        assert_eq!(end(&[remembered]).await, 0);
        assert!(process.is_running());
        end(&[process]).await;
    }

    #[tokio::test]
    async fn tells_of_a_process_that_ends_instead_of_becoming_ready() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let process = Process::spawn("brief", Command::new("sh").args(["-c", "sleep 0.1; echo why"]), log).unwrap();
        let error = process
            .ready::<serde_json::Value>(&folder.path().join("ready.json"), Duration::from_secs(5))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("brief ended before it was ready") && error.ends_with("  why"), "{error}");
    }
}
