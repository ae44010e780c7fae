//! The log of everything: what comes back.

use domain::{
    channel::Channel,
    failure::explain,
    ids::{CampaignId, DeliveryId, HookId, IntegrationId, KeyId},
    log::{Direction, EntryStatus, EntryType, Figures, Hour, LogId, Sends, Stamped, Tally, Way},
    principal::Principal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far back figures may reach, in hours: as far as the log is kept.
pub const STATS_HOURS_MAX: u32 = 90 * 24;

/// How far back figures reach when the caller does not say, in hours.
pub const STATS_HOURS_DEFAULT: u32 = 24;

/// One entry of the log. It says what happened and how it went, and nothing of what was said: no body, no address, no
/// secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEntryView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: LogId,
    /// When it was over.
    pub at: String,
    /// `api`, `delivery`, `webhook`, `probe`, `sync` or `automation`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EntryType,
    /// What happened: `delivery.sent`, `webhook.received`, or the route of a call, `POST /v1/keys`.
    pub event: String,
    /// `inbound` where others called us, `outbound` where we called them.
    #[schema(value_type = String)]
    pub direction: Direction,
    /// `success`; `warning` where it may still come right; `error`.
    #[schema(value_type = String)]
    pub status: EntryStatus,
    /// The HTTP status, of our answer or of theirs.
    pub http_status: Option<u16>,
    /// How long it took, in milliseconds, where that is known.
    pub duration_ms: Option<u32>,
    /// The integration, or endpoint.
    #[schema(value_type = Option<String>)]
    pub integration_id: Option<IntegrationId>,
    /// The endpoint, where an event was posted to one.
    #[schema(value_type = Option<String>)]
    pub endpoint_id: Option<IntegrationId>,
    /// The inbound webhook.
    #[schema(value_type = Option<String>)]
    pub hook_id: Option<HookId>,
    /// The API key that called.
    #[schema(value_type = Option<String>)]
    pub key_id: Option<KeyId>,
    /// The campaign.
    #[schema(value_type = Option<String>)]
    pub campaign_id: Option<CampaignId>,
    /// The delivery.
    #[schema(value_type = Option<String>)]
    pub delivery_id: Option<DeliveryId>,
    /// How many attempts failed before this one.
    pub retry_count: u32,
    /// A stable code of what went wrong.
    pub code: Option<String>,
    /// More, with addresses and what may be a secret taken out.
    pub detail: Option<String>,
    /// The id of the call, as `x-request-id` of its answer; of a webhook that was received, the id of its event.
    pub request_id: Option<String>,
    /// Who called: `api_key:<id>` or `user:<id>`.
    pub principal: Option<String>,
    /// The system on the other side: a provider, a channel, or the scheme of a webhook.
    pub external_system: Option<String>,
    /// How often it happened, where one entry stands for several.
    pub count: u32,
}

impl From<Stamped> for LogEntryView {
    fn from(Stamped { id, entry }: Stamped) -> Self {
        let told = |text: String| Some(text).filter(|text| !text.is_empty());
        let posted = entry.kind == EntryType::Webhook && entry.direction == Direction::Outbound;
        Self {
            id,
            at: entry.at.to_rfc3339(),
            kind: entry.kind,
            event: entry.event,
            direction: entry.direction,
            status: entry.status,
            http_status: entry.http_status,
            duration_ms: entry.duration_ms,
            endpoint_id: entry.integration.clone().filter(|_| posted),
            integration_id: entry.integration,
            hook_id: entry.hook,
            key_id: match &entry.principal {
                Some(Principal::ApiKey(id)) => Some(id.clone()),
                _ => None,
            },
            campaign_id: entry.campaign,
            delivery_id: entry.delivery,
            retry_count: entry.retry_count,
            code: told(entry.code),
            detail: told(entry.detail),
            request_id: told(entry.request_id),
            principal: entry.principal.map(|principal| principal.to_string()),
            external_system: told(entry.external_system),
            count: entry.count,
        }
    }
}

/// One entry with what its code means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEntryDetail {
    /// The entry.
    #[serde(flatten)]
    pub entry: LogEntryView,
    /// What happened, where the code has words.
    pub reason: Option<String>,
    /// The same in Arabic.
    pub reason_ar: Option<String>,
    /// What to do.
    pub fix: Option<String>,
    /// The same in Arabic.
    pub fix_ar: Option<String>,
}

impl From<LogEntryView> for LogEntryDetail {
    fn from(entry: LogEntryView) -> Self {
        let words = entry.code.as_deref().and_then(explain);
        Self {
            reason: words.map(|words| words.en.to_owned()),
            reason_ar: words.map(|words| words.ar.to_owned()),
            fix: words.map(|words| words.fix_en.to_owned()),
            fix_ar: words.map(|words| words.fix_ar.to_owned()),
            entry,
        }
    }
}

/// Figures of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogStats {
    /// From the beginning of which clock hour (UTC) on.
    pub since: String,
    /// By type, those of which there are any.
    pub types: Vec<LogFigures>,
    /// Hour by hour (UTC), those in which there was anything, the oldest first.
    pub hours: Vec<LogHour>,
    /// What was sent and what failed, by channel and integration.
    pub sends: Vec<LogSends>,
}

/// What became of what was sent one way: by an integration; to endpoints, all of them together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogSends {
    /// The channel.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// The integration. `null` for endpoints, and for integrations of which very many sent at the same time.
    #[schema(value_type = Option<String>)]
    pub integration_id: Option<IntegrationId>,
    /// What the other side took.
    pub sent: u64,
    /// What was given up.
    pub failed: u64,
    /// The share of what was given up, in per cent.
    pub failure_rate_percent: f64,
    /// When the newest of them ended, RFC 3339; exact by the minute.
    pub last_at: Option<String>,
}

/// Figures of one type of entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogFigures {
    /// `api`, `delivery`, `webhook`, `probe`, `sync` or `automation`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EntryType,
    /// How many entries.
    pub count: u64,
    /// Of them, those that went well.
    pub success: u64,
    /// Those that did not go well and may still.
    pub warning: u64,
    /// Those that failed.
    pub error: u64,
    /// The share of those that failed, in per cent.
    pub error_rate_percent: f64,
    /// The median duration, in milliseconds: the longest of its class, at most 1.7 times too long. What takes longer than
    /// 10 s counts as 10 s. `null` where no duration is known.
    pub p50_ms: Option<u64>,
    /// The 95th percentile, likewise.
    pub p95_ms: Option<u64>,
}

/// What happened in one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogHour {
    /// When it began.
    pub at: String,
    /// How many entries.
    pub count: u64,
    /// Of them, those that failed.
    pub error: u64,
    /// Deliveries, and posts to endpoints, that the other side took.
    pub sent: u64,
    /// Those that were given up.
    pub failed: u64,
}

impl LogStats {
    /// The figures of some hours, of which the first began at `since`.
    #[must_use]
    pub fn of(since: String, hours: &[Hour]) -> Self {
        let mut whole = Tally::default();
        for hour in hours {
            whole.add(&hour.tally);
        }
        let figures = |kind: &EntryType| {
            let Figures { count, success, warning, error, error_rate_percent, p50_ms, p95_ms } = whole.figures(*kind);
            LogFigures { kind: *kind, count, success, warning, error, error_rate_percent, p50_ms, p95_ms }
        };
        let in_hour = |hour: &Hour| {
            let all = EntryType::ALL.iter().map(|kind| hour.tally.figures(*kind));
            let (count, error) = all.fold((0, 0), |(count, error), it| (count + it.count, error + it.error));
            let all = hour.tally.sends.values();
            let (sent, failed) = all.fold((0, 0), |(sent, failed), it| (sent + it.sent, failed + it.failed));
            LogHour { at: hour.hour.to_rfc3339(), count, error, sent, failed }
        };
        let sends = |(way, sends): (&Way, &Sends)| LogSends {
            channel: way.channel,
            integration_id: way.integration.clone(),
            sent: sends.sent,
            failed: sends.failed,
            failure_rate_percent: sends.failure_rate_percent(),
            last_at: sends.last_at.map(Timestamp::to_rfc3339),
        };
        Self {
            since,
            types: EntryType::ALL.iter().map(figures).filter(|figures| figures.count > 0).collect(),
            hours: hours.iter().map(in_hour).collect(),
            sends: whole.sends.iter().map(sends).collect(),
        }
    }
}
