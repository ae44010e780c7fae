//! The routes of the double, and answers that break off.

use super::{Answer, Breaks, Count, Post, Seen, Setup, Shared, lock, proof};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State as Extract},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use futures::stream;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{collections::BTreeMap, io, time::Duration};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};
use tower::ServiceExt as _;

/// How many bytes of a long body are made at once.
const PIECE_BYTES: usize = 64 << 10;

/// How long a connection that closes in the body stays open after the last byte.
const BEFORE_CLOSING: Duration = Duration::from_millis(20);

fn router(state: Shared) -> Router {
    Router::new()
        .route("/in/{receiver}", post(receive))
        .route("/_double/receivers/{receiver}", put(set_up).get(seen))
        .route("/_double/receivers", delete(forget))
        .route("/_double/counts", get(counts))
        .fallback(stray)
        .layer(DefaultBodyLimit::max(4 << 20))
        .with_state(state)
}

/// Serves until it is dropped. `axum::serve` cannot close a connection instead of answering.
pub(super) async fn serve(listener: TcpListener, state: Shared) {
    let router = router(state);
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        let router = router.clone();
        connections.spawn(async move {
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let router = router.clone();
                async move {
                    let Ok(response) = router.oneshot(request.map(Body::new)).await;
                    if response.extensions().get::<Close>().is_some() { Err(Close) } else { Ok(response) }
                }
            });
            // It ends when the receiver closes it, which is what was asked of it.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Marks an answer that is not to be given: the connection is closed.
#[derive(Clone, Copy, Debug)]
struct Close;

impl std::fmt::Display for Close {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the receiver closes")
    }
}

impl std::error::Error for Close {}

async fn receive(
    Extract(state): Extract<Shared>,
    Path(receiver): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now_s = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let answer = {
        let mut state = lock(&state);
        let receiver = state.receivers.entry(receiver).or_default();
        let read = proof::read(&receiver.setup, &headers, &bytes, now_s);
        let (answer, outcome) = match &read {
            Ok(_) => {
                let answer = receiver.setup.answers.pop_front().unwrap_or_else(|| receiver.setup.then.clone());
                let outcome = match answer.breaks {
                    Breaks::Closes => "closed".to_owned(),
                    Breaks::Hangs => "hung".to_owned(),
                    _ => answer.status.to_string(),
                };
                (answer, outcome)
            }
            Err((status, why)) => {
                (Answer { status: *status, body: why.clone(), ..Answer::default() }, format!("{status} {why}"))
            }
        };
        let taken = read.is_ok() && (200..300).contains(&answer.status) && answer.breaks != Breaks::Closes;
        let proven = read.as_ref().is_ok_and(|read| !read.proven_by.is_empty());
        let count = &mut receiver.seen.count;
        count.posts += 1;
        count.taken += u64::from(taken);
        count.proven += u64::from(taken && proven);
        count.refused += u64::from(read.is_err());
        let (id, kind, body, proven_by) = if let Ok(read) = read {
            (read.id, read.kind, read.body, read.proven_by)
        } else {
            let id = headers.get("webhook-id").and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
            (id, String::new(), serde_json::from_slice(&bytes).unwrap_or_default(), Vec::new())
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let at_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        receiver.seen.posts.push(Post { at_ms, id, kind, body, text, headers, proven_by, outcome });
        answer
    };
    play(answer).await
}

/// Gives an answer as its script says.
async fn play(answer: Answer) -> Response {
    sleep(Duration::from_millis(answer.delay_ms)).await;
    if answer.breaks == Breaks::Hangs {
        std::future::pending::<()>().await;
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let length = answer.body.len() as u64 + answer.more_bytes;
    let breaks_in_body = matches!(answer.breaks, Breaks::ClosesInBody | Breaks::HangsInBody);
    let mut response = if length == 0 && !breaks_in_body {
        status.into_response()
    } else {
        // What breaks off in its body has been announced as longer than it is.
        let announced = length + u64::from(breaks_in_body);
        (status, [(header::CONTENT_LENGTH, announced.to_string())], body(&answer)).into_response()
    };
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
            response.headers_mut().append(name, value);
        }
    }
    if answer.breaks == Breaks::Closes {
        response.extensions_mut().insert(Close);
    }
    response
}

/// The body piece by piece, at its pace, and how it ends.
fn body(answer: &Answer) -> Body {
    struct Left {
        text: Bytes,
        more: u64,
        drip: Duration,
        breaks: Breaks,
    }
    let left = Left {
        text: Bytes::from(answer.body.clone()),
        more: answer.more_bytes,
        drip: Duration::from_millis(answer.drip_ms),
        breaks: answer.breaks,
    };
    Body::from_stream(stream::unfold(left, |mut left| async move {
        let most = if left.drip.is_zero() { PIECE_BYTES } else { 1 };
        if !left.drip.is_zero() {
            sleep(left.drip).await;
        }
        if !left.text.is_empty() {
            let piece = left.text.split_to(most.min(left.text.len()));
            return Some((Ok(piece), left));
        }
        if left.more > 0 {
            let count = most.min(usize::try_from(left.more).unwrap_or(usize::MAX));
            left.more -= count as u64;
            return Some((Ok(Bytes::from(vec![b'x'; count])), left));
        }
        match left.breaks {
            Breaks::ClosesInBody => {
                // What there is has to be on its way first: hyper drops with the connection what it has not yet written.
                sleep(BEFORE_CLOSING).await;
                Some((Err(io::Error::other(Close)), left))
            }
            Breaks::HangsInBody => std::future::pending().await,
            _ => None,
        }
    }))
}

async fn set_up(Extract(state): Extract<Shared>, Path(receiver): Path<String>, Json(setup): Json<Setup>) -> StatusCode {
    lock(&state).receivers.entry(receiver).or_default().setup = setup;
    StatusCode::NO_CONTENT
}

async fn seen(Extract(state): Extract<Shared>, Path(receiver): Path<String>) -> Json<Seen> {
    Json(lock(&state).receivers.get(&receiver).map(|it| it.seen.clone()).unwrap_or_default())
}

async fn counts(Extract(state): Extract<Shared>) -> Json<BTreeMap<String, Count>> {
    Json(lock(&state).receivers.iter().map(|(name, it)| (name.clone(), it.seen.count)).collect())
}

async fn forget(Extract(state): Extract<Shared>) -> StatusCode {
    lock(&state).receivers.clear();
    StatusCode::NO_CONTENT
}

async fn stray(Extract(state): Extract<Shared>, method: Method, uri: Uri) -> Response {
    let call = format!("{method} {}", uri.path());
    let note = format!("THE WEBHOOK DOUBLE HAS NO {call}");
    lock(&state).strays.push(call);
    (StatusCode::NOT_FOUND, note).into_response()
}

#[cfg(test)]
mod tests {
    use crate::webhook::{Answer, Breaks, Count, Setup, WebhookDouble};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    const BODY: &str = r#"{"type":"ping","timestamp":"2026-01-01T00:00:00Z","data":1}"#;

    /// Posts and gives back all that came until the connection ended.
    async fn post(double: &WebhookDouble, body: &str) -> String {
        let address = double.url().replace("http://", "");
        let now_s = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "POST /in/a HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             webhook-id: msg_01JD0000000000000000000000\r\nwebhook-timestamp: {now_s}\r\nwebhook-signature: v1,AA\r\n\
             x-trunkline-event: ping\r\nx-trunkline-delivery-id: dlv_1\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has said what it had to say.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn answers_come_as_scripted_and_then_as_usual() {
        let double = WebhookDouble::start(0).await.unwrap();
        let long = Answer { status: 500, body: "no".into(), more_bytes: 200_000, ..Answer::default() };
        let closes = Answer { breaks: Breaks::Closes, ..Answer::default() };
        let torn = Answer { body: "half".into(), breaks: Breaks::ClosesInBody, ..Answer::status(200) };
        double.set_up("a", Setup { answers: [long, closes, torn].into(), ..Setup::default() });
        let answer = post(&double, BODY).await;
        assert!(answer.starts_with("HTTP/1.1 500") && answer.ends_with('x') && answer.len() > 200_002);
        assert_eq!(post(&double, BODY).await, "");
        let answer = post(&double, BODY).await;
        assert!(answer.contains("content-length: 5") && answer.ends_with("half"), "{answer}");
        assert!(post(&double, BODY).await.starts_with("HTTP/1.1 204"));
        assert!(post(&double, "[]").await.starts_with("HTTP/1.1 400"));
        let seen = double.seen("a");
        assert_eq!(seen.count, Count { posts: 5, taken: 2, proven: 0, refused: 1 });
        let outcomes: Vec<_> = seen.posts.iter().map(|it| it.outcome.as_str()).collect();
        assert_eq!(outcomes, ["500", "closed", "200", "204", "400 the body is not an object"]);
    }
}
