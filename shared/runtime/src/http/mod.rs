//! HTTP functions: a router of axum behind the gateway. Every answer carries `x-request-id`, every failure is a problem
//! document, and a panic is a 500 like any other defect.

mod extract;
mod failed;
mod record;

pub use extract::{Json, JsonText, MAX_BODY_BYTES, MaxBody, Path, Query, read_json};
pub use failed::{Answer, Failed};

use crate::{
    caller::{Identity, rate_headers},
    clock::SystemClock,
    function::Function,
    lazy::Lazy,
};
use api::problem::{PROBLEM_JSON, Problem, ProblemKind};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Response, header},
};
use domain::{principal::Caller, time::Clock as _};
use futures::{FutureExt, future::BoxFuture};
use lambda_http::{RequestExt, request::RequestContext, service_fn};
use std::{convert::Infallible, panic::AssertUnwindSafe, pin::Pin, sync::Arc};
use store::Logs;
use tower::ServiceExt;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Put into the extensions of a response, it says that the log tells of this call already, so that no entry is written
/// for it: what the call stored has the call with it (`store::Request::call`), and the stream tells of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded;

/// Serves `router` until Lambda ends the process.
pub async fn run(function: Function, router: Router) -> Result<(), lambda_http::Error> {
    let app = App::new(router);
    function.log.started();
    let (function, app) = (&function, &app);
    lambda_http::run(service_fn(move |request: lambda_http::Request| async move {
        Ok::<_, Infallible>(invoke(function, app, request).await)
    }))
    .await
}

/// A response that goes out as it is. `lambda_http` would decode the text of any other once more, and thereby drop the
/// byte order mark that a CSV file begins with.
struct AsItIs(Response<lambda_http::Body>);

impl lambda_http::IntoResponse for AsItIs {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<lambda_http::Body>> + Send>> {
        Box::pin(std::future::ready(self.0))
    }
}

async fn invoke(function: &Function, app: &App, request: lambda_http::Request) -> AsItIs {
    let lambda_id = request.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default();
    let gateway_id = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    function.log.begin(&lambda_id, gateway_id.as_deref());
    let request = request.map(|body| match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    });
    let identity = authorized(&request).0;
    if let Identity::Tenant(caller) = &identity {
        function.log.tenant(caller.scope.tenant());
    }
    let call = record::Call::of(&request, &identity, SystemClock.now());
    let what = format!("{} {}", request.method(), nobodys(request.uri().path()));
    let request_id = gateway_id.as_deref().unwrap_or(&lambda_id);
    let response = app.answer(request, request_id).await;
    if let Some(call) = call {
        call.answered(function.aws.store(), &response, request_id, SystemClock.now()).await;
    }
    function.finish(&format!("{what} {}", response.status().as_u16()));
    AsItIs(response.map(body))
}

/// A path as the log may have it: where somebody's address stands in it, as with the suppressed ones, stands `*`. The log
/// is kept when the address, or its tenant, is long erased.
fn nobodys(path: &str) -> String {
    let is_address = |part: &str| part.contains('@') || part.contains("%40");
    path.split('/').map(|part| if is_address(part) { "*" } else { part }).collect::<Vec<_>>().join("/")
}

fn body(bytes: Bytes) -> lambda_http::Body {
    match String::from_utf8(bytes.into()) {
        Ok(text) => lambda_http::Body::Text(text),
        Err(binary) => lambda_http::Body::Binary(binary.into_bytes()),
    }
}

/// A router as the gateway's clients see it. Tests call it directly.
#[derive(Clone)]
pub struct App {
    router: Router,
    journal: Option<Arc<dyn Journal>>,
}

/// Where calls from within are noted.
trait Journal: Send + Sync {
    fn note<'a>(&'a self, call: record::Call, response: &'a Response<Bytes>, request_id: &'a str) -> BoxFuture<'a, ()>;
}

impl<S: Logs + 'static> Journal for Lazy<S> {
    fn note<'a>(&'a self, call: record::Call, response: &'a Response<Bytes>, request_id: &'a str) -> BoxFuture<'a, ()> {
        call.answered(&**self, response, request_id, SystemClock.now()).boxed()
    }
}

impl App {
    /// Adds what every router has: problems for unknown paths and methods.
    pub fn new(router: Router) -> Self {
        Self { router: router.fallback(no_route).method_not_allowed_fallback(no_method), journal: None }
    }

    /// The same, which writes what callers within this process change into the log of calls.
    #[must_use]
    pub fn recording<S: Logs + 'static>(self, store: Lazy<S>) -> Self {
        Self { journal: Some(Arc::new(store)), ..self }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request, request_id: &str) -> Response<Bytes> {
        let (identity, rate) = authorized(&request);
        self.answer_to(identity, &rate, request, request_id).await
    }

    /// Answers one request that our own code makes, in this process, for a caller whom it knows: as the gateway's would
    /// be answered, with the same checks of what the caller may do. What is only looked at leaves no entry in the log: a
    /// page asks for much.
    pub async fn answer_within(&self, caller: &Caller, request: Request, request_id: &str) -> Response<Bytes> {
        let identity = Identity::Tenant(caller.clone());
        let journal = self.journal.as_ref().filter(|_| request.method() != Method::GET);
        let entry =
            journal.and_then(|journal| Some((journal, record::Call::of(&request, &identity, SystemClock.now())?)));
        let response = self.answer_to(identity, &HeaderMap::new(), request, request_id).await;
        if let Some((journal, call)) = entry {
            journal.note(call, &response, request_id).await;
        }
        response
    }

    async fn answer_to(
        &self,
        identity: Identity,
        rate: &HeaderMap,
        mut request: Request,
        request_id: &str,
    ) -> Response<Bytes> {
        request.extensions_mut().insert(identity);
        let answered = AssertUnwindSafe(self.route(request)).catch_unwind().await;
        // The panic itself was logged by the hook of `log`.
        let defect = || Failed::from(Problem::new(ProblemKind::Internal, "This is a defect of ours.")).into_bytes();
        let mut response = answered.unwrap_or_else(|_| defect());
        let problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = problem {
            response.extensions_mut().insert(problem.code);
            *response.body_mut() = render(&Problem { request_id: Some(request_id.to_owned()), ..problem });
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
            // Until here it was that of an empty body.
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        for (name, value) in rate {
            response.headers_mut().insert(name, value.clone());
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    async fn route(&self, request: Request) -> Response<Bytes> {
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        match axum::body::to_bytes(body, usize::MAX).await {
            Ok(bytes) => Response::from_parts(parts, bytes),
            Err(error) => {
                tracing::error!(%error, "the response's body could not be made");
                Failed::from(Problem::new(ProblemKind::Internal, "This is a defect of ours.")).into_bytes()
            }
        }
    }
}

fn render(problem: &Problem) -> Bytes {
    serde_json::to_vec(problem).unwrap_or_default().into()
}

/// What the authorizer says of a request: who sends it, and what its answer tells of limits.
fn authorized(request: &Request) -> (Identity, HeaderMap) {
    let authorizer = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref(),
        _ => None,
    };
    authorizer.map_or_else(
        || (Identity::Nobody, HeaderMap::new()),
        |authorizer| (Identity::read(&authorizer.fields), rate_headers(&authorizer.fields)),
    )
}

/// From where a request came, as the gateway saw it.
#[must_use]
pub fn source_ip(extensions: &Extensions) -> Option<String> {
    match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
        _ => None,
    }
}

/// The id of a request, as the gateway gave it.
#[must_use]
pub fn request_id(extensions: &Extensions) -> Option<String> {
    match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
}

async fn no_route() -> Failed {
    Problem::new(ProblemKind::NotFound, "There is no such route. See `/v1/openapi.json`.").into()
}

async fn no_method(method: Method) -> Failed {
    Problem::new(ProblemKind::MethodNotAllowed, format!("This path does not answer {method}.")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        caller::{Auth, Context, Operator},
        testing::{Answered, call, key_of, send},
    };
    use axum::{
        Extension,
        http::StatusCode,
        routing::{get, post},
    };
    use domain::{ids::KeyId, key::KeyRefusal, log::Filter, principal::Scope, time::Timestamp};
    use serde_json::{Value, json};
    use store::{LogQuery, StoreError, memory::MemoryStore};

    async fn echo(Json(body): Json<Value>) -> Json<Value> {
        Json(body)
    }

    async fn read(auth: Auth, Path(id): Path<KeyId>) -> Answer<StatusCode> {
        auth.require(Scope::KeysRead)?;
        Err(Problem::not_found(&format!("key {id}")).into())
    }

    async fn panics() -> StatusCode {
        panic!("on purpose")
    }

    async fn busy() -> Answer<StatusCode> {
        Err(StoreError::Unavailable("ThrottlingException".into()).into())
    }

    fn app() -> App {
        App::new(
            Router::new()
                .route("/echo", post(echo))
                .route("/small", post(echo).layer(Extension(MaxBody(8))))
                .route("/keys/{id}", get(read))
                .route("/operator", get(async |_: Operator| StatusCode::OK))
                .route("/panics", get(panics))
                .route("/busy", get(busy)),
        )
    }

    async fn get_as(context: &Context, path: &str) -> Answered {
        call(&app(), context, Method::GET, path, Value::Null).await
    }

    #[test]
    fn the_log_has_no_address_out_of_a_path() {
        for (path, logged) in [
            ("/v1/suppressions/Ann%40example.com", "/v1/suppressions/*"),
            ("/v1/suppressions/ann@example.com", "/v1/suppressions/*"),
            ("/v1/campaigns/spring_2026.1/deliveries", "/v1/campaigns/spring_2026.1/deliveries"),
        ] {
            assert_eq!(nobodys(path), logged);
        }
    }

    #[tokio::test]
    async fn whatever_goes_wrong_is_a_problem_with_the_request_id() {
        let nobody = Context::default();
        let mut answers = Vec::new();
        for path in ["/nowhere", "/echo", "/keys/x", "/panics", "/busy"] {
            answers.push(get_as(&nobody, path).await);
        }
        answers.push(call(&app(), &nobody, Method::POST, "/small", json!("too long a body")).await);
        let text = Request::builder().method(Method::POST).uri("/echo").body(Body::from("{}")).unwrap();
        answers.push(send(&app(), &nobody, text).await);
        for answer in &answers {
            assert_eq!(answer.content_type, PROBLEM_JSON);
            assert_eq!(answer.headers["x-request-id"], crate::testing::REQUEST_ID);
            assert!(!answer.headers.contains_key("content-length"));
            assert_eq!(answer.body["request_id"], crate::testing::REQUEST_ID);
        }
        let seen: Vec<_> = answers
            .iter()
            .map(|answer| {
                json!([answer.status, answer.body["code"], answer.body["detail"], answer.headers.get("retry-after")])
            })
            .collect();
        insta::assert_json_snapshot!(seen);
    }

    #[tokio::test]
    async fn a_byte_order_mark_reaches_the_reader() {
        let csv = "\u{feff}id,سبب";
        let response = Response::builder().header(header::CONTENT_TYPE, "text/csv; charset=utf-8");
        let sent = AsItIs(response.body(body(Bytes::from(csv))).unwrap());
        let sent = lambda_http::IntoResponse::into_response(sent).await;
        assert!(matches!(sent.body(), lambda_http::Body::Text(text) if text == csv));
    }

    #[tokio::test]
    async fn the_caller_decides_what_is_answered() {
        let key = "/keys/key_01JD0000000000000000000000";
        let codes = [
            get_as(&key_of("acme", "keys:*"), key).await,
            get_as(&key_of("acme", "keys:*"), "/keys/unlike-an-id").await,
            get_as(&key_of("acme", "campaigns:*"), key).await,
            get_as(&Context::operator(None), key).await,
            get_as(&Context::denied(KeyRefusal::Revoked), key).await,
            get_as(&Context::denied(KeyRefusal::Expired), key).await,
            get_as(&key_of("acme", "*"), "/operator").await,
            get_as(&Context::default(), "/operator").await,
            get_as(&Context::operator(Some(&"acme".parse().unwrap())), "/operator").await,
        ]
        .map(|answer| answer.body["code"].clone());
        assert_eq!(
            json!(codes),
            json!([
                "not_found",
                "not_found",
                "forbidden",
                "forbidden",
                "key_revoked",
                "key_expired",
                "forbidden",
                "unauthenticated",
                "forbidden"
            ])
        );
        assert_eq!(get_as(&Context::operator(None), "/operator").await.status, 200);
    }

    #[tokio::test]
    async fn answers_tell_of_limits_and_a_refusal_when_to_come_again() {
        let limited = |context: Context, retry| context.limited("policy".into(), "limit".into(), retry);
        let fine = get_as(&limited(key_of("acme", "keys:*"), None), "/keys/key_01JD0000000000000000000000").await;
        let told = |answer: &Answered| {
            ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| answer.headers.get(name).cloned())
        };
        assert_eq!(told(&fine), [Some("policy".into()), Some("limit".into()), None]);
        let refused = get_as(&limited(Context::refused(ProblemKind::RateLimited), Some(7)), "/keys/x").await;
        assert_eq!((refused.status, &refused.body["code"]), (429, &json!("rate_limited")));
        assert_eq!(told(&refused), [Some("policy".into()), Some("limit".into()), Some("7".into())]);
        let unlimited = get_as(&key_of("acme", "keys:*"), "/keys/x").await;
        assert_eq!(told(&unlimited), [None, None, None]);
    }

    #[tokio::test]
    async fn our_own_requests_meet_the_same_checks() {
        let id = "/keys/key_01JD0000000000000000000000";
        for (grants, status) in [("keys:read", 404), ("campaigns:*", 403)] {
            let context = serde_json::to_value(key_of("acme", grants)).unwrap();
            let Identity::Tenant(caller) = Identity::read(&serde_json::from_value(context).unwrap()) else { panic!() };
            let request = Request::builder().uri(id).body(Body::empty()).unwrap();
            let answer = app().answer_within(&caller, request, crate::testing::REQUEST_ID).await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()["content-type"], PROBLEM_JSON);
        }
    }

    #[tokio::test]
    async fn what_our_own_code_changes_is_in_the_log_and_its_looks_are_not() {
        let store = Lazy::ready(MemoryStore::default());
        let router = Router::new()
            .route("/v1/keys", get(async || StatusCode::OK).post(async || StatusCode::CREATED))
            .route("/v1/keys/{id}", get(read).delete(read));
        let app = App::new(router).recording(store.clone());
        let context = serde_json::to_value(key_of("acme", "keys:*")).unwrap();
        let Identity::Tenant(caller) = Identity::read(&serde_json::from_value(context).unwrap()) else { panic!() };
        let key = "/v1/keys/key_01JD0000000000000000000000";
        for (method, path) in
            [(Method::GET, "/v1/keys"), (Method::GET, key), (Method::POST, "/v1/keys"), (Method::DELETE, key)]
        {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            app.answer_within(&caller, request, crate::testing::REQUEST_ID).await;
        }
        let everything = LogQuery { filter: Filter::default(), since: Timestamp(0), until: None };
        let found = store.log(&caller.scope, &everything, None, 9).await.unwrap().items;
        let mut told: Vec<_> = found.iter().map(|it| (it.entry.event.as_str(), it.entry.http_status)).collect();
        told.sort_unstable();
        assert_eq!(told, [("DELETE /v1/keys/{id}", Some(404)), ("POST /v1/keys", Some(201))]);
        assert!(found.iter().all(|it| it.entry.principal.as_ref() == Some(&caller.principal)), "{found:?}");
    }

    #[tokio::test]
    async fn success_passes_through_with_the_request_id() {
        let answer = call(&app(), &Context::default(), Method::POST, "/echo", json!({"a": "ä"})).await;
        assert_eq!((answer.status, answer.body), (200, json!({"a": "ä"})));
        assert_eq!(answer.headers["x-request-id"], crate::testing::REQUEST_ID);
    }
}
