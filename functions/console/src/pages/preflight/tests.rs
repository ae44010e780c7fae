//! Preflight as people ask it.

use crate::stage::{Browser, Stage, audit, scope};
use domain::{
    channel::Provider,
    health::TestReport,
    integration::Integration,
    suppression::{Suppression, SuppressionReason},
    time::HOUR_MS,
};
use runtime::testing::{START, integration};
use store::{Integrations, Suppressions};

const FIELDS: [(&str, &str); 4] = [
    ("campaign_id", "spring"),
    ("channel", "email"),
    ("recipients", "u1, sara@example.com, ar\r\n\r\nu2, bo@example.com, , name=Bo"),
    ("message.text", "Hello"),
];

async fn scene() -> (Stage, Browser) {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    (stage, browser)
}

async fn mail(stage: &Stage) -> Integration {
    let mut integration = integration(Provider::Smtp);
    integration.last_test = Some(TestReport::passed("", 5, START));
    stage.store.save_integration(&scope("acme"), &integration, None, false, &audit()).await.unwrap();
    integration
}

/// The row of one check.
fn row<'a>(page: &'a str, check: &str) -> &'a str {
    let start = page.find(&format!("data-check=\"{check}\"")).unwrap_or_else(|| panic!("{check}: {page}"));
    page[start..].split("</tr>").next().unwrap()
}

#[tokio::test]
async fn every_check_is_told_with_reason_fix_and_where_to_go_in_the_pages_language() {
    let (stage, browser) = scene().await;
    let seen = stage.post(&browser, "/console/preflight", &FIELDS).await;
    assert_eq!(seen.status, 200);
    assert!(seen.body.contains("It may not go yet."), "{}", seen.body);
    let missing = row(&seen.body, "settings");
    assert!(missing.contains("badge bad") && missing.contains("No integration is configured"), "{missing}");
    assert!(missing.contains("What to do:") && missing.contains("/console/integrations/new\""), "{missing}");
    assert!(row(&seen.body, "template").contains("All can be made."));
    assert_eq!(seen.body.matches("data-check=").count(), 9, "every check, passed or not");
    assert!(
        seen.body.contains("u1, sara@example.com, ar\n") || seen.body.contains("u1, sara@example.com, ar\r\n"),
        "kept"
    );
    assert!(seen.body.contains("value=\"spring\"") && seen.body.contains("Hello</textarea>"), "{}", seen.body);
}

#[tokio::test]
async fn what_may_go_says_on_how_old_a_test_it_rests_and_whom_it_skips() {
    let (stage, browser) = scene().await;
    let mail = mail(&stage).await;
    let entry = Suppression {
        address: "bo@example.com".to_owned(),
        reason: SuppressionReason::Complained,
        at: START,
        detail: String::new(),
        campaign: None,
        delivery: None,
        integration: None,
    };
    stage.store.suppress(&scope("acme"), &[entry]).await.unwrap();
    stage.clock.advance_ms(HOUR_MS / 10);
    let seen = stage.post(&browser, "/console/preflight", &FIELDS).await;
    assert!(seen.body.contains("It may go."), "{}", seen.body);
    assert!(row(&seen.body, "health").contains("Tested 6 minutes ago"), "{}", row(&seen.body, "health"));
    let skipped = row(&seen.body, "suppression");
    assert!(skipped.contains("badge warn") && skipped.contains("bo@example.com"), "{skipped}");
    assert!(skipped.contains("/console/suppressions\""), "{skipped}");
    assert!(seen.body.contains(&format!("value=\"{}\"", mail.id)), "the integration can be chosen");
}

#[tokio::test]
async fn a_line_that_is_none_is_named_and_everything_is_kept() {
    let (stage, browser) = scene().await;
    for (recipients, told) in [
        ("u1, a@example.com\r\nu2", "line 2"),
        ("u1, a@example.com, ar, loud", "line 1"),
        ("u1, a@example.com, fr", "recipients[0].locale"),
        ("u 1 \u{7}, a@example.com", "recipients[0].user_id"),
    ] {
        let mut fields = FIELDS;
        fields[2].1 = recipients;
        let seen = stage.post(&browser, "/console/preflight", &fields).await;
        let fault = seen.body.split("id=\"recipients-error\"").nth(1).unwrap_or_default();
        let fault = fault.split("</p>").next().unwrap();
        assert!(
            matches!(seen.status, 400 | 422) && fault.contains(told),
            "{recipients}: {} {}",
            seen.status,
            seen.body
        );
        assert!(seen.body.contains("value=\"spring\""), "{}", seen.body);
    }
}

#[tokio::test]
async fn a_templates_values_and_a_simulation_are_passed_on() {
    let (stage, browser) = scene().await;
    mail(&stage).await;
    let template = |values| {
        let mut fields = FIELDS.to_vec();
        fields.extend([("template.id", "trunkline.email.invitation"), ("template.variables", values)]);
        fields
    };
    let lacking = stage.post(&browser, "/console/preflight", &template("campaign=Basics")).await.body;
    let lacks = row(&lacking, "template");
    assert!(lacks.contains("badge bad") && lacks.contains("/templates/trunkline.email.invitation\""), "{lacks}");
    let whole = template("campaign = Basics\nlink=https://example.com/?a=b\nname=You");
    let whole = stage.post(&browser, "/console/preflight", &whole).await.body;
    assert!(row(&whole, "template").contains("badge good"), "{whole}");

    let simulation = [
        ("campaign_id", "drill"),
        ("channel", "m365"),
        ("recipients", "u1, sara@example.com"),
        ("simulation.duration_days", "99"),
        ("simulation.launch_at", "2025-11-21T08:00"),
    ];
    let seen = stage.post(&browser, "/console/preflight", &simulation).await;
    assert!(seen.body.contains("id=\"simulation-duration_days-error\""), "{}", seen.body);
    assert!(!seen.body.contains("id=\"simulation-launch_at-error\""), "{}", seen.body);
    assert!(seen.body.contains("value=\"2025-11-21T08:00\""), "kept");
}

#[tokio::test]
async fn sandbox_mode_says_who_gets_it_instead() {
    let (stage, browser) = scene().await;
    let page = stage.get(&browser.session, "/console/preflight").await.body;
    assert!(page.contains("There are no test recipients yet.") && page.contains("/console/settings\""), "{page}");
    let mut settings = store::Settings::settings(&*stage.store, &scope("acme")).await.unwrap();
    settings.sandbox.email = vec!["test@example.com".to_owned()];
    settings.rev += 1;
    store::Settings::save_settings(&*stage.store, &scope("acme"), &settings, &audit()).await.unwrap();
    let mut fields = FIELDS.to_vec();
    fields.push(("sandbox", "true"));
    let page = stage.post(&browser, "/console/preflight", &fields).await.body;
    assert!(page.contains("test@example.com") && page.contains("value=\"true\" checked"), "{page}");
}

#[tokio::test]
async fn whoever_may_not_ask_is_told_so() {
    let (stage, _) = scene().await;
    let (key, _) = stage.key("acme", "console:use campaigns:read", 5).await;
    let browser = stage.browser(&key).await;
    assert!(!stage.get(&browser.session, "/console/campaigns").await.body.contains("/console/preflight\""));
    assert_eq!(stage.post(&browser, "/console/preflight", &FIELDS).await.status, 403);
}
