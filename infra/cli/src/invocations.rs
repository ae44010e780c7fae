//! What the functions say they did: one line each invocation, with the AWS calls it made and the capacity it consumed.

use crate::stack::{self, Error};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// One invocation of a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invocation {
    /// The function, as in `functions/<name>`.
    pub function: String,
    /// Lambda's name for the invocation.
    pub request_id: String,
    /// Whether a process was started for it.
    pub cold_start: bool,
    /// How long it took.
    pub duration_ms: f64,
    /// CPU time of its process.
    pub cpu_us: u64,
    /// Calls to AWS by `Service.Operation`, retries counted.
    pub aws_calls: BTreeMap<String, u64>,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units.
    pub write_units: f64,
    /// How much it logged, in bytes.
    pub log_bytes: u64,
}

/// A line of a function's log, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    service: String,
    function_request_id: String,
    #[serde(default)]
    cold_start: bool,
    duration_ms: Option<f64>,
    #[serde(default)]
    cpu_us: u64,
    #[serde(default)]
    aws_calls: BTreeMap<String, u64>,
    #[serde(default)]
    read_units: f64,
    #[serde(default)]
    write_units: f64,
}

/// Every invocation on a local stack so far.
pub async fn read(stack: &str) -> Result<Vec<Invocation>, Error> {
    Ok(parse(&stack::log_text(stack).await?))
}

/// Those of `after` that are not in `before`.
pub fn since(before: &[Invocation], after: Vec<Invocation>) -> Vec<Invocation> {
    let known: BTreeSet<_> = before.iter().map(|invocation| &invocation.request_id).collect();
    after.into_iter().filter(|invocation| !known.contains(&invocation.request_id)).collect()
}

/// The invocations in a log: lines of JSON, each perhaps behind the name of its function.
pub fn parse(log: &str) -> Vec<Invocation> {
    let (mut ended, mut bytes) = (Vec::new(), BTreeMap::<String, u64>::new());
    for line in log.lines() {
        let json = line.find('{').map_or("", |start| &line[start..]);
        let Ok(line) = serde_json::from_str::<Line>(json) else { continue };
        *bytes.entry(line.function_request_id.clone()).or_default() += json.len() as u64;
        // The other lines of an invocation tell of what happened on its way.
        let Some(duration_ms) = line.duration_ms else { continue };
        ended.push(Invocation {
            function: line.service,
            request_id: line.function_request_id,
            cold_start: line.cold_start,
            duration_ms,
            cpu_us: line.cpu_us,
            aws_calls: line.aws_calls,
            read_units: line.read_units,
            write_units: line.write_units,
            log_bytes: 0,
        });
    }
    for invocation in &mut ended {
        invocation.log_bytes = bytes.remove(&invocation.request_id).unwrap_or_default();
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"enqueue: {"level":"WARN","service":"enqueue","function_request_id":"r-1","message":"slow"}
enqueue: {"level":"INFO","service":"enqueue","message":"202","cold_start":true,"function_request_id":"r-1","aws_calls":{"SQS.SendMessageBatch":2},"cpu_us":900,"duration_ms":7.5,"read_units":0.5,"write_units":12.0}
publish: START RequestId: r-2
publish: {"level":"INFO","service":"publish","message":"done","function_request_id":"r-2","aws_calls":{},"cpu_us":1,"duration_ms":1.0,"read_units":0.0,"write_units":0.0}
"#;

    #[test]
    fn an_invocation_is_its_last_line_and_the_size_of_all() {
        let read = parse(LOG);
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].function.as_str(), read[0].cold_start, read[0].cpu_us), ("enqueue", true, 900));
        assert_eq!(read[0].aws_calls["SQS.SendMessageBatch"], 2);
        assert!(read[0].log_bytes > 250 && read[1].log_bytes > 100);
    }

    #[test]
    fn what_was_there_before_is_left_out() {
        let all = parse(LOG);
        let new = since(&all[..1], all.clone());
        assert_eq!(new.iter().map(|invocation| invocation.request_id.as_str()).collect::<Vec<_>>(), ["r-2"]);
    }
}
