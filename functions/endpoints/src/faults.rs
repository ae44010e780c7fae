//! What is wrong with a request, collected so that all of it is told at once, in the words of this API.

use api::{
    endpoints::{HEADER, NAME_MAX_CHARS, PREVIOUS_SECRET, SIGNING_SECRET},
    problem::{FieldProblem, Problem},
};
use domain::rate::Limits;
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

    /// Adds what the provider found, each field once.
    pub(crate) fn extend(&mut self, errors: Vec<FieldError>) {
        for FieldError { field, code, message } in errors {
            let field = field_of(&field);
            if self.0.iter().all(|known| known.field != field) {
                self.add(field, code, message);
            }
        }
    }

    pub(crate) fn check_name(&mut self, name: &str) {
        let length = name.trim().chars().count();
        if length == 0 {
            self.add("name", "required", "Enter a name by which people will know it.");
        } else if length > NAME_MAX_CHARS {
            self.add("name", "out_of_range", format!("Enter at most {NAME_MAX_CHARS} characters."));
        } else if name.chars().any(char::is_control) {
            self.add("name", "invalid", "Enter one line without control characters.");
        }
    }

    /// Adds a fault for each limit that would let nothing through.
    pub(crate) fn check_limits(&mut self, limits: Limits) {
        let all = [("per_second", limits.per_second), ("per_hour", limits.per_hour), ("per_day", limits.per_day)];
        for (name, _) in all.into_iter().filter(|(_, limit)| *limit == Some(0)) {
            let message = "Enter at least 1, or leave it out for no limit. To stop posting, pause the endpoint.";
            self.add(format!("limits.{name}"), "out_of_range", message);
        }
    }

    /// 422 with everything found, if anything was.
    pub(crate) fn finish(self) -> Answer<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0).into()) }
    }
}

/// What this API calls a field of an integration.
pub(crate) fn field_of(field: &str) -> String {
    if let Some(setting) = field.strip_prefix("config.") {
        return setting.to_owned();
    }
    match field.strip_prefix("secrets.") {
        Some(SIGNING_SECRET | PREVIOUS_SECRET) => "secret".to_owned(),
        Some(name) => name.strip_prefix(HEADER).map_or_else(|| name.to_owned(), |name| format!("headers.{name}")),
        None => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_of_this_api() {
        for (inside, outside) in [
            ("config.url", "url"),
            ("config.filter.conditions[2].op", "filter.conditions[2].op"),
            ("secrets.signing_secret", "secret"),
            ("secrets.header.X-Api-Key", "headers.X-Api-Key"),
            ("", ""),
        ] {
            assert_eq!(field_of(inside), outside);
        }
    }
}
