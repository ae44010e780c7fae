//! What a tenant has chosen for all its campaigns.

use domain::settings::{SandboxRecipients, TenantSettings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most test recipients of a channel.
pub const SANDBOX_RECIPIENTS_MAX: usize = 20;

/// Changes to the settings; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsPatch {
    /// Who receives what a sandbox campaign sends.
    pub sandbox: Option<SandboxPatch>,
}

/// New recipients of sandbox campaigns; a channel that is left out keeps its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxPatch {
    /// E-mail addresses, at most 20.
    pub email: Option<Vec<String>>,
    /// Slack channel or member ids, at most 20; `default` is the channel of the integration itself.
    pub slack: Option<Vec<String>>,
    /// `default`, the Teams channel that the integration posts to.
    pub teams: Option<Vec<String>>,
    /// Sign-in names of Microsoft 365 users who may be targets of a trial, at most 20.
    pub m365: Option<Vec<String>>,
}

/// The recipients of sandbox campaigns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SandboxBody {
    /// E-mail addresses.
    pub email: Vec<String>,
    /// Slack channel or member ids.
    pub slack: Vec<String>,
    /// `default`, the Teams channel that the integration posts to.
    pub teams: Vec<String>,
    /// Sign-in names of Microsoft 365 users who may be targets of a trial.
    pub m365: Vec<String>,
}

/// The settings as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsView {
    /// Who receives what a sandbox campaign sends.
    pub sandbox: SandboxBody,
    /// Grows with each change.
    pub rev: u64,
}

impl From<TenantSettings> for SettingsView {
    fn from(settings: TenantSettings) -> Self {
        let SandboxRecipients { email, slack, teams, m365 } = settings.sandbox;
        Self { sandbox: SandboxBody { email, slack, teams, m365 }, rev: settings.rev }
    }
}
