//! The endpoint's provider against a real server on a socket, which answers as its paths are called.

use super::{Post, Reply, Webhook};
use crate::{Connect, Endpoints, validate, validate_secrets};
use domain::{
    channel::Provider,
    failure::FailureKind,
    ids::DeliveryId,
    integration::Config,
    secret::{Secret, Secrets},
    time::Timestamp,
    webhook::{OutEvent, RESPONSE_MAX_BYTES},
};
use guard::{Egress, Guard, Timeouts};
use ring::hmac;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: Timestamp = Timestamp(1_763_640_000_000);

/// A request as it came over the wire.
#[derive(Clone, Debug)]
struct Seen {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

#[derive(Default)]
struct Record {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    /// How many bytes of endless answers were taken off our hands.
    written: AtomicUsize,
}

struct Receiver {
    address: SocketAddr,
    record: Arc<Record>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, record) = (listener.local_addr().unwrap(), Arc::new(Record::default()));
        let shared = Arc::clone(&record);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, record }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn seen(&self) -> Vec<Seen> {
        self.record.seen.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, record: Arc<Record>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_owned(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let echoed = headers.get("authorization").cloned().unwrap_or_default();
        record.seen.lock().unwrap().push(Seen { line: line.trim_end().to_owned(), headers, body });
        answer(&mut stream, &path, &echoed, &record).await?;
    }
}

async fn answer(stream: &mut BufReader<TcpStream>, path: &str, echoed: &str, record: &Record) -> io::Result<()> {
    let closed = || Err(io::ErrorKind::ConnectionAborted.into());
    let with = |status: &str, headers: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let text = match path {
        "/hang" => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            return closed();
        }
        "/close" => return closed(),
        "/close-mid-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await?;
            stream.flush().await?;
            return closed();
        }
        "/drip" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await?;
            for _ in 0..1_000 {
                stream.write_all(b".").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            return Ok(());
        }
        "/huge" | "/endless" => {
            let length = if path == "/huge" { "Content-Length: 10000000\r\n" } else { "" };
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\n").as_bytes()).await?;
            for _ in 0..10_000 {
                stream.write_all(&[b'x'; 1_000]).await?;
                record.written.fetch_add(1_000, Ordering::SeqCst);
            }
            return closed();
        }
        "/gzip" => with("200 OK", "Content-Encoding: gzip\r\n", "\u{1f}not really"),
        "/redirect" => with("302 Found", "Location: http://127.0.0.1:1/elsewhere\r\n", ""),
        "/gone" => with("410 Gone", "", "bye"),
        "/slow-down" => with("429 Too Many Requests", "Retry-After: 7\r\n", ""),
        "/until" => with("503 Service Unavailable", "Retry-After: Thu, 20 Nov 2025 12:02:00 GMT\r\n", ""),
        "/broken" => with("500 Internal Server Error", "", "stack trace"),
        "/bad" => with("400 Bad Request", "", "signature?"),
        "/cookies" => with("200 OK", "Set-Cookie: session=1\r\nX-Request-Id: r-1\r\n", "ok"),
        "/unknown-token" => {
            let token = echoed.split_once(' ').map_or("", |(_, token)| token);
            with("401 Unauthorized", "", &format!("no token {token}, {{\"token\":\"{token}\"}}"))
        }
        "/unknown-token-at-length" => {
            let token = echoed.split_once(' ').map_or("", |(_, token)| token);
            with("401 Unauthorized", "", &format!("{}{token}", "x".repeat(RESPONSE_MAX_BYTES - 8)))
        }
        "/echo" => with("200 OK", &format!("X-Echo: {echoed}\r\n"), &format!("you sent {echoed}")),
        "/nonsense" => "this is not HTTP\r\n\r\n".to_owned(),
        _ => with("200 OK", "", "ok"),
    };
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

fn guard() -> Arc<Guard> {
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    Arc::new(Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts))
}

fn config(value: Value) -> Config {
    let Value::Object(config) = value else { panic!("{value} is not an object") };
    config
}

fn open(guard: Arc<Guard>, settings: Value, secrets: &[(&str, &str)], endpoints: &Endpoints) -> Webhook {
    let secrets: Secrets =
        secrets.iter().map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned()))).collect();
    let settings = validate(Provider::Webhook, &config(settings), &secrets.keys().cloned().collect()).unwrap();
    assert_eq!(validate_secrets(Provider::Webhook, &settings, &secrets, &guard), []);
    let webhook = <Webhook as Connect>::open(Provider::Webhook, &settings, &secrets, guard, endpoints).unwrap();
    Webhook { timeout: Duration::from_millis(1_500), ..webhook }
}

fn endpoint(receiver: &Receiver, path: &str) -> Webhook {
    let settings = json!({"url": receiver.url(path)});
    open(guard(), settings, &[("signing_secret", SECRET)], &Endpoints::default())
}

async fn post(webhook: &Webhook) -> Reply {
    let event = OutEvent {
        id: "msg_01JD0000000000000000000000".parse().unwrap(),
        kind: "order.created".parse().unwrap(),
        at: NOW,
        data: r#"{"total": 1.50}"#.to_owned(),
        key: None,
    };
    let delivery: DeliveryId = "dlv_01JD0000000000000000000000".parse().unwrap();
    webhook.post(&Post { delivery: &delivery, event: &event, at: NOW.plus_ms(60_999) }).await
}

#[tokio::test]
async fn an_event_arrives_signed_and_named() {
    let receiver = Receiver::start().await;
    let secrets = [("signing_secret", SECRET), ("header.Authorization", "Bearer opensesame")];
    let webhook = open(guard(), json!({"url": receiver.url("/ok?x=1")}), &secrets, &Endpoints::default());
    let reply = post(&webhook).await;
    assert_eq!((reply.result, reply.answer.status, reply.answer.body.as_str()), (Ok(()), Some(200), "ok"));
    let seen = receiver.seen().remove(0);
    assert_eq!(seen.line, "POST /ok?x=1 HTTP/1.1");
    let body = br#"{"type":"order.created","timestamp":"2025-11-20T12:00:00.000Z","data":{"total": 1.50}}"#;
    assert_eq!(seen.body, body);
    for (name, value) in [
        ("webhook-id", "msg_01JD0000000000000000000000"),
        // Of the attempt, not of the event.
        ("webhook-timestamp", "1763640060"),
        ("x-trunkline-event", "order.created"),
        ("x-trunkline-delivery-id", "dlv_01JD0000000000000000000000"),
        ("authorization", "Bearer opensesame"),
        ("content-type", "application/json"),
        ("user-agent", "Trunkline-Webhooks/1.0"),
        ("accept-encoding", "identity"),
    ] {
        assert_eq!(seen.headers.get(name).map(String::as_str), Some(value), "{name}");
    }
    // Checked as a receiver does, with nothing of ours.
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &SECRET[6..]).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let signed = [b"msg_01JD0000000000000000000000.1763640060.", &body[..]].concat();
    let signature = seen.headers["webhook-signature"].strip_prefix("v1,").unwrap();
    let signature = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, signature).unwrap();
    assert!(hmac::verify(&key, &signed, &signature).is_ok());
    let of_body = domain::digest::hex(hmac::sign(&key, body).as_ref());
    assert_eq!(seen.headers["x-trunkline-signature"], format!("sha256={of_body}"));
}

#[tokio::test]
async fn a_deployment_names_our_headers_and_ed25519_has_no_hmac() {
    let receiver = Receiver::start().await;
    let secret = domain::webhook::secret::generate(domain::webhook::Signing::Ed25519, &[3; 32]).unwrap();
    let endpoints = Endpoints { webhook_header_prefix: "X-MonoPilot-".into(), ..Endpoints::default() };
    let settings = json!({"url": receiver.url("/"), "signing": "ed25519", "transform": {"constant": {"total": 2}}});
    post(&open(guard(), settings, &[("signing_secret", secret.expose())], &endpoints)).await.result.unwrap();
    let seen = receiver.seen().remove(0);
    assert!(seen.headers["webhook-signature"].starts_with("v1a,"));
    assert_eq!(seen.headers["x-monopilot-event"], "order.created");
    assert_eq!(seen.headers["user-agent"], "MonoPilot-Webhooks/1.0");
    assert!(!seen.headers.contains_key("x-monopilot-signature") && !seen.headers.contains_key("x-trunkline-event"));
    assert_eq!(serde_json::from_slice::<Value>(&seen.body).unwrap()["data"], json!({"total": 2}));
}

#[tokio::test]
async fn what_comes_back_decides_what_happens_next() {
    use FailureKind::{Permanent, Throttled, Transient};
    let receiver = Receiver::start().await;
    let later = Transient { after_ms: None };
    for (path, status, kind, code) in [
        ("/broken", Some(500), later, "endpoint_error"),
        ("/bad", Some(400), later, "endpoint_refused"),
        ("/redirect", Some(302), later, "endpoint_redirected"),
        ("/gone", Some(410), Permanent, "endpoint_gone"),
        ("/slow-down", Some(429), Throttled { after_ms: Some(7_000) }, "endpoint_busy"),
        ("/close", None, later, "endpoint_connection_lost"),
        ("/nonsense", None, later, "endpoint_connection_lost"),
    ] {
        let reply = post(&endpoint(&receiver, path)).await;
        let failure = reply.result.unwrap_err();
        assert_eq!((reply.answer.status, failure.kind, failure.code), (status, kind, code), "{path}");
        assert!(!failure.detail.contains("127.0.0.1"), "a URL shows in {failure:?}");
    }
    assert_eq!(receiver.seen().len(), 7, "a redirect is not followed, and nothing is tried twice");
    let Err(failure) = post(&endpoint(&receiver, "/until")).await.result else { panic!("it was taken") };
    let Throttled { after_ms: Some(after_ms) } = failure.kind else { panic!("{failure:?}") };
    assert!((57_000..=59_000).contains(&after_ms), "{after_ms} ms from the attempt's time to two minutes past noon");
}

#[tokio::test]
async fn one_that_hangs_is_given_up() {
    let receiver = Receiver::start().await;
    let reply = post(&endpoint(&receiver, "/hang")).await;
    let failure = reply.result.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Transient { after_ms: None }, "endpoint_timeout"));
    assert!(reply.answer.duration_ms >= 1_400, "{} ms, longer than the guard gives others", reply.answer.duration_ms);
}

#[tokio::test]
async fn a_status_counts_whatever_becomes_of_the_rest() {
    let receiver = Receiver::start().await;
    let reply = post(&endpoint(&receiver, "/close-mid-body")).await;
    assert_eq!((reply.result, reply.answer.body.as_str()), (Ok(()), "half"));
    let reply = post(&endpoint(&receiver, "/drip")).await;
    assert_eq!((reply.result, reply.answer.status), (Ok(()), Some(200)));
    assert!((1..100).contains(&reply.answer.body.len()), "{}", reply.answer.body);
}

#[tokio::test]
async fn of_a_large_answer_the_beginning_is_read_and_the_connection_dropped() {
    let receiver = Receiver::start().await;
    for path in ["/huge", "/endless"] {
        receiver.record.written.store(0, Ordering::SeqCst);
        let reply = post(&endpoint(&receiver, path)).await;
        assert_eq!((reply.result, reply.answer.body.len()), (Ok(()), RESPONSE_MAX_BYTES), "{path}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let written = receiver.record.written.load(Ordering::SeqCst);
        assert!(written < 9_000_000, "{path}: {written} bytes were taken");
    }
}

#[tokio::test]
async fn what_is_compressed_is_not_opened_and_cookies_are_not_kept() {
    let receiver = Receiver::start().await;
    let reply = post(&endpoint(&receiver, "/gzip")).await;
    assert_eq!((reply.result, reply.answer.body.as_str()), (Ok(()), ""));
    assert!(reply.answer.headers.contains(&("content-encoding".to_owned(), "gzip".to_owned())));
    let reply = post(&endpoint(&receiver, "/cookies")).await;
    let names: Vec<_> = reply.answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-request-id", "content-length"]);
}

#[tokio::test]
async fn a_secret_that_comes_back_is_not_kept() {
    let receiver = Receiver::start().await;
    let secrets = [("signing_secret", SECRET), ("header.Authorization", "Bearer opensesame")];
    let webhook = open(guard(), json!({"url": receiver.url("/echo")}), &secrets, &Endpoints::default());
    let answer = post(&webhook).await.answer;
    assert_eq!(answer.body, "you sent ***");
    let shown = format!("{answer:?} {webhook:?}");
    assert!(!shown.contains("opensesame") && !shown.contains("MfKQ9r8G"), "{shown}");
    for path in ["/unknown-token", "/unknown-token-at-length"] {
        let webhook = open(guard(), json!({"url": receiver.url(path)}), &secrets, &Endpoints::default());
        let shown = format!("{:?}", post(&webhook).await);
        assert!(shown.contains("401") && !shown.contains("opensesa"), "{path}: {shown}");
    }
}

#[tokio::test]
async fn events_of_all_endpoints_share_connections() {
    let receiver = Receiver::start().await;
    let guard = guard();
    for path in ["/a", "/b", "/c"] {
        let settings = json!({"url": receiver.url(path)});
        let webhook = open(Arc::clone(&guard), settings, &[("signing_secret", SECRET)], &Endpoints::default());
        post(&webhook).await.result.unwrap();
        post(&webhook).await.result.unwrap();
    }
    assert_eq!((receiver.seen().len(), receiver.record.connections.load(Ordering::SeqCst)), (6, 1));
}

#[tokio::test]
async fn a_test_posts_nothing_and_says_who_answers() {
    let receiver = Receiver::start().await;
    assert_eq!(endpoint(&receiver, "/bad").test().await.unwrap(), "HTTP 400: the endpoint answers");
    assert!(receiver.seen()[0].line.starts_with("HEAD /bad "));
    for (path, code) in [("/gone", "endpoint_gone"), ("/broken", "endpoint_error")] {
        assert_eq!(endpoint(&receiver, path).test().await.unwrap_err().code, code, "{path}");
    }
    let nobody = Receiver { address: "127.0.0.1:9".parse().unwrap(), record: Arc::default() };
    assert_eq!(endpoint(&nobody, "/").test().await.unwrap_err().code, "unreachable");
    assert_eq!(post(&endpoint(&nobody, "/")).await.result.unwrap_err().code, "unreachable");
}

#[tokio::test]
async fn an_address_that_is_not_public_is_not_connected_to() {
    // As a name that came to resolve to our own network since it was saved.
    let receiver = Receiver::start().await;
    let url = format!("https://localhost:{}/", receiver.address.port());
    let closed = Arc::new(Guard::new(Egress::parse("").unwrap()));
    let settings = config(json!({"url": url}));
    let secrets = Secrets::from([("signing_secret".to_owned(), Secret::new(SECRET.to_owned()))]);
    let open = |settings: &Config| Webhook::open(settings, &secrets, Arc::clone(&closed), &Endpoints::default());
    assert_eq!(open(&settings).unwrap_err().code, "address_not_allowed", "its port is not 443");
    let webhook = open(&config(json!({"url": "https://localhost/"}))).unwrap();
    assert_eq!(webhook.test().await.unwrap_err().code, "address_not_allowed");
    let failure = post(&webhook).await.result.unwrap_err();
    // It may be mended before the retries are used up.
    assert_eq!((failure.code, failure.kind), ("address_not_allowed", FailureKind::Transient { after_ms: None }));
    assert_eq!(receiver.record.connections.load(Ordering::SeqCst), 0);
}
