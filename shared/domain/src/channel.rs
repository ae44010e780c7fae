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
    /// Messages in a Microsoft Teams channel or chat.
    Teams,
    /// Phishing simulations that Microsoft 365 runs.
    M365,
    /// Events, posted to an endpoint of a tenant's.
    Webhook,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 5] = [Self::Email, Self::Slack, Self::Teams, Self::M365, Self::Webhook];

    /// Those that campaigns are sent on. An event goes to endpoints by what it is, not to recipients.
    pub const OF_CAMPAIGNS: [Self; 4] = [Self::Email, Self::Slack, Self::Teams, Self::M365];

    /// The name in the API, in events and in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::M365 => "m365",
            Self::Webhook => "webhook",
        }
    }

    /// Whether its provider is handed the recipients of a bundle all at once: a simulation has many targets.
    #[must_use]
    pub const fn hands_over_whole(self) -> bool {
        matches!(self, Self::M365)
    }

    /// The most deliveries of one bundle. A request's targets are one simulation, so one bundle.
    #[must_use]
    pub const fn bundle_max(self) -> usize {
        if self.hands_over_whole() { crate::bundle::WHOLE_BUNDLE_MAX } else { crate::bundle::BUNDLE_MAX }
    }

    /// Whether an address means the same recipient whichever integration of the channel sends to it. Only then may
    /// another integration take over: a Slack member id is known in its own workspace alone.
    #[must_use]
    pub const fn addresses_are_universal(self) -> bool {
        matches!(self, Self::Email)
    }

    /// Whether a tenant's suppression list is about the channel's addresses: those of people whose mail provider judges a
    /// sender by what comes back.
    #[must_use]
    pub const fn has_suppressions(self) -> bool {
        matches!(self, Self::Email)
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

/// What an integration is for: a channel, or another service of a tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Sends e-mail.
    Email,
    /// Sends Slack messages.
    Slack,
    /// Sends Teams messages.
    Teams,
    /// Runs phishing simulations.
    M365,
    /// Signs the tenant's users in.
    Entra,
    /// Receives events.
    Webhook,
}

impl Kind {
    /// The name in the API, in events and in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::M365 => "m365",
            Self::Entra => "entra",
            Self::Webhook => "webhook",
        }
    }

    /// The channel that it serves, if it delivers.
    #[must_use]
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Self::Email => Some(Channel::Email),
            Self::Slack => Some(Channel::Slack),
            Self::Teams => Some(Channel::Teams),
            Self::M365 => Some(Channel::M365),
            Self::Webhook => Some(Channel::Webhook),
            Self::Entra => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The service behind an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Any SMTP server (RFC 5321).
    Smtp,
    /// `SendGrid`'s Mail Send API.
    Sendgrid,
    /// Postmark's e-mail API.
    Postmark,
    /// Amazon SES, API version 2, in an AWS account of the tenant's.
    Ses,
    /// Slack: incoming webhook or bot token.
    Slack,
    /// Microsoft Teams: a Workflows webhook.
    Teams,
    /// Attack simulation training of Microsoft 365, through Microsoft Graph.
    M365,
    /// Sign-in by Microsoft Entra ID, or another provider of OpenID Connect.
    Entra,
    /// An endpoint that events are posted to (Standard Webhooks).
    Webhook,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 9] = [
        Self::Smtp,
        Self::Sendgrid,
        Self::Postmark,
        Self::Ses,
        Self::Slack,
        Self::Teams,
        Self::M365,
        Self::Entra,
        Self::Webhook,
    ];

    /// The name in the API, in events and in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Sendgrid => "sendgrid",
            Self::Postmark => "postmark",
            Self::Ses => "ses",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::M365 => "m365",
            Self::Entra => "entra",
            Self::Webhook => "webhook",
        }
    }

    /// What its integrations are for.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Smtp | Self::Sendgrid | Self::Postmark | Self::Ses => Kind::Email,
            Self::Slack => Kind::Slack,
            Self::Teams => Kind::Teams,
            Self::M365 => Kind::M365,
            Self::Entra => Kind::Entra,
            Self::Webhook => Kind::Webhook,
        }
    }

    /// The channel this provider serves, if it delivers.
    #[must_use]
    pub const fn channel(self) -> Option<Channel> {
        self.kind().channel()
    }

    /// What may be done when the outcome of a send is unknown.
    #[must_use]
    pub const fn class(self) -> ProviderClass {
        match self {
            // A receiver knows an event again by its `webhook-id`.
            Self::Webhook => ProviderClass::Deduplicates,
            Self::Sendgrid | Self::Postmark | Self::M365 => ProviderClass::Queryable,
            Self::Smtp | Self::Ses | Self::Slack | Self::Teams | Self::Entra => ProviderClass::Blind,
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
