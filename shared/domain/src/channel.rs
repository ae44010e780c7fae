//! Channels that deliver and the providers behind them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A way to reach a recipient. Each has its own queue and sender function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail, by SMTP or an e-mail API.
    Email,
    /// Slack messages, to a channel or a person.
    Slack,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 2] = [Self::Email, Self::Slack];

    /// The name in the API, in events and in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Slack => "slack",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or(UnknownName)
    }
}

/// Who carries the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Any SMTP server (RFC 5321).
    Smtp,
    /// `SendGrid`'s Mail Send API.
    Sendgrid,
    /// Postmark's e-mail API.
    Postmark,
    /// Slack: incoming webhook or bot token.
    Slack,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 4] = [Self::Smtp, Self::Sendgrid, Self::Postmark, Self::Slack];

    /// The name in the API, in events and in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Sendgrid => "sendgrid",
            Self::Postmark => "postmark",
            Self::Slack => "slack",
        }
    }

    /// The channel this provider serves.
    #[must_use]
    pub const fn channel(self) -> Channel {
        match self {
            Self::Smtp | Self::Sendgrid | Self::Postmark => Channel::Email,
            Self::Slack => Channel::Slack,
        }
    }

    /// What may be done when the outcome of a send is unknown.
    #[must_use]
    pub const fn class(self) -> ProviderClass {
        match self {
            // SendGrid and Postmark keep our delivery's id and could be asked for it. Nobody asks yet, so for now they
            // are as blind as the others.
            Self::Smtp | Self::Sendgrid | Self::Postmark | Self::Slack => ProviderClass::Blind,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == text).ok_or(UnknownName)
    }
}

/// The text names no known channel or provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown name")]
pub struct UnknownName;

/// How far a provider helps when we do not know whether it took a message (a timeout, or a crash after the send).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderClass {
    /// Class A: the provider drops a second message with the same id, so retry freely.
    Deduplicates,
    /// Class B: ask the provider for our id first, then retry.
    Queryable,
    /// Class C: neither; the tenant chooses by [`OnUnknown`].
    Blind,
}

/// What a tenant wants of a blind provider's unknown outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Send again: a recipient may see the message twice, none misses it.
    #[default]
    Retry,
    /// Keep it for a person to decide: no recipient sees it twice.
    Hold,
}
