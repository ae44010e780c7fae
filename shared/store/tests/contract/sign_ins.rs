//! Whose tokens are taken, and sign-ins under way.

use crate::fixtures::{NOON, acme, audit, integration, scope};
use domain::{
    channel::Provider,
    integration::{Config, Integration},
    principal::Principal,
    sign_in::{Authority, PendingSignIn, Purpose, SIGN_IN_MS, SignIn},
    tenant::TenantScope,
};
use std::iter::once;
use trunkline_store::{Store, StoreError};

const ISSUER: &str = "https://id.example";

fn config(issuer: &str, audience: &str) -> Config {
    let text = |text: &str| serde_json::Value::from(text);
    let roles = |name: &str| (name.to_owned(), serde_json::Value::from(vec!["Boss"]));
    [("issuer", issuer), ("client_id", "app"), ("audience", audience), ("roles_claim", "roles")]
        .map(|(name, value)| (name.to_owned(), text(value)))
        .into_iter()
        .chain(["admin_roles", "operator_roles", "viewer_roles"].map(roles))
        .collect()
}

fn entra(audience: &str) -> Integration {
    Integration { provider: Provider::Entra, config: config(ISSUER, audience), ..integration(NOON) }
}

async fn save(store: &impl Store, scope: &TenantScope, integration: &Integration) -> Result<(), StoreError> {
    store.save_integration(scope, integration, None, false, &audit("integration.saved")).await
}

async fn taker(store: &impl Store, issuer: &str, audience: &str) -> Option<SignIn> {
    store.sign_in(&Authority::Issuer(issuer.to_owned()), audience).await.unwrap()
}

fn next(of: &Integration) -> Integration {
    Integration { rev: of.rev + 1, ..of.clone() }
}

pub(crate) async fn tokens_are_taken_while_the_integration_is_enabled(store: &impl Store) {
    let first = entra("api");
    assert_eq!(taker(store, ISSUER, "api").await, None);
    save(store, &acme(), &first).await.unwrap();
    let expected = SignIn::of(&acme(), &first);
    assert!(expected.is_some());
    assert_eq!(taker(store, ISSUER, "api").await, expected);
    assert_eq!(taker(store, ISSUER, "other").await, None);
    assert_eq!(taker(store, "https://id.example/", "api").await, None);

    let off = Integration { enabled: false, ..next(&first) };
    save(store, &acme(), &off).await.unwrap();
    assert_eq!(taker(store, ISSUER, "api").await, None);
    let on = Integration { enabled: true, ..next(&off) };
    save(store, &acme(), &on).await.unwrap();
    assert_eq!(taker(store, ISSUER, "api").await, expected);
    save(store, &acme(), &Integration { deleted_at: Some(NOON), ..next(&on) }).await.unwrap();
    assert_eq!(taker(store, ISSUER, "api").await, None);
}

pub(crate) async fn what_is_taken_follows_the_settings(store: &impl Store) {
    let first = entra("api");
    save(store, &acme(), &first).await.unwrap();
    let mut moved = next(&first);
    moved.config = config("https://other.example", "api");
    save(store, &acme(), &moved).await.unwrap();
    assert_eq!(taker(store, ISSUER, "api").await, None);
    assert_eq!(taker(store, "https://other.example", "api").await, SignIn::of(&acme(), &moved));
    let mut roles = next(&moved);
    roles.config.insert("roles_claim".to_owned(), "groups".into());
    save(store, &acme(), &roles).await.unwrap();
    assert_eq!(taker(store, "https://other.example", "api").await.unwrap().settings.roles_claim, "groups");
    assert_eq!(save(store, &acme(), &first).await, Err(StoreError::Conflict), "an old revision changes nothing");
    assert_eq!(taker(store, ISSUER, "api").await, None);
}

pub(crate) async fn two_never_take_the_same_tokens(store: &impl Store) {
    let first = entra("api");
    save(store, &acme(), &first).await.unwrap();
    let other = scope("other");
    for (scope, integration) in [(&other, entra("api")), (&acme(), entra("api"))] {
        assert_eq!(save(store, scope, &integration).await, Err(StoreError::Taken));
        assert_eq!(store.integration(scope, &integration.id).await, Ok(None), "all or nothing");
    }
    assert_eq!(taker(store, ISSUER, "api").await, SignIn::of(&acme(), &first));
    // One that is disabled claims nothing until it is enabled.
    let waiting = Integration { enabled: false, ..entra("api") };
    save(store, &other, &waiting).await.unwrap();
    let enabled = Integration { enabled: true, ..next(&waiting) };
    assert_eq!(save(store, &other, &enabled).await, Err(StoreError::Taken));
    save(store, &acme(), &Integration { enabled: false, ..next(&first) }).await.unwrap();
    save(store, &other, &enabled).await.unwrap();
    assert_eq!(taker(store, ISSUER, "api").await.unwrap().tenant, *other.tenant());
}

pub(crate) async fn a_sign_in_ends_once_and_in_time(store: &impl Store) {
    let pending = PendingSignIn {
        tenant: acme().tenant().clone(),
        integration: entra("api").id,
        verifier: "v".repeat(43),
        nonce: "n".repeat(43),
        redirect_uri: "https://api.example/v1/sign-in/callback".to_owned(),
        purpose: Purpose::Test { by: Principal::User("sub-1".parse().unwrap()) },
        expires_at: NOON.plus_ms(SIGN_IN_MS),
    };
    for state in ["one", "late", "raced"] {
        store.begin_sign_in(state, &pending).await.unwrap();
    }
    assert_eq!(store.begin_sign_in("one", &pending).await, Err(StoreError::Conflict));
    assert_eq!(store.end_sign_in("unknown", NOON).await, Ok(None));
    assert_eq!(store.end_sign_in("one", NOON).await, Ok(Some(pending.clone())));
    assert_eq!(store.end_sign_in("one", NOON).await, Ok(None));
    assert_eq!(store.end_sign_in("late", pending.expires_at).await, Ok(None));
    let (first, second) = futures::join!(store.end_sign_in("raced", NOON), store.end_sign_in("raced", NOON));
    let answers: Vec<_> = once(first).chain(once(second)).filter_map(Result::unwrap).collect();
    assert_eq!(answers, [pending]);
}
