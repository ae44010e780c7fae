//! When events arrived on the bus.

use domain::time::Timestamp;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// Reads the log of the bus as it grows and notes the moment at which each delivery's end was first seen in it.
#[derive(Debug)]
pub struct Arrivals {
    log: PathBuf,
    read_to: u64,
    /// When each delivery was first told to be sent.
    pub sent: BTreeMap<String, Timestamp>,
    /// Deliveries that were told to have failed.
    pub failed: BTreeSet<String>,
}

#[derive(Deserialize)]
struct OnTheBus {
    #[serde(rename = "detail-type")]
    name: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    deliveries: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    id: String,
}

impl Arrivals {
    /// Of a log that may not have been begun.
    pub fn at(log: &Path) -> Self {
        Self { log: log.to_owned(), read_to: 0, sent: BTreeMap::new(), failed: BTreeSet::new() }
    }

    /// Reads what was added, as far as its lines are whole.
    pub fn look(&mut self, now: Timestamp) -> io::Result<()> {
        let mut file = match File::open(&self.log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let mut added = Vec::new();
        file.seek(SeekFrom::Start(self.read_to))?;
        file.read_to_end(&mut added)?;
        let whole = added.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.read_to += whole as u64;
        for line in added[..whole].split(|byte| *byte == b'\n') {
            let Ok(event) = serde_json::from_slice::<OnTheBus>(line) else { continue };
            for Told { id } in event.detail.deliveries {
                match event.name.as_str() {
                    "delivery.sent" => {
                        self.sent.entry(id).or_insert(now);
                    }
                    "delivery.failed" => {
                        self.failed.insert(id);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Deliveries whose end was told.
    pub fn ended(&self) -> usize {
        self.sent.len() + self.failed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::{fs, io::Write};

    fn event(name: &str, ids: &[&str]) -> String {
        let deliveries: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({ "detail-type": name, "detail": { "deliveries": deliveries } }).to_string()
    }

    #[test]
    fn the_first_sight_of_a_delivery_counts() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("events.jsonl");
        let mut arrivals = Arrivals::at(&log);
        arrivals.look(Timestamp(1)).unwrap();
        fs::write(&log, event("delivery.enqueued", &["a", "b"]) + "\n" + &event("delivery.sent", &["a"]) + "\n{\"det")
            .unwrap();
        arrivals.look(Timestamp(2)).unwrap();
        assert_eq!((arrivals.ended(), arrivals.sent["a"]), (1, Timestamp(2)));
        let rest =
            event("delivery.sent", &["a", "b"]).replace("{\"det", "") + "\n" + &event("delivery.failed", &["c"]) + "\n";
        let rest = rest.strip_prefix("{\"det").unwrap_or(&rest).to_owned();
        fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(rest.as_bytes()).unwrap();
        arrivals.look(Timestamp(3)).unwrap();
        assert_eq!(arrivals.sent, [("a".to_owned(), Timestamp(2)), ("b".to_owned(), Timestamp(3))].into());
        assert_eq!(arrivals.failed, ["c".to_owned()].into());
    }
}
