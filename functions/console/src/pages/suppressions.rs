//! `/console/suppressions`: the addresses to which nothing is sent.

use crate::{
    api::{Asked, Listed},
    faults::refusal,
    field::{Field, Text},
    flash::Flash,
    form::Form,
    page::Page,
    parts::{self, badge},
    query::address,
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::{problem::Problem, suppressions::SuppressionView};
use axum::{
    Router,
    extract::Query,
    http::Method,
    response::{IntoResponse, Response},
    routing::get,
};
use domain::{principal::Scope, suppression::SuppressionReason};
use maud::{Markup, html};
use runtime::{http::Answer, secrets::SecretSource};
use serde::Deserialize;
use serde_json::json;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/suppressions", get(list).post(add))
        .route("/console/suppressions/remove", get(ask_remove).post(remove))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    cursor: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Which {
    address: String,
}

async fn list(visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let listed = read(&visit, &part.cursor).await?;
    Ok(page(&visit, &listed, &Form::default(), None))
}

async fn read(visit: &Visit, cursor: &str) -> Asked<Listed<SuppressionView>> {
    visit.api.get(&address("/v1/suppressions?limit=50", &[("cursor", cursor)])).await
}

fn page(visit: &Visit, listed: &Listed<SuppressionView>, form: &Form, problem: Option<&Problem>) -> Page {
    let title = visit.say("Suppressed addresses", "العناوين المحجوبة");
    let next = listed.next.as_deref().map(|next| visit.link(&address("/suppressions", &[("cursor", next)])));
    let shown = ["address", "note"].map(str::to_owned);
    let body = html! {
        (parts::crumbs(visit, "/campaigns", visit.say("Campaigns", "الحملات")))
        h1 { (title) }
        p.quiet { (visit.say(
            "Nothing is sent to these: messages came back for good, somebody called them spam or wants no more, or you put them here.",
            "لا يُرسل شيء إلى هذه العناوين: ارتدّت رسائلها نهائيًا، أو عدّها أصحابها مزعجة، أو لا يريدون المزيد، أو أضفتموها هنا.",
        )) }
        @if let Some(problem) = problem { (refusal(visit, problem, &shown)) }
        @if listed.items.is_empty() {
            (parts::empty(
                visit.say("No address is suppressed", "لا عناوين محجوبة"),
                visit.say("What providers report appears here by itself.", "ما يبلغ به الموفّرون يظهر هنا تلقائيًا."),
                None,
            ))
        } @else {
            (table(visit, &listed.items))
            (parts::more(visit, next))
        }
        @if visit.may(Scope::SuppressionsWrite) { (form_of(visit, form, problem)) }
    };
    visit.page(title, &body)
}

fn table(visit: &Visit, entries: &[SuppressionView]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Address", "العنوان")) }
                th scope="col" { (visit.say("Why", "السبب")) }
                th scope="col" { (visit.say("Details", "التفاصيل")) }
                th scope="col" { (visit.say("Since", "منذ")) }
                th scope="col" { span.hidden { (visit.say("Actions", "إجراءات")) } }
            } }
            tbody { @for entry in entries { (row(visit, entry)) } }
        }
    }
}

fn row(visit: &Visit, entry: &SuppressionView) -> Markup {
    let (tone, reason) = match entry.reason {
        SuppressionReason::Bounced => ("bad", visit.say("Came back for good", "ارتدّت نهائيًا")),
        SuppressionReason::Complained => ("bad", visit.say("Called spam", "عُدّت مزعجة")),
        SuppressionReason::Unsubscribed => ("warn", visit.say("Wants no more", "لا يريد المزيد")),
        SuppressionReason::Manual => ("off", visit.say("Put here by hand", "أُضيف يدويًا")),
    };
    let remove = visit.say("Remove", "إزالة");
    html! {
        tr {
            th scope="row" { bdi { (entry.address) } }
            td data-label=(visit.say("Why", "السبب")) { (badge(tone, reason)) }
            td data-label=(visit.say("Details", "التفاصيل")) {
                @if entry.detail.is_empty() { span.quiet { "–" } } @else { span dir="auto" { (entry.detail) } }
                @if let (Some(campaign), Some(delivery)) = (&entry.campaign_id, &entry.delivery_id) {
                    small { a href=(visit.link(&format!("/campaigns/{campaign}/deliveries/{delivery}"))) { bdi { (campaign) } } }
                }
            }
            td data-label=(visit.say("Since", "منذ")) { (visit.time(&entry.at)) }
            td.actions {
                @if visit.may(Scope::SuppressionsWrite) {
                    a.button.second.small href=(visit.link(&address("/suppressions/remove", &[("address", &entry.address)])))
                        aria-label={ (remove) " " (entry.address) } { (remove) "…" }
                }
            }
        }
    }
}

fn form_of(visit: &Visit, form: &Form, problem: Option<&Problem>) -> Markup {
    let faults = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let address =
        Field::new(visit, "address", visit.say("E-mail address", "عنوان البريد"), "").required().judged(faults);
    let why = visit.say("For your people, at most 300 characters.", "لفريقكم، 300 حرف على الأكثر.");
    let note = Field::new(visit, "note", visit.say("Note", "ملاحظة"), why).judged(faults);
    html! {
        section aria-labelledby="add" {
            h2 #add { (visit.say("Suppress an address", "حجب عنوان")) }
            form.card.form method="post" action=(visit.link("/suppressions")) {
                (visit.token())
                (address.example("ann@example.com").text(visit, Text::Code, form.text("address")))
                (note.text(visit, Text::Words, form.text("note")))
                div.actions { button.button type="submit" { (visit.say("Suppress", "حجب")) } }
            }
        }
    }
}

async fn add(Posted { visit, form }: Posted) -> Answer<Response> {
    let body = json!({"address": form.text("address"), "note": form.text("note")});
    let added: Asked<SuppressionView> = visit.api.send(Method::POST, "/v1/suppressions", &body).await;
    Ok(match added {
        Ok(_) => visit.go(
            "/suppressions",
            &Flash::good(visit.say("Nothing is sent there any more.", "لن يُرسل إليه شيء بعد الآن.")),
        ),
        Err(problem) => {
            // Whoever may add, and not see the list, still sees what was wrong.
            let listed = read(&visit, "").await.unwrap_or(Listed { items: Vec::new(), next: None });
            page(&visit, &listed, &form, Some(&problem)).with_status(problem.status).into_response()
        }
    })
}

async fn ask_remove(visit: Visit, Query(which): Query<Which>) -> Page {
    let title = visit.say("Send to this address again?", "الإرسال إلى هذا العنوان من جديد؟");
    let words = html! {
        p { strong { bdi { (which.address) } } }
        p { (visit.say(
            "If messages came back from there, or were called spam, more of them harm how your others are taken.",
            "إن كانت الرسائل ترتد من هناك أو تُعدّ مزعجة، فإن المزيد منها يضر بقبول رسائلكم الأخرى.",
        )) }
    };
    parts::ask(
        &visit,
        title,
        &words,
        visit.say("Remove from the list", "إزالة من القائمة"),
        ("/suppressions", visit.say("Keep it", "إبقاؤه")),
    )
}

async fn remove(Query(which): Query<Which>, Posted { visit, .. }: Posted) -> Response {
    let encoded: String = form_urlencoded::byte_serialize(which.address.as_bytes()).collect();
    // In a path, a plus is a plus.
    let outcome = visit.api.act(Method::DELETE, &format!("/v1/suppressions/{}", encoded.replace('+', "%20"))).await;
    visit.went("/suppressions", outcome, visit.say("Messages go there again.", "ستصل الرسائل إليه من جديد."))
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;

    #[tokio::test]
    async fn an_address_is_suppressed_with_a_note_and_freed_after_a_question() {
        let stage = Stage::new().await;
        let (key, _) = stage.key("acme", "*", 1).await;
        let browser = stage.browser(&key).await;
        let path = "/console/suppressions";
        assert!(stage.get(&browser.session, path).await.body.contains("No address is suppressed"));
        let added = stage.post(&browser, path, &[("address", "Ann+news@Example.com"), ("note", "By telephone")]).await;
        assert_eq!((added.status, added.location()), (303, "/base/console/suppressions"));
        let page = stage.get(&browser.session, path).await.body;
        assert!(page.contains("ann+news@example.com") && page.contains("By telephone"), "{page}");

        let remove = "/console/suppressions/remove?address=ann%2Bnews%40example.com";
        assert!(page.contains(&format!("/base{remove}")), "{page}");
        let asked = stage.get(&browser.session, remove).await.body;
        assert!(asked.contains("ann+news@example.com") && asked.contains("Send to this address again?"));
        let hostile = stage.get(&browser.session, "/console/suppressions/remove?address=%3Cscript%3E").await.body;
        assert!(hostile.contains("&lt;script&gt;") && !hostile.contains("<script>"), "{hostile}");
        assert!(stage.get(&browser.session, path).await.body.contains("ann+news@"), "asking frees nobody");
        assert_eq!(stage.post(&browser, remove, &[]).await.status, 303);
        assert!(!stage.get(&browser.session, path).await.body.contains("ann+news@"));
    }

    #[tokio::test]
    async fn what_is_no_address_is_told_beside_it_and_kept() {
        let stage = Stage::new().await;
        let (key, _) = stage.key("acme", "*", 1).await;
        let browser = stage.browser(&key).await;
        let refused = stage.post(&browser, "/console/suppressions", &[("address", "nobody"), ("note", "why")]).await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("id=\"address-error\"") && refused.body.contains("value=\"nobody\""));
        assert!(refused.body.contains("value=\"why\""));
    }

    #[tokio::test]
    async fn whoever_only_reads_gets_no_form_and_others_see_nothing() {
        let stage = Stage::new().await;
        let (key, _) = stage.key("acme", "*", 1).await;
        let browser = stage.browser(&key).await;
        stage.post(&browser, "/console/suppressions", &[("address", "zoe@example.com")]).await;
        let (key, _) = stage.key("acme", "console:use suppressions:read", 5).await;
        let reader = stage.browser(&key).await;
        let page = stage.get(&reader.session, "/console/suppressions").await.body;
        assert!(page.contains("zoe@example.com") && !page.contains("remove?") && !page.contains("name=\"note\""));
        let (key, _) = stage.key("other", "*", 9).await;
        let other = stage.browser(&key).await;
        stage.post(&other, "/console/suppressions/remove?address=zoe%40example.com", &[]).await;
        assert!(!stage.get(&other.session, "/console/suppressions").await.body.contains("zoe@"));
        assert!(stage.get(&browser.session, "/console/suppressions").await.body.contains("zoe@"));
    }
}
