//! The log as a file. An answer of ours may have 6 MB, so a long log comes in parts; the script makes one file of them.

use super::which::Which;
use crate::{
    page::{Page, redirect},
    parts,
    visit::{Console, Kept, Visit},
};
use axum::{
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderValue, header},
    response::Response,
};
use maud::html;
use runtime::{http::Answer, secrets::SecretSource};
use std::sync::Arc;

/// How many entries the script puts into one file.
const ROWS_MAX: usize = 50_000;

/// Where the file goes on, as the API's header says (RFC 8288).
fn next_of(file: &Response<Bytes>) -> Option<String> {
    let link = file.headers().get(header::LINK)?.to_str().ok()?;
    let (address, _) = link.strip_prefix('<')?.split_once(">; rel=\"next\"")?;
    let (_, query) = address.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
}

/// `GET /console/logs/file.csv`: the file, or one part of it where it is asked for by its number.
pub(crate) async fn part<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    visit: Visit,
    Query(which): Query<Which>,
) -> Answer<Response> {
    let file = visit.api.file(&which.route("/v1/logs.csv", console.now(), &[])).await?;
    let next = next_of(&file);
    let number: usize = which.part.parse().unwrap_or(0);
    if number == 0 && next.is_some() {
        return Ok(redirect(&which.link(&visit, "/logs/parts", &[]), None));
    }
    let name = if number == 0 { "logs.csv".to_owned() } else { format!("logs-{number}.csv") };
    let mut response = Response::new(Body::from(file.body().clone()));
    let headers = response.headers_mut();
    if let Some(kind) = file.headers().get(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, kind.clone());
    }
    let next = next.map(|cursor| {
        let (number, cursor) = ((number + 1).to_string(), cursor);
        let link = which.link(&visit, "/logs/file.csv", &[("part", &number), ("cursor", &cursor)]);
        format!("<{link}>; rel=\"next\"")
    });
    for (header, value) in
        [(header::CONTENT_DISPOSITION, Some(format!("attachment; filename=\"{name}\""))), (header::LINK, next)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(header, value);
        }
    }
    Ok(response)
}

/// `GET /console/logs/parts`: a part of a long log to be downloaded, and the way to the next.
pub(crate) async fn parts<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    visit: Visit,
    Query(which): Query<Which>,
) -> Answer<Page> {
    let file = visit.api.file(&which.route("/v1/logs.csv", console.now(), &[])).await?;
    let number: u64 = which.part.parse().unwrap_or(1).max(1);
    // Each entry is a line below the heading, and the last line is ended, too.
    let rows = file.body().split(|byte| *byte == b'\n').count().saturating_sub(2);
    let link = |path: &str, part: u64, cursor: &str| {
        which.link(&visit, path, &[("part", part.to_string().as_str()), ("cursor", cursor)])
    };
    let next = next_of(&file).map(|cursor| link("/logs/parts", number + 1, &cursor));
    let title = visit.say("The log as CSV", "السجل بصيغة CSV");
    let kilobytes = visit.size(file.body().len().div_ceil(1_000));
    let body = html! {
        (parts::crumbs(&visit, "/logs", visit.say("Logs", "السجلات")))
        h1 { (title) }
        div.card {
            p { (visit.say(
                "This is more than one download can hold, so it comes in parts, the newest entries first.",
                "هذا أكبر من أن يتسع له تنزيل واحد، فهو مقسّم إلى أجزاء، والأحدث أولًا.",
            )) }
            h2 { (visit.say("Part", "الجزء")) " " (visit.number(number)) }
            p { (visit.say("Entries:", "الإدخالات:")) " " (visit.size(rows)) " · " (kilobytes) " " (visit.say("kB", "ك.ب")) }
            div.actions {
                a.button href=(link("/logs/file.csv", number, &which.cursor)) download { (visit.say("Download this part", "تنزيل هذا الجزء")) }
                @if let Some(next) = &next { a.button.second href=(next) rel="next" { (visit.say("Next part", "الجزء التالي")) } }
                @else { span.quiet { (visit.say("This is the last part.", "هذا هو الجزء الأخير.")) } }
                @if number == 1 {
                    button.button.second type="button" hidden data-whole=(link("/logs/file.csv", 1, "")) data-rows=(ROWS_MAX)
                        data-done=(visit.say("Downloaded.", "تم التنزيل."))
                        data-cut=(visit.say("Downloaded the newest entries; for older ones, choose a time.", "نُزّلت أحدث الإدخالات؛ للأقدم اختر مدة."))
                        data-failed=(visit.say("That did not work. Download the parts instead.", "لم ينجح ذلك. نزّل الأجزاء بدلًا منه.")) {
                        (visit.say("All in one file, up to 50,000 entries", "الكل في ملف واحد، حتى 50,000 إدخال"))
                    }
                    span role="status" data-whole-said {}
                }
            }
        }
    };
    Ok(visit.page(title, &body))
}
