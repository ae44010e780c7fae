//! Automation rules: what happens sets off what a tenant wants to follow, once, and nothing goes in circles.
//!
//! Rules are made before anything happens: a function that looked for a tenant's rules trusts what it found for a while.

use crate::{
    await_until::await_until, bus, endpoint::Endpoint, receives_webhooks::a_hook_and_its_event, slack_double,
    tenant::Tenant,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Makes a rule; its path.
async fn rule(tenant: &Tenant, rule: Value) -> String {
    let made = tenant.post("/v1/rules", &rule).await.expect(201);
    format!("/v1/rules/{}", made["id"].as_str().unwrap())
}

/// Waits until the rule has run so often and every run is over; the runs.
async fn runs(tenant: &Tenant, path: &str, count: usize) -> Vec<Value> {
    await_until(&format!("{count} runs of {path}"), async || {
        let runs = tenant.get(&format!("{path}/runs")).await.expect(200)["items"].as_array().unwrap().clone();
        let over = runs.iter().filter(|run| run["state"] != "running").count();
        if runs.len() == count && over == count { Ok(runs) } else { Err(json!(runs)) }
    })
    .await
}

#[tokio::test]
async fn a_webhook_becomes_a_message_in_slack_and_an_event_for_an_endpoint() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    let channel = tenant.channel("ALERTS");
    let path = rule(
        &tenant,
        json!({
            "name": "Tell the team", "events": ["webhook.received"],
            "filter": {"conditions": [{"field": "body.type", "op": "eq", "value": "thing.done"}]},
            "actions": [
                {
                    "do": "send", "channel": "slack", "to": [channel],
                    "message": {"text": "*{{ detail.event }}*: {{ detail.body.text }} {{ detail.body.n }}"},
                },
                {"do": "call_endpoint", "endpoint_id": endpoint.id},
            ],
        }),
    )
    .await;
    tenant.slack().await;
    let (hook, event) = a_hook_and_its_event(&tenant).await;

    let posts = await_until("the message is in Slack", async || {
        let posts = slack_double::posts(tenant.stack, &channel).await;
        if posts.is_empty() { Err("nothing") } else { Ok(posts) }
    })
    .await;
    assert!(posts[0].to_string().contains("*push*: حدث 1"), "{posts:?}");
    let run = runs(&tenant, &path, 1).await.remove(0);
    assert_eq!((&run["state"], &run["event_id"], &run["depth"]), (&json!("done"), &json!(event), &json!(1)), "{run}");
    let posted = endpoint.taken(1).await.remove(0);
    assert_eq!(posted.body["type"], "webhook.received");
    let data = &posted.body["data"];
    assert_eq!(
        (&data["event_id"], &data["run_id"], &data["detail"]["body"]["n"]),
        (&json!(event), &run["id"], &json!(1))
    );
    let rule = path.rsplit('/').next().unwrap();
    tenant.await_totals(&format!("rule-{rule}"), json!({"sent": 1, "settled": true})).await;
    let delivery = run["results"][0]["made"][0].as_str().unwrap();
    assert_eq!(tenant.delivery(&format!("rule-{rule}"), delivery).await["status"], "sent");

    // The bus tells of an event at least once.
    let told = bus::events_named(&tenant, "webhook.received").remove(0);
    let again = tenant.aws.invoke("automate", &told).await;
    assert_eq!(again.answer, json!({"ran": 0, "before": 1, "stopped": 0}), "{again:?}");
    // A replay is wanted, and what comes back with our own id is not.
    tenant.post(&format!("/v1/hooks/{hook}/events/{event}/replay"), &json!({})).await.expect(202);
    runs(&tenant, &path, 2).await;
    let mut echo = told.clone();
    echo["detail"]["event_id"] = json!("evt_01JD0000000000000000000000");
    echo["detail"]["provider_id"] = run["results"][1]["made"][0].clone();
    let stopped = tenant.aws.invoke("automate", &echo).await;
    assert_eq!(stopped.answer, json!({"ran": 0, "before": 0, "stopped": 1}), "{stopped:?}");
    assert_eq!(slack_double::calls(tenant.stack, &channel).await.0, 2);

    // What would come of it is told without any of it.
    let tried = tenant.post(&format!("{path}/dry-run"), &json!({"event": {"name": "webhook.received", "detail": {"event": "push", "body": {"type": "thing.done", "text": "<b>", "n": 2}}}})).await.expect(200);
    assert_eq!(
        (&tried["would_run"], &tried["actions"][0]["message"]["text"]),
        (&json!(true), &json!("*push*: &lt;b&gt; 2")),
        "{tried}"
    );
    assert_eq!(slack_double::calls(tenant.stack, &channel).await.0, 2);
}

#[tokio::test]
async fn a_rule_on_failed_deliveries_does_not_follow_its_own() {
    let tenant = Tenant::new().await;
    let (wanted, own) = (tenant.channel("NOTFOUND"), tenant.channel("NOTFOUNDOWN"));
    let path = rule(
        &tenant,
        json!({
            "name": "Tell what failed", "events": ["delivery.failed"],
            "actions": [{
                "do": "send", "channel": "slack", "to": [own],
                "message": {"text": "{{ detail.campaign_id }}: {{ detail.deliveries[0].code }}"},
            }],
        }),
    )
    .await;
    tenant.slack().await;
    tenant.send("spring", "slack", &[wanted]).await;
    let run = runs(&tenant, &path, 1).await.remove(0);
    assert_eq!(run["state"], "done", "{run}");
    let hour = await_until("its own message failed, and was recognised", async || {
        let hour = tenant.get(&path).await.expect(200)["this_hour"].clone();
        if hour["loops"] == 0 { Err(hour) } else { Ok(hour) }
    })
    .await;
    assert_eq!(hour, json!({"runs": 1, "over_limit": 0, "loops": 1}));
    assert_eq!(slack_double::calls(tenant.stack, &own).await, (1, 0));
    assert_eq!(bus::events_named(&tenant, "delivery.failed").len(), 2, "the campaign's and the rule's");
    runs(&tenant, &path, 1).await;
}

#[tokio::test]
async fn an_integration_that_breaks_becomes_a_mail() {
    let tenant = Tenant::new().await;
    let path = rule(
        &tenant,
        json!({
            "name": "Tell the admin", "events": ["integration.health_changed"],
            "filter": {"conditions": [{"field": "status", "op": "eq", "value": "fail"}]},
            "actions": [{
                "do": "send", "channel": "email", "to": [tenant.address("admin")],
                "message": {"subject": "{{ detail.name }} is {{ detail.badge }}", "text": "{{ detail.code }}: {{ detail.detail }}"},
            }],
        }),
    )
    .await;
    tenant.email().await;
    let slack = format!("/v1/integrations/{}", tenant.slack().await);
    let revoked = json!({"secrets": {"bot_token": "xoxb-revoked-1"}});
    tenant.call(Method::PATCH, &format!("{slack}?test=false"), &revoked).await.expect(200);
    tenant.post(&format!("{slack}/test"), &json!({})).await.expect(200);
    let mail = await_until("the mail is there", async || tenant.mail().pop().ok_or("nothing")).await;
    assert_eq!((mail.to, mail.subject.as_str()), (tenant.address("admin"), "Company Slack is red"));
    assert!(mail.source.contains("slack_login_refused"), "{}", mail.source);
    let run = runs(&tenant, &path, 1).await.remove(0);
    assert_eq!((&run["state"], &run["event"]), (&json!("done"), &json!("integration.health_changed")), "{run}");
}
