//! Campaigns and their deliveries.

use domain::{
    bundle::DeliveryStatus,
    campaign::{Campaign, CampaignState, Totals},
    channel::Channel,
    failure::explain,
    feedback::{Feedback, FeedbackKind},
    ids::{CampaignId, DeliveryId, IntegrationId, TemplateId, UserId},
    message::Message,
    simulation::{DURATION_MAX_DAYS, LAUNCH_WITHIN_MS, NAME_MAX_CHARS, Order, Simulation, SimulationStatus},
    template::Locale,
    time::Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The most recipients of one request.
pub const RECIPIENTS_MAX: usize = 1_000;

/// Deliveries to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendRequest {
    /// The channel.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// The integration; the channel's preferred one when left out.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// The message, unless a template is given.
    #[schema(value_type = Option<MessageBody>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// The template, unless a message is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateUse>,
    /// The simulation, on the channel `m365` only, and always there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<SimulationBody>,
    /// Who receives it, 1 to 1,000, each user and each address once.
    pub recipients: Vec<RecipientBody>,
    /// Send to the tenant's test recipients instead.
    #[serde(default)]
    pub sandbox: bool,
}

/// A message given in full. Its texts may use variables: `{{ name }}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MessageBody {
    /// The subject, for e-mail.
    pub subject: Option<String>,
    /// Plain text; on Slack its mrkdwn, on Teams the Markdown of Adaptive Cards.
    pub text: String,
    /// HTML, for e-mail.
    pub html: Option<String>,
    /// A link the message leads to; Slack shows it as a button.
    pub link: Option<String>,
}

/// A phishing simulation for all recipients of the request. Real people receive it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimulationBody {
    /// Must be `true`: the request schedules a real simulation. To try it out without one, use
    /// `POST /v1/integrations/{id}/dry-run`.
    pub confirm: bool,
    /// Its name in the provider's console, at most 80 characters; the campaign's when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When its messages begin to go out, RFC 3339, within 30 days; at once when left out.
    #[schema(example = "2026-12-01T08:00:00Z")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_at: Option<String>,
    /// How many days it runs, 1 to 30; as the integration says when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_days: Option<u16>,
    /// What its targets receive; the integration's payload when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_id: Option<String>,
}

impl SimulationBody {
    /// What is ordered with it; otherwise everything that is wrong: field, code and words.
    pub fn order(
        &self,
        campaign: &CampaignId,
        now: Timestamp,
    ) -> Result<Order, Vec<(&'static str, &'static str, String)>> {
        let mut faults = Vec::new();
        let mut fault = |field, code, message: String| faults.push((field, code, message));
        if !self.confirm {
            let message = "must be true: this schedules a real phishing simulation that people receive. To try it out \
                           without one, use POST /v1/integrations/{id}/dry-run";
            fault("confirm", "required", message.to_owned());
        }
        let name = self.name.as_deref().map_or_else(|| campaign.to_string(), |name| name.trim().to_owned());
        if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
            fault("name", "invalid", format!("enter one line of 1 to {NAME_MAX_CHARS} characters"));
        }
        let launch_at = self.launch_at.as_deref().map(Timestamp::parse);
        match launch_at {
            Some(None) => fault("launch_at", "invalid", "enter a time such as 2026-12-01T08:00:00Z".to_owned()),
            Some(Some(at)) if at.since_ms(now) > LAUNCH_WITHIN_MS => {
                fault("launch_at", "out_of_range", "enter a time within the next 30 days".to_owned());
            }
            _ => {}
        }
        if self.duration_days.is_some_and(|days| !(1..=DURATION_MAX_DAYS).contains(&days)) {
            fault("duration_days", "out_of_range", format!("enter 1 to {DURATION_MAX_DAYS} days"));
        }
        let plain = |id: &str| {
            (1..=100).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if self.payload_id.as_deref().is_some_and(|id| !plain(id)) {
            fault("payload_id", "invalid", "enter the id of a payload of the content library".to_owned());
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let (duration_days, payload_id) = (self.duration_days, self.payload_id.clone());
        Ok(Order { name, launch_at: launch_at.flatten(), duration_days, payload_id })
    }
}

/// A simulation that runs, or ran, at its provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimulationView {
    /// The provider's id of it, once it is known.
    pub id: Option<String>,
    /// Its name in the provider's console.
    pub name: String,
    /// The integration that runs it.
    #[schema(value_type = String)]
    pub integration_id: IntegrationId,
    /// `scheduled`, `running`, `succeeded`, `failed`, `cancelled`, `excluded`, `given_up`, or `unknown`.
    #[schema(value_type = String, example = "running")]
    pub status: SimulationStatus,
    /// How many addresses it goes to.
    pub targets: u16,
    /// How many of them each thing happened to: `delivered`, `opened`, `clicked`, `compromised`, `reported`.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub counts: BTreeMap<FeedbackKind, u32>,
    /// What is wrong with it, or with the last look at it.
    pub error: Option<DeliveryError>,
    /// Whether its targets are the tenant's test users.
    pub sandbox: bool,
    /// When its messages begin to go out, RFC 3339.
    pub launch_at: String,
    /// How many days it runs.
    pub duration_days: u16,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it was looked at last, RFC 3339.
    pub updated_at: String,
    /// When it is looked at again, RFC 3339; `null` once it is over.
    pub next_look_at: Option<String>,
}

impl From<Simulation> for SimulationView {
    fn from(simulation: Simulation) -> Self {
        Self {
            id: simulation.provider_id,
            name: simulation.label,
            integration_id: simulation.integration,
            status: simulation.status,
            targets: simulation.targets,
            counts: simulation.counts,
            error: simulation.problem.map(|problem| DeliveryError::new(&problem.code, &problem.detail)),
            sandbox: simulation.sandbox,
            launch_at: simulation.launch_at.to_rfc3339(),
            duration_days: simulation.duration_days,
            created_at: simulation.created_at.to_rfc3339(),
            updated_at: simulation.updated_at.to_rfc3339(),
            next_look_at: simulation.next_look.map(Timestamp::to_rfc3339),
        }
    }
}

/// Which template, and the values all recipients share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateUse {
    /// The template, see `GET /templates`.
    #[schema(value_type = String, example = "trunkline.email.invitation")]
    pub id: TemplateId,
    /// Values shared by all recipients; a recipient's own win.
    #[serde(default, deserialize_with = "scalars_as_text", skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// One recipient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientBody {
    /// The recipient as the caller knows them; shown back in results.
    #[schema(value_type = String, example = "u-1001")]
    pub user_id: UserId,
    /// An e-mail address, or a Slack channel or member id.
    #[schema(example = "sara@example.com")]
    pub address: String,
    /// Which language of a template; its default otherwise.
    #[schema(value_type = Option<String>, example = "ar")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// Values for the template's variables: texts, numbers or booleans.
    #[serde(default, deserialize_with = "scalars_as_text", skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// Numbers and booleans are welcome as values and read as their text.
pub(crate) fn scalars_as_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a text, a number, true or false")]
    enum Scalar {
        Text(String),
        Bool(bool),
        Number(serde_json::Number),
    }
    let values = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
    Ok(values
        .into_iter()
        .map(|(name, value)| {
            let text = match value {
                Scalar::Text(text) => text,
                Scalar::Bool(value) => value.to_string(),
                Scalar::Number(value) => value.to_string(),
            };
            (name, text)
        })
        .collect())
}

/// The deliveries are durable and will reach a final status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SendAccepted {
    /// The campaign.
    #[schema(value_type = String)]
    pub campaign_id: CampaignId,
    /// How many deliveries were accepted.
    pub accepted: usize,
    /// Each with its id, in the order of the request's recipients.
    pub deliveries: Vec<AcceptedDelivery>,
}

/// One accepted delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedDelivery {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// The recipient.
    #[schema(value_type = String)]
    pub user_id: UserId,
}

/// A campaign with its totals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CampaignView {
    /// The caller's name for it.
    #[schema(value_type = String)]
    pub id: CampaignId,
    /// `active`, `paused` or `cancelled`.
    #[schema(value_type = String)]
    pub state: CampaignState,
    /// When its first request was accepted, RFC 3339.
    pub created_at: String,
    /// When its state last changed, RFC 3339.
    pub updated_at: String,
    /// Deliveries by status; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<TotalsView>,
    /// Of how many deliveries the provider reported each: `delivered`, `soft_bounced`, `bounced`, `opened`, `clicked`,
    /// `complained`, `unsubscribed`, `compromised`, `reported`. Absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, u64>>)]
    pub feedback: Option<BTreeMap<FeedbackKind, u64>>,
}

impl CampaignView {
    /// The view of a campaign, with totals where they were counted.
    #[must_use]
    pub fn new(campaign: &Campaign, totals: Option<&Totals>) -> Self {
        Self {
            id: campaign.id.clone(),
            state: campaign.state,
            created_at: campaign.created_at.to_rfc3339(),
            updated_at: campaign.updated_at.to_rfc3339(),
            totals: totals.map(TotalsView::from),
            feedback: None,
        }
    }

    /// The same, with what providers reported.
    #[must_use]
    pub fn with_feedback(self, feedback: BTreeMap<FeedbackKind, u64>) -> Self {
        Self { feedback: Some(feedback), ..self }
    }
}

/// How many deliveries stand where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TotalsView {
    /// All deliveries.
    pub total: u64,
    /// Whether nothing more happens by itself.
    pub settled: bool,
    /// Wait for their first attempt.
    pub queued: u64,
    /// In a sender's hands.
    pub sending: u64,
    /// The provider took them.
    pub sent: u64,
    /// Failed for now, tried again later.
    pub retrying: u64,
    /// Refused for good.
    pub failed: u64,
    /// Every retry failed.
    pub dead: u64,
    /// Outcome unknown, held for a person.
    pub unknown: u64,
    /// Integration disabled or campaign paused.
    pub held: u64,
    /// Stopped before they were sent.
    pub cancelled: u64,
}

impl From<&Totals> for TotalsView {
    fn from(totals: &Totals) -> Self {
        Self {
            total: totals.total(),
            settled: totals.is_settled(),
            queued: totals.count(DeliveryStatus::Queued),
            sending: totals.count(DeliveryStatus::Sending),
            sent: totals.count(DeliveryStatus::Sent),
            retrying: totals.count(DeliveryStatus::Retrying),
            failed: totals.count(DeliveryStatus::Failed),
            dead: totals.count(DeliveryStatus::Dead),
            unknown: totals.count(DeliveryStatus::Unknown),
            held: totals.count(DeliveryStatus::Held),
            cancelled: totals.count(DeliveryStatus::Cancelled),
        }
    }
}

/// One delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// The recipient.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Where it goes.
    pub address: String,
    /// The channel.
    #[schema(value_type = String)]
    pub channel: Channel,
    /// The integration.
    #[schema(value_type = String)]
    pub integration_id: IntegrationId,
    /// Its status.
    #[schema(value_type = String, example = "sent")]
    pub status: DeliveryStatus,
    /// The provider's own id of the message, where it gave one.
    pub provider_message_id: Option<String>,
    /// Why it has not been sent, where something went wrong.
    pub error: Option<DeliveryError>,
    /// Whether it went to a test recipient.
    pub sandbox: bool,
    /// When it was accepted, RFC 3339.
    pub created_at: String,
    /// When its status last changed, RFC 3339.
    pub updated_at: String,
    /// Its attempts, the first one first. In lists only the newest.
    pub attempts: Vec<AttemptView>,
    /// What the provider reported after it took the message, each kind once; absent where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feedback: Vec<FeedbackView>,
}

/// Something that happened to a message after its provider took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackView {
    /// `delivered`, `soft_bounced`, `bounced`, `opened`, `clicked`, `complained`, `unsubscribed`, `compromised` or
    /// `reported`.
    #[schema(value_type = String, example = "delivered")]
    pub kind: FeedbackKind,
    /// When it happened first, by the provider's clock, RFC 3339.
    pub at: String,
    /// The provider's own words, e.g. why it came back; often empty.
    pub detail: String,
}

impl From<&Feedback> for FeedbackView {
    fn from(feedback: &Feedback) -> Self {
        Self { kind: feedback.kind, at: feedback.at.to_rfc3339(), detail: feedback.detail.clone() }
    }
}

/// Why something went wrong, in the provider's words and in ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryError {
    /// A stable code.
    pub code: String,
    /// The provider's own words.
    pub detail: String,
    /// What happened, in English.
    pub reason: String,
    /// What happened, in Arabic.
    pub reason_ar: String,
    /// What to do, in English.
    pub fix: String,
    /// What to do, in Arabic.
    pub fix_ar: String,
}

impl DeliveryError {
    /// The error of a code with the provider's words.
    #[must_use]
    pub fn new(code: &str, detail: &str) -> Self {
        let words = explain(code);
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            code: code.to_owned(),
            detail: detail.to_owned(),
            reason: text(words.map(|words| words.en)),
            reason_ar: text(words.map(|words| words.ar)),
            fix: text(words.map(|words| words.fix_en)),
            fix_ar: text(words.map(|words| words.fix_ar)),
        }
    }
}

/// One attempt on a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// Counts from 1 and starts anew with a resend.
    pub number: u16,
    /// `sent`, `retrying`, `failed`, `dead`, `unknown`, or `waiting` when it was not tried: the limits left no room, or
    /// the integration's breaker was open.
    pub result: String,
    /// The integration it went through: another than the first where one took over.
    #[schema(value_type = String)]
    pub integration_id: IntegrationId,
    /// A stable code; `null` when sent.
    pub code: Option<String>,
    /// The provider's own words.
    pub detail: Option<String>,
    /// What happened, in English.
    pub reason: Option<String>,
    /// What happened, in Arabic.
    pub reason_ar: Option<String>,
    /// When its result was written, RFC 3339.
    pub at: String,
}

/// Which deliveries to send again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendRequest {
    /// `failed`, `dead` or `unknown`; `failed` and `dead` when left out.
    #[serde(default = "failed_and_dead")]
    #[schema(value_type = Vec<String>)]
    pub status: Vec<DeliveryStatus>,
}

fn failed_and_dead() -> Vec<DeliveryStatus> {
    vec![DeliveryStatus::Failed, DeliveryStatus::Dead]
}

/// What a resend queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResendAnswer {
    /// The campaign.
    #[schema(value_type = String)]
    pub campaign_id: CampaignId,
    /// How many deliveries were queued again; the sent ones are never among them.
    pub resent: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_may_be_scalars_of_any_type_but_not_objects() {
        let body = r#"{"user_id": "u1", "address": "a@b.c", "variables": {"score": 80, "pass": true, "name": "S"}}"#;
        let recipient: RecipientBody = serde_json::from_str(body).unwrap();
        assert_eq!(recipient.variables["score"], "80");
        assert_eq!(recipient.variables["pass"], "true");
        let nested = r#"{"user_id": "u1", "address": "a@b.c", "variables": {"x": {}}}"#;
        let refused = serde_json::from_str::<RecipientBody>(nested).unwrap_err().to_string();
        assert!(refused.starts_with("must be a text, a number, true or false"), "{refused}");
    }
}
