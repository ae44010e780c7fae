//! API keys as people see them: secrets once, no more than one has, other tenants' as unknown.

use crate::{
    stage::{Browser, Stage, scope},
    sweep::hostile::HOSTILE,
};
use domain::{
    ids::KeyId,
    key::{KeyRecord, Suspension, SuspensionCause},
    quota::Tier,
    time::{Clock, HOUR_MS},
};
use runtime::testing::START;
use store::Access;

async fn admin(stage: &Stage) -> Browser {
    let (key, _) = stage.key("acme", "*", 1).await;
    stage.browser(&key).await
}

async fn stored(stage: &Stage, id: &KeyId) -> KeyRecord {
    stage.store.key(&scope("acme"), id).await.unwrap().unwrap()
}

/// The secret on a page that shows one.
fn secret_of(page: &str) -> String {
    let start = page.find("id=\"secret\"").expect("a secret is shown");
    page[start..].split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_is_on_the_page_that_made_it_and_never_again() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let fields = [
        ("name", "ci"),
        ("scope", "campaigns:*"),
        ("scope", "keys:read"),
        ("tier", "standard"),
        ("expires_at", "2027-01-31"),
        ("allow", "203.0.113.0/24\r\n2001:db8::/32"),
    ];
    let made = stage.post(&browser, "/console/keys/new", &fields).await;
    let secret = secret_of(&made.body);
    assert!(made.status == 200 && secret.starts_with("tk_live_") && made.cookie("__Host-flash").is_none());
    let all = stage.store.keys(&scope("acme")).await.unwrap();
    let key = all.into_iter().find(|key| key.name == "ci").unwrap();
    assert_eq!(
        key.grants.iter().map(domain::principal::Grant::as_str).collect::<Vec<_>>(),
        ["campaigns:*", "keys:read"]
    );
    assert_eq!((key.tier, key.allow.to_texts().len(), key.expires_at.is_some()), (Tier::Standard, 2, true));

    let path = format!("/console/keys/{}", key.id);
    let regenerated = stage.post(&browser, &format!("{path}/regenerate"), &[("grace_hours", "2")]).await;
    let second = secret_of(&regenerated.body);
    assert!(regenerated.status == 200 && second != secret && regenerated.cookie("__Host-flash").is_none());
    let previous = stored(&stage, &key.id).await.previous.unwrap();
    assert_eq!(previous.until.since_ms(stage.clock.now()), 2 * HOUR_MS);
    let hidden =
        |text: &str| ![&secret, &second].iter().any(|secret| text.contains(secret.rsplit('_').nth(1).unwrap()));
    for end in ["", "/edit", "/regenerate", "/suspend", "/revoke"] {
        let page = stage.get(&browser.session, &format!("{path}{end}")).await;
        assert!(page.status == 200 && hidden(&page.body), "{end}: {}", page.body);
    }
    assert!(hidden(&stage.get(&browser.session, "/console/keys").await.body));
    let page = stage.get(&browser.session, &path).await.body;
    for shown in [
        "The secret before works until",
        "203.0.113.0/24",
        "Standard: 300 a minute, 10,000 an hour, 50 at once",
        "0 / 300",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[tokio::test]
async fn a_key_is_changed_field_by_field() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (_, key) = stage.key("acme", "campaigns:read", 50).await;
    let path = format!("/console/keys/{}/edit", key.id);
    let form = stage.get(&browser.session, &path).await.body;
    assert!(form.contains("value=\"campaigns:read\" checked"), "{form}");
    let fields =
        [("name", "cd"), ("scope", "campaigns:*"), ("tier", "premium"), ("expires_at", ""), ("allow", "10.0.0.0/8")];
    assert_eq!(stage.post(&browser, &path, &fields).await.status, 303);
    let changed = stored(&stage, &key.id).await;
    assert_eq!((changed.name.as_str(), changed.grants[0].as_str(), changed.tier), ("cd", "campaigns:*", Tier::Premium));
    assert_eq!((changed.allow.to_texts(), changed.expires_at), (vec!["10.0.0.0/8".to_owned()], None));

    for (field, value, error) in [
        ("name", "", "name-error"),
        ("allow", "nowhere", "allow-error"),
        ("expires_at", "1999-01-01", "expires_at-error"),
    ] {
        let wrong = fields.map(|(name, entered)| if name == field { (name, value) } else { (name, entered) });
        let refused = stage.post(&browser, &path, &wrong).await;
        assert_eq!(refused.status, 422, "{field}");
        assert!(refused.body.contains(&format!("id=\"{error}\"")), "{field}: {}", refused.body);
        assert!(refused.body.contains("value=\"campaigns:*\" checked"), "what was ticked is kept");
    }
    let refused = stage.post(&browser, &path, &[("name", "cd"), ("tier", "premium"), ("allow", "10.0.0.0/8")]).await;
    assert!(refused.status == 422 && refused.body.contains("id=\"scopes-error\""), "{}", refused.body);
    assert_eq!(stored(&stage, &key.id).await.rev, changed.rev, "nothing was changed");
}

#[tokio::test]
async fn nobody_gives_or_makes_more_than_they_have() {
    let stage = Stage::new().await;
    let (mighty, record) = stage.key("acme", "* keys:read", 50).await;
    let (key, _) = stage.key("acme", "console:use keys:* hooks:write", 9).await;
    let browser = stage.browser(&key).await;
    let form = stage.get(&browser.session, "/console/keys/new").await.body;
    for (scope, is_there) in [
        ("keys:*", true),
        ("keys:write", true),
        ("hooks:write", true),
        ("hooks:replay", true),
        ("hooks:*", false),
        ("hooks:read", false),
        ("campaigns:read", false),
        ("*", false),
    ] {
        assert_eq!(form.contains(&format!("name=\"scope\" value=\"{scope}\"")), is_there, "{scope}");
    }
    let refused = stage.post(&browser, "/console/keys/new", &[("name", "more"), ("scope", "*")]).await;
    assert!(refused.status == 403 && refused.body.contains("more than this API key has"), "{}", refused.body);

    let path = format!("/console/keys/{}", record.id);
    let page = stage.get(&browser.session, &path).await.body;
    assert!(!page.contains(&format!("{}/regenerate", record.id)), "whoever makes its secret holds it");
    let refused = stage.post(&browser, &format!("{path}/regenerate"), &[("grace_hours", "0")]).await;
    assert!(refused.status == 403 && !refused.body.contains("id=\"secret\""));
    let form = stage.get(&browser.session, &format!("{path}/edit")).await.body;
    assert!(form.contains("name=\"scope\" value=\"*\" checked") && form.contains("may do more than you"));
    // Renamed with its scopes as they are: they are no business of this change.
    let fields = [("name", "Renamed"), ("scope", "*"), ("scope", "keys:read"), ("tier", "basic")];
    assert_eq!(stage.post(&browser, &format!("{path}/edit"), &fields).await.status, 303);
    let less = [("name", "Renamed"), ("scope", "*"), ("tier", "basic")];
    assert_eq!(stage.post(&browser, &format!("{path}/edit"), &less).await.status, 403);
    let renamed = stored(&stage, &record.id).await;
    assert_eq!((renamed.name.as_str(), renamed.grants.len()), ("Renamed", 2));
    assert_eq!(renamed.bcrypt, record.bcrypt);
    assert!(stage.sign_in(&mighty).await.status == 303, "it works as before");
}

#[tokio::test]
async fn a_key_is_suspended_activated_and_asked_before_it_is_revoked() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (_, key) = stage.key("acme", "campaigns:read", 50).await;
    let path = format!("/console/keys/{}", key.id);
    stage.post(&browser, &format!("{path}/suspend"), &[]).await;
    let page = stage.get(&browser.session, &path).await.body;
    assert!(page.contains("Somebody suspended it") && page.contains("/activate\"") && !page.contains("/suspend\""));
    stage.post(&browser, &format!("{path}/activate"), &[]).await;
    assert!(stored(&stage, &key.id).await.suspended.is_none());

    let mut guessed = stored(&stage, &key.id).await;
    guessed.suspended = Some(Suspension { at: START, cause: SuspensionCause::Failures });
    guessed.rev += 1;
    stage.store.save_key(&scope("acme"), &guessed, None).await.unwrap();
    let page = stage.look(&browser.session, &path, "ar").await.body;
    assert!(page.contains("بسر خاطئ") && page.contains("جدّده"), "{page}");

    let asked = stage.get(&browser.session, &format!("{path}/revoke")).await.body;
    assert!(asked.contains("never works again") && stored(&stage, &key.id).await.revoked_at.is_none());
    assert_eq!(stage.post(&browser, &format!("{path}/revoke"), &[]).await.location(), "/base/console/keys");
    assert!(stored(&stage, &key.id).await.revoked_at.is_some());
    let page = stage.get(&browser.session, &path).await.body;
    for action in ["/edit\"", "/regenerate\"", "/suspend\"", "/activate\"", "/revoke\""] {
        assert!(!page.contains(&format!("{}{action}", key.id)), "nothing brings it back: {action}");
    }
}

#[tokio::test]
async fn whoever_stops_their_own_key_is_warned() {
    let stage = Stage::new().await;
    let (key, record) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    let path = format!("/console/keys/{}", record.id);
    assert!(!stage.get(&browser.session, &path).await.body.contains(&format!("action=\"/base{path}/suspend\"")));
    for action in ["suspend", "revoke", "regenerate"] {
        let asked = stage.get(&browser.session, &format!("{path}/{action}")).await.body;
        assert!(asked.contains("you will be signed out"), "{action}: {asked}");
    }
    let (_, other) = stage.key("acme", "*", 50).await;
    let asked = stage.get(&browser.session, &format!("/console/keys/{}/revoke", other.id)).await.body;
    assert!(!asked.contains("you will be signed out"));
}

#[tokio::test]
async fn a_hostile_name_is_text_and_another_tenants_key_is_unknown() {
    let stage = Stage::new().await;
    let browser = admin(&stage).await;
    let (_, key) = stage.key("acme", "campaigns:read", 50).await;
    let mut hostile = stored(&stage, &key.id).await;
    hostile.name = HOSTILE.to_owned();
    hostile.rev += 1;
    stage.store.save_key(&scope("acme"), &hostile, None).await.unwrap();
    let (foreign, _) = stage.key("other", "*", 9).await;
    let stranger = stage.browser(&foreign).await;
    let path = format!("/console/keys/{}", key.id);
    for end in ["", "/edit", "/regenerate", "/suspend", "/revoke"] {
        for language in ["en", "ar"] {
            let seen = stage.look(&browser.session, &format!("{path}{end}"), language).await;
            assert_eq!(seen.status, 200, "{end}: {}", seen.body);
            assert!(!seen.body.contains("<script>") && !seen.body.contains("<img"), "{end}: {}", seen.body);
            assert!(seen.body.len() <= 100_000);
        }
        assert_eq!(stage.get(&stranger.session, &format!("{path}{end}")).await.status, 404, "{end}");
    }
    for (end, fields) in [
        ("edit", &[("name", "Mine"), ("scope", "*"), ("tier", "basic")][..]),
        ("regenerate", &[("grace_hours", "0")]),
        ("suspend", &[]),
        ("revoke", &[]),
    ] {
        let refused = stage.post(&stranger, &format!("{path}/{end}"), fields).await;
        assert!(!refused.body.contains("id=\"secret\""), "{end}");
    }
    let kept = stored(&stage, &key.id).await;
    assert_eq!((kept.rev, kept.bcrypt == key.bcrypt, kept.suspended, kept.revoked_at), (hostile.rev, true, None, None));
    let refused = stage.post(&browser, "/console/keys/new", &[("name", HOSTILE)]).await;
    assert!(
        refused.status == 422 && !refused.body.contains("<img") && refused.body.contains("&lt;img"),
        "what was entered is kept"
    );
}
