//! The main job: connect the channels, ask whether a campaign may go, send it, see what became of it.

use crate::{
    await_until::await_until,
    bus, inbox,
    scrubbed::{scrubbed, text_scrubbed},
    slack_double,
    stack::Stack,
    tenant::Tenant,
};
use domain::bundle::BundleId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const RECIPIENTS: usize = 60;
const REFUSED: usize = 5;
const DEFERRED: usize = 5;

#[tokio::test]
async fn configures_tests_preflights_sends_and_sees_what_became_of_it() {
    main_job(Stack::shared()).await;
}

/// With the least privilege that the template gives each function.
#[tokio::test]
async fn does_the_same_with_iam_policies_enforced() {
    let (stack, _turn) = Stack::alone().await;
    main_job(stack).await;
}

async fn main_job(stack: &'static Stack) {
    let tenant = Tenant::on(stack).await;
    let email = connects_both_channels(&tenant).await;
    is_told_every_reason_why_it_may_not_go(&tenant, &email).await;
    mends_them(&tenant, &email).await;
    sends_and_reads_the_outcome(&tenant).await;
    posts_to_slack(&tenant).await;
    tells_the_bus_of_each_delivery_once(&tenant).await;
    resends_only_what_failed(&tenant).await;
    assert_eq!(slack_double::strays(stack).await, json!([]));
}

/// E-mail is saved untested, disabled and with a daily limit, so that there is something to mend.
async fn connects_both_channels(tenant: &Tenant) -> String {
    for settings in [tenant.email_settings(), tenant.slack_settings()] {
        let test = tenant.post("/v1/integrations/test", &settings).await.expect(200);
        assert_eq!((&test["status"], &test["badge"]), (&json!("ok"), &json!("green")), "{test}");
    }
    assert_eq!(tenant.get("/v1/integrations").await.expect(200)["items"], json!([]), "a test stores nothing");
    let slack = tenant.slack().await;
    let mut settings = tenant.email_settings();
    settings["enabled"] = false.into();
    settings["limits"] = json!({"per_day": RECIPIENTS - 1});
    let saved = tenant.post("/v1/integrations?test=false", &settings).await.expect(201);
    insta::assert_json_snapshot!("a_saved_integration", scrubbed(tenant, saved.clone()));

    let tested = tenant.post(&format!("/v1/integrations/{slack}/test"), &Value::Null).await.expect(200);
    assert_eq!(tested["status"], "ok", "{tested}");
    saved["id"].as_str().unwrap().to_owned()
}

/// Every check fails at once but `settings`, which fails alone below: without an integration there is nothing to check.
async fn is_told_every_reason_why_it_may_not_go(tenant: &Tenant, email: &str) {
    let mut question = json!({
        "campaign_id": "spring", "channel": "email", "sandbox": true, "integration_id": email,
        "template": {"id": "trunkline.email.invitation"},
        "recipients": (0..RECIPIENTS).map(|n| json!({"user_id": format!("u{n}"), "address": "no address"})).collect::<Vec<_>>(),
    });
    let weak = tenant.with_scopes(&["campaigns:preflight"]).await;
    let answer = weak.post("/v1/preflight", &question).await.expect(200);
    let failing = |answer: &Value| -> BTreeSet<String> {
        let checks = answer["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "fail");
        checks.map(|check| check["check"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["enabled", "health", "capability", "recipients", "quota", "sandbox", "template"];
    assert_eq!(answer["ready"], false);
    assert_eq!(failing(&answer), all.map(str::to_owned).into(), "{answer}");
    insta::assert_json_snapshot!("every_reason_why_a_campaign_may_not_go", scrubbed(tenant, answer));

    question["integration_id"] = "int_01JD0000000000000000000000".into();
    let nothing = tenant.post("/v1/preflight", &question).await.expect(200);
    assert!(failing(&nothing).contains("settings"), "{nothing}");
}

async fn mends_them(tenant: &Tenant, email: &str) {
    let path = format!("/v1/integrations/{email}");
    let more = json!({"limits": {"per_day": 10_000}});
    tenant.call(reqwest::Method::PATCH, &format!("{path}?test=false"), &more).await.expect(200);
    tenant.post(&format!("{path}/enable"), &Value::Null).await.expect(200);
    let tested = tenant.post(&format!("{path}/test"), &Value::Null).await.expect(200);
    assert_eq!(tested["status"], "ok", "{tested}");
    let question = json!({
        "campaign_id": "spring", "channel": "email", "template": {"id": "trunkline.email.invitation"},
        "recipients": recipients(tenant),
    });
    let answer = tenant.post("/v1/preflight", &question).await.expect(200);
    assert_eq!(answer["ready"], true, "{answer}");
}

/// English and Arabic in turn; the first are refused for good, the next for a while.
fn recipients(tenant: &Tenant) -> Vec<Value> {
    let recipient = |number: usize| {
        let local_part = match number {
            n if n < REFUSED => format!("refuse-550-{n}"),
            n if n < REFUSED + DEFERRED => format!("later-451-{n}"),
            n => format!("reader-{n}"),
        };
        let (locale, name) = if number.is_multiple_of(2) { ("en", "Sara") } else { ("ar", "سارة") };
        json!({
            "user_id": format!("user-{number}"), "address": tenant.address(&local_part), "locale": locale,
            "variables": {"name": name, "campaign": "Spring", "link": "https://train.example/t?u=1&x=2"},
        })
    };
    (0..RECIPIENTS).map(recipient).collect()
}

async fn sends_and_reads_the_outcome(tenant: &Tenant) {
    let request = json!({
        "channel": "email", "template": {"id": "trunkline.email.invitation"}, "recipients": recipients(tenant),
    });
    let accepted = tenant.post("/v1/campaigns/spring/deliveries", &request).await.expect(202);
    assert_eq!(accepted["accepted"], RECIPIENTS);
    let totals = tenant.settled("spring").await;
    let expected = json!({"total": RECIPIENTS, "settled": true, "sent": RECIPIENTS - REFUSED, "failed": REFUSED});
    assert_eq!(totals, without_false(expected));

    let deliveries = tenant.deliveries("spring").await;
    assert_eq!(deliveries.len(), RECIPIENTS);
    let mail = tenant.mail();
    assert_eq!(mail.len(), RECIPIENTS - REFUSED, "each that was sent was sent once");
    for delivery in deliveries.iter().filter(|delivery| delivery["status"] == "sent") {
        let received = mail.iter().find(|mail| delivery["address"] == *mail.to).expect("what was sent was received");
        assert_eq!(delivery["provider_message_id"], *received.queue_id);
        assert_eq!(received.message_id, format!("<{}@acme.example>", delivery["id"].as_str().unwrap()));
        assert!(received.source.contains(&received.message_id));
    }
    let arabic = mail.iter().find(|mail| mail.to == tenant.address("reader-11")).unwrap();
    assert_eq!(arabic.subject, "سارة، تدريبك \"Spring\" جاهز");
    assert!(arabic.source.is_ascii(), "what is not ASCII is encoded on the way");
    let english = mail.iter().find(|mail| mail.to == tenant.address("reader-10")).unwrap();
    assert_eq!(english.subject, "Sara, your training \"Spring\" is ready");

    let of =
        |user: &str| deliveries.iter().find(|it| it["user_id"] == *user).unwrap()["id"].as_str().unwrap().to_owned();
    let refused = tenant.delivery("spring", &of("user-0")).await;
    insta::assert_json_snapshot!("a_delivery_refused_for_good", scrubbed(tenant, refused));
    let deferred = tenant.delivery("spring", &of("user-5")).await;
    insta::assert_json_snapshot!("a_delivery_taken_at_the_second_attempt", scrubbed(tenant, deferred));

    let errors = tenant.get("/v1/campaigns/spring/errors.csv").await;
    assert_eq!(errors.status, 200);
    assert!(errors.header("content-type").unwrap().starts_with("text/csv"));
    assert!(errors.text.starts_with('\u{feff}'), "without a byte order mark Excel would not show the Arabic");
    assert_eq!(errors.text.trim().lines().count(), 1 + REFUSED);
    let first_two: Vec<&str> = errors.text.lines().take(2).collect();
    insta::assert_snapshot!("the_error_log", without_times(&text_scrubbed(tenant, &first_two.join("\n"))));
}

/// One of its channels fails, the others go on.
async fn posts_to_slack(tenant: &Tenant) {
    let recipients = ["NEWS", "NOTFOUND", "RATE1", "FLAKY"].map(|behaviour| {
        json!({
            "user_id": behaviour, "address": tenant.channel(behaviour), "locale": "ar",
            "variables": {"name": "سارة", "campaign": "Spring", "link": "https://train.example/t"},
        })
    });
    let request =
        json!({"channel": "slack", "template": {"id": "trunkline.slack.invitation"}, "recipients": recipients});
    tenant.post("/v1/campaigns/spring-slack/deliveries", &request).await.expect(202);
    let totals = tenant.settled("spring-slack").await;
    assert_eq!(totals, json!({"total": 4, "settled": true, "sent": 3, "failed": 1}));
    let failed = tenant.get("/v1/campaigns/spring-slack/deliveries?status=failed").await.expect(200);
    insta::assert_json_snapshot!("a_channel_that_slack_does_not_know", scrubbed(tenant, failed));
    let posts = slack_double::posts(tenant.stack, &tenant.channel("NEWS")).await;
    insta::assert_json_snapshot!("a_slack_message_with_its_link", scrubbed(tenant, posts[0].clone()));
    assert_eq!(slack_double::calls(tenant.stack, &tenant.channel("RATE1")).await, (2, 1));
}

async fn tells_the_bus_of_each_delivery_once(tenant: &Tenant) {
    let ids = |deliveries: &[Value], status: &[&str]| -> Vec<String> {
        let with =
            deliveries.iter().filter(|it| status.is_empty() || status.iter().any(|status| it["status"] == *status));
        let mut ids: Vec<String> = with.map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut all = tenant.deliveries("spring").await;
    all.extend(tenant.deliveries("spring-slack").await);
    for (name, status) in
        [("delivery.enqueued", &[][..]), ("delivery.sent", &["sent"]), ("delivery.failed", &["failed", "dead"])]
    {
        let expected = ids(&all, status);
        await_until(&format!("{name} tells of {} deliveries", expected.len()), async || {
            let told = bus::deliveries(tenant, name);
            if told.len() >= expected.len() { Ok(()) } else { Err(told.len()) }
        })
        .await;
        assert_eq!(bus::deliveries(tenant, name), expected, "{name} tells of each delivery, and of each once");
    }
    let changes = await_until("each change of settings is told", async || {
        let changes = bus::events_named(tenant, "integration.config_updated");
        if changes.len() >= 4 { Ok(changes) } else { Err(changes.len()) }
    })
    .await;
    let kinds: Vec<_> = changes.iter().map(|event| event["detail"]["change"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["created", "created", "updated", "enabled"]);
    assert!(bus::events_named(tenant, "integration.health_changed").len() >= 2, "both were tested");

    let events = bus::events(tenant);
    let ids: BTreeSet<_> = events.iter().map(|event| event["detail"]["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "each event has its own id");
    for event in &events {
        assert_eq!(event["source"], "trunkline");
    }
    let failed = bus::events_named(tenant, "delivery.failed");
    let of_slack = failed.into_iter().find(|event| event["detail"]["channel"] == "slack");
    let mut event = of_slack.expect("the channel that failed was told of");
    let delivery = event["detail"]["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    let bundle = BundleId::origin_of(&delivery);
    // It grows out of the change itself, so that whoever sees it twice can tell.
    assert_eq!(event["detail"]["event_id"], format!("spring-slack:{bundle}:delivery.failed:0"));
    event["id"] = "[id]".into();
    insta::assert_json_snapshot!("an_event_of_a_failed_delivery", scrubbed(tenant, event));
}

async fn resends_only_what_failed(tenant: &Tenant) {
    let sent = tenant.mail().len();
    let refused = inbox::refused(tenant.stack, &tenant.domain()).len();
    assert_eq!(refused, REFUSED + DEFERRED);
    let answer = tenant.post("/v1/campaigns/spring/resend", &json!({})).await.expect(202);
    assert_eq!(answer["resent"], REFUSED);
    await_until("what failed is tried once more", async || {
        let now = inbox::refused(tenant.stack, &tenant.domain()).len();
        if now == refused + REFUSED { Ok(()) } else { Err(now) }
    })
    .await;
    let totals = tenant.settled("spring").await;
    assert_eq!((&totals["sent"], &totals["failed"]), (&json!(RECIPIENTS - REFUSED), &json!(REFUSED)));
    assert_eq!(tenant.mail().len(), sent, "what was sent is not sent again");
}

fn without_false(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| *field != false);
    }
    value
}

/// The last column holds a time, below its name.
fn without_times(rows: &str) -> String {
    let cut = |row: &str| row.rsplit_once(',').map_or(row.to_owned(), |(row, _)| format!("{row},[at]"));
    let times = rows.lines().enumerate().map(|(number, row)| if number == 0 { row.to_owned() } else { cut(row) });
    times.collect::<Vec<_>>().join("\n")
}
