//! Which entries are looked for, as the address of a page says it.

use crate::{query::address, visit::Visit};
use domain::time::{DAY_MS, HOUR_MS, Timestamp};
use serde::Deserialize;

/// Spans up to now that may be chosen, in milliseconds.
const SPANS: [(&str, i64); 4] = [("1h", HOUR_MS), ("24h", DAY_MS), ("7d", 7 * DAY_MS), ("30d", 30 * DAY_MS)];

/// What is empty is not asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) direction: String,
    pub(crate) status: String,
    pub(crate) integration_id: String,
    pub(crate) hook_id: String,
    pub(crate) campaign_id: String,
    pub(crate) event: String,
    pub(crate) code: String,
    pub(crate) request_id: String,
    /// One of [`SPANS`].
    pub(crate) span: String,
    /// A moment (RFC 3339), or what a field for date and time sends, which is read as UTC.
    pub(crate) since: String,
    pub(crate) until: String,
    pub(crate) cursor: String,
    /// Which part of a file.
    pub(crate) part: String,
}

impl Which {
    fn filters(&self) -> [(&'static str, &str); 9] {
        [
            ("type", self.kind.as_str()),
            ("direction", &self.direction),
            ("status", &self.status),
            ("integration_id", &self.integration_id),
            ("hook_id", self.hook_id.trim()),
            ("campaign_id", self.campaign_id.trim()),
            ("event", self.event.trim()),
            ("code", self.code.trim()),
            ("request_id", self.request_id.trim()),
        ]
    }

    /// Whether it reaches up to now, from its beginning on: then what is new belongs to it.
    pub(crate) fn is_live(&self) -> bool {
        self.cursor.is_empty() && self.until.is_empty()
    }

    /// Whether more is asked for than the form shows at first.
    pub(crate) fn is_detailed(&self) -> bool {
        [&self.hook_id, &self.event, &self.code, &self.request_id, &self.since, &self.until]
            .iter()
            .any(|value| !value.is_empty())
    }

    /// Whether anything is asked for.
    pub(crate) fn is_any(&self) -> bool {
        self.filters().iter().any(|(_, value)| !value.is_empty()) || !self.span.is_empty() || self.is_detailed()
    }

    /// From when on.
    pub(crate) fn since(&self, now: Timestamp) -> String {
        let chosen = SPANS.iter().find(|(name, _)| *name == self.span);
        match (self.since.as_str(), chosen) {
            ("", Some((_, span_ms))) => now.plus_ms(-span_ms).to_rfc3339(),
            (moment, _) => in_utc(moment),
        }
    }

    /// The route of the API.
    pub(crate) fn route(&self, path: &str, now: Timestamp, more: &[(&str, &str)]) -> String {
        let (since, until) = (self.since(now), in_utc(&self.until));
        let window = [("since", since.as_str()), ("until", &until), ("cursor", &self.cursor)];
        let more = more.iter().copied();
        // What is said last counts.
        let said: Vec<_> = more.clone().map(|(name, _)| name).collect();
        let own = self.filters().into_iter().chain(window).filter(|(name, _)| !said.contains(name));
        address(path, &own.chain(more).collect::<Vec<_>>())
    }

    /// A page of ours that looks for the same.
    pub(crate) fn link(&self, visit: &Visit, path: &str, more: &[(&str, &str)]) -> String {
        let window = [("span", self.span.as_str()), ("since", &self.since), ("until", &self.until)];
        visit.link(&address(
            path,
            &self.filters().into_iter().chain(window).chain(more.iter().copied()).collect::<Vec<_>>(),
        ))
    }
}

/// What a field for date and time sends has no zone, and may have no seconds.
fn in_utc(moment: &str) -> String {
    match moment.len() {
        16 => format!("{moment}:00Z"),
        19 => format!("{moment}Z"),
        _ => moment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_763_640_000_000);

    #[test]
    fn a_span_is_counted_back_from_now_and_a_moment_comes_before_it() {
        let which =
            Which { span: "1h".into(), kind: "delivery".into(), event: " delivery.* ".into(), ..Which::default() };
        let route = which.route("/v1/logs?limit=50", NOW, &[]);
        assert_eq!(route, "/v1/logs?limit=50&type=delivery&event=delivery.*&since=2025-11-20T11%3A00%3A00.000Z");
        let which = Which { since: "2025-11-20T10:30".into(), until: "2025-11-20T11:00:01".into(), ..which };
        assert_eq!(which.since(NOW), "2025-11-20T10:30:00Z");
        assert!(which.route("/v1/logs", NOW, &[]).ends_with("&until=2025-11-20T11%3A00%3A01Z"));
        assert!(!which.is_live() && which.is_detailed());
    }

    #[test]
    fn what_is_said_last_counts() {
        let which = Which { cursor: "log_1".into(), ..Which::default() };
        assert_eq!(which.route("/v1/logs", NOW, &[("cursor", "log_2")]), "/v1/logs?cursor=log_2");
        assert!(!which.is_any() && Which { span: "7d".into(), ..Which::default() }.is_any());
    }
}
