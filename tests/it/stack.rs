//! The stacks the tests run on.

use std::{
    env, fs,
    ops::Deref,
    path::{Path, PathBuf},
    process,
    sync::OnceLock,
    thread,
};
use tokio::sync::{Mutex, MutexGuard};
use trunkline::stack::{self, Progress, StackState, UpOptions};

/// Stacks of test runs that have ended are told by this.
const PREFIX: &str = "test-";

/// A stack that is up.
pub(crate) struct Stack(StackState);

impl Deref for Stack {
    type Target = StackState;

    fn deref(&self) -> &StackState {
        &self.0
    }
}

impl Stack {
    /// The one that tests share. They leave its functions and queues alone.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Stack, String>> = OnceLock::new();
        let up = || match env::var("TRUNKLINE_STACK") {
            Ok(name) => match stack::load(&name) {
                Ok(Some(state)) if state.is_up() => Ok(Self(state)),
                Ok(_) => Err(format!("TRUNKLINE_STACK names `{name}`, which is not up")),
                Err(error) => Err(error.to_string()),
            },
            Err(_) => bring_up("", false),
        };
        SHARED.get_or_init(up).as_ref().unwrap_or_else(|error| panic!("no stack to test on: {error}"))
    }

    /// One that enforces the template's IAM policies. A test has it to itself, so it may break it, if it mends it again.
    pub(crate) async fn alone() -> (&'static Self, MutexGuard<'static, ()>) {
        static ALONE: OnceLock<Result<Stack, String>> = OnceLock::new();
        static TURN: Mutex<()> = Mutex::const_new(());
        // The functions are built for the shared one; the two would wait for each other in cargo anyway.
        Self::shared();
        let turn = TURN.lock().await;
        let stack = ALONE.get_or_init(|| bring_up("-iam", true));
        (stack.as_ref().unwrap_or_else(|error| panic!("no stack to test on: {error}")), turn)
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.inbox_dir.parent().expect("the inbox is in the stack's folder")
    }
}

/// Brings a stack up that ends with this process. On a thread of its own: the runtime of the test that happens to ask
/// first ends before the others are done.
fn bring_up(suffix: &str, iam: bool) -> Result<Stack, String> {
    let options = UpOptions {
        iam,
        release: !cfg!(debug_assertions),
        ends_with_us: true,
        ..UpOptions::named(&format!("{PREFIX}{}{suffix}", process::id()))
    };
    let up = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let state = runtime.block_on(stack::up(&options, &Progress::on_stderr())).map_err(|error| error.to_string())?;
        // `up` listens for Ctrl-C, from which on nobody dies of it any more.
        thread::spawn(move || {
            let _ = runtime.block_on(tokio::signal::ctrl_c());
            process::exit(130);
        });
        Ok::<_, String>(Stack(state))
    };
    let stack = thread::spawn(up).join().map_err(|_| "bringing it up panicked".to_owned())??;
    forget_ended(&stack);
    Ok(stack)
}

/// Removes what runs before this one left to be looked at.
fn forget_ended(stack: &Stack) {
    let stacks = stack.folder().parent().map(Path::to_owned).unwrap_or_default();
    let ended =
        |name: &String| name.starts_with(PREFIX) && stack::processes(name).is_ok_and(|processes| processes.is_empty());
    for name in stack::names().unwrap_or_default().into_iter().filter(ended) {
        let folder: PathBuf = stacks.join(&name);
        let _ = fs::remove_dir_all(folder);
        let _ = fs::remove_file(stacks.join(format!("{name}.lock")));
    }
}
