//! Testing settings before they are saved, and telling the admin which field to mend.

use super::draft::Draft;
use crate::hub::{Hub, Place};
use api::{
    integrations::TestView,
    problem::{FieldProblem, Problem, ProblemKind},
};
use domain::{
    channel::{Kind, Provider},
    health::{HealthStatus, TestReport},
};
use runtime::http::Answer;
use serde::Deserialize;

/// Whether the caller wants the test: yes, unless it says `?test=false`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    test: Option<bool>,
}

impl Wish {
    /// The test cannot be left out.
    pub(super) const ALWAYS: Self = Self { test: None };

    /// Who signs in is decided by whoever an enabled sign-in names, so its test is never left out: it proves that the
    /// provider knows the application as the tenant's own.
    pub(super) const fn for_use(self, provider: Provider, enabled: bool) -> Self {
        if enabled && matches!(provider.kind(), Kind::Entra) { Self::ALWAYS } else { self }
    }

    fn wanted(self) -> bool {
        self.test.unwrap_or(true)
    }
}

/// Tests a draft if that is wished. A test that fails is 422: nothing may be saved then.
pub(super) async fn passed<P: Place>(hub: &Hub<P>, draft: &Draft, wish: Wish) -> Answer<Option<TestReport>> {
    if !wish.wanted() {
        return Ok(None);
    }
    let report = hub.connections.try_out(draft.provider, &draft.config, &draft.secrets).await;
    if report.status == HealthStatus::Fail { Err(refusal(draft, &report).into()) } else { Ok(Some(report)) }
}

fn refusal(draft: &Draft, report: &TestReport) -> Problem {
    let test = TestView::from(report);
    let message = match test.detail.as_str() {
        "" => format!("{} {}", test.reason, test.fix),
        words => format!("{} {} The provider's words: {words}", test.reason, test.fix),
    };
    let errors = fields_at_fault(draft, &report.code)
        .iter()
        .map(|field| FieldProblem { field: (*field).to_owned(), code: report.code.clone(), message: message.clone() })
        .collect();
    let detail = format!("{} {} Nothing was saved.", test.reason, test.fix);
    let problem = Problem { errors, ..Problem::new(ProblemKind::ConnectionTestFailed, detail) };
    problem.with_test(serde_json::json!(test))
}

/// The fields to look at after such a failure, the likeliest first. An empty name is the settings as a whole: the
/// provider had a bad moment, or the code says too little.
fn fields_at_fault(draft: &Draft, code: &str) -> &'static [&'static str] {
    match draft.provider {
        Provider::Smtp => match code {
            "unreachable" | "timeout" | "connection_lost" | "smtp_protocol" => &["config.host", "config.port"],
            "address_not_allowed" => &["config.host"],
            "certificate_untrusted" => &["config.host", "config.ca_certificate"],
            "tls_failed" => &["config.security", "config.port"],
            "smtp_login_refused" => &["secrets.password", "config.username"],
            "smtp_sender_refused" => &["config.from_address"],
            _ => &[""],
        },
        Provider::Sendgrid => match code {
            "sendgrid_key_refused" => &["secrets.api_key", "config.region"],
            "sendgrid_missing_scope" => &["secrets.api_key"],
            "sendgrid_wrong_region" => &["config.region"],
            _ => &[""],
        },
        Provider::Postmark => match code {
            "postmark_token_refused" => &["secrets.server_token"],
            _ => &[""],
        },
        Provider::Ses => match code {
            "ses_key_refused" => &["secrets.secret_access_key", "config.access_key_id"],
            "ses_not_permitted" => &["config.access_key_id"],
            // A region that AWS does not have is a host that nobody finds.
            "unreachable" | "ses_sending_paused" => &["config.region"],
            _ => &[""],
        },
        Provider::Entra => match code {
            "entra_directory_unknown" => &["config.directory_id"],
            "oidc_discovery_failed" | "oidc_issuer_mismatch" | "unreachable" | "address_not_allowed" => {
                if draft.config.contains_key("issuer") { &["config.issuer"] } else { &["config.directory_id"] }
            }
            "entra_app_unknown" => &["config.client_id", "config.directory_id"],
            "entra_secret_refused" | "entra_secret_expired" => &["secrets.client_secret"],
            "oidc_client_refused" => &["secrets.client_secret", "config.client_id"],
            "oidc_grant_refused" => &["config.client_id"],
            "oidc_audience_refused" | "oidc_token_unusable" => &["config.audience"],
            _ => &[""],
        },
        Provider::M365 => match code {
            "m365_directory_not_found" | "m365_licence_missing" => &["config.directory_id"],
            "m365_app_not_found" => &["config.client_id", "config.directory_id"],
            "m365_login_refused" => &["secrets.client_secret"],
            "m365_certificate_refused" => &["config.certificate", "secrets.private_key"],
            "m365_consent_missing" | "m365_permission_missing" => &["config.client_id"],
            "m365_payload_not_found" => &["config.payload_id"],
            "m365_payload_unfit" => &["config.payload_id", "config.attack_technique"],
            "m365_page_not_found" => &["config.landing_page_id", "config.login_page_id"],
            _ => &[""],
        },
        Provider::Teams => match code {
            "teams_address_refused"
            | "teams_workflow_gone"
            | "address_not_allowed"
            | "unreachable"
            | "provider_protocol" => &["secrets.webhook_url"],
            _ => &[""],
        },
        Provider::Webhook => &["config.url"],
        // With a webhook, its URL is all there is; with a bot token, Slack's address is ours to know.
        Provider::Slack if draft.secrets.contains_key("webhook_url") => match code {
            "slack_channel_not_found"
            | "slack_channel_closed"
            | "slack_webhook_gone"
            | "slack_login_refused"
            | "address_not_allowed"
            | "provider_protocol" => &["secrets.webhook_url"],
            _ => &[""],
        },
        Provider::Slack => match code {
            "slack_login_refused" | "slack_missing_scope" => &["secrets.bot_token"],
            "slack_channel_not_found" | "slack_channel_closed" => &["config.channel"],
            _ => &[""],
        },
    }
}
