//! `GET /v1/logs.csv`: the log to be opened by a person, as the error log of a campaign is
//! (`functions/deliveries/src/deliveries/errors_csv.rs`): with a byte order mark, and without cells that a spreadsheet would
//! run.

use crate::logs::{Logs, Which};
use api::{
    logs::LogEntryView,
    problem::{Problem, ProblemKind},
};
use axum::{
    extract::State,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK},
    response::{AppendHeaders, IntoResponse, Response},
};
use domain::{principal::Scope, time::SECOND_MS};
use runtime::{
    caller::Auth,
    http::{Answer, Query},
};
use std::sync::Arc;

const COLUMNS: [&str; 20] = [
    "id",
    "at",
    "type",
    "event",
    "direction",
    "status",
    "http_status",
    "duration_ms",
    "integration_id",
    "hook_id",
    "key_id",
    "campaign_id",
    "delivery_id",
    "retry_count",
    "code",
    "detail",
    "request_id",
    "principal",
    "external_system",
    "count",
];

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How many entries are looked up at once.
const ROWS: usize = 1_000;

/// More are added while the file is smaller than this. Lambda answers with at most 6 MB, and another [`ROWS`] are well below
/// 1 MB.
const FILE_BYTES: usize = 4 << 20;

/// How long to look, in milliseconds: the gateway gives up after 30 s.
const LOOK_MS: i64 = 12 * SECOND_MS;

pub(crate) async fn csv_file<S: store::Logs>(
    State(logs): State<Arc<Logs<S>>>,
    auth: Auth,
    Query(which): Query<Which>,
) -> Answer<Response> {
    let caller = auth.require(Scope::LogsRead)?;
    let now = logs.clock.now();
    let query = which.query(now)?;
    let stop_at = now.plus_ms(LOOK_MS);
    let mut file = csv::WriterBuilder::new()
        // RFC 4180.
        .terminator(csv::Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.to_vec());
    file.write_record(COLUMNS).map_err(|error| defect(&error))?;
    let mut cursor = which.cursor.clone();
    loop {
        let found = logs.look(&caller.scope, &query, cursor, ROWS, stop_at).await?;
        for stamped in found.entries {
            file.write_record(cells(&stamped.into())).map_err(|error| defect(&error))?;
        }
        file.flush().map_err(|error| defect(&error))?;
        cursor = found.next;
        if cursor.is_none() || file.get_ref().len() >= FILE_BYTES || logs.clock.now() >= stop_at {
            break;
        }
    }
    let next = cursor.map(|cursor| (LINK, format!("</v1/logs.csv?{}>; rel=\"next\"", which.after(&cursor))));
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (CONTENT_DISPOSITION, "attachment; filename=\"logs.csv\""),
    ];
    Ok((headers, AppendHeaders(next), file.into_inner().map_err(|error| defect(&error))?).into_response())
}

fn defect(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "the log could not be written as a file");
    Problem::new(ProblemKind::Internal, "This is a defect of ours.")
}

fn cells(entry: &LogEntryView) -> [String; COLUMNS.len()] {
    fn told(value: Option<&impl ToString>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    [
        entry.id.to_string(),
        entry.at.clone(),
        entry.kind.to_string(),
        entry.event.clone(),
        entry.direction.to_string(),
        entry.status.to_string(),
        told(entry.http_status.as_ref()),
        told(entry.duration_ms.as_ref()),
        told(entry.integration_id.as_ref()),
        told(entry.hook_id.as_ref()),
        told(entry.key_id.as_ref()),
        told(entry.campaign_id.as_ref()),
        told(entry.delivery_id.as_ref()),
        entry.retry_count.to_string(),
        told(entry.code.as_ref()),
        told(entry.detail.as_ref()),
        told(entry.request_id.as_ref()),
        told(entry.principal.as_ref()),
        told(entry.external_system.as_ref()),
        entry.count.to_string(),
    ]
    .map(harmless)
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}
