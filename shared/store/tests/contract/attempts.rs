//! What endpoints answered, apart from their bundles.

use crate::fixtures::{acme, scope, spring, stored_bundle, stored_single};
use domain::webhook::{Answer, RESPONSE_MAX_BYTES};
use std::collections::BTreeMap;
use trunkline_store::Store;

fn answer(body: &str) -> Answer {
    Answer {
        status: Some(500),
        duration_ms: 12,
        headers: vec![("server".into(), "نginx".into())],
        body: body.to_owned(),
        apart: false,
    }
}

pub(crate) async fn long_answers_are_kept_by_generation(store: &impl Store) {
    let (_, single) = stored_single(store).await;
    let bundle = stored_bundle(store, 25).await;
    let next = domain::bundle::Bundle { id: bundle.id.child(0).unwrap(), ..bundle.clone() };
    let of = |body: &str| BTreeMap::from([(3, answer(body)), (24, answer(""))]);
    for (bundle, answers) in [(&bundle, of("first")), (&next, of("second")), (&single, of("third"))] {
        store.save_answers(&acme(), bundle, &answers).await.unwrap();
    }
    for (bundle, body) in [(&bundle, "first"), (&next, "second"), (&single, "third")] {
        assert_eq!(store.answers(&acme(), &spring(), &bundle.id).await, Ok(of(body)));
        assert_eq!(store.answers(&scope("globex"), &spring(), &bundle.id).await, Ok(BTreeMap::new()));
    }
    assert_eq!(store.answers(&acme(), &spring(), &bundle.id.child(1).unwrap()).await, Ok(BTreeMap::new()));
    assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await.unwrap().len(), 1, "they are no bundles");
}

pub(crate) async fn answers_of_an_interrupted_attempt_are_replaced(store: &impl Store) {
    let bundle = stored_bundle(store, 25).await;
    // More than one item holds, and twice as long as JSON.
    let long = "\"\n".repeat(RESPONSE_MAX_BYTES / 2);
    let all = |body: &str| (0..25).map(|member| (member, answer(body))).collect::<BTreeMap<_, _>>();
    store.save_answers(&acme(), &bundle, &all(&long)).await.unwrap();
    assert_eq!(store.answers(&acme(), &spring(), &bundle.id).await, Ok(all(&long)));
    store.save_answers(&acme(), &bundle, &all("short")).await.unwrap();
    assert_eq!(store.answers(&acme(), &spring(), &bundle.id).await, Ok(all("short")));
}
