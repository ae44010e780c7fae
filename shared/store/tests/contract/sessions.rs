//! Sessions at the console.

use crate::fixtures::{NOON, acme, audit, scope};
use domain::{
    principal::Principal,
    session::{Credential, IDLE_MS, SESSION_MS, Session},
    tenant::{Tenant, TenantScope},
};
use trunkline_store::{Store, StoreError};

fn ann() -> Principal {
    Principal::User("ann".parse().unwrap())
}

fn session(scope: &TenantScope, principal: Principal) -> Session {
    let credential = Credential::Key { prefix: "aaaaaaaa".to_owned(), secret: "digest".to_owned() };
    Session { tenant: scope.tenant().clone(), principal, credential, created_at: NOON, seen_at: NOON }
}

async fn begin(store: &impl Store, scope: &TenantScope, id_hash: &str, of: Principal) -> Result<(), StoreError> {
    store.begin_session(scope, id_hash, &session(scope, of), &audit("session.began")).await
}

pub(crate) async fn a_session_lasts_while_it_is_used(store: &impl Store) {
    begin(store, &acme(), "one", ann()).await.unwrap();
    assert_eq!(store.session("other", NOON).await, Ok(None));
    assert_eq!(store.session("one", NOON).await, Ok(Some(session(&acme(), ann()))));
    let late = NOON.plus_ms(IDLE_MS);
    assert_eq!(store.session("one", late).await, Ok(None));
    store.see_session("one", NOON.plus_ms(1)).await.unwrap();
    let seen = store.session("one", late).await.unwrap().unwrap();
    assert_eq!(seen, Session { seen_at: NOON.plus_ms(1), ..session(&acme(), ann()) });
    let end = NOON.plus_ms(SESSION_MS);
    store.see_session("one", end.plus_ms(-1)).await.unwrap();
    assert_eq!(store.session("one", end).await, Ok(None));
    let trail = store.audit(&acme(), None, 9).await.unwrap().items;
    assert_eq!(trail.len(), 1, "its beginning, and no look");
}

pub(crate) async fn a_session_ends_once_and_for_all(store: &impl Store) {
    begin(store, &acme(), "one", ann()).await.unwrap();
    assert_eq!(begin(store, &acme(), "one", Principal::System).await, Err(StoreError::Conflict), "taken over");
    for _ in 0..2 {
        store.end_session("one").await.unwrap();
        assert_eq!(store.session("one", NOON).await, Ok(None));
    }
    store.see_session("one", NOON).await.unwrap();
    assert_eq!(store.session("one", NOON).await, Ok(None), "a late note brings nothing back");
}

pub(crate) async fn somebody_sees_their_own_sessions_that_are_not_over(store: &impl Store) {
    let (bob, other) = (Principal::User("bob".parse().unwrap()), scope("other"));
    let later = |minutes: i64| NOON.plus_ms(minutes * 60_000);
    for (id_hash, scope, principal, at) in [
        ("first", &acme(), ann(), 0),
        ("second", &acme(), ann(), 1),
        ("ended", &acme(), ann(), 2),
        ("bobs", &acme(), bob, 0),
        ("others", &other, ann(), 0),
    ] {
        let of = Session { created_at: later(at), seen_at: later(at), ..session(scope, principal) };
        store.begin_session(scope, id_hash, &of, &audit("session.began")).await.unwrap();
    }
    store.end_session("ended").await.unwrap();
    let seen = async |now| {
        let found = store.sessions_of(&acme(), &ann(), now).await.unwrap();
        found.into_iter().map(|(id_hash, session)| (id_hash, session.created_at)).collect::<Vec<_>>()
    };
    let (first, second) = (("first".to_owned(), NOON), ("second".to_owned(), later(1)));
    assert_eq!(seen(later(2)).await, [second.clone(), first], "the newest first");
    assert_eq!(seen(NOON.plus_ms(IDLE_MS)).await, [second]);
}

pub(crate) async fn all_sessions_of_somebody_end_and_no_others(store: &impl Store) {
    let (bob, other) = (Principal::User("bob".parse().unwrap()), scope("other"));
    for (id_hash, scope, principal) in
        [("one", &acme(), ann()), ("two", &acme(), ann()), ("bobs", &acme(), bob), ("others", &other, ann())]
    {
        begin(store, scope, id_hash, principal).await.unwrap();
    }
    assert_eq!(store.end_sessions(&acme(), &ann()).await, Ok(2));
    assert_eq!(store.end_sessions(&acme(), &ann()).await, Ok(0));
    for (id_hash, there) in [("one", false), ("two", false), ("bobs", true), ("others", true)] {
        assert_eq!(store.session(id_hash, NOON).await.unwrap().is_some(), there, "{id_hash}");
    }
}

pub(crate) async fn an_erased_tenant_has_no_sessions(store: &impl Store) {
    let other = scope("acme-2");
    for (id_hash, scope) in [("one", &acme()), ("others", &other)] {
        begin(store, scope, id_hash, ann()).await.unwrap();
    }
    let tenant = Tenant::new(acme().tenant().clone(), "The company".to_owned(), NOON);
    store.create_tenant(&tenant, &audit("tenant.created")).await.unwrap();
    store.begin_erasure(&acme(), &audit("tenant.erasure_begun")).await.unwrap();
    assert_eq!(begin(store, &acme(), "late", ann()).await, Err(StoreError::Erased));
    store.erase_access(&acme(), 100).await.unwrap();
    assert_eq!(store.session("one", NOON).await, Ok(None));
    assert!(store.session("others", NOON).await.unwrap().is_some());
}
