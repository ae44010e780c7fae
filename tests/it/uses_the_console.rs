//! An admin at the console, in a real browser: `tests/judges/console/walk.mjs` signs in, sets up, looks at every page in both
//! languages and both themes, with and without scripts, and tries what an attacker would. axe-core judges every page.
//!
//! The browser comes as a package of npm; where that does not start, it is the machine's own Chromium, and in any case that of
//! `TRUNKLINE_CHROMIUM` where that is set. Where none starts, the test says so loudly and is skipped.

use crate::{oidc_provider::install, stack::Stack, tenant::Tenant};
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
    tenant.post("/v1/hooks", &json!({"name": "GitHub", "scheme": "github"})).await.expect(201);
    let (console, key, smtp) = (stack.console_url.clone(), tenant.key.clone(), stack.smtp.clone());
    let walked = tokio::task::spawn_blocking(move || {
        let judge = install("console").unwrap_or_else(|error| panic!("{error}"));
        let mut walk = Command::new(&judge.node);
        walk.arg("walk.mjs").current_dir(&judge.folder).stdin(Stdio::null()).stderr(Stdio::inherit());
        walk.env("CONSOLE_URL", console).env("KEY", key).env("SMTP_HOST", smtp.host).env("SMTP_CA", smtp.ca_file);
        walk.env("SMTP_PORT", smtp.port.to_string())
            .env("SMTP_USER", smtp.username)
            .env("SMTP_PASSWORD", smtp.password);
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
