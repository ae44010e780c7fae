//! An admin at the console, in a real browser: `tests/judges/console/walk.mjs` signs in, sets up, looks at every page in both
//! languages and both themes, with and without scripts, and tries what an attacker would. axe-core judges every page.
//!
//! The browser comes as a package of npm; where that does not start, it is the machine's own Chromium, and in any case that of
//! `TRUNKLINE_CHROMIUM` where that is set. Where none starts, the test says so loudly and is skipped.

use crate::{
    await_until::await_until,
    endpoint::{Endpoint, always, post_event, status},
    oidc_provider::{OidcProvider, install},
    stack::Stack,
    tenant::{Tenant, message},
};
use domain::digest::hex;
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use std::{
    env,
    process::{Command, Stdio},
};

/// What the walk says when it has come to its end.
const END: &str = "signed_out";

#[tokio::test]
async fn every_job_is_done_in_a_browser_and_every_page_is_for_everyone() {
    let stack = Stack::shared();
    let tenant = Tenant::on(stack).await;
    let broken = json!({
        "provider": "slack", "name": "Team Slack", "config": {"mode": "bot_token"},
        "secrets": {"bot_token": "xoxb-bad-console"},
    });
    tenant.post("/v1/integrations?test=false", &broken).await.expect(201);
    make_traffic(&tenant).await;
    let company = OidcProvider::start(stack.folder(), &format!("{}/v1/sign-in/callback", stack.api_url)).await;
    let sign_in = tenant.create(&company.settings()).await;
    company.register(&format!("{}/signed-in/{sign_in}", stack.console_url)).await;
    let organisation = tenant.id.clone();
    let (console, key, smtp) = (stack.console_url.clone(), tenant.key.clone(), stack.smtp.clone());
    let receivers = stack.webhook.as_ref().map(|double| double.url.clone()).unwrap_or_default();
    let walked = tokio::task::spawn_blocking(move || {
        let judge = install("console").unwrap_or_else(|error| panic!("{error}"));
        let mut walk = Command::new(&judge.node);
        walk.arg("walk.mjs").current_dir(&judge.folder).stdin(Stdio::null()).stderr(Stdio::inherit());
        walk.env("CONSOLE_URL", console).env("KEY", key).env("SMTP_HOST", smtp.host).env("SMTP_CA", smtp.ca_file);
        walk.env("SMTP_PORT", smtp.port.to_string())
            .env("SMTP_USER", smtp.username)
            .env("SMTP_PASSWORD", smtp.password);
        walk.env("RECEIVERS", receivers);
        walk.env("TENANT", organisation).env("SIGN_IN", sign_in);
        walk.env("CHROMIUM", env::var_os("TRUNKLINE_CHROMIUM").unwrap_or_default());
        walk.output().expect("Node runs")
    });
    let walked = walked.await.unwrap();
    let said = String::from_utf8_lossy(&walked.stdout).into_owned();
    let facts: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let has_browser = facts.iter().any(|fact| fact.get("browser").is_some());
    if !has_browser && env::var_os("TRUNKLINE_CHROMIUM").is_none() {
        eprintln!("\nSKIPPED: no browser starts here, so nobody looked at the console.");
        eprintln!("Install Chromium (`apt install chromium`), or name one in TRUNKLINE_CHROMIUM.\n");
        return;
    }
    assert!(walked.status.success(), "{said}");
    assert!(facts.last().is_some_and(|fact| fact.get(END).is_some()), "{said}");
}

/// Something of everything, so that charts, lists and the log have something to show: a campaign with what was sent and what
/// failed, an endpoint that takes one event and one that takes none, a hook that took a call and turned one away.
async fn make_traffic(tenant: &Tenant) {
    let email = tenant.email().await;
    let readers = ["ann", "ben", "refuse-550.eve", "later-451.kim"].map(|local_part| tenant.address(local_part));
    let mut campaign = message("email", &readers);
    campaign["integration_id"] = email.into();
    tenant.post("/v1/campaigns/spring-2026/deliveries", &campaign).await.expect(202);
    let slack = tenant.slack().await;
    tenant.send_through("spring-2026", "slack", Some(&slack), &[tenant.channel("")]).await;

    let taking = Endpoint::with(tenant, json!({"name": "Orders"}), always(status(204))).await;
    let refuses = json!({"name": "Warehouse", "retry_policy": "manual"});
    let refusing = Endpoint::with(tenant, refuses, always(status(500))).await;
    post_event(tenant, "order.created", json!({"number": 7})).await;
    taking.taken(1).await;

    let secret = "a secret that both sides know";
    let hook = json!({"name": "GitHub", "scheme": "github", "secret": secret});
    let hook = tenant.post("/v1/hooks", &hook).await.expect(201);
    for (secret, status) in [(secret, 200), ("another", 401)] {
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), b"{}");
        let call = tenant.request(Method::POST, &format!("/v1/hooks/{}/in", hook["id"].as_str().unwrap()));
        let call = call.header("x-github-event", "push").header("content-type", "application/json");
        let call = call.header("x-hub-signature-256", format!("sha256={}", hex(signature.as_ref())));
        assert_eq!(tenant.ask(call.body("{}")).await.status, status);
    }

    tenant.await_totals("spring-2026", json!({"failed": 1})).await;
    await_until("a dead letter", async || {
        let dead = tenant.get(&refusing.path("/dead-letters")).await.expect(200);
        if dead["items"].as_array().is_some_and(|items| items.len() == 1) { Ok(()) } else { Err(dead) }
    })
    .await;
    await_until("everything is in the log", async || {
        let log = tenant.get("/v1/logs?limit=200").await.expect(200);
        let has = |event: &str| log["items"].as_array().unwrap().iter().any(|it| it["event"] == event);
        let wanted = ["delivery.sent", "delivery.failed", "webhook.delivered", "webhook.failed", "webhook.rejected"];
        if wanted.into_iter().all(has) { Ok(()) } else { Err(log) }
    })
    .await;
}
