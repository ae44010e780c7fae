//! What is wrong with a request, collected so that all of it is told at once.

use api::problem::{FieldProblem, Problem};
use providers::FieldError;
use runtime::http::Answer;

/// The fields at fault so far.
#[derive(Default)]
pub(crate) struct Faults(Vec<FieldProblem>);

impl Faults {
    /// Adds one; `message` says what would be right.
    pub(crate) fn add(&mut self, field: impl Into<String>, code: &str, message: impl Into<String>) {
        self.0.push(FieldProblem { field: field.into(), code: code.to_owned(), message: message.into() });
    }

    /// Adds what a provider found.
    pub(crate) fn extend(&mut self, errors: Vec<FieldError>) {
        for FieldError { field, code, message } in errors {
            self.add(field, code, message);
        }
    }

    /// Adds a fault if a name for people is empty or too long.
    pub(crate) fn check_name(&mut self, name: &str, longest: usize) {
        let length = name.trim().chars().count();
        if length == 0 {
            self.add("name", "required", "Enter a name by which people will know it.");
        } else if length > longest {
            self.add("name", "out_of_range", format!("Enter at most {longest} characters."));
        } else if name.chars().any(char::is_control) {
            self.add("name", "invalid", "Enter one line without control characters.");
        }
    }

    /// Everything found.
    pub(crate) fn found(self) -> Vec<FieldProblem> {
        self.0
    }

    /// 422 with everything found, if anything was.
    pub(crate) fn finish(self) -> Answer<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0).into()) }
    }
}
