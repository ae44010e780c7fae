//! `trunkline deploy`

use super::Outcome;
use clap::ValueEnum;
use std::{
    io,
    path::Path,
    process::{Command, ExitCode, Stdio},
};
use trunkline::stack::Project;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the functions will run on; arm64 costs a fifth less and needs zig to build.
    #[arg(long, value_enum, default_value_t = Architecture::Arm64)]
    architecture: Architecture,
    /// Deploy with the answers kept in samconfig.toml for this environment (`default`, `prod`), asking nothing.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Handed to `sam deploy` as they are.
    #[arg(last = true)]
    sam: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Architecture {
    Arm64,
    #[value(name = "x86_64")]
    X86_64,
}

// `async` because every command is; there is nothing to wait for but the two tools.
#[expect(clippy::unused_async, reason = "main awaits every command alike")]
pub(crate) async fn run(Args { architecture, environment, sam }: Args) -> Outcome {
    let root = Project::here().root;
    require_tools()?;

    let target = match architecture {
        Architecture::Arm64 => "--arm64",
        Architecture::X86_64 => "--x86-64",
    };
    let mut build = Command::new("cargo");
    build.args(["lambda", "build", "--release", target, "--workspace"]);
    for not_shipped in ["trunkline", "trunkline-doubles", "trunkline-tests"] {
        build.args(["--exclude", not_shipped]);
    }
    if !succeeds(&root, &mut build)? {
        return Err("the functions were not built; nothing was deployed".into());
    }

    let mut deploy = Command::new("sam");
    deploy.arg("deploy");
    match environment {
        Some(name) => deploy.args(["--config-env", &name, "--no-confirm-changeset"]),
        None => deploy.arg("--guided"),
    };
    if matches!(architecture, Architecture::X86_64) {
        eprintln!("The functions are built for x86_64: the parameter Architecture must say so, too.");
    }
    Ok(if succeeds(&root, deploy.args(sam))? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn require_tools() -> Result<(), &'static str> {
    let output_of = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if output_of("cargo", &["lambda", "--version"]).is_none() {
        return Err(
            "cargo-lambda is not installed: run `pip install cargo-lambda`, or see https://www.cargo-lambda.info",
        );
    }
    match output_of("sam", &["deploy", "--help"]) {
        None => Err("the SAM CLI is not installed: run `pip install aws-sam-cli`"),
        // The template loops over functions and queues, on which older ones stumble.
        Some(help) if !help.contains("--language-extensions") => {
            Err("the SAM CLI is too old for this template: run `pip install --upgrade aws-sam-cli`")
        }
        Some(_) => Ok(()),
    }
}

fn succeeds(root: &Path, command: &mut Command) -> io::Result<bool> {
    Ok(command.current_dir(root).status()?.success())
}
