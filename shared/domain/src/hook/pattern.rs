//! Which events a hook takes.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The name of an event, or the beginning of several followed by `*`: `push`, `issues.*`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(String);

const LONGEST: usize = 100;
const RULE: &str = "must be 1 to 100 letters, digits, `.`, `_`, `-`, `:` or `/`, at most with a `*` at its end";

impl EventPattern {
    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names this event.
    #[must_use]
    pub fn matches(&self, event: &str) -> bool {
        self.0.strip_suffix('*').map_or(self.0 == event, |beginning| event.starts_with(beginning))
    }
}

impl FromStr for EventPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'/');
        let well_formed = !text.is_empty() && text.len() <= LONGEST && name.bytes().all(plain);
        if well_formed { Ok(Self(text.to_owned())) } else { Err(RULE) }
    }
}

impl TryFrom<String> for EventPattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_at_the_end_only() {
        for good in ["push", "*", "issues.*", "jira:issue_updated", "orders/create"] {
            assert!(good.parse::<EventPattern>().is_ok(), "{good}");
        }
        for bad in ["", "*.opened", "a*b", "**", "a b", &"x".repeat(101)] {
            assert!(bad.parse::<EventPattern>().is_err(), "{bad}");
        }
        let all: EventPattern = "*".parse().unwrap();
        assert!(all.matches("") && all.matches("anything"));
    }
}
