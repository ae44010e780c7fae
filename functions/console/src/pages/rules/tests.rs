//! Rules at the console: written row by row, tried, saved, switched, deleted, and what they did.

use crate::stage::{Browser, Seen, Stage, audit, scope};
use domain::{
    channel::Provider,
    ids::RuleId,
    rule::{ActionResult, Ended, Rule, Run, Trigger},
};
use runtime::testing::{START, integration};
use store::{Integrations, Rules};

async fn scene(grants: &str) -> (Stage, Browser) {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", grants, 1).await;
    let browser = stage.browser(&key).await;
    (stage, browser)
}

/// A rule about slow orders, as its form holds it.
const FIELDS: [(&str, &str); 12] = [
    ("name", "Large orders"),
    ("enabled", "on"),
    ("events", "webhook.received"),
    ("match", "all"),
    ("filter.conditions[0].field", "body.order.total"),
    ("filter.conditions[0].op", "gte"),
    ("filter.conditions[0].value", "1000"),
    ("actions[0].do", "send"),
    ("actions[0].via", "email"),
    ("actions[0].to", "team@example.com"),
    ("actions[0].message.text", "An order of {{ detail.body.order.total }}"),
    ("max_per_hour", "7"),
];

async fn sent(stage: &Stage, browser: &Browser, path: &str, button: &str, more: &[(&str, &str)]) -> Seen {
    let fields: Vec<_> = FIELDS.into_iter().chain(more.iter().copied()).chain([("do", button)]).collect();
    stage.post(browser, path, &fields).await
}

/// Saves the rule; where its page is.
async fn saved(stage: &Stage, browser: &Browser) -> String {
    let made = sent(stage, browser, "/console/rules/new", "save", &[]).await;
    assert_eq!(made.status, 303, "{}", made.body);
    made.location().strip_prefix("/base").unwrap().to_owned()
}

async fn the_rule(stage: &Stage) -> Rule {
    stage.store.rules(&scope("acme")).await.unwrap().remove(0)
}

#[tokio::test]
async fn whoever_has_no_rule_is_told_what_one_is_for() {
    let (stage, browser) = scene("*").await;
    let seen = stage.look(&browser.session, "/console/rules", "ar").await;
    assert!(seen.status == 200 && seen.body.contains("لا شيء يُنجز تلقائيًا بعد"), "{}", seen.body);
    assert!(seen.body.contains("href=\"/base/console/rules/new\""));
}

#[tokio::test]
async fn a_rule_is_written_row_by_row_without_a_script() {
    let (stage, browser) = scene("*").await;
    let form = stage.get(&browser.session, "/console/rules/new").await;
    assert!(form.body.contains("value=\"add-condition\"") && form.body.contains("actions[0].message.text"));
    for trigger in Trigger::ALL {
        assert!(form.body.contains(&format!("value=\"{trigger}\"")), "{trigger}");
    }
    assert!(form.body.contains("/console/rules/new#condition-0\""), "the browser goes to the row that it asks for");
    let more = sent(&stage, &browser, "/console/rules/new", "add-condition", &[]).await;
    assert_eq!(more.status, 200);
    assert!(more.body.contains("id=\"condition-1\"") && more.body.contains("tabindex=\"-1\""));
    assert!(more.body.contains("name=\"filter.conditions[1].field\"") && more.body.contains("value=\"Large orders\""));
    let more = sent(&stage, &browser, "/console/rules/new", "add-call_endpoint", &[]).await;
    assert!(more.body.contains("name=\"actions[1].endpoint_id\""));
    let less = sent(&stage, &browser, "/console/rules/new", "remove-condition-0", &[]).await;
    assert!(!less.body.contains("filter.conditions[0]") && less.body.contains("team@example.com"));
    assert!(stage.store.rules(&scope("acme")).await.unwrap().is_empty(), "no row saves anything");
}

#[tokio::test]
async fn what_was_written_is_saved_and_shown_in_words() {
    let (stage, browser) = scene("*").await;
    let path = saved(&stage, &browser).await;
    let rule = the_rule(&stage).await;
    assert_eq!((rule.name.as_str(), rule.max_per_hour, rule.enabled), ("Large orders", 7, true));
    let page = stage.get(&browser.session, &path).await.body;
    for words in ["A webhook comes in", "body.order.total", "is at least", "1000", "team@example.com"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let list = stage.look(&browser.session, "/console/rules", "ar").await.body;
    assert!(list.contains("Large orders") && list.contains("يصل ويب هوك") && list.contains("0 / 7"), "{list}");
    let form = stage.get(&browser.session, &format!("{path}/edit")).await.body;
    assert!(form.contains("value=\"1000\"") && form.contains("selected>is at least"), "{form}");
    let changed = sent(&stage, &browser, &format!("{path}/edit"), "save", &[("events", "delivery.failed")]).await;
    assert_eq!(changed.status, 303);
    assert_eq!(the_rule(&stage).await.events, [Trigger::WebhookReceived, Trigger::DeliveryFailed]);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let (stage, browser) = scene("*").await;
    let fields = [
        ("name", ""),
        ("filter.conditions[0].field", "a..b"),
        ("filter.conditions[0].op", "gt"),
        ("filter.conditions[0].value", "many"),
        ("actions[0].do", "send"),
        ("actions[0].via", "email"),
        ("actions[0].to", ""),
        ("actions[0].message.text", "{{ nobody }}"),
        ("max_per_hour", "none"),
        ("do", "save"),
    ];
    let refused = stage.post(&browser, "/console/rules/new", &fields).await;
    assert_eq!(refused.status, 422);
    for id in [
        "name",
        "max_per_hour",
        "filter-conditions-0--field",
        "filter-conditions-0--value",
        "actions-0--to",
        "actions-0--message-text",
    ] {
        assert!(refused.body.contains(&format!("id=\"{id}-error\"")), "{id}: {}", refused.body);
    }
    assert!(refused.body.contains("value=\"many\""), "what was entered is kept");
    assert!(refused.body.contains("name at least one event"));
}

#[tokio::test]
async fn a_try_says_whether_it_would_run_and_what_would_come_of_it() {
    let (stage, browser) = scene("*").await;
    let tried = sent(&stage, &browser, "/console/rules/new", "try", &[]).await;
    assert_eq!(tried.status, 200, "{}", tried.body);
    assert!(tried.body.contains("It would run") && tried.body.contains("An order of 2500"), "{}", tried.body);
    assert!(tried.body.contains("Cannot be done") && tried.body.contains("What to do:"), "nothing sends e-mail here");
    let small = [("event", "{\"body\": {\"order\": {\"total\": 5}}}")];
    let tried = sent(&stage, &browser, "/console/rules/new", "try", &small).await;
    assert!(tried.body.contains("It would not run") && tried.body.contains("The conditions do not hold"));
    let broken = sent(&stage, &browser, "/console/rules/new", "try", &[("event", "{")]).await;
    assert!(broken.status == 422 && broken.body.contains("no JSON object"));

    let path = saved(&stage, &browser).await;
    let page = stage.get(&browser.session, &format!("{path}/try?event=delivery.failed")).await.body;
    assert!(page.contains("recipient_rejected"), "{page}");
    let fields = [("name", "webhook.received"), ("detail", "{\"body\": {\"order\": {\"total\": 1000}}}")];
    let tried = stage.post(&browser, &format!("{path}/try"), &fields).await;
    assert!(tried.body.contains("An order of 1000"), "{}", tried.body);
    let fields = [("name", "delivery.failed"), ("detail", "{}")];
    let tried = stage.post(&browser, &format!("{path}/try"), &fields).await;
    assert!(tried.body.contains("does not wait for this event"), "{}", tried.body);
    assert!(stage.store.runs(&scope("acme"), &the_rule(&stage).await.id, None, 9).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn it_is_switched_and_deleted_after_a_question() {
    let (stage, browser) = scene("*").await;
    let path = saved(&stage, &browser).await;
    stage.post(&browser, &format!("{path}/disable"), &[]).await;
    assert!(!the_rule(&stage).await.enabled);
    stage.post(&browser, &format!("{path}/enable"), &[]).await;
    assert!(the_rule(&stage).await.enabled);
    let asked = stage.get(&browser.session, &format!("{path}/delete")).await;
    assert!(asked.body.contains("Delete rule") && !stage.store.rules(&scope("acme")).await.unwrap().is_empty());
    let deleted = stage.post(&browser, &format!("{path}/delete"), &[]).await;
    assert_eq!(deleted.location(), "/base/console/rules");
    assert!(stage.store.rules(&scope("acme")).await.unwrap().is_empty());
}

fn run(rule: &RuleId, event: &str) -> Run {
    Run {
        id: domain::ids::RunId::of(scope("acme").tenant(), rule, START, event),
        rule: rule.clone(),
        rule_rev: 1,
        event: Trigger::WebhookReceived,
        event_id: event.to_owned(),
        event_at: START,
        started_at: START,
        finished_at: None,
        depth: 1,
        caused_by: vec![],
        results: vec![],
    }
}

#[tokio::test]
async fn what_it_did_is_told_with_its_reasons() {
    let (stage, browser) = scene("*").await;
    let path = saved(&stage, &browser).await;
    let rule = the_rule(&stage).await;
    let mut failed = run(&rule.id, "event-1");
    stage.store.begin_run(&scope("acme"), &failed, 7).await.unwrap();
    failed.finished_at = Some(START);
    failed.results = vec![ActionResult {
        action: "send".into(),
        ended: Ended::Failed,
        code: "template_invalid".into(),
        detail: "undefined value".into(),
        made: vec![],
    }];
    stage.store.finish_run(&scope("acme"), &failed).await.unwrap();
    let page = stage.get(&browser.session, &path).await.body;
    for words in ["event-1", "Failed", "The message could not be written.", "undefined value", "of at most 7 runs"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let arabic = stage.look(&browser.session, &path, "ar").await.body;
    assert!(arabic.contains("تعذّرت كتابة الرسالة."), "{arabic}");
    let list = stage.get(&browser.session, "/console/rules").await.body;
    assert!(list.contains("1 / 7") && list.contains("Failed"), "{list}");
}

#[tokio::test]
async fn whoever_only_looks_gets_no_button_and_a_maker_gives_no_more_than_they_have() {
    let (stage, browser) = scene("*").await;
    let path = saved(&stage, &browser).await;
    let (key, _) = stage.key("acme", "console:use rules:read", 20).await;
    let reader = stage.browser(&key).await;
    let page = stage.get(&reader.session, &path).await;
    assert_eq!(page.status, 200);
    for button in ["/edit", "/try", "/disable", "/delete"] {
        assert!(!page.body.contains(&format!("{path}{button}")), "{button}");
    }
    assert!(!stage.get(&reader.session, "/console/rules").await.body.contains("/rules/new"));
    let (key, _) = stage.key("acme", "console:use rules:* integrations:*", 40).await;
    let maker = stage.browser(&key).await;
    let form = stage.get(&maker.session, "/console/rules/new").await.body;
    assert!(form.contains("add-test") && !form.contains("add-send"), "{form}");
    let refused = sent(&stage, &maker, "/console/rules/new", "save", &[]).await;
    assert!(refused.status == 403 && refused.body.contains("campaigns:send"), "{}", refused.body);
}

#[tokio::test]
async fn it_names_the_integration_that_it_sends_through_and_that_one_names_it() {
    let (stage, browser) = scene("*").await;
    let mail = integration(Provider::Smtp);
    stage.store.save_integration(&scope("acme"), &mail, None, false, &audit()).await.unwrap();
    let via = format!("email {}", mail.id);
    let fields: Vec<_> = FIELDS
        .iter()
        .map(|(name, value)| (*name, if *name == "actions[0].via" { via.as_str() } else { *value }))
        .collect();
    let fields: Vec<_> = fields.into_iter().chain([("do", "save")]).collect();
    let made = stage.post(&browser, "/console/rules/new", &fields).await;
    let path = made.location().strip_prefix("/base").unwrap().to_owned();
    let page = stage.get(&browser.session, &path).await.body;
    assert!(page.contains(&format!("/console/integrations/{}\"><bdi>{}", mail.id, mail.name)), "{page}");
    let used = stage.get(&browser.session, &format!("/console/integrations/{}", mail.id)).await.body;
    assert!(used.contains("Rules that use it") && used.contains("Large orders"), "{used}");
}

#[tokio::test]
async fn another_tenants_rules_are_unknown() {
    let (stage, browser) = scene("*").await;
    let path = saved(&stage, &browser).await;
    let (key, _) = stage.key("other", "*", 9).await;
    let stranger = stage.browser(&key).await;
    for page in ["", "/edit", "/try", "/delete"] {
        assert_eq!(stage.get(&stranger.session, &format!("{path}{page}")).await.status, 404, "{page}");
    }
    for form in ["/edit", "/try", "/disable", "/delete"] {
        let seen = sent(&stage, &stranger, &format!("{path}{form}"), "save", &[]).await;
        assert!(seen.status == 404 || seen.status == 303, "{form}: {}", seen.status);
    }
    assert!(the_rule(&stage).await.enabled);
}
