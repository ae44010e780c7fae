//! Settings from the environment. A missing one stops the function at its start, and one error names all of them.

/// Settings that are missing or unreadable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// Variables that are unset or empty.
    #[error("these environment variables must be set: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// A variable that is set to something else than it should be.
    #[error("the environment variable {name} must be {expected}")]
    Invalid {
        /// Its name.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// Reads variables that must be there, all at once:
/// `let [tenant_table, auth_table] = env::required(["TENANT_TABLE", "AUTH_TABLE"])?;`
pub fn required<const N: usize>(names: [&str; N]) -> Result<[String; N], EnvError> {
    required_from(names, optional)
}

/// A variable that may be absent; empty is absent.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A whole number that may be absent.
pub fn number(name: &str, default: u32) -> Result<u32, EnvError> {
    optional(name).map_or(Ok(default), |text| {
        text.parse().map_err(|_| EnvError::Invalid { name: name.to_owned(), expected: "a whole number" })
    })
}

fn required_from<const N: usize>(
    names: [&str; N],
    read: impl Fn(&str) -> Option<String>,
) -> Result<[String; N], EnvError> {
    let missing: Vec<_> = names.iter().filter(|name| read(name).is_none()).map(|name| (*name).to_owned()).collect();
    if missing.is_empty() {
        Ok(names.map(|name| read(name).unwrap_or_default()))
    } else {
        Err(EnvError::Missing(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_names_everything_that_is_missing() {
        let read = |name: &str| (name == "A").then(|| "1".to_owned());
        assert_eq!(required_from(["A"], read).unwrap(), ["1"]);
        let error = required_from(["A", "B", "C"], read).unwrap_err();
        assert_eq!(error.to_string(), "these environment variables must be set: B, C");
    }
}
