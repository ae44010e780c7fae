//! What a rule did for one event.

use super::Trigger;
use crate::{
    ids::{RuleId, RunId},
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp},
};
use serde::{Deserialize, Serialize};

/// How long runs, and what was counted of them, are kept.
pub const RUN_KEEP_MS: i64 = 30 * DAY_MS;

/// After how long a run that did not end is taken for given up: three tries with a minute or two between them.
pub const RUN_OVERDUE_MS: i64 = 15 * MINUTE_MS;

/// What a rule did for one event. Written before anything is done, so that of several who are told of the event one does it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its identifier, which grows out of rule and event.
    pub id: RunId,
    /// The rule.
    pub rule: RuleId,
    /// The revision of the rule that it is a run of.
    pub rule_rev: u64,
    /// The event's name.
    pub event: Trigger,
    /// The event's id.
    pub event_id: String,
    /// When the event happened.
    pub event_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// 1, or one more than the run that caused the event.
    pub depth: u8,
    /// The rules whose runs led to the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caused_by: Vec<RuleId>,
    /// What became of the actions, in their order; empty until it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ActionResult>,
}

/// What became of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionResult {
    /// `send`, `call_endpoint` or `test`.
    pub action: String,
    /// How it ended.
    pub ended: Ended,
    /// `ok`, or why it was not done.
    pub code: String,
    /// The same for people; of a test, what it found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The deliveries of a message, or the id of the event that an endpoint gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<String>,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It was done. What becomes of a message after that is told of its delivery.
    Done,
    /// It cannot be done.
    Failed,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It was begun and has not ended.
    Running,
    /// It did all that it should.
    Done,
    /// Something of it could not be done.
    Failed,
    /// It was begun and nobody ended it.
    GivenUp,
}

impl RunState {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

impl Run {
    /// Where it stands.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> RunState {
        match self.finished_at {
            None if now.since_ms(self.started_at) > RUN_OVERDUE_MS => RunState::GivenUp,
            None => RunState::Running,
            Some(_) if self.results.iter().all(|it| it.ended == Ended::Done) => RunState::Done,
            Some(_) => RunState::Failed,
        }
    }

    /// The clock hour that it counts in.
    #[must_use]
    pub fn hour(&self) -> Timestamp {
        RuleHour::of(self.started_at)
    }
}

/// Why a rule did not run for an event that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unrun {
    /// It ran as often in this hour as it may.
    OverLimit,
    /// The event goes back to the rule itself, or too many rules led to it.
    Loop,
}

/// How often a rule ran in a clock hour, and how often it did not though it was meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleHour {
    /// Runs that began.
    pub runs: u32,
    /// Events over the limit. One that is told twice may be counted twice.
    pub over_limit: u32,
    /// Events that would have made a loop. One that is told twice may be counted twice.
    pub loops: u32,
}

impl RuleHour {
    /// The hour of this moment.
    #[must_use]
    pub const fn of(at: Timestamp) -> Timestamp {
        Timestamp(at.0 - at.0.rem_euclid(HOUR_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TenantId;

    #[test]
    fn a_run_is_done_when_all_of_it_is_and_given_up_when_nobody_ends_it() {
        let (start, acme): (_, TenantId) = (Timestamp(1_763_640_000_000), "acme".parse().unwrap());
        let rule = RuleId::generate();
        let run = Run {
            id: RunId::of(&acme, &rule, start, "e1"),
            rule,
            rule_rev: 1,
            event: Trigger::SyncFailed,
            event_id: "e1".into(),
            event_at: start,
            started_at: start,
            finished_at: None,
            depth: 1,
            caused_by: vec![],
            results: vec![],
        };
        assert_eq!(run.state(start.plus_ms(RUN_OVERDUE_MS)), RunState::Running);
        assert_eq!(run.state(start.plus_ms(RUN_OVERDUE_MS + 1)), RunState::GivenUp);
        let result = |ended| ActionResult {
            action: "test".into(),
            ended,
            code: "ok".into(),
            detail: String::new(),
            made: vec![],
        };
        let ended = |results: &[Ended]| Run {
            finished_at: Some(start),
            results: results.iter().map(|ended| result(*ended)).collect(),
            ..run.clone()
        };
        assert_eq!(ended(&[Ended::Done, Ended::Done]).state(start), RunState::Done);
        assert_eq!(ended(&[Ended::Done, Ended::Failed]).state(start), RunState::Failed);
        assert_eq!(run.hour(), Timestamp(1_763_640_000_000));
        assert_eq!(RuleHour::of(Timestamp(1_763_640_000_000 + HOUR_MS - 1)), Timestamp(1_763_640_000_000));
    }
}
