//! Reading settings field by field, so that every fault is found in one go and each names its field.

use domain::integration::Config;
use serde_json::Value;
use std::collections::BTreeSet;

/// What is wrong with one field of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field from the root of the request, e.g. `config.port` or `secrets.password`.
    pub field: String,
    /// A stable code: `required`, `unknown_field`, `wrong_type`, `out_of_range`, `invalid`, `conflict` or
    /// `not_allowed`.
    pub code: &'static str,
    /// What is wrong and what to enter instead. Never repeats a secret.
    pub message: String,
}

impl FieldError {
    pub(crate) fn config(name: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: format!("config.{name}"), code, message: message.into() }
    }

    pub(crate) fn secret(name: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: format!("secrets.{name}"), code, message: message.into() }
    }
}

/// Reads fields out of a [`Config`] and collects what is wrong with them. An empty text and `null` count as absent.
pub(crate) struct Fields<'a> {
    config: &'a Config,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Refuses every field that is not in `known`.
    pub(crate) fn new(config: &'a Config, known: &[&str]) -> Self {
        let unknown = config.keys().filter(|name| !known.contains(&name.as_str()));
        let errors = unknown
            .map(|name| {
                let shown: String = name.chars().take(60).collect();
                FieldError::config(
                    &shown,
                    "unknown_field",
                    format!("There is no such field. Known fields: {}.", known.join(", ")),
                )
            })
            .collect();
        Self { config, errors }
    }

    pub(crate) fn fault(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError::config(name, code, message));
    }

    pub(crate) fn push(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// An optional text of at most `longest` characters on one line, trimmed.
    pub(crate) fn text(&mut self, name: &str, longest: usize) -> Option<String> {
        let text = self.long_text(name, longest)?;
        if text.chars().any(char::is_control) {
            self.fault(name, "invalid", "Enter one line without control characters.");
            return None;
        }
        Some(text)
    }

    /// An optional text of at most `longest` characters, trimmed; it may have several lines.
    pub(crate) fn long_text(&mut self, name: &str, longest: usize) -> Option<String> {
        match self.config.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => {
                let text = text.trim();
                if text.chars().count() > longest {
                    self.fault(name, "out_of_range", format!("Enter at most {longest} characters."));
                    return None;
                }
                (!text.is_empty()).then(|| text.to_owned())
            }
            Some(_) => {
                self.fault(name, "wrong_type", "Enter a text.");
                None
            }
        }
    }

    /// A text that must be there. `hint` says what to enter.
    pub(crate) fn required_text(&mut self, name: &str, longest: usize, hint: &str) -> Option<String> {
        let before = self.errors.len();
        let text = self.text(name, longest);
        if text.is_none() && self.errors.len() == before {
            self.fault(name, "required", hint);
        }
        text
    }

    /// An optional whole number within a range.
    pub(crate) fn number(&mut self, name: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        match self.config.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64() {
                Some(number) if range.contains(&number) => Some(number),
                _ if value.is_number() => {
                    let words = format!("Enter a whole number from {} to {}.", range.start(), range.end());
                    self.fault(name, "out_of_range", words);
                    None
                }
                _ => {
                    self.fault(name, "wrong_type", "Enter a whole number, without quotation marks.");
                    None
                }
            },
        }
    }

    /// An optional yes or no.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.config.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.fault(name, "wrong_type", "Enter true or false, without quotation marks.");
                None
            }
        }
    }

    /// Refuses secrets that are not in `known`.
    pub(crate) fn known_secrets(&mut self, present: &BTreeSet<String>, known: &[&str]) {
        for name in present.iter().filter(|name| !known.contains(&name.as_str())) {
            let shown: String = name.chars().take(60).collect();
            let words = format!("There is no such secret with these settings. Known: {}.", known.join(", "));
            self.errors.push(FieldError::secret(&shown, "unknown_field", words));
        }
    }

    /// Wants this one secret and no other. `hint` says what to enter.
    pub(crate) fn only_secret(&mut self, present: &BTreeSet<String>, name: &str, hint: &str) {
        self.known_secrets(present, &[name]);
        if !present.contains(name) {
            self.push(FieldError::secret(name, "required", hint));
        }
    }

    /// Whether the field has a value at all, right or wrong.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.config.get(name).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// `value` if nothing was wrong, else everything that was.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }
}
