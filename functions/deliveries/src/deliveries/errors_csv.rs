//! `GET /v1/campaigns/{id}/errors.csv`: the deliveries that failed, died or are unknown, to be opened by a person.
//!
//! - It begins with a byte order mark: without one, Excel reads UTF-8 as the local 8-bit code page, and the Arabic column
//!   becomes gibberish. Programs that read it should ask for `utf-8-sig`, or skip three bytes.
//! - A cell that a spreadsheet would run as a formula begins with an apostrophe, as OWASP's "CSV Injection" advises: user
//!   ids, addresses and providers' words are other people's text.
//! - Cancelled deliveries are not in it. They were stopped on purpose and nothing about them is to be mended;
//!   `deliveries?status=cancelled` lists them.
//! - Lambda answers with at most 6 MB. What is more comes with the address in the header `Link`, `rel="next"`.

use super::{
    view,
    walk::{self, Part, Position},
};
use crate::handler::Hub;
use api::problem::{Problem, ProblemKind};
use axum::{
    extract::State,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK},
    response::{AppendHeaders, IntoResponse, Response},
};
use domain::{
    bundle::{Bundle, BundleId, Cause, DeliveryStatus, MemberResult, Recipient},
    failure::explain,
    ids::CampaignId,
    principal::Scope,
    time::SECOND_MS,
};
use runtime::{
    caller::Auth,
    http::{Answer, Path, Query},
    queue::Queues,
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};
use store::Store;

/// What is in it.
const FAILED: &[DeliveryStatus] = &[DeliveryStatus::Failed, DeliveryStatus::Dead, DeliveryStatus::Unknown];

const COLUMNS: [&str; 10] =
    ["delivery_id", "user_id", "address", "status", "code", "detail", "reason", "reason_ar", "fix", "at"];

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Rows looked up at once.
const ROWS: usize = 500;

/// Another [`ROWS`] are added while the file is smaller than this. They are at most 1.5 MB, and quotes and line ends grow
/// when Lambda wraps the file in JSON, so the answer stays below 6 MB.
const FILE_BYTES: usize = 3 << 20;

/// How long a walk may look for failures among what was sent, in milliseconds: the gateway gives up after 30 s.
const WALK_MS: i64 = 12 * SECOND_MS;

/// Which part of a long file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    cursor: Option<String>,
}

pub(crate) async fn errors_csv<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path(id): Path<CampaignId>,
    Query(Which { cursor }): Query<Which>,
) -> Answer<Response> {
    let caller = auth.require(Scope::CampaignsRead)?;
    let mut position = Some(Position::decode(cursor.as_deref())?);
    hub.campaign(&caller.scope, &id).await?;
    let mut file = Rows::new().map_err(|error| defect(&error))?;
    let stop_at = hub.clock.now().plus_ms(WALK_MS);
    while let Some(from) = position.take_if(|_| file.bytes() < FILE_BYTES && hub.clock.now() < stop_at) {
        let taken = walk::take(&*hub.store, &caller.scope, &id, Some(FAILED), ROWS, from).await?;
        let recipients = view::recipients(&*hub.store, &caller.scope, &id, &taken.parts).await?;
        file.add(&taken.parts, &recipients).map_err(|error| defect(&error))?;
        position = taken.next;
    }
    let next =
        position.map(|next| (LINK, format!("</v1/campaigns/{id}/errors.csv?cursor={}>; rel=\"next\"", next.encode())));
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        // A campaign's id needs no quoting.
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{id}-errors.csv\"")),
    ];
    Ok((headers, AppendHeaders(next), file.0.into_inner().map_err(|error| defect(&error))?).into_response())
}

fn defect(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "the error log could not be written");
    Problem::new(ProblemKind::Internal, "This is a defect of ours.")
}

/// The file as it grows.
struct Rows(csv::Writer<Vec<u8>>);

impl Rows {
    fn new() -> csv::Result<Self> {
        let mut rows = csv::WriterBuilder::new()
            // RFC 4180.
            .terminator(csv::Terminator::CRLF)
            .from_writer(BYTE_ORDER_MARK.to_vec());
        rows.write_record(COLUMNS)?;
        Ok(Self(rows))
    }

    fn bytes(&self) -> usize {
        self.0.get_ref().len()
    }

    fn add(&mut self, parts: &[Part], recipients: &BTreeMap<BundleId, Vec<Recipient>>) -> csv::Result<()> {
        for Part { bundle, places } in parts {
            let recipients = recipients.get(&view::origin(bundle)).map(Vec::as_slice).unwrap_or_default();
            for place in places {
                self.add_one(bundle, *place, recipients)?;
            }
        }
        self.0.flush()?;
        Ok(())
    }

    fn add_one(&mut self, bundle: &Bundle, place: usize, recipients: &[Recipient]) -> csv::Result<()> {
        let (Some(member), Some(status), Some(cause)) =
            (bundle.members.get(place), bundle.status_of(place), bundle.results.get(place).and_then(cause))
        else {
            return Ok(());
        };
        // A failure is told even where we lost whom it was for.
        let recipient = recipients.get(usize::from(*member));
        let words = explain(&cause.code);
        let at = bundle.finished_at.unwrap_or(bundle.created_at).to_rfc3339();
        let id = bundle.id.delivery(*member).to_string();
        let cells: [&str; COLUMNS.len()] = [
            &id,
            recipient.map_or("", |recipient| recipient.user_id.as_str()),
            recipient.map_or("", |recipient| &recipient.address),
            status.as_str(),
            &cause.code,
            &cause.detail,
            words.map_or("", |words| words.en),
            words.map_or("", |words| words.ar),
            words.map_or("", |words| words.fix_en),
            &at,
        ];
        self.0.write_record(cells.map(harmless))
    }
}

fn cause(result: &MemberResult) -> Option<&Cause> {
    match result {
        MemberResult::Failed(cause) | MemberResult::Dead(cause) | MemberResult::Unknown(cause) => Some(cause),
        _ => None,
    }
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    let risky = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if risky { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{Stage, failed, failed_with, sent, unknown};

    fn rows(text: &str) -> Vec<Vec<String>> {
        let text = text.strip_prefix('\u{feff}').unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[tokio::test]
    async fn what_failed_is_told_with_its_reasons_and_nothing_else_is_in_it() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let ids = stage.send("spring", &["a", "b", "c"]).await;
        stage
            .attempt_all(|user| match user {
                "a" => sent(),
                "b" => failed(),
                _ => unknown(),
            })
            .await;
        let answer = stage.get("/v1/campaigns/spring/errors.csv").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.content_type, "text/csv; charset=utf-8; header=present");
        assert_eq!(answer.headers["content-disposition"], "attachment; filename=\"spring-errors.csv\"");
        assert!(!answer.headers.contains_key("link"));
        let rows = rows(answer.body.as_str().unwrap());
        assert_eq!(rows.len(), 2);
        let b = [
            &ids[1].to_string(),
            "b",
            "b@example.com",
            "failed",
            "smtp_recipient_refused",
            "550 no such user",
            "The mail server refused the recipient for good.",
            "رفض خادم البريد المستلم نهائيًا.",
            "Correct or remove the recipient's address.",
            &runtime::testing::START.to_rfc3339(),
        ];
        assert_eq!(rows[0], b);
        assert_eq!((rows[1][1].as_str(), rows[1][3].as_str()), ("c", "unknown"));
    }

    #[tokio::test]
    async fn no_cell_is_a_formula() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let users = ["=1+1", "+1", "-1", "@SUM(A1)", "plain, \"quoted\""];
        stage.send("spring", &users).await;
        stage.attempt_all(|_| failed_with("=HYPERLINK(\"http://evil.example\")")).await;
        let answer = stage.get("/v1/campaigns/spring/errors.csv").await;
        let rows = rows(answer.body.as_str().unwrap());
        let shown: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(shown, ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "plain, \"quoted\""]);
        for cell in rows.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
        assert_eq!(harmless("\tx"), "'\tx");
        assert_eq!(harmless("\rx"), "'\rx");
    }

    #[tokio::test]
    async fn a_long_file_goes_on_at_the_address_in_its_link() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let words = "x".repeat(300);
        let mut count = 0;
        for request in 0..9 {
            let users: Vec<String> = (0..1_000).map(|number| format!("r{request}-{number}")).collect();
            let users: Vec<&str> = users.iter().map(String::as_str).collect();
            count += stage.send("spring", &users).await.len();
        }
        stage.attempt_all(|_| failed_with(&words)).await;
        let mut path = "/v1/campaigns/spring/errors.csv".to_owned();
        let mut seen = std::collections::BTreeSet::new();
        let mut files = 0;
        loop {
            let answer = stage.get(&path).await;
            let text = answer.body.as_str().unwrap();
            assert!(serde_json::to_string(text).unwrap().len() < 5_500_000);
            for row in rows(text) {
                assert!(seen.insert(row[0].clone()), "{} is told twice", row[0]);
            }
            files += 1;
            match answer.headers.get("link") {
                Some(link) => path = link.split(['<', '>']).nth(1).unwrap().to_owned(),
                None => break,
            }
        }
        assert!(files > 1);
        assert_eq!(seen.len(), count);
    }
}
