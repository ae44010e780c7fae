//! What a tenant has chosen for all its campaigns.

use serde::{Deserialize, Serialize};

/// The tenant's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantSettings {
    /// Who receives what a sandbox campaign sends, by channel.
    pub sandbox: SandboxRecipients,
    /// Grows with each change.
    pub rev: u64,
}

/// The recipients of sandbox campaigns. Several share the work in turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SandboxRecipients {
    /// E-mail addresses.
    pub email: Vec<String>,
    /// Slack channel or member ids.
    pub slack: Vec<String>,
    /// `default`, for the Teams channel that an integration posts to.
    pub teams: Vec<String>,
    /// Sign-in names of Microsoft 365 users who may be targets of a trial.
    pub m365: Vec<String>,
}

impl SandboxRecipients {
    /// The test recipients of a channel.
    #[must_use]
    pub fn of(&self, channel: crate::channel::Channel) -> &[String] {
        match channel {
            crate::channel::Channel::Email => &self.email,
            crate::channel::Channel::Slack => &self.slack,
            crate::channel::Channel::Teams => &self.teams,
            crate::channel::Channel::M365 => &self.m365,
            // An endpoint is nobody's inbox.
            crate::channel::Channel::Webhook => &[],
        }
    }
}
