//! What failed in a campaign, as a file for a spreadsheet.
//!
//! The API gives it in parts. They are joined here, with one header, as long as they fit into one answer of a Lambda and its
//! time; what is longer is told to be, and can be had part by part (`/console/campaigns/{id}/errors`).

use crate::{
    api::Asked,
    page::{Page, redirect},
    parts::crumbs,
    query::address,
    visit::{Console, Kept, Visit},
};
use axum::{
    body::Body,
    extract::{Query, State},
    http::{HeaderValue, header},
    response::Response,
};
use domain::{
    ids::CampaignId,
    time::{SECOND_MS, Timestamp},
};
use http::HeaderMap;
use maud::html;
use runtime::{
    http::{Answer, Path},
    secrets::SecretSource,
};
use serde::Deserialize;
use std::sync::Arc;

/// The most bytes of one file: Lambda answers with 6 MB, wrapped in JSON, in which each line's end and each quote counts
/// twice. One part of the API alone may have 4.5 MB.
const FILE_BYTES: usize = 4_500_000;

/// No other part is begun after this time, in milliseconds: one may take 12 s, and the gateway waits for 30 s.
const GATHER_MS: i64 = 12 * SECOND_MS;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    /// Where the file begins.
    cursor: String,
    /// Which file it is; absent where all is wanted in one.
    part: Option<u32>,
}

/// As many parts as go into one file.
struct Gathered {
    text: String,
    /// Where the rest begins.
    next: Option<String>,
}

/// Joins parts from `cursor` on. `now` says the time.
async fn gather(visit: &Visit, id: &CampaignId, cursor: &str, now: impl Fn() -> Timestamp) -> Asked<Gathered> {
    let begun = now();
    let mut gathered = Gathered { text: String::new(), next: Some(cursor.to_owned()) };
    while let Some(cursor) = gathered.next.clone() {
        let whole = gathered.text.len() >= FILE_BYTES || now().since_ms(begun) >= GATHER_MS;
        if whole && !gathered.text.is_empty() {
            break;
        }
        let part = visit.api.file(&address(&format!("/v1/campaigns/{id}/errors.csv"), &[("cursor", &cursor)])).await?;
        let next = next_of(part.headers());
        let text = String::from_utf8_lossy(part.body());
        if !join(&mut gathered.text, &text) {
            break;
        }
        gathered.next = next;
    }
    Ok(gathered)
}

/// Adds a part to the file, whose header it has already; false where it does not fit.
fn join(file: &mut String, part: &str) -> bool {
    if file.is_empty() {
        part.clone_into(file);
        return true;
    }
    // Each part begins with the header's line, in which no line break is quoted.
    let rows = part.split_once('\n').map_or("", |(_, rows)| rows);
    if file.len() + rows.len() > FILE_BYTES {
        return false;
    }
    file.push_str(rows);
    true
}

/// The cursor in `Link: <...?cursor=...>; rel="next"`.
fn next_of(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(header::LINK)?.to_str().ok()?;
    let (_, query) = link.split(['<', '>']).nth(1)?.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
}

/// `GET /console/campaigns/{id}/errors.csv`.
pub(crate) async fn file<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    Path(id): Path<CampaignId>,
    visit: Visit,
    Query(which): Query<Which>,
) -> Answer<Response> {
    let gathered = gather(&visit, &id, &which.cursor, || console.now()).await?;
    if gathered.next.is_some() && which.part.is_none() {
        return Ok(redirect(&visit.link(&format!("/campaigns/{id}/errors")), None));
    }
    let number = which.part.map(|part| format!("-{part}")).unwrap_or_default();
    let name = format!("attachment; filename=\"{id}-errors{number}.csv\"");
    let mut response = Response::new(Body::from(gathered.text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// `GET /console/campaigns/{id}/errors`: the files of what does not go into one.
pub(crate) async fn parts<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    Path(id): Path<CampaignId>,
    visit: Visit,
    Query(which): Query<Which>,
) -> Answer<Page> {
    let gathered = gather(&visit, &id, &which.cursor, || console.now()).await?;
    let part = which.part.unwrap_or(1);
    let numbered = |path: &str, cursor: &str, part: u32| {
        visit.link(&address(&format!("/campaigns/{id}/{path}"), &[("cursor", cursor), ("part", &part.to_string())]))
    };
    let file = numbered("errors.csv", &which.cursor, part);
    let title = visit.say("What failed, as files", "ما فشل، ملفاتٍ");
    let number = visit.number(u64::from(part));
    let body = html! {
        (crumbs(&visit, &format!("/campaigns/{id}"), id.as_str()))
        h1 { (title) }
        div.card {
            @if part > 1 || gathered.next.is_some() {
                p { (visit.say(
                    "There is too much for one file. Each has a header and its own rows; together they have everything.",
                    "المحتوى أكثر من أن يسعه ملف واحد. لكل ملف ترويسة وصفوفه، وفيها مجتمعةً كل شيء.",
                )) }
            }
            p { strong { (visit.say("Part", "الجزء")) " " (number) } " · " (visit.size(gathered.text.len().div_ceil(1_000))) " kB" }
            div.actions {
                a.button href=(file) { (visit.say("Download", "تنزيل")) }
                @if let Some(next) = &gathered.next {
                    a.button.second href=(numbered("errors", next, part + 1)) rel="next" { (visit.say("To the next part", "إلى الجزء التالي")) }
                }
            }
            @if gathered.next.is_none() { p.quiet { (visit.say("This is the last part.", "هذا هو الجزء الأخير.")) } }
        }
    };
    Ok(visit.page(title, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_under_one_header() {
        let mut file = String::new();
        for part in ["\u{feff}a,b\r\n1,\"x\r\ny\"\r\n", "\u{feff}a,b\r\n2,z\r\n", "\u{feff}a,b\r\n"] {
            assert!(join(&mut file, part));
        }
        assert_eq!(file, "\u{feff}a,b\r\n1,\"x\r\ny\"\r\n2,z\r\n");
        assert!(!join(&mut file, &format!("a\r\n{}", "x".repeat(FILE_BYTES))), "too much for one answer");
        assert!(file.ends_with("2,z\r\n"));
    }

    #[test]
    fn the_rest_begins_where_the_link_says() {
        let mut headers = HeaderMap::new();
        assert_eq!(next_of(&headers), None);
        let link = "</v1/campaigns/spring/errors.csv?cursor=a%2Bb>; rel=\"next\"";
        headers.insert(header::LINK, HeaderValue::from_static(link));
        assert_eq!(next_of(&headers).as_deref(), Some("a+b"));
    }
}
