//! What was found in the trail as one file: CSV for a spreadsheet, JSON for a program.

use super::Search;
use crate::{
    api::{Asked, Listed},
    flash::Flash,
    visit::Visit,
};
use api::audit::AuditView;
use axum::{body::Body, extract::Query, response::Response};
use http::{HeaderValue, header};
use runtime::http::Answer;
use serde::Deserialize;

/// The longest file, in bytes: an answer of a function has at most 6 MB, and JSON may grow on its way.
const FILE_MAX_BYTES: usize = 4 << 20;

/// How often the API is asked for one file; what is found seldom needs more than it has.
const PAGES_MAX: usize = 100;

/// What is wanted, and as which kind of file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    r#as: Form,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    #[default]
    Csv,
    Json,
}

/// `GET /console/audit/file`.
pub(super) async fn download(
    visit: Visit,
    Query(search): Query<Search>,
    Query(wanted): Query<Wanted>,
) -> Answer<Response> {
    let Some(records) = all(&visit, &search).await? else {
        let words = visit.say(
            "That is more than one file holds. Search for a shorter time, and take a file of each.",
            "هذا أكثر مما يتسع له ملف واحد. ابحث في مدة أقصر وخذ ملفًا لكل منها.",
        );
        return Ok(visit.go(&search.page("/audit", ("", "")), &Flash::warn(words, "")));
    };
    let (body, kind, name) = match wanted.r#as {
        Form::Csv => (csv(&records), "text/csv; charset=utf-8; header=present", "audit.csv"),
        Form::Json => (serde_json::to_string_pretty(&records).unwrap_or_default(), "application/json", "audit.json"),
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(named) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, named);
    }
    Ok(response)
}

/// Everything that is found; `None` where it is too much.
async fn all(visit: &Visit, search: &Search) -> Asked<Option<Vec<AuditView>>> {
    let (mut records, mut bytes, mut cursor) = (Vec::new(), 0, String::new());
    for _ in 0..PAGES_MAX {
        let page: Listed<AuditView> = visit.api.get(&search.route("200", &cursor)).await?;
        bytes += page.items.iter().map(weight).sum::<usize>();
        if bytes > FILE_MAX_BYTES {
            return Ok(None);
        }
        records.extend(page.items);
        match page.next {
            Some(next) => cursor = next,
            None => return Ok(Some(records)),
        }
    }
    Ok(None)
}

/// About how many bytes a record is as JSON.
fn weight(record: &AuditView) -> usize {
    let texts = [&record.principal, &record.action, &record.target, &record.detail, &record.at, &record.prev];
    300 + texts.iter().map(|text| text.len()).sum::<usize>()
}

fn csv(records: &[AuditView]) -> String {
    // The mark tells spreadsheets that it is UTF-8.
    let mut file = "\u{feff}seq,at,principal,action,target,detail,prev,hash\r\n".to_owned();
    for record in records {
        let seq = record.seq.to_string();
        let texts = [&record.at, &record.principal, &record.action, &record.target, &record.detail, &record.prev];
        let cells: Vec<String> =
            std::iter::once(&seq).chain(texts).chain([&record.hash]).map(|text| cell(text)).collect();
        file.push_str(&cells.join(","));
        file.push_str("\r\n");
    }
    file
}

/// One cell (RFC 4180). A spreadsheet takes what begins like a formula for one, whoever wrote it.
fn cell(text: &str) -> String {
    let harmless = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{harmless}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_a_text_whatever_is_in_it() {
        for (text, expected) in [
            ("", "\"\""),
            ("plain", "\"plain\""),
            ("a,b \"c\"\r\nd", "\"a,b \"\"c\"\"\r\nd\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("-1", "\"'-1\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
