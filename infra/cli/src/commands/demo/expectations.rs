//! What should come out, beside what came out.

use comfy_table::{Cell, Color, Table};
use serde::Serialize;
use std::fmt::{Display, Write};

/// One outcome.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Expectation {
    what: String,
    expected: String,
    actual: String,
    met: bool,
}

/// Every outcome so far.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Expectations(Vec<Expectation>);

impl Expectations {
    /// Notes an outcome that should be exactly this.
    pub(super) fn equal<T: PartialEq + Display + Copy>(&mut self, what: &str, expected: T, actual: T) {
        let met = expected == actual;
        self.note(what, expected.to_string(), actual.to_string(), met);
    }

    /// Notes an outcome that is right or wrong by a rule, which `expected` puts into words.
    pub(super) fn holds(&mut self, what: &str, expected: &str, actual: impl Display, met: bool) {
        self.note(what, expected.to_owned(), actual.to_string(), met);
    }

    fn note(&mut self, what: &str, expected: String, actual: String, met: bool) {
        self.0.push(Expectation { what: what.to_owned(), expected, actual, met });
    }

    pub(super) fn all_met(&self) -> bool {
        self.0.iter().all(|it| it.met)
    }

    /// How many there are, and what those are that differ.
    pub(super) fn summary(&self) -> String {
        let differ: Vec<_> = self.0.iter().filter(|it| !it.met).collect();
        if differ.is_empty() {
            return format!("All {} outcomes are the expected ones.", self.0.len());
        }
        let mut text = format!("{} of {} outcomes differ:", differ.len(), self.0.len());
        for it in differ {
            // Writing into a text cannot fail.
            let _ = write!(text, "\n  {}: expected {}, but it is {}", it.what, it.expected, it.actual);
        }
        text
    }

    pub(super) fn table(&self) -> Table {
        let mut table = crate::commands::api::table(["OUTCOME", "EXPECTED", "ACTUAL", ""]);
        for it in &self.0 {
            let mark = if it.met { Cell::new("ok").fg(Color::Green) } else { Cell::new("DIFFERS").fg(Color::Red) };
            table.add_row([Cell::new(&it.what), Cell::new(&it.expected), Cell::new(&it.actual), mark]);
        }
        table
    }
}
