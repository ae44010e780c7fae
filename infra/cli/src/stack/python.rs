//! The Python that runs the emulator: one virtual environment for all stacks, made once.

use super::{Error, Project};
use indicatif::ProgressBar;
use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

/// The oldest that the pinned packages run on.
const OLDEST: (u32, u32) = (3, 10);

/// The Python of a virtual environment that has exactly what `requirements.txt` says.
pub(super) async fn environment(project: &Project, bar: &ProgressBar) -> Result<PathBuf, Error> {
    let (folder, python) = (project.venv(), project.python());
    let stamp = folder.join("installed.txt");
    let requirements = project.script("requirements.txt");
    let wanted = fs::read(&requirements).map_err(Error::file(&requirements))?;
    let is_made = || fs::read(&stamp).is_ok_and(|installed| installed == wanted) && python.exists();

    fs::create_dir_all(project.shared()).map_err(Error::file(&project.shared()))?;
    let _one_at_a_time = lock(project.shared().join("venv.lock")).await?;
    if is_made() {
        return Ok(python);
    }
    let base = system_python().await?;
    let log = project.shared().join("venv.log");
    File::create(&log).map_err(Error::file(&log))?;
    bar.set_message("making a virtual environment");
    logged(Command::new(&base).args(["-m", "venv", "--clear"]).arg(&folder), &log, "making a virtual environment")
        .await?;
    bar.set_message("installing the emulator");
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--requirement"];
    logged(Command::new(&python).args(pip).arg(&requirements), &log, "installing the emulator").await?;
    fs::write(&stamp, wanted).map_err(Error::file(&stamp))?;
    Ok(python)
}

/// Holds a file locked until it is dropped; waits for whoever holds it.
pub(super) async fn lock(path: PathBuf) -> Result<File, Error> {
    let blocking = move || {
        let file = File::create(&path).map_err(Error::file(&path))?;
        file.lock().map_err(Error::file(&path))?;
        Ok(file)
    };
    tokio::task::spawn_blocking(blocking).await.map_err(|_| Error::Interrupted)?
}

async fn system_python() -> Result<PathBuf, Error> {
    let python = PathBuf::from(env::var_os("TRUNKLINE_PYTHON").unwrap_or_else(|| "python3".into()));
    let ask = "import sys, ensurepip, venv; print(*sys.version_info[:2])";
    let answer = Command::new(&python).args(["-c", ask]).stdin(Stdio::null()).output().await;
    let found = match answer {
        Err(error) => format!("`{}` cannot be run ({error})", python.display()),
        Ok(output) if !output.status.success() => {
            format!("`{}` lacks venv (on Debian and Ubuntu: apt install python3-venv)", python.display())
        }
        Ok(output) => {
            let version = String::from_utf8_lossy(&output.stdout).trim().replace(' ', ".");
            if is_new_enough(&version) {
                return Ok(python);
            }
            format!("`{}` is Python {version}", python.display())
        }
    };
    Err(Error::Python { found })
}

fn is_new_enough(version: &str) -> bool {
    let parsed = version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    parsed.is_some_and(|version: (u32, u32)| version >= OLDEST)
}

/// Runs a program to its end with its output in the log.
async fn logged(command: &mut Command, log: &Path, what: &str) -> Result<(), Error> {
    let out = File::options().append(true).open(log).map_err(Error::file(log))?;
    let err = out.try_clone().map_err(Error::file(log))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .kill_on_drop(true)
        .status()
        .await
        .map_err(Error::io(what))?;
    if status.success() { Ok(()) } else { Err(Error::Failed { what: format!("{what} failed"), log: log.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn compares_versions_by_number() {
        assert!(is_new_enough("3.10") && is_new_enough("3.13") && is_new_enough("4.0"));
        assert!(!is_new_enough("3.9") && !is_new_enough("2.7") && !is_new_enough("what"));
    }
}
