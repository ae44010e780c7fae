//! Inbound webhooks as people see them: secrets once, hostile texts as text, other tenants' as unknown.

use crate::{
    stage::{Browser, Stage, scope},
    sweep::hostile::HOSTILE,
};
use domain::{
    hook::{Call, Cause, Hook, HookEvent, Rejection, SchemeName},
    ids::{HookEventId, HookId},
    time::MINUTE_MS,
};
use runtime::testing::START;
use std::collections::BTreeMap;
use store::Hooks as _;

async fn admin(stage: &Stage) -> Browser {
    let (key, _) = stage.key("acme", "*", 1).await;
    stage.browser(&key).await
}

async fn only(stage: &Stage) -> Hook {
    stage.store.hooks(&scope("acme")).await.unwrap().pop().unwrap()
}

/// A hook from GitHub and the secret that was shown.
async fn github(stage: &Stage, browser: &Browser, name: &str) -> (HookId, String) {
    let made = stage.post(browser, "/console/hooks/new/github", &[("name", name), ("events", "")]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    (only(stage).await.id, secret_of(&made.body))
}

/// The secret on a page that shows one.
fn secret_of(page: &str) -> String {
    let start = page.find("id=\"secret\"").expect("a secret is shown");
    let value = page[start..].split("value=\"").nth(1).unwrap();
    value.split('"').next().unwrap().to_owned()
}

async fn event(stage: &Stage, hook: &HookId, minute: i64, name: &str, body: &[u8]) -> HookEventId {
    let at = START.plus_ms(minute * MINUTE_MS);
    let event = HookEvent {
        id: HookEventId::least_at(at),
        hook: hook.clone(),
        hook_name: "Code".into(),
        scheme: SchemeName::Github,
        received_at: at,
        event: Some(name.into()),
        provider_id: Some(name.into()),
        headers: BTreeMap::from([("x-github-event".to_owned(), name.to_owned())]),
        body_bytes: body.len() as u64,
        replays: 0,
    };
    stage.store.capture(&scope("acme"), &event, body, None).await.unwrap();
    event.id
}

async fn turned_away(stage: &Stage, hook: &HookId, cause: Cause, said: &str, minute: i64) {
    let headers = BTreeMap::from([("user-agent".to_owned(), said.to_owned())]);
    let call = Call { url: "", headers: &headers, body: b"x" };
    let at = START.plus_ms(minute * MINUTE_MS);
    let rejection = Rejection::of(cause, &call, "203.0.113.7", None, at);
    stage.store.count_rejection(&scope("acme"), hook, &rejection).await.unwrap();
}

#[tokio::test]
async fn a_secret_that_is_made_is_on_one_page_with_the_address_and_never_again() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let made =
        stage.post(&browser, "/console/hooks/new/github", &[("name", "Code"), ("events", "push\r\nissues.*")]).await;
    let (hook, secret) = (only(&stage).await, secret_of(&made.body));
    assert_eq!((made.status, secret.len()), (200, 64));
    let address = format!("http://127.0.0.1:4566/base/v1/hooks/{}/in", hook.id);
    assert!(
        made.body.contains(&address) && made.body.contains("Payload URL"),
        "and what to do with both: {}",
        made.body
    );
    assert!(made.cookie("__Host-flash").is_none(), "no cookie carries it");
    assert_eq!(hook.events.iter().map(ToString::to_string).collect::<Vec<_>>(), ["push", "issues.*"]);
    let rotated = stage.post(&browser, &format!("/console/hooks/{}/rotate", hook.id), &[("grace_hours", "24")]).await;
    let second = secret_of(&rotated.body);
    assert_ne!(secret, second);
    for path in ["", "/edit", "/rotate", "/delete", "/events", "/rejections"] {
        let page = stage.get(&browser.session, &format!("/console/hooks/{}{path}", hook.id)).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(!page.body.contains(&secret) && !page.body.contains(&second), "{path}");
    }
    let page = stage.get(&browser.session, &format!("/console/hooks/{}", hook.id)).await.body;
    assert!(page.contains(&address) && page.contains("data-copy=\"url\""), "to be copied");
    assert!(page.contains("The secret before is valid until"), "two are valid: {page}");
    assert!(page.contains(&second[60..]), "its last characters tell which it is");
}

#[tokio::test]
async fn a_secret_that_is_entered_is_never_sent_back() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let secret = "CANARY-8f742231b10e8888";
    let refused = stage.post(&browser, "/console/hooks/new/slack", &[("name", ""), ("secret", secret)]).await;
    assert_eq!(refused.status, 422);
    assert!(!refused.body.contains("CANARY"), "{}", refused.body);
    let missing =
        stage.post(&browser, "/console/hooks/new/slack", &[("name", "Team"), ("replay_window_s", "300")]).await;
    assert!(
        missing.status == 422 && missing.body.contains("id=\"secret-error\""),
        "beside its field: {}",
        missing.body
    );
    let fields = [("name", "Team"), ("secret", secret), ("replay_window_s", "600")];
    let made = stage.post(&browser, "/console/hooks/new/slack", &fields).await;
    let hook = only(&stage).await;
    assert_eq!((made.status, made.location()), (303, format!("/base/console/hooks/{}", hook.id).as_str()));
    assert!(!made.body.contains("CANARY") && hook.replay_window_s == 600);
    let rotate = format!("/console/hooks/{}/rotate", hook.id);
    let rotated = stage.post(&browser, &rotate, &[("secret", "CANARY-2"), ("grace_hours", "0")]).await;
    assert_eq!(rotated.status, 303);
    let page = stage.get(&browser.session, &format!("/console/hooks/{}", hook.id)).await.body;
    assert!(!page.contains("CANARY") && page.contains("600") && !page.contains("The secret before"), "{page}");
}

#[tokio::test]
async fn every_scheme_has_its_form_and_says_what_to_do() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let choice = stage.get(&browser.session, "/console/hooks/new").await.body;
    for scheme in SchemeName::ALL {
        assert!(choice.contains(&format!("/hooks/new/{scheme}\"")), "{scheme}");
        let form = stage.look(&browser.session, &format!("/console/hooks/new/{scheme}"), "ar").await;
        assert_eq!(form.status, 200, "{scheme}");
        assert_eq!(form.body.contains("name=\"hmac.header\""), *scheme == SchemeName::Hmac);
        assert_eq!(form.body.contains("name=\"public_url\""), *scheme == SchemeName::Twilio);
    }
    assert_eq!(stage.get(&browser.session, "/console/hooks/new/gitlab").await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_what_was_entered_is_kept() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let fields = [
        ("name", "Orders"),
        ("hmac.header", "no header"),
        ("hmac.prefix", "sha256 "),
        ("hmac.algorithm", "sha512"),
        ("hmac.encoding", "base64"),
        ("hmac.template", "{timestamp}{body}"),
        ("replay_window_s", "5"),
        ("events", "order.*"),
    ];
    let path = "/console/hooks/new/hmac";
    let refused = stage.post(&browser, path, &fields).await;
    assert_eq!(refused.status, 422);
    for id in ["hmac-header-error", "hmac-timestamp_header-error", "replay_window_s-error"] {
        assert!(refused.body.contains(&format!("id=\"{id}\"")), "{id}: {}", refused.body);
    }
    assert!(refused.body.contains("value=\"sha256 \"") && refused.body.contains("value=\"sha512\" selected"));
    let bad = stage.post(&browser, "/console/hooks/new/github", &[("name", "x"), ("events", "push\n*no")]).await;
    assert!(bad.status == 422 && bad.body.contains("id=\"events-error\""), "{}", bad.body);
    let fixed = fields.map(|(name, value)| match name {
        "hmac.header" => (name, "X-Acme-Signature"),
        "replay_window_s" => (name, "60"),
        "hmac.template" => (name, "{body}"),
        _ => (name, value),
    });
    assert_eq!(stage.post(&browser, path, &fixed).await.status, 200);
    let hook = only(&stage).await;
    let domain::hook::Scheme::Hmac(hmac) = &hook.scheme else { panic!("{:?}", hook.scheme) };
    assert_eq!((hmac.prefix.as_str(), hmac.header.as_str()), ("sha256 ", "X-Acme-Signature"), "its blank counts");

    let edit = format!("/console/hooks/{}/edit", hook.id);
    let form = stage.get(&browser.session, &edit).await.body;
    assert!(
        form.contains("value=\"sha256 \"") && form.contains("order.*") && !form.contains("name=\"secret\""),
        "{form}"
    );
    let changed = fixed.map(|(name, value)| if name == "name" { (name, "Shop") } else { (name, value) });
    assert_eq!(stage.post(&browser, &edit, &changed).await.status, 303);
    let saved = only(&stage).await;
    assert_eq!((saved.name.as_str(), &saved.scheme, saved.rev), ("Shop", &hook.scheme, 2));
}

#[tokio::test]
async fn twilios_address_is_entered_and_taken_away() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let fields = [("name", "Calls"), ("secret", "a token of theirs"), ("public_url", "https://hooks.acme.example/in")];
    assert_eq!(stage.post(&browser, "/console/hooks/new/twilio", &fields).await.status, 303);
    let hook = only(&stage).await;
    let page = stage.get(&browser.session, &format!("/console/hooks/{}", hook.id)).await.body;
    assert!(page.contains("https://hooks.acme.example/in"));
    let edit = format!("/console/hooks/{}/edit", hook.id);
    assert_eq!(stage.post(&browser, &edit, &[("name", "Calls"), ("public_url", "")]).await.status, 303);
    assert_eq!(only(&stage).await.scheme, domain::hook::Scheme::Twilio { public_url: None });
}

#[tokio::test]
async fn events_are_found_looked_at_and_replayed() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (hook, _) = github(&stage, &browser, "Code").await;
    for minute in 0..60 {
        event(&stage, &hook, minute, &format!("of.{minute}"), b"{\"a\": [1]}").await;
    }
    let events = format!("/console/hooks/{hook}/events");
    let at = |minute: i64| START.plus_ms(minute * MINUTE_MS).to_rfc3339()[..16].to_owned();
    let first = stage.get(&browser.session, &events).await.body;
    assert!(first.contains(">of.59<") && !first.contains(">of.9<"), "{first}");
    let next = first.split("href=\"").find(|part| part.contains("cursor=")).unwrap().split('"').next().unwrap();
    let rest = stage.get(&browser.session, next.strip_prefix("/base").unwrap()).await.body;
    assert!(rest.contains(">of.9<") && rest.contains(">of.0<") && !rest.contains("rel=\"next\""), "{rest}");
    let filtered = format!("{events}?event=of.*&since={}&until={}", at(20), at(22));
    let page = stage.get(&browser.session, &filtered).await.body;
    assert_eq!([19, 20, 22, 23].map(|n| page.contains(&format!(">of.{n}<"))), [false, true, true, false], "{page}");
    let wrong = stage.get(&browser.session, &format!("{events}?since=yesterday")).await;
    assert!(wrong.status == 422 && wrong.body.contains("value=\"yesterday\"") && wrong.body.contains("must be a time"));

    let id = HookEventId::least_at(START);
    let replay = format!("{events}/{id}/replay");
    for number in ["1.", "2."] {
        let told = stage.post(&browser, &replay, &[]).await.cookie("__Host-flash").unwrap();
        let flash = crate::flash::Flash::read(&told).unwrap();
        assert!(flash.text.ends_with(number), "{flash:?}");
    }
    let one = stage.get(&browser.session, &format!("{events}/{id}")).await.body;
    assert!(one.contains("x-github-event") && one.contains("&quot;a&quot;: [") && one.contains("X-Hub-Signature-256"));
    let file = stage.get(&browser.session, &format!("{events}/{id}/body")).await;
    assert_eq!(file.headers["content-type"], "application/octet-stream");
    assert_eq!(file.headers["content-disposition"], format!("attachment; filename=\"{id}.json\"").as_str());
    assert_eq!(file.body, "{\n  \"a\": [\n    1\n  ]\n}");
}

#[tokio::test]
async fn what_was_turned_away_is_told_by_cause_with_what_to_do() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (hook, _) = github(&stage, &browser, "Code").await;
    for minute in 0..60 {
        turned_away(&stage, &hook, Cause::SignatureMismatch, "curl", minute).await;
    }
    turned_away(&stage, &hook, Cause::Duplicate, "GitHub-Hookshot", 0).await;
    let words = Cause::SignatureMismatch.explain();
    let page = stage.get(&browser.session, &format!("/console/hooks/{hook}")).await.body;
    assert_eq!(page.matches(words.fix_en).count(), 1, "a cause is explained once: {page}");
    let rejections = format!("/console/hooks/{hook}/rejections");
    let arabic = stage.look(&browser.session, &rejections, "ar").await.body;
    assert!(arabic.contains(words.fix_ar) && arabic.contains("203.0.113.7") && arabic.contains("cursor="));
    let known = stage.get(&browser.session, &format!("{rejections}?cause=duplicate")).await.body;
    assert!(known.contains("GitHub-Hookshot") && !known.contains("curl"), "what fills the first pages is passed over");
}

#[tokio::test]
async fn a_hook_is_switched_off_and_on_and_asked_before_it_is_deleted() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (hook, _) = github(&stage, &browser, "Code").await;
    let path = format!("/console/hooks/{hook}");
    for (action, enabled) in [("disable", false), ("enable", true)] {
        assert_eq!(stage.post(&browser, &format!("{path}/{action}"), &[]).await.status, 303);
        assert_eq!(only(&stage).await.enabled, enabled);
    }
    let asked = stage.get(&browser.session, &format!("{path}/delete")).await.body;
    assert!(asked.contains("cannot be undone") && asked.contains("Code"));
    assert_eq!(stage.post(&browser, &format!("{path}/delete"), &[]).await.location(), "/base/console/hooks");
    assert!(stage.store.hooks(&scope("acme")).await.unwrap().is_empty());
    assert_eq!(stage.get(&browser.session, &path).await.status, 404);
}

#[tokio::test]
async fn what_a_caller_wrote_is_text_everywhere() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (hook, _) = github(&stage, &browser, HOSTILE).await;
    let body = format!("{{\"text\": \"{}\u{202e}\"}}", HOSTILE.replace('"', "\\\""));
    let json = event(&stage, &hook, 1, HOSTILE, body.as_bytes()).await;
    let text = event(&stage, &hook, 2, HOSTILE, HOSTILE.as_bytes()).await;
    let heavy = event(&stage, &hook, 3, "heavy", "\"<".repeat(200_000).as_bytes()).await;
    let bytes = event(&stage, &hook, 4, "bytes", b"\xff\x00<script>").await;
    turned_away(&stage, &hook, Cause::SignatureMismatch, HOSTILE, 0).await;
    let path = format!("/console/hooks/{hook}");
    let mut paths =
        ["", "/edit", "/rotate", "/delete", "/events", "/rejections"].map(|end| format!("{path}{end}")).to_vec();
    paths.extend([json, text, heavy, bytes].map(|id| format!("{path}/events/{id}")));
    let hostile: String = form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    paths.extend(["event", "since", "until"].map(|name| format!("{path}/events?{name}={hostile}")));
    paths.push(format!("{path}/rejections?cause={hostile}"));
    for path in &paths {
        for language in ["en", "ar"] {
            let seen = stage.look(&browser.session, path, language).await;
            assert!([200, 422].contains(&seen.status), "{path}: {}", seen.body);
            assert!(!seen.body.contains("<script>") && !seen.body.contains("<img"), "{path}: {}", seen.body);
            assert!(!seen.body.contains('\u{202e}') && !seen.body.contains('\0'), "{path}");
            assert!(seen.body.len() <= 100_000, "{path} has {} bytes", seen.body.len());
        }
    }
}

#[tokio::test]
async fn another_tenants_hook_is_unknown_and_stays_as_it_was() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (hook, _) = github(&stage, &browser, "Code").await;
    let id = event(&stage, &hook, 1, "push", b"{}").await;
    let (key, _) = stage.key("other", "*", 9).await;
    let stranger = stage.browser(&key).await;
    let path = format!("/console/hooks/{hook}");
    for end in [
        "",
        "/edit",
        "/rotate",
        "/delete",
        "/events",
        &format!("/events/{id}"),
        &format!("/events/{id}/body"),
        "/rejections",
    ] {
        assert_eq!(stage.get(&stranger.session, &format!("{path}{end}")).await.status, 404, "{end}");
    }
    for (end, fields) in [
        ("/edit", &[("name", "Mine")][..]),
        ("/rotate", &[("grace_hours", "0")]),
        ("/disable", &[]),
        ("/delete", &[]),
        (&format!("/events/{id}/replay"), &[]),
    ] {
        let refused = stage.post(&stranger, &format!("{path}{end}"), fields).await;
        assert!(!refused.body.contains("id=\"secret\""), "{end}");
    }
    let kept = only(&stage).await;
    assert_eq!((kept.rev, kept.enabled), (1, true));
    let (event, _) = stage.store.hook_event(&scope("acme"), &hook, &id).await.unwrap().unwrap();
    assert_eq!(event.replays, 0);
    assert!(!stage.get(&stranger.session, "/console/hooks").await.body.contains("Code"));
}

#[tokio::test]
async fn whoever_only_reads_is_shown_no_button() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (hook, _) = github(&stage, &browser, "Code").await;
    let id = event(&stage, &hook, 1, "push", b"{}").await;
    let (key, _) = stage.key("acme", "console:use hooks:read", 9).await;
    let reader = stage.browser(&key).await;
    let list = stage.get(&reader.session, "/console/hooks").await.body;
    assert!(list.contains("Code") && !list.contains("/hooks/new"));
    let page = stage.get(&reader.session, &format!("/console/hooks/{hook}")).await.body;
    for end in ["/edit\"", "/rotate\"", "/disable\"", "/delete\""] {
        assert!(!page.contains(&format!("{hook}{end}")), "{end}");
    }
    let one = stage.get(&reader.session, &format!("/console/hooks/{hook}/events/{id}")).await.body;
    assert!(!one.contains("/replay\""));
    let refused = stage.post(&reader, &format!("/console/hooks/{hook}/disable"), &[]).await;
    assert!(refused.status == 303 && only(&stage).await.enabled, "the API decides");
}
