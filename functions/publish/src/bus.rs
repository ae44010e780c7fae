//! Putting entries on the bus. Row 13 of the fault matrix: of a call that was taken in part, only the rest is put again.

use crate::entries::Entry;
use aws_sdk_eventbridge::{
    error::DisplayErrorContext,
    primitives::DateTime,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};
use domain::event::SOURCE;
use runtime::{aws::Aws, entropy::jitter};
use std::{future::Future, time::Duration};

/// The most entries of one call, and the most bytes: `PutEvents` refuses more.
const CALL_ENTRIES: usize = 10;
const CALL_BYTES: usize = 256 << 10;

/// How often what was not taken is put, the first time included.
const ROUNDS: u32 = 3;
const PAUSE_MS: f64 = 100.0;

/// What takes events. The real one is [`EventBridge`].
pub(crate) trait Bus: Sync {
    /// Puts entries in one call. Returns the places of those that may not have been taken.
    fn put(&self, entries: &[&Entry]) -> impl Future<Output = Vec<usize>> + Send;
}

/// Puts all entries and what was not taken again. Returns those that are left in the end.
pub(crate) async fn put_all<'a>(bus: &impl Bus, entries: &'a [Entry]) -> Vec<&'a Entry> {
    let mut left: Vec<&Entry> = entries.iter().collect();
    for round in 0..ROUNDS {
        if round > 0 {
            let pause_ms = PAUSE_MS * f64::from(1 << round) * (1.0 + 0.5 * jitter());
            tokio::time::sleep(Duration::from_secs_f64(pause_ms / 1_000.0)).await;
        }
        let mut again = Vec::new();
        for call in calls(&left) {
            let failed = bus.put(call).await;
            again.extend(failed.into_iter().filter_map(|place| call.get(place).copied()));
        }
        left = again;
        if left.is_empty() {
            break;
        }
    }
    left
}

/// Cuts entries into calls that the bus takes.
fn calls<'e, 'a>(mut entries: &'e [&'a Entry]) -> impl Iterator<Item = &'e [&'a Entry]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = entries.iter().take(CALL_ENTRIES).take_while(|entry| {
            bytes += entry.bytes();
            bytes <= CALL_BYTES
        });
        // One that is too large by itself is for the bus to refuse, not for us to drop.
        let count = fitting.count().max(1).min(entries.len());
        let (call, rest) = entries.split_at(count);
        entries = rest;
        (!call.is_empty()).then_some(call)
    })
}

/// The deployment's event bus.
pub(crate) struct EventBridge {
    aws: Aws,
    name: String,
}

impl EventBridge {
    pub(crate) fn new(aws: Aws, name: String) -> Self {
        Self { aws, name }
    }
}

impl Bus for EventBridge {
    async fn put(&self, entries: &[&Entry]) -> Vec<usize> {
        let entry = |entry: &&Entry| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(entry.name)
                .detail(&entry.detail)
                .time(DateTime::from_millis(entry.at.0))
                .build()
        };
        let request = self.aws.eventbridge().put_events().set_entries(Some(entries.iter().map(entry).collect()));
        match request.send().await {
            Ok(answer) => refused(answer.entries(), entries.len()),
            Err(error) => {
                tracing::warn!(error = %DisplayErrorContext(&error), "the bus did not answer");
                (0..entries.len()).collect()
            }
        }
    }
}

/// The places of what was not taken. The answer's entries stand in the order of the request's; one that is missing says
/// nothing, so it counts as not taken.
fn refused(answers: &[PutEventsResultEntry], asked: usize) -> Vec<usize> {
    let not_taken = |place: &usize| {
        let code = answers.get(*place).map_or(Some("no answer"), PutEventsResultEntry::error_code);
        if let Some(code) = code {
            tracing::warn!(code, "an event was not taken by the bus");
        }
        code.is_some()
    };
    (0..asked).filter(not_taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;

    fn entry(first_record: usize, bytes: usize) -> Entry {
        Entry { name: "delivery.sent", detail: "x".repeat(bytes), at: Timestamp(0), first_record }
    }

    /// Row 13 of the fault matrix, as the bus tells it.
    #[test]
    fn what_the_bus_did_not_take_is_known_by_its_place() {
        let taken = PutEventsResultEntry::builder().event_id("1").build();
        let throttled =
            PutEventsResultEntry::builder().error_code("ThrottlingException").error_message("Rate exceeded").build();
        let answers = [taken.clone(), throttled.clone(), taken.clone(), throttled];
        assert_eq!(refused(&answers, 4), [1, 3]);
        assert_eq!(refused(&[taken], 3), [1, 2], "nothing is lost by a short answer");
        assert_eq!(refused(&[], 0), [] as [usize; 0]);
    }

    #[test]
    fn calls_hold_ten_entries_and_256_kb_at_most() {
        let small: Vec<Entry> = (0..23).map(|record| entry(record, 10)).collect();
        let small: Vec<&Entry> = small.iter().collect();
        assert_eq!(calls(&small).map(<[_]>::len).collect::<Vec<_>>(), [10, 10, 3]);
        let large: Vec<Entry> = (0..5).map(|record| entry(record, 100 << 10)).collect();
        let large: Vec<&Entry> = large.iter().collect();
        assert_eq!(calls(&large).map(<[_]>::len).collect::<Vec<_>>(), [2, 2, 1]);
        let giant = entry(0, 300 << 10);
        assert_eq!(calls(&[&giant]).count(), 1);
        assert_eq!(calls(&[]).count(), 0);
    }
}
