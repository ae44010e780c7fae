//! What a person sees while a stack comes up: each step, and how long it took.

use indicatif::{ProgressBar, ProgressStyle};
use std::{
    fmt::Display,
    io::IsTerminal,
    time::{Duration, Instant},
};

/// Shows the steps on standard error, or not at all.
#[derive(Debug)]
pub struct Progress {
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Spinner,
    Lines,
    Nothing,
}

impl Progress {
    /// A spinner on a terminal, plain lines elsewhere.
    pub fn on_stderr() -> Self {
        Self { shown: if std::io::stderr().is_terminal() { Shown::Spinner } else { Shown::Lines } }
    }

    /// Nothing is shown.
    pub const fn silent() -> Self {
        Self { shown: Shown::Nothing }
    }

    /// Runs one step and shows how long it took. The step may tell through the bar what it is at.
    pub async fn step<T, E>(
        &self,
        name: impl Display,
        work: impl AsyncFnOnce(&ProgressBar) -> Result<T, E>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let bar = match self.shown {
            Shown::Spinner => spinner(&name),
            Shown::Lines | Shown::Nothing => ProgressBar::hidden(),
        };
        let outcome = work(&bar).await;
        bar.finish_and_clear();
        if !matches!(self.shown, Shown::Nothing) {
            let mark = if outcome.is_ok() { "ok  " } else { "FAIL" };
            eprintln!("{mark} {name:<40} {:>7.1} s", started.elapsed().as_secs_f64());
        }
        outcome
    }
}

fn spinner(name: impl Display) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed:.dim} {wide_msg:.dim}");
    let bar = ProgressBar::new_spinner().with_prefix(name.to_string());
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
