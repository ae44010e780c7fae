//! Outbound webhooks as an admin runs them, over the very handlers of the API, with a double of receivers on loopback.

use crate::stage::{Browser, Seen, Stage, audit, scope};
use api::endpoints::EndpointView;
use domain::{
    bundle::{Bundle, BundleId, BundleState, Cause, Envelope, MemberResult, Payload},
    channel::{Channel, Provider},
    ids::{CampaignId, EventId, IntegrationId, RequestId},
    integration::Integration,
    log::PageId,
    message::Content,
    time::Clock as _,
    webhook::{Answer, OutEvent, Stop, StopCause},
};
use doubles::webhook::{Answer as Scripted, Setup, WebhookDouble};
use runtime::{
    clock::SystemClock,
    testing::{START, integration},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::{Bundles as _, Integrations as _, Logs as _, Request};

async fn admin(stage: &Stage) -> Browser {
    let (key, _) = stage.key("acme", "*", 1).await;
    stage.browser(&key).await
}

/// What a new endpoint is made of, beside its address.
fn wanted(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("name", "Orders"),
        ("url", url),
        ("description", "What the warehouse needs"),
        ("events", "order.*"),
        ("filter.match", "all"),
        ("filter.conditions.0.field", "total"),
        ("filter.conditions.0.op", "gte"),
        ("filter.conditions.0.value", "100"),
        ("transform.pick", "id\ntotal"),
        ("transform.rename.0.old", "total"),
        ("transform.rename.0.new", "amount"),
        ("transform.constant.0.field", "shop"),
        ("transform.constant.0.value", "\"7\""),
        ("headers.0.name", "X-Api-Key"),
        ("headers.0.value", "CANARY-4711"),
        ("signing", "hmac"),
        ("limits.per_second", "5"),
        ("retry_policy", "standard"),
        ("do", "test-and-save"),
    ]
}

async fn made(stage: &Stage, browser: &Browser, receivers: &WebhookDouble) -> (IntegrationId, Seen) {
    let shown = stage.post(browser, "/console/endpoints/new", &wanted(&receivers.receiver_url("orders"))).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    let all = stage.store.integrations(&scope("acme")).await.unwrap();
    (all.last().unwrap().id.clone(), shown)
}

/// The value of the input of this id.
fn value<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} in {page}"));
    rest.split('>').next().unwrap().split_once("value=\"").map_or("", |(_, value)| value.split('"').next().unwrap())
}

#[tokio::test]
async fn an_endpoint_is_made_from_the_form_and_its_secret_is_shown_once() {
    let (stage, receivers) = (Stage::new().await, WebhookDouble::start(0).await.unwrap());
    let browser = admin(&stage).await;
    let empty = stage.get(&browser.session, "/console/endpoints").await.body;
    assert!(empty.contains("No endpoint yet") && empty.contains("/console/endpoints/new"), "{empty}");
    let (id, shown) = made(&stage, &browser, &receivers).await;
    let secret = value(&shown.body, "secret").to_owned();
    assert!(secret.starts_with("whsec_"), "{}", shown.body);
    assert!(shown.body.contains("standardwebhooks"), "how it is verified");
    let saved = stage.store.integration(&scope("acme"), &id).await.unwrap().unwrap();
    let config = Value::Object(saved.config.clone().into_iter().collect());
    assert_eq!(
        config,
        json!({
            "url": receivers.receiver_url("orders"), "description": "What the warehouse needs", "events": ["order.*"],
            "filter": {"match": "all", "conditions": [{"field": "total", "op": "gte", "value": 100}]},
            "transform": {"pick": ["id", "total"], "rename": {"total": "amount"}, "constant": {"shop": "7"}},
            "signing": "hmac", "ordered": false,
        })
    );
    assert_eq!((saved.limits.per_second, saved.enabled), (Some(5), true));
    for path in
        ["/console/endpoints".to_owned(), format!("/console/endpoints/{id}"), format!("/console/endpoints/{id}/edit")]
    {
        for language in ["en", "ar"] {
            let page = stage.look(&browser.session, &path, language).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(page.body.contains("Orders") && !page.body.contains(&secret), "{path}: {}", page.body);
            assert!(!page.body.contains("CANARY"), "{path} shows a header");
        }
    }
    let found = stage.get(&browser.session, "/console/endpoints?q=order.").await.body;
    let not_found = stage.get(&browser.session, "/console/endpoints?q=zzz").await.body;
    assert!(found.contains("Orders") && !not_found.contains("Orders") && not_found.contains("Nothing found"));
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_what_was_entered_is_kept() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let fields = [
        ("name", "Kept"),
        ("url", "ftp://x"),
        ("events", "Order"),
        ("filter.match", "all"),
        ("filter.conditions.0.field", "total"),
        ("filter.conditions.0.op", "gte"),
        ("filter.conditions.0.value", "many"),
        ("transform.rename.0.old", "a"),
        ("transform.rename.0.new", "b..c"),
        ("headers.0.name", "Host"),
        ("headers.0.value", "CANARY-4711"),
        ("signing", "hmac"),
        ("limits.per_second", "0"),
        ("retry_policy", "standard"),
    ];
    let refused = stage.post(&browser, "/console/endpoints/new", &fields).await;
    assert_eq!(refused.status, 422);
    for (id, words) in [
        ("events-error", "Order Enter an event type"),
        ("filter-conditions-0-error", "Enter a number"),
        ("transform-rename-0-error", "Name a field"),
        ("headers-0-error", "Choose another name"),
        ("limits-per_second-error", "at least 1"),
    ] {
        let told = refused.body.split_once(&format!("<p class=\"error\" id=\"{id}\">")).map(|(_, told)| told);
        assert!(told.is_some_and(|told| told.split("</p>").next().unwrap().contains(words)), "{id}: {}", refused.body);
    }
    assert_eq!(value(&refused.body, "name"), "Kept");
    assert_eq!(value(&refused.body, "filter-conditions-0-value"), "many");
    assert!(!refused.body.contains("CANARY"), "a header's value is never sent back");
    let nothing = stage
        .post(&browser, "/console/endpoints/new", &[("headers.0.name", "X-Key"), ("url", "https://a.example/")])
        .await;
    assert!(nothing.status == 422 && nothing.body.contains("Enter the value of this header"), "{}", nothing.body);
    let nobody = wanted("http://127.0.0.1:9/nobody");
    let failed = stage.post(&browser, "/console/endpoints/new", &nobody).await;
    assert!(failed.status == 422 && failed.body.contains("role=\"alert\""), "{}", failed.body);
    assert!(stage.store.integrations(&scope("acme")).await.unwrap().is_empty(), "nothing was saved");
}

#[tokio::test]
async fn there_are_more_rows_when_they_run_out_and_nothing_is_saved_by_that() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let rows = |page: &str| page.matches("name=\"filter.conditions.").count() / 3;
    let fresh = stage.get(&browser.session, "/console/endpoints/new").await.body;
    let fields = [
        ("name", "Kept"),
        ("filter.conditions.0.field", "total"),
        ("filter.conditions.0.op", "lt"),
        ("more", "conditions"),
    ];
    let more = stage.post(&browser, "/console/endpoints/new", &fields).await;
    assert_eq!((rows(&fresh), rows(&more.body), more.status), (2, 6, 200));
    assert_eq!((value(&more.body, "name"), value(&more.body, "filter-conditions-0-field")), ("Kept", "total"));
    assert!(more.body.contains("<option value=\"lt\" selected"), "{}", more.body);
    assert!(stage.store.integrations(&scope("acme")).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_change_keeps_what_is_left_alone_and_headers_are_taken_away_by_a_tick() {
    let (stage, receivers) = (Stage::new().await, WebhookDouble::start(0).await.unwrap());
    let browser = admin(&stage).await;
    let (id, _) = made(&stage, &browser, &receivers).await;
    let before = stage.store.integration(&scope("acme"), &id).await.unwrap().unwrap();
    let edit = format!("/console/endpoints/{id}/edit");
    let page = stage.get(&browser.session, &edit).await.body;
    assert_eq!(value(&page, "transform-constant-0-value"), "&quot;7&quot;", "a text that looks like a number");
    assert_eq!(value(&page, "transform-rename-0-new"), "amount");
    let url = receivers.receiver_url("orders");
    let same: Vec<_> = wanted(&url).into_iter().filter(|(name, _)| !name.starts_with("headers.")).collect();
    assert_eq!(stage.post(&browser, &edit, &same).await.status, 303);
    let after = stage.store.integration(&scope("acme"), &id).await.unwrap().unwrap();
    assert_eq!((&after.config, after.rev), (&before.config, before.rev), "nothing was changed");
    let without: Vec<_> = same
        .iter()
        .filter(|(name, _)| !name.starts_with("filter") && !name.starts_with("transform"))
        .copied()
        .chain([("headers.remove", "X-Api-Key")])
        .collect();
    assert_eq!(stage.post(&browser, &edit, &without).await.status, 303);
    let after = stage.store.integration(&scope("acme"), &id).await.unwrap().unwrap();
    let view = EndpointView::of(&after, START).unwrap();
    assert_eq!((&view.filter, &view.transform, view.headers.len()), (&Value::Null, &Value::Null, 0));
}

#[tokio::test]
async fn with_another_address_the_saved_headers_are_asked_for_again() {
    let (stage, receivers) = (Stage::new().await, WebhookDouble::start(0).await.unwrap());
    let browser = admin(&stage).await;
    let (id, _) = made(&stage, &browser, &receivers).await;
    let edit = format!("/console/endpoints/{id}/edit");
    let other = receivers.receiver_url("other");
    let fields: Vec<_> = wanted(&other).into_iter().filter(|(name, _)| !name.starts_with("headers.")).collect();
    let refused = stage.post(&browser, &edit, &fields).await;
    assert!(refused.status == 422 && refused.body.contains("Enter this again"), "{}", refused.body);
    assert_eq!(stage.post(&browser, &edit, &wanted(&other)).await.status, 303);
}

#[tokio::test]
async fn a_test_event_shows_what_was_answered_as_text() {
    let (stage, receivers) = (Stage::new().await, WebhookDouble::start(0).await.unwrap());
    // Receivers look at the time.
    stage.clock.advance_ms(SystemClock.now().since_ms(START));
    let browser = admin(&stage).await;
    let (id, _) = made(&stage, &browser, &receivers).await;
    let scripted = Scripted {
        headers: BTreeMap::from([("x-error-id".to_owned(), "e-7".to_owned())]),
        body: "<script>alert(1)</script>".to_owned(),
        ..Scripted::status(500)
    };
    receivers.set_up("orders", Setup { answers: [scripted].into(), ..Setup::default() });
    let test = format!("/console/endpoints/{id}/test");
    let failed =
        stage.post(&browser, &test, &[("type", "order.created"), ("data", "{\"id\": \"A-1\", \"total\": 3}")]).await;
    assert_eq!(failed.status, 200);
    for words in ["did not take it", "HTTP 500", "x-error-id: e-7", "&lt;script&gt;alert(1)", "endpoint_error"] {
        assert!(failed.body.contains(words), "{words}: {}", failed.body);
    }
    assert!(!failed.body.contains("<script>alert"));
    let seen = receivers.seen("orders").posts;
    assert_eq!(
        (&seen[0].kind[..], &seen[0].body["data"]),
        ("order.created", &json!({"id": "A-1", "amount": 3, "shop": "7"}))
    );
    let page = stage.get(&browser.session, &format!("/console/endpoints/{id}")).await.body;
    assert!(page.contains("Failing") && page.contains("What is wrong"), "{page}");
    let taken = stage.post(&browser, &test, &[("type", ""), ("data", "")]).await;
    assert!(taken.body.contains("The endpoint took it.") && taken.body.contains("endpoint.test"), "{}", taken.body);
    let no_json = stage.post(&browser, &test, &[("type", "order.created"), ("data", "{")]).await;
    assert!(no_json.status == 422 && no_json.body.contains("This is no JSON"), "{}", no_json.body);
}

#[tokio::test]
async fn a_sample_is_made_from_the_schema_of_the_type() {
    let (stage, receivers) = (Stage::new().await, WebhookDouble::start(0).await.unwrap());
    let browser = admin(&stage).await;
    let schema = r#"{"type": "object", "properties": {"sku": {"type": "string", "examples": ["S-9"]}}}"#;
    let fields = [("type", "order.created"), ("description", "Placed."), ("schema", schema)];
    assert_eq!(stage.post(&browser, "/console/event-types/new-type", &fields).await.status, 303);
    let (id, _) = made(&stage, &browser, &receivers).await;
    let page = stage.get(&browser.session, &format!("/console/endpoints/{id}/test?type=order.created")).await.body;
    assert!(page.contains("&quot;sku&quot;: &quot;S-9&quot;"), "{page}");
    let form = stage.get(&browser.session, &format!("/console/endpoints/{id}/edit")).await.body;
    assert!(form.contains("name=\"event\" value=\"order.created\""), "it can be ticked: {form}");
}

#[tokio::test]
async fn a_secret_is_rotated_and_the_new_one_is_shown_once() {
    let (stage, receivers) = (Stage::new().await, WebhookDouble::start(0).await.unwrap());
    let browser = admin(&stage).await;
    let (id, first) = made(&stage, &browser, &receivers).await;
    let secret = format!("/console/endpoints/{id}/secret");
    let rotated = stage.post(&browser, &secret, &[("keep_previous_hours", "168"), ("signing", "hmac")]).await;
    let new = value(&rotated.body, "secret").to_owned();
    assert!(
        rotated.status == 200 && new.starts_with("whsec_") && new != value(&first.body, "secret"),
        "{}",
        rotated.body
    );
    let page = stage.get(&browser.session, &format!("/console/endpoints/{id}")).await.body;
    assert!(page.contains("The secret before signs until") && !page.contains(&new), "{page}");
    let pair = stage.post(&browser, &secret, &[("keep_previous_hours", "0"), ("signing", "ed25519")]).await;
    assert!(value(&pair.body, "public-key").starts_with("whpk_"), "{}", pair.body);
    assert!(
        !stage
            .get(&browser.session, &format!("/console/endpoints/{id}"))
            .await
            .body
            .contains("The secret before signs")
    );
    let own = [("keep_previous_hours", "0"), ("signing", "hmac"), ("secret", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")];
    assert_eq!(stage.post(&browser, &secret, &own).await.status, 303, "one's own is not shown");
    let refused =
        stage.post(&browser, &secret, &[("keep_previous_hours", "200"), ("signing", "hmac"), ("secret", "mine")]).await;
    assert!(refused.status == 422 && !refused.body.contains("value=\"mine\""), "{}", refused.body);
}

#[tokio::test]
async fn it_is_paused_resumed_and_deleted_after_a_question() {
    let (stage, receivers) = (Stage::new().await, WebhookDouble::start(0).await.unwrap());
    let browser = admin(&stage).await;
    let (id, _) = made(&stage, &browser, &receivers).await;
    let at = |rest: &str| format!("/console/endpoints/{id}{rest}");
    assert_eq!(stage.post(&browser, &at("/pause"), &[]).await.location(), format!("/base{}", at("")));
    let page = stage.get(&browser.session, &at("")).await.body;
    assert!(page.contains("Somebody paused it") && page.contains("/resume\"") && !page.contains("/pause\""), "{page}");
    stage.post(&browser, &at("/resume"), &[]).await;
    let page = stage.get(&browser.session, &at("")).await.body;
    assert!(page.contains("/pause\"") && !page.contains("/resume\""), "{page}");
    assert!(stage.get(&browser.session, &at("/delete")).await.body.contains("cannot be undone"));
    assert!(stage.get(&browser.session, &at("")).await.status == 200, "asking deletes nothing");
    assert_eq!(stage.post(&browser, &at("/delete"), &[]).await.location(), "/base/console/endpoints");
    assert_eq!(stage.get(&browser.session, &at("")).await.status, 404);
}

#[tokio::test]
async fn whatever_stopped_it_is_told_with_what_to_do_in_both_languages() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    for (cause, english, arabic) in [
        (StopCause::Paused, ["Paused", "Resume it"], ["موقوف مؤقتًا", "استأنفه ليتلقى"]),
        (StopCause::Gone, ["Gone", "mend or change its URL"], ["لم يعد موجودًا", "فأصلح عنوانه"]),
        (StopCause::Failing, ["Disabled", "test it, and resume it"], ["معطّل", "أصلحه واختبره"]),
    ] {
        let mut endpoint = an_endpoint();
        endpoint.enabled = false;
        endpoint.stopped = Some(Stop { cause, at: START });
        stage.store.save_integration(&scope("acme"), &endpoint, None, false, &audit()).await.unwrap();
        for (language, words) in [("en", english), ("ar", arabic)] {
            let page =
                stage.look(&browser.session, &format!("/console/endpoints/{}", endpoint.id), language).await.body;
            assert!(words.iter().all(|words| page.contains(words)), "{cause:?} {language}: {page}");
        }
    }
}

fn an_endpoint() -> Integration {
    let config = json!({"url": "https://shop.example/in", "events": ["order.*"], "signing": "hmac"});
    let config = config.as_object().unwrap().clone().into_iter().collect();
    Integration { name: "Shop".to_owned(), config, ..integration(Provider::Webhook) }
}

/// Events that this endpoint refused for good, of one type, in one bundle; the delivery of the first one.
async fn refused_events(stage: &Stage, endpoint: &IntegrationId, kind: &str, count: u16) -> String {
    let campaign = CampaignId::of_endpoint(endpoint);
    let request = Request {
        id: RequestId::generate(),
        campaign: campaign.clone(),
        body_hash: String::new(),
        bundles: 1,
        dispatched: false,
        created_at: START,
        envelope: Envelope { content: Content::Events },
        call: None,
    };
    let id = BundleId { request: request.id.clone(), number: Some(0), generation: 0 };
    let bundle = Bundle { pinned: true, ..Bundle::first(id, &campaign, Channel::Webhook, endpoint, count, START) };
    let event = |number: u16| OutEvent {
        id: EventId::of(&request.id, Some(number)),
        kind: kind.parse().unwrap(),
        at: START,
        data: json!({"number": number, "text": "<b>\"&".repeat(4_000)}).to_string(),
        key: Some("A-1".to_owned()),
    };
    let payload = Payload { events: (0..count).map(event).collect(), ..Payload::default() };
    stage.store.create_request(&scope("acme"), &request, None).await.unwrap();
    stage.store.write_bundles(&scope("acme"), &[(bundle.clone(), payload)], false).await.unwrap();
    let claimed = stage.store.claim(&scope("acme"), &campaign, &bundle.id, START).await.unwrap().bundle;
    let answer = Answer {
        status: Some(422),
        duration_ms: 12,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: "<h1>\"no\"</h1>".repeat(1_500),
        apart: false,
    };
    let cause = Cause { code: "endpoint_refused".to_owned(), detail: "HTTP 422".to_owned() };
    let done = Bundle {
        state: BundleState::Done,
        results: vec![MemberResult::Failed(cause); usize::from(count)],
        answers: vec![answer; usize::from(count)],
        finished_at: Some(START.plus_ms(1)),
        ..claimed.clone()
    };
    stage.store.finish(&scope("acme"), &done, &[], true).await.unwrap();
    for (number, entry) in domain::log::of::attempts(Some(&claimed), &done).into_iter().enumerate() {
        let page = PageId::of(entry.at, [&[u8::try_from(number).unwrap()][..], request.id.to_string().as_bytes()]);
        stage.store.put_log_entry(&scope("acme"), page, &entry).await.unwrap();
    }
    bundle.id.delivery(0).to_string()
}

/// What the next page tells, in its words.
async fn told(stage: &Stage, browser: &Browser, posted: &Seen) -> String {
    assert_eq!(posted.status, 303, "{}", posted.body);
    let flash = posted.cookie("__Host-flash").unwrap();
    let path = posted.location().strip_prefix("/base").unwrap().to_owned();
    stage.told(&browser.session, &path, &flash).await.body
}

#[tokio::test]
async fn attempts_are_listed_and_shown_in_full_and_an_event_is_posted_again() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let endpoint = an_endpoint();
    stage.store.save_integration(&scope("acme"), &endpoint, None, false, &audit()).await.unwrap();
    let id = &endpoint.id;
    let delivery = refused_events(&stage, id, "order.created", 1).await;
    stage.clock.advance_ms(1_000);
    let at = |rest: &str| format!("/console/endpoints/{id}{rest}");
    for language in ["en", "ar"] {
        let list = stage.look(&browser.session, &at("/attempts?status=failed&type=order.*"), language).await.body;
        assert!(list.contains("HTTP 422") && list.contains("order.created") && list.contains("12 "), "{list}");
        let one = stage.look(&browser.session, &at(&format!("/attempts/{delivery}")), language).await;
        assert!(one.body.contains("endpoint_refused") && one.body.contains("content-type: text/html"), "{}", one.body);
        assert!(one.body.contains("&lt;h1&gt;") && !one.body.contains("<h1>\""), "as text");
        assert!(one.body.len() <= 100_000, "{} bytes", one.body.len());
        assert!(one.body.contains("/answer.txt\"") && one.body.contains("/event.json\""), "all of it is a file");
    }
    let page = stage.get(&browser.session, &at("")).await.body;
    assert!(page.contains("It did not get everything") && page.contains("of 1 attempt"), "{page}");
    let file = stage.get(&browser.session, &at(&format!("/attempts/{delivery}/answer.txt"))).await;
    assert_eq!(
        (file.body.len(), &file.headers["content-type"]),
        (19_500, &"text/plain; charset=utf-8".parse().unwrap())
    );
    assert!(file.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let event = stage.get(&browser.session, &at(&format!("/attempts/{delivery}/event.json"))).await;
    assert_eq!(serde_json::from_str::<Value>(&event.body).unwrap()["number"], 0);
    let refused = stage.get(&browser.session, &at("/attempts?type=Order")).await;
    assert!(refused.status == 422 && refused.body.contains("role=\"alert\""), "{}", refused.body);

    let resent = stage.post(&browser, &at(&format!("/deliveries/{delivery}/resend")), &[]).await;
    let page = told(&stage, &browser, &resent).await;
    assert!(page.contains("It is queued again") && page.contains("Queued"), "{page}");
    let again = stage.post(&browser, &at(&format!("/deliveries/{delivery}/resend")), &[]).await;
    assert!(told(&stage, &browser, &again).await.contains("still under way"));
    let asked = stage.post(&browser, &at(&format!("/deliveries/{delivery}/resend")), &[("force", "yes")]).await;
    assert!(asked.status == 200 && asked.body.contains("name=\"force\" value=\"sure\""), "{}", asked.body);
}

#[tokio::test]
async fn dead_letters_are_queued_again_by_filter_and_what_is_too_much_goes_on() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let endpoint = an_endpoint();
    stage.store.save_integration(&scope("acme"), &endpoint, None, false, &audit()).await.unwrap();
    let id = &endpoint.id;
    refused_events(&stage, id, "invoice.paid", 1).await;
    for _ in 0..41 {
        refused_events(&stage, id, "order.created", 25).await;
    }
    stage.clock.advance_ms(1_000);
    let at = |rest: &str| format!("/console/endpoints/{id}{rest}");
    let some = stage.get(&browser.session, &at("/dead-letters?type=invoice.*&code=endpoint_refused")).await.body;
    assert!(some.contains("invoice.paid") && !some.contains("order.created"), "{some}");
    let fields = [("type", "invoice.*"), ("code", "endpoint_refused")];
    let posted = stage.post(&browser, &at("/redrive"), &fields).await;
    assert!(told(&stage, &browser, &posted).await.contains("Queued again: 1 event"));
    let none = stage.post(&browser, &at("/redrive"), &fields).await;
    assert!(told(&stage, &browser, &none).await.contains("nothing to be posted again"));
    let wrong = stage.post(&browser, &at("/redrive"), &[("since", "soon")]).await;
    assert!(wrong.status == 422 && wrong.body.contains("must be a time"), "{}", wrong.body);

    let first = stage.post(&browser, &at("/recover"), &[("back", "720")]).await;
    assert!(first.status == 200 && first.body.contains("Queued again: 1,000 events"), "{}", first.body);
    let (_, rest) = first.body.split_once("name=\"go_on\" value=\"").unwrap();
    let go_on = rest.split('"').next().unwrap().replace("&quot;", "\"").replace("&amp;", "&");
    let second = stage.post(&browser, &at("/redrive"), &[("go_on", &go_on)]).await;
    assert!(told(&stage, &browser, &second).await.contains("Queued again: 1,025 events"));
    let empty = stage.get(&browser.session, &at("/dead-letters")).await.body;
    assert!(empty.contains("No dead letter here"), "{empty}");
    let late = stage.post(&browser, &at("/recover"), &[("since", "2025-01-01T00:00")]).await;
    assert!(late.status == 422 && late.body.contains("at most 30 days ago"), "{}", late.body);
}

#[tokio::test]
async fn whoever_only_looks_sees_no_button_and_an_operator_only_those_of_theirs() {
    let stage = Stage::new().await;
    let endpoint = an_endpoint();
    stage.store.save_integration(&scope("acme"), &endpoint, None, false, &audit()).await.unwrap();
    let at = |rest: &str| format!("/console/endpoints/{}{rest}", endpoint.id);
    let (all, operate): (&[_], &[_]) = (&["/edit", "/secret", "/delete"], &["/test", "/pause", "/recover"]);
    for (grants, seed, sees) in [
        ("console:use endpoints:read", 2, &[][..]),
        ("console:use endpoints:read endpoints:operate", 3, operate),
        ("console:use endpoints:*", 4, &[all, operate].concat()),
    ] {
        let (key, _) = stage.key("acme", grants, seed).await;
        let browser = stage.browser(&key).await;
        let page = stage.get(&browser.session, &at("")).await.body;
        for action in [all, operate].concat() {
            let link = format!("{}{action}\"", endpoint.id);
            assert_eq!(page.contains(&link), sees.contains(&action), "{grants} {action}");
            if action != "/pause" {
                let expected = if sees.contains(&action) { 200 } else { 403 };
                assert_eq!(stage.get(&browser.session, &at(action)).await.status, expected, "{grants} {action}");
            }
        }
        let list = stage.get(&browser.session, "/console/endpoints").await.body;
        assert_eq!(list.contains("/endpoints/new\""), grants.contains('*'), "{grants}");
    }
}

#[tokio::test]
async fn an_operator_posts_the_test_event_and_none_of_their_own_making() {
    let stage = Stage::new().await;
    let endpoint = an_endpoint();
    stage.store.save_integration(&scope("acme"), &endpoint, None, false, &audit()).await.unwrap();
    let at = format!("/console/endpoints/{}/test", endpoint.id);
    let (key, _) = stage.key("acme", "console:use endpoints:read endpoints:operate", 3).await;
    let operator = stage.browser(&key).await;
    let page = stage.get(&operator.session, &format!("{at}?type=order.created")).await;
    assert!(page.status == 200 && !page.body.contains("name=\"data\""), "{}", page.body);
    assert!(!page.body.contains("\"order.created\"") && page.body.contains("endpoint.test"), "{}", page.body);
    // They are signed like any other, and a receiver cannot tell them from what happened.
    for own in [("type", "order.created"), ("data", "{\"paid\": true}")] {
        let refused = stage.post(&operator, &at, &[own]).await;
        assert!(refused.status == 403 && refused.body.contains("endpoints:write"), "{own:?}: {}", refused.body);
    }
    assert_ne!(stage.post(&operator, &at, &[]).await.status, 403);
    let admin = admin(&stage).await;
    assert!(stage.get(&admin.session, &at).await.body.contains("name=\"data\""));
    assert_ne!(stage.post(&admin, &at, &[("type", "order.created"), ("data", "{}")]).await.status, 403);
}

#[tokio::test]
async fn types_of_events_are_registered_changed_and_forgotten() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (new, kind) = ("/console/event-types/new-type", "/console/event-types/order.created");
    for (fields, words) in [
        (vec![("type", "Order")], "words of lower case letters"),
        (vec![("type", "order.created"), ("schema", "{")], "This is no JSON"),
        (vec![("type", "order.created"), ("schema", "{\"type\": \"objekt\"}")], "objekt"),
    ] {
        let refused = stage.post(&browser, new, &fields).await;
        assert!(refused.status == 422 && refused.body.contains(words), "{words}: {}", refused.body);
    }
    let fields = [("type", "order.created"), ("description", "Placed."), ("schema", "{\"type\": \"object\"}")];
    assert_eq!(stage.post(&browser, new, &fields).await.location(), "/base/console/event-types");
    let twice = stage.post(&browser, new, &fields).await;
    assert!(twice.status == 422 && twice.body.contains("registered already"), "{}", twice.body);
    let page = stage.get(&browser.session, kind).await.body;
    assert!(page.contains("Placed.") && page.contains("&quot;type&quot;: &quot;object&quot;"), "{page}");
    let changed = [("description", "Placed."), ("deprecated", "on"), ("schema", "")];
    assert_eq!(stage.post(&browser, kind, &changed).await.status, 303);
    let list = stage.look(&browser.session, "/console/event-types", "ar").await.body;
    assert!(list.contains("order.created") && list.contains("متروك") && list.contains("لا شيء"), "{list}");
    assert!(stage.get(&browser.session, &format!("{kind}/delete")).await.body.contains("Forget this type?"));
    stage.post(&browser, &format!("{kind}/delete"), &[]).await;
    assert_eq!(stage.get(&browser.session, kind).await.status, 404);
}
