//! The corpus of ways around the SSRF guard (`shared/guard/bypasses.json`), held against every door through which a tenant
//! names an address: when it is saved, and when it is connected to, which is when names are resolved. Settings that are
//! connected to are handed over unvalidated, as if they had been saved by a hub that knew less.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use domain::{
    channel::Provider,
    failure::Failure,
    integration::Config,
    secret::{Secret, Secrets},
    time::Timestamp,
    webhook::OutEvent,
};
use doubles::oidc::Signer;
use guard::{Egress, Guard, Names, Timeouts, address::not_public};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use trunkline_providers::{
    Carry, Connect, Connection, Endpoints, Post, Webhook,
    oidc::{Expected, IssuerKeys, Token, Unverified},
    validate, validate_secrets,
};

const NOW: Timestamp = Timestamp(1_763_640_000_000);

#[derive(Deserialize)]
struct Corpus {
    hosts: Vec<Host>,
    urls: Vec<Url>,
    names: Vec<Name>,
}

#[derive(Deserialize)]
struct Host {
    why: String,
    host: String,
}

#[derive(Deserialize)]
struct Url {
    why: String,
    url: String,
}

#[derive(Deserialize)]
struct Name {
    why: String,
    host: String,
    addresses: Vec<IpAddr>,
}

fn corpus() -> Corpus {
    serde_json::from_str(include_str!("../../guard/bypasses.json")).unwrap()
}

/// Answers every name with these addresses, and counts how often it is asked.
#[derive(Debug, Default)]
struct Fake {
    addresses: Vec<IpAddr>,
    asked: AtomicUsize,
}

impl Names for Fake {
    fn look_up<'a>(&'a self, _: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(self.addresses.clone())))
    }
}

fn guard(allow: &str, names: &Arc<Fake>) -> Arc<Guard> {
    let names = Arc::clone(names) as Arc<dyn Names>;
    Arc::new(Guard::with_names(Egress::parse(allow).unwrap(), Timeouts::default(), names))
}

/// A place where a tenant's address arrives.
#[derive(Clone, Copy, Debug)]
enum Door {
    /// The URL of an endpoint.
    Endpoint,
    /// A Slack webhook.
    Slack,
    /// A Teams webhook.
    Teams,
    /// The host of a mail server.
    Smtp,
    /// The issuer of a sign-in.
    Issuer,
}

/// Which doors take a URL; a mail server's takes a host.
const URL_DOORS: [Door; 4] = [Door::Endpoint, Door::Slack, Door::Teams, Door::Issuer];

impl Door {
    const fn provider(self) -> Provider {
        match self {
            Self::Endpoint => Provider::Webhook,
            Self::Slack => Provider::Slack,
            Self::Teams => Provider::Teams,
            Self::Smtp => Provider::Smtp,
            Self::Issuer => Provider::Entra,
        }
    }

    /// Where a URL on this host looks like what this door expects.
    fn url(self, host: &str) -> String {
        match self {
            Self::Endpoint => format!("https://{host}/hooks?x=1"),
            Self::Slack => format!("https://{host}/services/T0/B0/abc"),
            Self::Teams => {
                format!("https://{host}/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=abc")
            }
            Self::Issuer => format!("https://{host}"),
            Self::Smtp => host.to_owned(),
        }
    }

    /// Settings and secrets with which this address is all that could be wrong.
    fn saved(self, address: &str) -> (Config, Secrets) {
        let secret = |name: &str, value: &str| Secrets::from([(name.to_owned(), Secret::new(value.to_owned()))]);
        let (config, secrets) = match self {
            Self::Endpoint => (
                json!({"url": address}),
                secret("signing_secret", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfL7Dvh+vw="),
            ),
            Self::Slack => (json!({"mode": "incoming_webhook"}), secret("webhook_url", address)),
            Self::Teams => (json!({"theme": "default"}), secret("webhook_url", address)),
            Self::Smtp => (
                json!({
                    "host": address, "port": 587, "security": "starttls", "from_address": "a@b.example", "timeout_s": 5
                }),
                Secrets::new(),
            ),
            Self::Issuer => (
                json!({
                    "issuer": address, "client_id": "c", "audience": "c", "roles_claim": "roles", "admin_roles": ["A"],
                    "operator_roles": ["O"], "viewer_roles": ["V"]
                }),
                secret("client_secret", "s3cret"),
            ),
        };
        let Value::Object(config) = config else { unreachable!() };
        (config, secrets)
    }

    /// Whether it can be saved.
    fn takes(self, address: &str, guard: &Guard) -> bool {
        let (config, secrets) = self.saved(address);
        let names = secrets.keys().cloned().collect();
        validate(self.provider(), &config, &names)
            .is_ok_and(|config| validate_secrets(self.provider(), &config, &secrets, guard).is_empty())
    }

    /// Connects to it, by each of the ways that there are.
    async fn connects(self, address: &str, guard: &Arc<Guard>) -> Vec<Failure> {
        let (config, secrets) = self.saved(address);
        let endpoints = Endpoints::from_vars(|_| None);
        let mut failures = Vec::new();
        match Connection::open(self.provider(), &config, &secrets, Arc::clone(guard), &endpoints) {
            Err(failure) => failures.push(failure),
            Ok(connection) => failures.push(connection.test().await.unwrap_err()),
        }
        match self {
            Self::Endpoint => failures.push(post(&config, &secrets, guard).await.unwrap_err()),
            Self::Issuer => failures.push(keys(address, guard).await.unwrap_err()),
            Self::Slack | Self::Teams | Self::Smtp => {}
        }
        failures
    }
}

/// How many ways of connecting there are at all doors: each one's test, the post of an event, the keys of an issuer.
const WAYS: usize = 5 + 2;

async fn post(config: &Config, secrets: &Secrets, guard: &Arc<Guard>) -> Result<(), Failure> {
    let endpoints = Endpoints::from_vars(|_| None);
    let webhook = Webhook::open(Provider::Webhook, config, secrets, Arc::clone(guard), &endpoints)?;
    let event = OutEvent {
        id: "msg_01JD0000000000000000000000".parse().unwrap(),
        kind: "order.created".parse().unwrap(),
        at: NOW,
        data: "{}".to_owned(),
        key: None,
    };
    let delivery = "dlv_01JD0000000000000000000000".parse().unwrap();
    webhook.post(&Post { delivery: &delivery, event: &event, at: NOW }).await.result
}

/// What the authorizer does with the token of an issuer.
async fn keys(issuer: &str, guard: &Arc<Guard>) -> Result<(), Failure> {
    let claims = json!({"iss": issuer, "aud": "api", "sub": "s", "exp": NOW.as_seconds() + 60});
    let token = Signer::new("first").unwrap().token(&claims);
    let expected = Expected { issuer, audience: "api", directory: None, nonce: None };
    match IssuerKeys::new(Arc::clone(guard)).verify(Token::parse(&token).unwrap(), expected, NOW).await {
        Err(Unverified::NoKeys(why)) => Err(why.0),
        other => panic!("{issuer}: {other:?}"),
    }
}

/// Everything is judged once before anything is connected to: a guard that has a hole must fail here, not dial addresses
/// that somebody may have.
fn judged_without_connecting(corpus: &Corpus) {
    let guard = guard("", &Arc::default());
    let hosts = corpus.hosts.iter().map(|it| format!("https://{}/", it.host));
    for url in hosts.chain(corpus.urls.iter().map(|it| it.url.clone())) {
        assert!(guard.check_url(&url).is_err(), "{url:?}");
    }
    for host in corpus.hosts.iter().map(|it| &it.host).chain(corpus.urls.iter().map(|it| &it.url)) {
        assert!(guard.check_server(host, 587).is_err(), "{host:?}");
    }
    for name in &corpus.names {
        assert!(name.addresses.iter().any(|ip| not_public(*ip).is_some()), "{}: {}", name.why, name.host);
    }
}

/// Refused for its address; at the doors that know their hosts, because it is none of them.
fn refused(door: Door, failures: &[Failure], what: &str) -> usize {
    let code = if matches!(door, Door::Slack | Door::Teams) { "settings_invalid" } else { "address_not_allowed" };
    for failure in failures {
        assert_eq!(failure.code, code, "{what}: {failure:?}");
    }
    failures.len()
}

/// Nothing but the address is wrong with what the other tests hand over.
#[test]
fn every_door_takes_a_public_name() {
    let guard = guard("", &Arc::default());
    for (door, host) in [
        (Door::Endpoint, "good.example"),
        (Door::Slack, "hooks.slack.com"),
        (Door::Teams, "prod-1.westeurope.logic.azure.com"),
        (Door::Issuer, "id.good.example"),
        (Door::Smtp, "smtp.good.example"),
    ] {
        assert!(door.takes(&door.url(host), &guard), "{door:?}");
    }
}

#[tokio::test]
async fn no_door_takes_or_connects_to_a_bypass() {
    let (corpus, names) = (corpus(), Arc::<Fake>::default());
    judged_without_connecting(&corpus);
    let guard = guard("", &names);
    let (mut saved, mut connected) = (0, 0);
    for Host { why, host } in &corpus.hosts {
        for door in URL_DOORS.into_iter().chain([Door::Smtp]) {
            let address = door.url(host);
            let what = format!("{why}: {door:?}: {address:?}");
            assert!(!door.takes(&address, &guard), "{what}");
            saved += 1;
            connected += refused(door, &door.connects(&address, &guard).await, &what);
        }
    }
    assert_eq!((saved, connected), (5 * corpus.hosts.len(), WAYS * corpus.hosts.len()));
    let (mut saved, mut connected) = (0, 0);
    for Url { why, url } in &corpus.urls {
        for door in URL_DOORS.into_iter().chain([Door::Smtp]) {
            let what = format!("{why}: {door:?}: {url:?}");
            assert!(!door.takes(url, &guard), "{what}");
            saved += 1;
            connected += refused(door, &door.connects(url, &guard).await, &what);
        }
    }
    assert_eq!((saved, connected), (5 * corpus.urls.len(), WAYS * corpus.urls.len()));
    assert_eq!(names.asked.load(Ordering::Relaxed), 0, "what is refused by its spelling is asked of nobody");
}

#[tokio::test]
async fn no_door_connects_to_a_name_that_leads_inside() {
    let corpus = corpus();
    let mut connected = 0;
    judged_without_connecting(&corpus);
    for Name { why, host, addresses } in &corpus.names {
        let names = Arc::new(Fake { addresses: addresses.clone(), ..Fake::default() });
        let guard = guard("", &names);
        for door in URL_DOORS.into_iter().chain([Door::Smtp]) {
            let address = door.url(host);
            connected += refused(door, &door.connects(&address, &guard).await, &format!("{why}: {door:?}: {address}"));
        }
        // Only a name that was spelled as one is looked up: by the endpoint twice, the issuer twice, the mail server once.
        let asked = names.asked.load(Ordering::Relaxed);
        assert!(asked == 5 || asked == 0 || asked == 4, "{why}: {host}: {asked}");
    }
    assert_eq!(connected, WAYS * corpus.names.len());
}

/// Answers every request on loopback the same way; tells how many came.
async fn server(answer: impl Fn(u16) -> String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
    let (seen, answer) = (Arc::clone(&count), answer(port));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 8192]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, count)
}

#[tokio::test]
async fn no_door_follows_a_redirect() {
    let names = Arc::<Fake>::default();
    let inside = ["http://169.254.169.254/latest/meta-data/", "https://127.0.0.1/", "//[fd00:ec2::254]/", "/elsewhere"];
    let mut answered = 0;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        for to in inside {
            let (port, count) = server(|_| {
                format!("HTTP/1.1 {status}\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            })
            .await;
            let guard = guard(&format!("127.0.0.1/32:{port}"), &names);
            let base = format!("http://127.0.0.1:{port}");
            let (config, secrets) = Door::Endpoint.saved(&base);
            let failure = post(&config, &secrets, &guard).await.unwrap_err();
            assert_eq!(failure.code, "endpoint_redirected", "{status} {to}");
            let failure = keys(&base, &guard).await.unwrap_err();
            assert_eq!(failure.code, "oidc_discovery_failed", "{status} {to}");
            assert_eq!(count.load(Ordering::Relaxed), 2, "{status} {to}: each asked once");
            answered += 2;
        }
    }
    assert_eq!((answered, names.asked.load(Ordering::Relaxed)), (40, 0));
}

/// The issuer may be public and still name its keys, or the place of its tokens, anywhere.
#[tokio::test]
async fn what_an_issuer_says_of_itself_is_no_door_either() {
    let (corpus, names) = (corpus(), Arc::<Fake>::default());
    judged_without_connecting(&corpus);
    let hosts = corpus.hosts.iter().map(|it| Door::Issuer.url(&it.host));
    let mut refusals = 0;
    for url in hosts.chain(corpus.urls.iter().map(|it| it.url.clone())) {
        let (port, count) = server(|port| {
            let own = format!("http://127.0.0.1:{port}");
            let document = json!({
                "issuer": own, "jwks_uri": url, "token_endpoint": format!("{own}/token"),
                "authorization_endpoint": format!("{own}/authorize"),
            })
            .to_string();
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{document}", document.len())
        })
        .await;
        let guard = guard(&format!("127.0.0.1/32:{port}"), &names);
        let failure = keys(&format!("http://127.0.0.1:{port}"), &guard).await.unwrap_err();
        assert_eq!((failure.code, count.load(Ordering::Relaxed)), ("address_not_allowed", 1), "{url:?}: {failure:?}");
        refusals += 1;
    }
    assert_eq!(refusals, corpus.hosts.len() + corpus.urls.len());
}
