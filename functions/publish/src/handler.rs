//! One batch of the stream: its records become events, its events entries, and these go on the bus.
//!
//! What the bus does not take in three rounds is given back to the stream from its first record on, so a few events may be
//! published twice, with the same ids, and none is lost. A record that cannot be understood will not be understood the
//! next time either: it is logged and passed over, because it would hold up everything behind it.

use crate::{
    bus::{Bus, put_all},
    entries::{Noted, merge},
    records::events,
};
use domain::time::Timestamp;
use runtime::{
    log::Log,
    stream::{self, Batch},
};
use serde::Serialize;

/// What Lambda is answered: from where on the batch is to be read again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    #[serde(rename = "batchItemFailures")]
    failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Failure {
    #[serde(rename = "itemIdentifier")]
    sequence_number: String,
}

/// Publishes what a batch tells.
pub(crate) async fn publish(bus: &impl Bus, log: &Log, batch: Batch, now: Timestamp) -> Result<Answer, runtime::Error> {
    let sequence_numbers: Vec<Option<String>> = batch.records.iter().map(stream::sequence_number).collect();
    let mut noted = Vec::new();
    let mut passed_over = 0;
    for (place, record) in batch.records.into_iter().enumerate() {
        let key = stream::key(&record);
        match stream::read(record, now) {
            Ok(None) => {}
            Ok(Some((change, at))) => {
                noted.extend(events(change).into_iter().map(|event| Noted { record: place, at, event }));
            }
            Err(reason) => {
                passed_over += 1;
                tracing::error!(key, %reason, "a change cannot be understood and is not told to anybody");
            }
        }
    }
    let told = noted.len();
    let entries = merge(noted);
    let left = put_all(bus, &entries).await;
    log.note("records", sequence_numbers.len());
    log.note("events", told);
    log.note("entries", entries.len());
    if passed_over > 0 {
        log.note("passed_over", passed_over);
    }
    let Some(first) = left.iter().map(|entry| entry.first_record).min() else { return Ok(Answer::default()) };
    tracing::error!(
        left = left.len(),
        "the bus does not take all events; they are published again from the first of them"
    );
    match sequence_numbers.into_iter().nth(first).flatten() {
        Some(sequence_number) => Ok(Answer { failures: vec![Failure { sequence_number }] }),
        None => Err("the record to go on from has no sequence number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::Entry;
    use runtime::testing::START;
    use serde_json::{Value, json};
    use std::sync::Mutex;

    /// A bus that refuses as it is told, entry by entry, and remembers what it took.
    #[derive(Default)]
    struct Scripted {
        /// How often the entry with this text in its detail is refused.
        refuse: Mutex<Vec<(String, u32)>>,
        taken: Mutex<Vec<Value>>,
        calls: Mutex<u32>,
    }

    impl Scripted {
        fn refusing(text: &str, times: u32) -> Self {
            Self { refuse: Mutex::new(vec![(text.to_owned(), times)]), ..Self::default() }
        }

        fn taken(&self) -> Vec<Value> {
            self.taken.lock().unwrap().clone()
        }
    }

    impl Bus for Scripted {
        async fn put(&self, entries: &[&Entry]) -> Vec<usize> {
            *self.calls.lock().unwrap() += 1;
            let mut refuse = self.refuse.lock().unwrap();
            let mut refused = Vec::new();
            for (place, entry) in entries.iter().enumerate() {
                match refuse.iter_mut().find(|(text, times)| *times > 0 && entry.detail.contains(text.as_str())) {
                    Some((_, times)) => {
                        *times -= 1;
                        refused.push(place);
                    }
                    None => self.taken.lock().unwrap().push(serde_json::from_str(&entry.detail).unwrap()),
                }
            }
            refused
        }
    }

    const REQUEST: &str = "01JD0000000000000000000000";
    const INTEGRATION: &str = "int_01JD0000000000000000000000";

    /// A bundle's image as it stands in the table: the names of `store::dynamo`, which owns them.
    fn image(campaign: &str, number: u16, state: &str, results: &[&str]) -> Value {
        let mut image = json!({
            "pk": {"S": format!("T#acme#C#{campaign}")}, "sk": {"S": format!("B#{REQUEST}#{number:05}")},
            "c": {"S": "email"}, "i": {"S": INTEGRATION}, "st": {"S": state}, "m": {"S": "0-1"},
            "f": {"N": "1"}, "d": {"N": "1763640000000"}, "t": {"N": "1763640000000"}, "ttl": {"N": "1771416000"},
        });
        if !results.is_empty() {
            let results: Vec<Value> = results.iter().map(|result| json!({"S": result})).collect();
            image["r"] = json!({"L": results});
            image["e"] = json!({"N": "1763640001000"});
        }
        image
    }

    fn record(number: usize, name: &str, old: Option<Value>, new: Option<Value>) -> Value {
        let image = new.as_ref().or(old.as_ref()).unwrap();
        let mut change = json!({
            "Keys": {"pk": image["pk"], "sk": image["sk"]},
            "ApproximateCreationDateTime": 1_763_640_001.0, "SequenceNumber": format!("{number:03}"),
            "SizeBytes": 500, "StreamViewType": "NEW_AND_OLD_IMAGES",
        });
        if let Some(old) = old {
            change["OldImage"] = old;
        }
        if let Some(new) = new {
            change["NewImage"] = new;
        }
        json!({"eventID": format!("e{number}"), "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": change})
    }

    fn inserted(number: usize, campaign: &str, bundle: u16) -> Value {
        record(number, "INSERT", None, Some(image(campaign, bundle, "q", &[])))
    }

    fn finished(number: usize, campaign: &str, bundle: u16, results: &[&str]) -> Value {
        let old = image(campaign, bundle, "s", &[]);
        record(number, "MODIFY", Some(old), Some(image(campaign, bundle, "d", results)))
    }

    async fn run(bus: &Scripted, records: Vec<Value>) -> (Value, Log) {
        let log = Log::in_memory("publish");
        let answer = publish(bus, &log, Batch { records }, START).await.unwrap();
        (serde_json::to_value(answer).unwrap(), log)
    }

    #[tokio::test]
    async fn a_batch_becomes_one_event_per_campaign_and_kind() {
        let bus = Scripted::default();
        let (answer, _) = run(
            &bus,
            vec![
                inserted(1, "spring", 0),
                inserted(2, "spring", 1),
                finished(3, "spring", 0, &["s id-1", "f smtp_recipient_refused 550 no"]),
                finished(4, "spring", 1, &["s id-2", "s id-3"]),
            ],
        )
        .await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        let taken = bus.taken();
        assert_eq!(taken.len(), 3);
        assert_eq!(*bus.calls.lock().unwrap(), 1);
        assert_eq!(taken[0]["deliveries"].as_array().unwrap().len(), 4, "all four were enqueued");
        let sent = taken[1]["deliveries"].as_array().unwrap();
        let ids: Vec<_> = sent.iter().map(|delivery| delivery["provider_message_id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["id-1", "id-2", "id-3"]);
        assert_eq!(taken[2]["deliveries"][0]["detail"], "550 no");
        assert_eq!(taken[1]["occurred_at"], "2025-11-20T12:00:01.000Z");
    }

    #[tokio::test]
    async fn claims_and_removals_are_no_events() {
        let bus = Scripted::default();
        let queued = image("spring", 0, "q", &[]);
        let claimed = image("spring", 0, "s", &[]);
        let mut expired = record(2, "REMOVE", Some(queued.clone()), None);
        expired["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
        let (answer, _) = run(&bus, vec![record(1, "MODIFY", Some(queued), Some(claimed)), expired]).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        assert_eq!(*bus.calls.lock().unwrap(), 0);
    }

    /// Row 13 of the fault matrix.
    #[tokio::test(start_paused = true)]
    async fn what_the_bus_refuses_at_first_is_put_again_alone() {
        let bus = Scripted::refusing("autumn", 2);
        let (answer, _) = run(&bus, vec![inserted(1, "spring", 0), inserted(2, "autumn", 0)]).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        let campaigns: Vec<_> = bus.taken().iter().map(|detail| detail["campaign_id"].clone()).collect();
        assert_eq!(campaigns, ["spring", "autumn"]);
        assert_eq!(*bus.calls.lock().unwrap(), 3);
    }

    /// Row 13 of the fault matrix.
    #[tokio::test(start_paused = true)]
    async fn what_the_bus_goes_on_refusing_is_given_back_from_its_first_record_on_and_is_the_same_event_again() {
        let batch = || {
            vec![inserted(1, "spring", 0), inserted(2, "autumn", 0), inserted(3, "spring", 1), inserted(4, "autumn", 1)]
        };
        let bus = Scripted::refusing("autumn", 3);
        let (answer, _) = run(&bus, batch()).await;
        assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "002"}]}));
        let (answer, _) = run(&bus, batch().split_off(1)).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        let ids: Vec<_> = bus.taken().iter().map(|detail| detail["event_ids"].clone()).collect();
        let spring = |number: u16| format!("spring:{REQUEST}.{number:04}:delivery.enqueued:0");
        assert_eq!(ids[0], json!([spring(0), spring(1)]));
        assert_eq!(bus.taken()[2]["event_id"], spring(1), "what comes twice carries the id it had");
        let enqueued: usize = bus.taken().iter().map(|detail| detail["deliveries"].as_array().unwrap().len()).sum();
        assert_eq!(enqueued, 8 + 2, "nothing is lost, one bundle is told twice");
    }

    /// Row 14 of the fault matrix.
    #[tokio::test]
    async fn a_record_that_cannot_be_understood_is_logged_by_its_key_and_holds_nothing_up() {
        let bus = Scripted::default();
        let mut broken = inserted(1, "spring", 7);
        broken["dynamodb"]["NewImage"]["m"] = json!({"S": "secret words"});
        let nonsense = json!({"eventName": "INSERT", "dynamodb": "?", "Records": 7});
        let log = Log::in_memory("publish");
        let _guard = tracing::subscriber::set_default(log.subscriber());
        let batch = Batch { records: vec![broken, nonsense, inserted(3, "spring", 0)] };
        let answer = publish(&bus, &log, batch, START).await.unwrap();
        assert_eq!(answer, Answer::default());
        assert_eq!(bus.taken().len(), 1);
        let lines = log.lines().join("\n");
        assert!(lines.contains(&format!("T#acme#C#spring/B#{REQUEST}#00007")), "{lines}");
        assert!(!lines.contains("secret words"), "{lines}");
    }

    #[tokio::test]
    async fn a_change_of_settings_and_of_health_is_told() {
        let bus = Scripted::default();
        let integration = |rev: u64| {
            json!({
                "pk": {"S": "T#acme#CFG"}, "sk": {"S": format!("INT#{INTEGRATION}")},
                "id": {"S": INTEGRATION}, "provider": {"S": "smtp"}, "name": {"S": "Mail"}, "config": {"M": {}},
                "masks": {"M": {}}, "secret_version": {"N": "1"}, "enabled": {"BOOL": true}, "priority": {"N": "0"},
                "limits": {"M": {}}, "retry_policy": {"S": "exponential"}, "on_unknown": {"S": "retry"},
                "probe_interval_minutes": {"N": "5"}, "created_at": {"N": "1"}, "updated_at": {"N": "1"},
                "updated_by": {"S": "system"}, "rev": {"N": rev.to_string()},
            })
        };
        let change = record(1, "MODIFY", Some(integration(1)), Some(integration(2)));
        let (answer, _) = run(&bus, vec![change]).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        let taken = bus.taken();
        assert_eq!(taken.len(), 1);
        assert_eq!((&taken[0]["change"], &taken[0]["rev"]), (&"updated".into(), &2.into()));
        assert_eq!(taken[0]["event_id"], format!("{INTEGRATION}:rev:2"));
    }

    #[tokio::test]
    async fn what_a_webhook_received_is_told_with_its_body_and_again_when_it_is_replayed() {
        let bus = Scripted::default();
        let (hook, event) = ("whk_01JD0000000000000000000000", "evt_01JD0000000000000000000000");
        let received = |replays: u32| {
            json!({
                "pk": {"S": "T#acme#HKE"}, "sk": {"S": format!("WE#{hook}#{event}")},
                "id": {"S": event}, "hook": {"S": hook}, "hook_name": {"S": "Code"}, "scheme": {"S": "github"},
                "received_at": {"N": "1763640000000"}, "event": {"S": "push"}, "headers": {"M": {}},
                "body_bytes": {"N": "7"}, "replays": {"N": replays.to_string()}, "ttl": {"N": "1766232000"},
                // {"a":1}
                "b": {"B": "eyJhIjoxfQ=="},
            })
        };
        let new = record(1, "INSERT", None, Some(received(0)));
        let replayed = record(2, "MODIFY", Some(received(0)), Some(received(1)));
        let (answer, _) = run(&bus, vec![new, replayed]).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        let told: Vec<_> = bus.taken().iter().map(|it| json!([it["event_id"], it["replay"], it["body"]])).collect();
        assert_eq!(told, [json!([event, 0, {"a": 1}]), json!([event, 1, {"a": 1}])]);
    }
}
