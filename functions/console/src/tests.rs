//! What the console lets in and what it turns away.

use crate::{
    stage::{Stage, audit, scope},
    sweep::hostile::{HOSTILE, fill},
};
use axum::{
    body::Body,
    http::{Request, header},
};
use domain::{
    session::{IDLE_MS, SESSION_MS},
    time::{Clock, MINUTE_MS},
};
use runtime::testing::START;
use store::{Access, Audit, Integrations, StoreError};

#[tokio::test]
async fn a_key_with_the_scope_signs_in_and_it_is_remembered_who_did() {
    let stage = Stage::new().await;
    let (key, record) = stage.key("acme", "*", 1).await;
    let signed_in = stage.sign_in(&key).await;
    assert_eq!((signed_in.status, signed_in.location()), (303, "/base/console"));
    let session = signed_in.cookie("__Host-session").unwrap();
    assert_eq!(session.len(), 43, "256 bits");
    assert_eq!(stage.get(&session, "/console").await.status, 200);
    let trail = stage.store.audit(&scope("acme"), None, 99).await.unwrap().items;
    let last = trail.last().unwrap();
    assert_eq!((last.action.as_str(), &last.target), ("console.signed_in", &record.id.to_string()));
    let stored = format!("{:?}", *stage.store);
    assert!(!stored.contains(&session) && !stored.contains(key.whole().expose()), "the store could sign nobody in");
}

#[tokio::test]
async fn whoever_may_not_is_told_why() {
    let stage = Stage::new().await;
    let (powerless, _) = stage.key("acme", "integrations:*", 2).await;
    let (revoked, record) = stage.key("acme", "*", 3).await;
    stage.store.revoke_key(&scope("acme"), &record.id, START, &audit()).await.unwrap();
    for (key, status, words) in [
        (powerless.whole().expose(), 403, "console:use"),
        (revoked.whole().expose(), 401, "revoked"),
        ("tk_live_nonsense", 401, "no key that we know"),
        ("", 401, "no key that we know"),
    ] {
        let seen = stage.post_as("", "/console/sign-in", &[("key", key)]).await;
        assert_eq!(seen.status, status, "{key}");
        assert!(seen.body.contains(words) && seen.body.contains("role=\"alert\""), "{key}: {}", seen.body);
        assert!(seen.cookie("__Host-session").is_none());
        assert!(key.is_empty() || !seen.body.contains(key), "a key is never sent back");
    }
}

#[tokio::test]
async fn too_many_attempts_have_to_wait() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    for _ in 0..10 {
        assert_eq!(stage.post_as("", "/console/sign-in", &[("key", "x")]).await.status, 401);
    }
    let refused = stage.sign_in(&key).await;
    assert_eq!(refused.status, 429);
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    stage.clock.advance_ms(5 * MINUTE_MS);
    assert_eq!(stage.sign_in(&key).await.status, 303);
}

#[tokio::test]
async fn the_id_of_a_session_is_new_at_each_sign_in() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let planted = "A".repeat(43);
    let fields = [("key", key.whole().expose())];
    let first = stage.post_as(&planted, "/console/sign-in", &fields).await.cookie("__Host-session").unwrap();
    assert_ne!(first, planted);
    assert!(!stage.knows(&planted).await);
    let second = stage.post_as(&first, "/console/sign-in", &fields).await.cookie("__Host-session").unwrap();
    assert_ne!(first, second);
    assert!(stage.knows(&second).await && !stage.knows(&first).await, "what was there before is over");
}

#[tokio::test]
async fn a_session_ends_by_itself_and_one_is_asked_to_sign_in_again() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    stage.clock.advance_ms(IDLE_MS - 1);
    assert_eq!(stage.get(&browser.session, "/console").await.status, 200);
    stage.clock.advance_ms(IDLE_MS - 1);
    assert_eq!(stage.get(&browser.session, "/console").await.status, 200, "it was used");
    stage.clock.advance_ms(IDLE_MS);
    let asked = stage.get(&browser.session, "/console/keys?x=1").await;
    assert_eq!((asked.status, asked.location()), (303, "/base/console/sign-in?next=%2Fconsole%2Fkeys%3Fx%3D1"));
    let busy = stage.browser(&key).await;
    for _ in 0..(SESSION_MS / (IDLE_MS - 1)) {
        stage.clock.advance_ms(IDLE_MS - 1);
        assert_eq!(stage.get(&busy.session, "/console/account").await.status, 200);
    }
    stage.clock.advance_ms(IDLE_MS - 1);
    assert_eq!(stage.get(&busy.session, "/console/account").await.status, 303, "a day is a day");
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_any_more_and_less_scopes_are_less() {
    let stage = Stage::new().await;
    let (key, record) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    let mut less = stage.store.key(&scope("acme"), &record.id).await.unwrap().unwrap();
    less.grants = ["console:use", "keys:read"].map(|grant| grant.to_owned().try_into().unwrap()).into();
    less.rev += 1;
    stage.store.save_key(&scope("acme"), &less, Some(&audit())).await.unwrap();
    assert_eq!(stage.get(&browser.session, "/console/keys").await.status, 200);
    assert_eq!(stage.get(&browser.session, "/console/integrations").await.status, 403);
    let made = stage.post(&browser, "/console/keys/new", &[("name", "x"), ("scope", "keys:read")]).await;
    assert_eq!(made.status, 403, "the handlers of the API decide: {}", made.body);

    stage.store.revoke_key(&scope("acme"), &record.id, stage.clock.now(), &audit()).await.unwrap();
    let out = stage.get(&browser.session, "/console/keys").await;
    assert_eq!(out.status, 303);
    assert!(!stage.knows(&browser.session).await);
}

#[tokio::test]
async fn a_new_secret_ends_the_sessions_of_the_old_one() {
    let stage = Stage::new().await;
    let (key, record) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    let mut changed = stage.store.key(&scope("acme"), &record.id).await.unwrap().unwrap();
    changed.bcrypt = "another".to_owned();
    changed.rev += 1;
    stage.store.save_key(&scope("acme"), &changed, Some(&audit())).await.unwrap();
    assert_eq!(stage.get(&browser.session, "/console").await.status, 303);
}

#[tokio::test]
async fn signing_out_ends_one_session_and_everywhere_all() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let (others, _) = stage.key("acme", "*", 50).await;
    let (one, two, other) = (stage.browser(&key).await, stage.browser(&key).await, stage.browser(&others).await);
    let out = stage.post(&one, "/console/sign-out", &[]).await;
    assert_eq!((out.status, out.cookie("__Host-session").as_deref()), (303, Some("")));
    assert!(!stage.knows(&one.session).await && stage.knows(&two.session).await);
    let three = stage.browser(&key).await;
    stage.post(&two, "/console/sign-out-everywhere", &[]).await;
    assert!(!stage.knows(&two.session).await && !stage.knows(&three.session).await);
    assert!(stage.knows(&other.session).await);
}

#[tokio::test]
async fn a_form_that_is_not_ours_does_nothing() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let (browser, other) = (stage.browser(&key).await, stage.browser(&key).await);
    let path = "/console/sign-out-everywhere";
    for csrf in ["", "x", other.csrf.as_str()] {
        let refused = stage.post_as(&browser.session, path, &[("csrf", csrf)]).await;
        assert_eq!(refused.status, 403, "{csrf}");
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1:9999"] {
        let request = Request::post(path)
            .header(header::HOST, "127.0.0.1:4566")
            .header(header::ORIGIN, origin)
            .header(header::COOKIE, format!("__Host-session={}", browser.session));
        let body = Body::from(format!("csrf={}", browser.csrf));
        assert_eq!(stage.send(request.body(body).unwrap()).await.status, 403, "{origin}");
    }
    assert_eq!(stage.get(&browser.session, path).await.status, 405, "a link does nothing");
    assert!(stage.knows(&browser.session).await);
    let request = Request::post("/console/sign-in").header(header::HOST, "127.0.0.1:4566");
    let request = request.header(header::ORIGIN, "https://evil.example");
    let body = Body::from(format!("key={}", key.whole().expose()));
    let forced = stage.send(request.body(body).unwrap()).await;
    assert_eq!(forced.status, 403, "nobody is signed in by others");
    assert!(forced.cookie("__Host-session").is_none());
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    for (next, target) in [
        ("/console/keys?x=1", "/base/console/keys?x=1"),
        ("https://evil.example/", "/base/console"),
        ("//evil.example/console", "/base/console"),
        ("/console//evil.example", "/base/console"),
        ("/console\r\nset-cookie: x=y", "/base/console"),
    ] {
        let fields = [("key", key.whole().expose()), ("next", next)];
        let seen = stage.post_as("", "/console/sign-in", &fields).await;
        assert_eq!(seen.location(), target, "{next}");
        let back = stage.post_as("", "/console/preferences", &[("back", next), ("language", "ar")]).await;
        assert_eq!(back.location(), target, "{next}");
    }
    let page = stage.get("", "/console/sign-in?next=https://evil.example/%22%3E%3Cscript%3E").await;
    assert!(!page.body.contains("evil.example"), "{}", page.body);
}

#[tokio::test]
async fn every_answer_carries_what_keeps_it_safe() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    for path in ["/console", "/console/sign-in", "/console/nowhere", "/console/keys", "/console/sign-out"] {
        let seen = stage.get(&browser.session, path).await;
        let policy = seen.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(seen.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(seen.headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert!(!seen.body.contains("style=\"") && !seen.body.contains("onclick"), "nothing that the policy forbids");
        assert_eq!(
            seen.headers[header::CONTENT_TYPE],
            "text/html; charset=utf-8",
            "{path} is a page, whatever happens"
        );
    }
    let page = stage.get(&browser.session, "/console").await.body;
    let asset = page.split('"').find(|part| part.contains("/assets/style.")).unwrap();
    let seen = stage.get("", asset.strip_prefix("/base").unwrap()).await;
    assert_eq!(
        (seen.status, &seen.headers[header::CACHE_CONTROL]),
        (200, &"public, max-age=31536000, immutable".parse().unwrap())
    );
    assert_eq!(stage.get("", "/console/assets/style.0000000000000000.css").await.status, 404);
}

// What others wrote is text on every page, and every form refuses what no page of ours sent: see `sweep.rs`, which finds
// pages and forms by itself.

#[tokio::test]
async fn what_was_entered_is_kept_when_it_is_refused() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    let fields = [("name", HOSTILE), ("config.host", HOSTILE), ("do", "test-and-save")];
    let refused = stage.post(&browser, "/console/integrations/new/smtp", &fields).await;
    assert_eq!(refused.status, 422);
    assert!(!refused.body.contains("<script>") && refused.body.contains("&lt;script&gt;"), "{}", refused.body);
}

#[tokio::test]
async fn another_tenants_things_are_unknown() {
    let stage = Stage::new().await;
    stage.key("acme", "*", 1).await;
    let things = fill(&stage).await;
    let id = things.of("/console/integrations/{id}");
    let (key, _) = stage.key("other", "*", 9).await;
    let browser = stage.browser(&key).await;
    let path = format!("/console/integrations/{id}/delete");
    let refused = stage.post(&browser, &path, &[]).await;
    assert_eq!((refused.status, refused.cookie("__Host-flash").is_some()), (303, true));
    let kept = stage.store.integration(&scope("acme"), &id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(kept.deleted_at, None);
}

#[tokio::test]
async fn whoever_only_looks_sees_no_button_that_would_be_refused() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "console:use integrations:read", 1).await;
    let things = fill(&stage).await;
    let browser = stage.browser(&key).await;
    let id = things.of("/console/integrations/{id}");
    let page = stage.get(&browser.session, &format!("/console/integrations/{id}")).await.body;
    for action in ["/test\"", "/edit\"", "/disable\"", "/delete\"", "/probe\""] {
        assert!(!page.contains(&format!("{id}{action}")), "{action}");
    }
    assert!(!page.contains("/console/keys\""), "nor places that are closed to them");
}

#[tokio::test]
async fn when_something_of_ours_is_away_a_page_says_so() {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    for call in ["session", "key_by_prefix", "integrations"] {
        stage.store.fail_next(call, StoreError::Unavailable("throttled".into()));
        let seen = stage.look(&browser.session, "/console", "ar").await;
        assert_eq!(seen.status, 503, "{call}");
        assert!(seen.body.contains("غير متاح مؤقتًا"), "{call}: {}", seen.body);
    }
    assert_eq!(stage.get(&browser.session, "/console").await.status, 200);
}
