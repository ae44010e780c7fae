//! Templates as people see them.

use crate::stage::{Browser, Seen, Stage};
use axum::http::header;

const FIELDS: [(&str, &str); 9] = [
    ("id", "welcome"),
    ("name", "Welcome"),
    ("channel", "email"),
    ("default_locale", "en"),
    ("texts.en.subject", "Hi {{ name }}"),
    ("texts.en.text", "Hello {{ name }},\r\nopen {{ link }}"),
    ("texts.en.html", "<p style=\"color: red\">Hello {{ name }}</p>"),
    ("texts.ar.subject", "مرحبًا {{ name }}"),
    ("texts.ar.text", "افتح {{ link }}"),
];

/// The form with some fields set anew.
fn form<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = FIELDS.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes.iter().copied()).collect()
}

async fn scene(grants: &str) -> (Stage, Browser) {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", grants, 1).await;
    let browser = stage.browser(&key).await;
    (stage, browser)
}

fn policy(seen: &Seen) -> String {
    seen.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_template_is_written_looked_at_saved_changed_and_deleted() {
    let (stage, browser) = scene("*").await;
    let seen = stage.post(&browser, "/console/templates/new", &form(&[("do", "preview")])).await;
    assert_eq!(seen.status, 200);
    assert!(seen.body.contains("Hi Sara Ali") && seen.body.contains("مرحبًا Sara Ali"), "with samples: {}", seen.body);
    assert!(seen.body.contains("value=\"Hi {{ name }}\""), "what was entered is kept");
    let listed = stage.get(&browser.session, "/console/templates").await.body;
    assert!(!listed.contains("/templates/welcome"), "nothing is stored by looking");

    let saved = stage.post(&browser, "/console/templates/new", &form(&[("do", "save")])).await;
    assert_eq!((saved.status, saved.location()), (303, "/base/console/templates/welcome"));
    let page = stage.get(&browser.session, "/console/templates/welcome").await.body;
    assert!(page.contains("Hello {{ name }},\nopen {{ link }}"), "lines end as they should: {page}");

    let fields = form(&[("do", "save"), ("name", "Hello"), ("id", "other")]);
    let changed = stage.post(&browser, "/console/templates/welcome/edit", &fields).await;
    assert_eq!((changed.status, changed.location()), (303, "/base/console/templates/welcome"), "it keeps its id");
    let listed = stage.get(&browser.session, "/console/templates").await.body;
    assert!(listed.contains("Hello") && listed.contains("trunkline.email.invitation"), "{listed}");

    let asked = stage.get(&browser.session, "/console/templates/welcome/delete").await;
    assert!(asked.body.contains("Delete this template?"));
    assert_eq!(stage.get(&browser.session, "/console/templates/welcome").await.status, 200, "asking deletes nothing");
    let deleted = stage.post(&browser, "/console/templates/welcome/delete", &[]).await;
    assert_eq!((deleted.status, deleted.location()), (303, "/base/console/templates"));
    assert_eq!(stage.get(&browser.session, "/console/templates/welcome").await.status, 404);
}

#[tokio::test]
async fn a_mistake_is_told_beside_its_field_with_its_line_and_nothing_entered_is_lost() {
    let (stage, browser) = scene("*").await;
    for action in ["preview", "save"] {
        let wrong = form(&[("do", action), ("texts.en.text", "one\r\n{{ name"), ("texts.ar.text", "سطر")]);
        let seen = stage.post(&browser, "/console/templates/new", &wrong).await;
        assert_eq!(seen.status, if action == "save" { 422 } else { 200 });
        let fault = seen.body.split("id=\"texts-en-text-error\"").nth(1).unwrap_or_default();
        assert!(fault.split("</p>").next().unwrap().contains("(line 2)"), "{action}: {}", seen.body);
        assert!(seen.body.contains("one\n{{ name</textarea>") && seen.body.contains("سطر</textarea>"), "{}", seen.body);
    }
    let nameless = stage.post(&browser, "/console/templates/new", &form(&[("do", "save"), ("name", "")])).await;
    assert!(nameless.status == 422 && nameless.body.contains("id=\"name-error\""), "{}", nameless.body);
    let none = stage.post(&browser, "/console/templates/new", &[("do", "save"), ("channel", "email")]).await;
    assert!(none.status == 422 && none.body.contains("Give at least one text"), "{}", none.body);
}

#[tokio::test]
async fn both_languages_stand_side_by_side_in_their_direction() {
    let (stage, browser) = scene("*").await;
    let path = "/console/templates/trunkline.email.invitation";
    let page = stage.get(&browser.session, &format!("{path}?variables.name=Mona+%3Cb%3E")).await.body;
    for expected in
        ["lang=\"en\" dir=\"ltr\">Mona &lt;b&gt;, your training", "lang=\"ar\" dir=\"rtl\">Mona &lt;b&gt;، تدريبك"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    // Escaped once as a value in the message's HTML, and once more as an attribute of the page.
    assert!(page.contains("Hello Mona &amp;lt;b&amp;gt;,"), "{page}");
    let slack = stage.get(&browser.session, "/console/templates/trunkline.slack.invitation").await.body;
    assert!(!slack.contains("<iframe"), "there is no HTML on Slack");
}

#[tokio::test]
async fn a_messages_html_is_caged_and_the_policy_names_its_styles_and_nothing_else() {
    let (stage, browser) = scene("*").await;
    let plain = policy(&stage.get(&browser.session, "/console/templates").await);
    let html = "<p style='color: red'>x</p><script>alert(1)</script><img src=https://evil.example/x>";
    let fields = form(&[("do", "preview"), ("texts.en.html", html)]);
    let seen = stage.post(&browser, "/console/templates/new", &fields).await;
    let cage = "<iframe class=\"mail\" sandbox=\"\" title=";
    assert!(seen.body.contains(cage) && !seen.body.contains("allow-"), "{}", seen.body);
    assert!(!seen.body.contains("<script>") && !seen.body.contains("<img"), "{}", seen.body);
    let document = seen.body.split("srcdoc=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(document.contains("data-style=&quot;0&quot;") && !document.contains(" style="), "{document}");
    let named = policy(&seen);
    let styles = named.split("; ").find(|part| part.starts_with("style-src")).unwrap();
    assert!(styles.starts_with("style-src 'self' 'sha256-") && styles.split(' ').count() == 3, "{named}");
    assert_eq!(named.replace(styles, "style-src 'self'"), plain, "nothing else is let in");
}

#[tokio::test]
async fn a_ready_made_one_is_copied_and_not_changed() {
    let (stage, browser) = scene("*").await;
    let ready = "/console/templates/trunkline.email.reminder";
    let page = stage.get(&browser.session, ready).await.body;
    assert!(page.contains("from=trunkline.email.reminder") && !page.contains("/edit\"") && !page.contains("/delete\""));
    assert_eq!(stage.get(&browser.session, &format!("{ready}/edit")).await.status, 303);
    let copy = stage.get(&browser.session, "/console/templates/new?from=trunkline.email.reminder").await;
    assert!(copy.status == 200 && copy.body.contains("is due on {{ due_date }}"), "{}", copy.body);
    let refused = stage.post(&browser, &format!("{ready}/delete"), &[]).await;
    assert!(refused.status == 303 && refused.cookie("__Host-flash").is_some());
}

#[tokio::test]
async fn whoever_may_only_look_gets_no_editor_and_other_tenants_see_nothing() {
    let (stage, browser) = scene("*").await;
    stage.post(&browser, "/console/templates/new", &form(&[("do", "save")])).await;
    let (key, _) = stage.key("acme", "console:use integrations:read", 7).await;
    let reader = stage.browser(&key).await;
    let list = stage.get(&reader.session, "/console/templates").await.body;
    assert!(list.contains("/templates/welcome") && !list.contains("/templates/new"));
    let page = stage.get(&reader.session, "/console/templates/welcome").await.body;
    assert!(page.contains("Hi Sara Ali") && !page.contains("/edit\"") && !page.contains("/delete\""), "{page}");
    assert_eq!(
        stage.post(&reader, "/console/templates/new", &form(&[("do", "save"), ("id", "mine")])).await.status,
        403
    );

    let (key, _) = stage.key("other", "*", 9).await;
    let other = stage.browser(&key).await;
    for path in ["", "/edit", "/delete"] {
        assert_eq!(stage.get(&other.session, &format!("/console/templates/welcome{path}")).await.status, 404);
    }
    stage.post(&other, "/console/templates/welcome/delete", &[]).await;
    assert_eq!(stage.get(&browser.session, "/console/templates/welcome").await.status, 200);
}
