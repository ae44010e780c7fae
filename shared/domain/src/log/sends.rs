//! What was sent, by whom it went out: what failure rates are made from.

use super::{Direction, Entry, EntryStatus, EntryType};
use crate::{channel::Channel, ids::IntegrationId, time::Timestamp};

/// How many ways are told apart where entries are counted together: what goes out by more is counted by its channel. The
/// counts of an hour are one record, whose expression and size have bounds.
pub const WAYS_MAX: usize = 12;

/// By what something was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The channel.
    pub channel: Channel,
    /// The integration. `None` stands for all endpoints together, and for integrations of which there were too many at once.
    pub integration: Option<IntegrationId>,
}

impl Way {
    /// By what this entry says that something was sent, or could not be; `None` where it says something else: a report of a
    /// provider's, a retry to come, a cancellation.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Self> {
        let ended = matches!(
            (entry.kind, entry.event.as_str()),
            (EntryType::Delivery, "delivery.sent" | "delivery.failed")
                | (EntryType::Webhook, "webhook.delivered" | "webhook.failed")
        );
        if !ended || entry.direction != Direction::Outbound {
            return None;
        }
        let channel = entry.external_system.parse().ok()?;
        // A tenant may have hundreds of endpoints; each has a list of its own attempts.
        let integration = entry.integration.clone().filter(|_| channel != Channel::Webhook);
        Some(Self { channel, integration })
    }

    /// The same without the integration.
    #[must_use]
    pub const fn of_channel(channel: Channel) -> Self {
        Self { channel, integration: None }
    }
}

/// What became of what was sent one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sends {
    /// What the other side took.
    pub sent: u64,
    /// What was given up, whatever the reason. What is sent anew by hand is counted anew.
    pub failed: u64,
    /// When the newest of them ended, about: entries are counted together.
    pub last_at: Option<Timestamp>,
}

impl Sends {
    /// Counts an entry of this way.
    pub fn count(&mut self, entry: &Entry) {
        let times = u64::from(entry.count);
        if entry.status == EntryStatus::Success {
            self.sent += times;
        } else {
            self.failed += times;
        }
        self.last_at = self.last_at.max(Some(entry.at));
    }

    /// Counts what others counted.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        self.last_at = self.last_at.max(other.last_at);
    }

    /// The share of what was given up, in per cent.
    #[must_use]
    pub fn failure_rate_percent(&self) -> f64 {
        super::percent(self.failed, self.sent + self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Tally;

    fn entry(kind: EntryType, event: &str, system: &str) -> Entry {
        let status = if event.ends_with("failed") { EntryStatus::Error } else { EntryStatus::Success };
        Entry {
            external_system: system.to_owned(),
            integration: Some(IntegrationId::generate()),
            ..Entry::new(Timestamp(7), kind, event, Direction::Outbound, status)
        }
    }

    #[test]
    fn only_what_ended_by_being_sent_or_given_up_went_some_way() {
        let sent = entry(EntryType::Delivery, "delivery.sent", "email");
        assert_eq!(Way::of(&sent), Some(Way { channel: Channel::Email, integration: sent.integration.clone() }));
        let failed = entry(EntryType::Webhook, "webhook.failed", "webhook");
        assert_eq!(Way::of(&failed), Some(Way::of_channel(Channel::Webhook)), "endpoints are one way");
        for other in [
            entry(EntryType::Delivery, "delivery.retrying", "email"),
            entry(EntryType::Delivery, "delivery.cancelled", "email"),
            entry(EntryType::Delivery, "simulation.failed", "m365"),
            entry(EntryType::Webhook, "webhook.received", "github"),
            entry(EntryType::Probe, "integration.tested", "smtp"),
            Entry { direction: Direction::Inbound, ..entry(EntryType::Delivery, "delivery.sent", "email") },
        ] {
            assert_eq!(Way::of(&other), None, "{}", other.event);
        }
    }

    #[test]
    fn each_way_is_counted_until_there_are_too_many_at_once() {
        let mut tally = Tally::default();
        let first = entry(EntryType::Delivery, "delivery.sent", "email");
        tally.count(&first);
        let failed = Entry { event: "delivery.failed".into(), status: EntryStatus::Error, count: 3, ..first.clone() };
        tally.count(&Entry { at: Timestamp(9), ..failed });
        for _ in 0..20 {
            tally.count(&entry(EntryType::Delivery, "delivery.sent", "slack"));
        }
        let of_first = tally.sends[&Way::of(&first).unwrap()];
        assert_eq!(of_first, Sends { sent: 1, failed: 3, last_at: Some(Timestamp(9)) });
        assert!((of_first.failure_rate_percent() - 75.0).abs() < 1e-9);
        assert_eq!(tally.sends.len(), WAYS_MAX + 1);
        assert_eq!(tally.sends[&Way::of_channel(Channel::Slack)].sent, 20 - (WAYS_MAX as u64 - 1));
        assert_eq!(Sends::default().failure_rate_percent().to_bits(), 0, "of nothing, nothing fails");
        let mut twice = tally.clone();
        twice.add(&tally);
        assert_eq!(twice.sends[&Way::of(&first).unwrap()].failed, 6);
    }
}
