//! What a campaign's deliveries put on the bus.

use serde::Deserialize;
use serde_json::Value;

/// An event is billed in units of this size.
const UNIT_BYTES: u64 = 64 << 10;

/// The events of one campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Deliveries that were told to be enqueued.
    pub enqueued: u64,
    /// Deliveries that were told to be sent.
    pub sent: u64,
    /// Deliveries of which anything else was told.
    pub otherwise: u64,
    /// Events as they are billed.
    pub units: u64,
}

#[derive(Deserialize)]
struct OnTheBus {
    #[serde(rename = "detail-type")]
    name: String,
    detail: Value,
}

impl Told {
    /// Reads a log of the bus, whose last line may still be written.
    pub fn read(log: &str, campaign: &str) -> Self {
        let mut told = Self::default();
        for line in log.lines() {
            let Ok(event) = serde_json::from_str::<OnTheBus>(line) else { continue };
            if event.detail["campaign_id"] != campaign {
                continue;
            }
            let deliveries = event.detail["deliveries"].as_array().map_or(0, Vec::len) as u64;
            match event.name.as_str() {
                "delivery.enqueued" => told.enqueued += deliveries,
                "delivery.sent" => told.sent += deliveries,
                _ => told.otherwise += deliveries,
            }
            told.units += (line.len() as u64).div_ceil(UNIT_BYTES);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn deliveries_and_units_are_counted_by_campaign() {
        let event = |name: &str, campaign: &str, deliveries: usize| {
            let deliveries = vec![json!({ "id": "x".repeat(1_000) }); deliveries];
            let event = json!({ "detail-type": name, "detail": { "campaign_id": campaign, "deliveries": deliveries } });
            event.to_string()
        };
        let log = [
            event("delivery.enqueued", "a", 70),
            event("delivery.sent", "a", 69),
            event("delivery.sent", "b", 5),
            event("delivery.failed", "a", 1),
            "{\"detail-type\":\"delivery.sent\",\"det".to_owned(),
        ];
        let told = Told::read(&log.join("\n"), "a");
        assert_eq!(told, Told { enqueued: 70, sent: 69, otherwise: 1, units: 2 + 2 + 1 });
    }
}
