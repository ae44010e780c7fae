//! Our signatures, judged by the libraries that receivers use: npm's and `PyPI`'s `standardwebhooks` and `svix`, over what a
//! receiver really got. None of the four knows Ed25519 (`v1a`); there, Node's own cryptography and `PyPI`'s `cryptography`
//! judge.

use crate::{
    await_until::await_until,
    endpoint::{Endpoint, post_event},
    oidc_provider::{Installed, install},
    tenant::Tenant,
};
use doubles::webhook::{Post, Setup};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};
use trunkline::stack::Project;

/// What a receiver holds against its key.
#[derive(Clone)]
struct Received {
    key: String,
    body: String,
    headers: BTreeMap<String, String>,
}

impl Received {
    fn new(key: &str, post: &Post) -> Self {
        Self { key: key.to_owned(), body: post.text.clone(), headers: post.headers.clone() }
    }

    fn with_header(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.headers.insert(name.to_owned(), value.to_owned());
        changed
    }

    /// The same with one thing changed that was signed, or with what does not belong to it.
    fn tampered(&self) -> Vec<Self> {
        let at: i64 = self.headers["webhook-timestamp"].parse().unwrap();
        let signature = &self.headers["webhook-signature"];
        let other = signature.replace(['A', 'b', '1'], "c");
        vec![
            Self { body: self.body.replacen(':', ": ", 1), ..self.clone() },
            Self { body: self.body.replace("1.50", "1.5"), ..self.clone() },
            Self { body: format!("{}\n", self.body), ..self.clone() },
            self.with_header("webhook-id", "msg_01JD0000000000000000000000"),
            self.with_header("webhook-timestamp", &(at - 1).to_string()),
            self.with_header("webhook-signature", &other),
            self.with_header("webhook-signature", &signature.replace("v1", "v2")),
        ]
    }
}

/// The judges, installed now if they were not. They refuse what is older than five minutes, and to install them for the
/// first time may take longer: so each test asks for them before anything is posted.
async fn judges() -> Installed {
    let installing = tokio::task::spawn_blocking(|| install("webhooks")).await.unwrap();
    installing.unwrap_or_else(|error| panic!("{error}"))
}

/// What each judge says of each, in order: `ok`, or why not.
async fn judged(received: &[Received]) -> Vec<BTreeMap<String, String>> {
    let judge = judges().await;
    let Project { root, target } = Project::here();
    let list: Vec<Value> =
        received.iter().map(|it| json!({"key": it.key, "body": it.body, "headers": it.headers})).collect();
    let input = Value::from(list).to_string();
    let by = |program: &Path, script: &Path| {
        let mut process =
            Command::new(program).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        let verdicts: Vec<BTreeMap<String, String>> = serde_json::from_slice(&output.stdout).unwrap();
        verdicts
    };
    let mut all = by(&judge.node, &judge.folder.join("verify.mjs"));
    let more = by(&target.join("judges/venv/bin/python"), &root.join("tests/judges/webhooks/verify.py"));
    assert_eq!((all.len(), more.len()), (received.len(), received.len()));
    for (verdict, more) in all.iter_mut().zip(more) {
        verdict.extend(more);
    }
    all
}

const LIBRARIES: [&str; 4] = ["PyPI standardwebhooks", "PyPI svix", "npm standardwebhooks", "npm svix"];

/// All of these say yes to the first, and no to everything else.
async fn only_the_first_passes(judges: &[&str], good: &Received, bad: Vec<Received>) {
    let all: Vec<Received> = std::iter::once(good.clone()).chain(bad).collect();
    let mut verdicts = judged(&all).await.into_iter();
    let first = verdicts.next().unwrap();
    for judge in judges {
        assert_eq!(first[*judge], "ok", "{judge}");
    }
    for (number, verdict) in verdicts.enumerate() {
        for judge in judges {
            assert_ne!(verdict[*judge], "ok", "{judge} takes change {number}");
        }
    }
}

/// Data that whoever writes JSON anew would write otherwise.
fn data() -> Value {
    serde_json::from_str(r#"{"name": "ليلى \u00e9 \"quoted\" /", "total": 1.50, "big": 12345678901234567890}"#).unwrap()
}

#[tokio::test]
async fn what_a_receiver_gets_passes_with_all_four_libraries_and_nothing_else_does() {
    judges().await;
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    post_event(&tenant, "order.created", data()).await;
    let post = endpoint.taken(1).await.remove(0);
    let good = Received::new(&endpoint.secret, &post);
    let mut bad = good.tampered();
    // Only what was really changed can be found out.
    bad.retain(|it| (&it.body, &it.headers) != (&good.body, &good.headers));
    assert!(bad.len() >= 6);
    bad.push(Received { key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), ..good.clone() });
    only_the_first_passes(&LIBRARIES, &good, bad).await;
}

#[tokio::test]
async fn during_a_rotation_all_four_libraries_pass_with_either_secret() {
    judges().await;
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    let rotated = endpoint.act("rotate-secret", &json!({})).await;
    let second = rotated["new_secret"].as_str().unwrap();
    let keys = vec![endpoint.secret.clone(), second.to_owned()];
    endpoint.answers_with(Setup { keys: keys.clone(), ..Setup::default() }).await;
    // Senders learn of a new secret within seconds.
    let post = await_until("a post is signed with both secrets", async || {
        post_event(&tenant, "order.created", data()).await;
        let posts = endpoint.seen().await.posts;
        posts.into_iter().find(|post| post.proven_by == [0, 1]).ok_or("none yet")
    })
    .await;
    for key in &keys {
        let good = Received::new(key, &post);
        only_the_first_passes(&LIBRARIES, &good, vec![Received { body: good.body.clone() + " ", ..good.clone() }])
            .await;
    }
}

#[tokio::test]
async fn ed25519_passes_with_the_cryptography_of_both_languages() {
    judges().await;
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::with(&tenant, json!({"signing": "ed25519"}), Setup::default()).await;
    let public = endpoint.view().await["public_key"].as_str().unwrap().to_owned();
    endpoint.answers_with(Setup { keys: vec![public.clone()], ..Setup::default() }).await;
    post_event(&tenant, "order.created", data()).await;
    let post = endpoint.taken(1).await.remove(0);
    assert!(post.headers["webhook-signature"].starts_with("v1a,"));
    let good = Received::new(&public, &post);
    let mut bad = good.tampered();
    bad.retain(|it| (&it.body, &it.headers) != (&good.body, &good.headers));
    only_the_first_passes(&["node:crypto", "cryptography"], &good, bad).await;
    // If one of the libraries learns it, it is to judge, too.
    let verdicts = judged(&[good]).await.remove(0);
    for library in LIBRARIES {
        assert_ne!(verdicts[library], "ok", "{library} knows Ed25519 now");
    }
}
