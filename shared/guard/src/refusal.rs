//! Why the guard does not connect.

use domain::failure::{Failure, FailureKind};

/// Why the guard does not connect. The words are for the tenant's admin and name no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address, port or URL is against the rules, now and later.
    #[error("{0}")]
    NotAllowed(String),
    /// The port is against the rules.
    #[error("port {0} is not one of a mail server: use 587, 465, 2525 or 25")]
    Port(u16),
    /// The name could not be resolved, which may pass.
    #[error("{0}")]
    Unreachable(String),
}

impl Refusal {
    /// The same refusal, with the name that led to the address.
    pub(crate) fn about(self, host: &str) -> Self {
        match self {
            Self::NotAllowed(words) => Self::NotAllowed(format!("{host}: {words}")),
            other => other,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAllowed(_) | Refusal::Port(_) => {
                Self::new(FailureKind::Permanent, "address_not_allowed", &refusal.to_string())
            }
            Refusal::Unreachable(words) => Self::new(FailureKind::Transient { after_ms: None }, "unreachable", &words),
        }
    }
}
