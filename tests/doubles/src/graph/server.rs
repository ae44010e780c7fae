//! The routes of the double.

use super::{
    Call, Command, Kept, Permission, Record, Shared, State, Token, lock,
    rules::{self, Wanted},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Extract},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ROOT: &str = "/graph/v1.0/security/attackSimulation";
const ZEROS: &str = "00000000-0000-0000-0000-000000000000";
/// Small, so that every test with some targets sees more than one page.
const PAGE: usize = 2;

type Fields = BTreeMap<String, String>;

pub(super) fn router(state: Shared) -> Router {
    Router::new()
        .route("/login/{directory}/oauth2/v2.0/token", post(token))
        .route(&format!("{ROOT}/{{*rest}}"), get(graph).post(graph).delete(graph))
        .route("/_double/requests", get(requests))
        .route("/_double/command", post(command))
        .fallback(stray)
        .method_not_allowed_fallback(stray)
        .with_state(state)
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn host(headers: &HeaderMap) -> String {
    format!("http://{}", text_of(headers, header::HOST))
}

/// The fields of a form or a query.
fn fields(text: &str) -> Fields {
    let uri = format!("/?{text}").parse::<Uri>().unwrap_or_default();
    Query::<Fields>::try_from_uri(&uri).map(|query| query.0).unwrap_or_default()
}

// ---- The login server ------------------------------------------------------------------------------------------------

fn refused(code: u64, error: &str, words: &str) -> Response {
    let body = json!({
        "error": error, "error_codes": [code], "correlation_id": "0",
        "error_description": format!("AADSTS{code}: {words}\r\nTrace ID: 0\r\nCorrelation ID: 0"),
    });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

async fn token(
    Extract(state): Extract<Shared>,
    Path(directory): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = fields(&String::from_utf8_lossy(&body));
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let host = host(&headers);
    if text_of(&headers, header::CONTENT_TYPE) != "application/x-www-form-urlencoded"
        || field("grant_type") != "client_credentials"
        || field("scope") != format!("{host}/graph/.default")
    {
        return refused(900_144, "invalid_request", "The request body is not as documented.");
    }
    let client_id = field("client_id");
    if directory == ZEROS {
        return refused(90_002, "invalid_request", "Tenant not found.");
    }
    if client_id == ZEROS || client_id.is_empty() {
        return refused(700_016, "unauthorized_client", "Application was not found in the directory.");
    }
    let mut state = lock(&state);
    let permission = if field("client_assertion").is_empty() {
        match field("client_secret") {
            secret if secret.starts_with("good") => Permission::Everything,
            secret if secret.starts_with("readonly") => Permission::Read,
            secret if secret.starts_with("norole") => Permission::Nothing,
            secret if secret.starts_with("unlicensed") => Permission::Unlicensed,
            secret if secret.starts_with("expired") => {
                return refused(7_000_222, "invalid_client", "The provided client secret keys are expired.");
            }
            secret if secret.starts_with("noconsent") => {
                let words = "The client application is missing service principal in the tenant.";
                return refused(7_000_229, "unauthorized_client", words);
            }
            _ => return refused(7_000_215, "invalid_client", "Invalid client secret provided."),
        }
    } else {
        let audience = format!("{host}/login/{directory}/oauth2/v2.0/token");
        let checked = if field("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
            rules::assertion(field("client_assertion"), client_id, &audience)
        } else {
            Err("client_assertion_type is wrong")
        };
        match checked {
            Ok(id) if state.assertions.insert(id.clone()) => Permission::Everything,
            Ok(_) => return refused(700_027, "invalid_client", "The assertion was used before."),
            Err(why) => return refused(700_027, "invalid_client", &format!("Client assertion failed: {why}.")),
        }
    };
    state.issued += 1;
    let issued = format!("CANARY-token-{}", state.issued);
    state.tokens.insert(issued.clone(), Token { directory: directory.clone(), permission });
    *state.record.tokens.entry(directory).or_default() += 1;
    Json(json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": issued}))
        .into_response()
}

// ---- Graph -----------------------------------------------------------------------------------------------------------

fn error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({"error": {
        "code": code, "message": message,
        "innerError": {"request-id": "0", "date": "2026-11-20T12:00:00"},
    }});
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Json(body)).into_response()
}

/// What is done: an answer, or none at all.
enum Done {
    Answer(Response),
    Silence,
}

impl From<Response> for Done {
    fn from(response: Response) -> Self {
        Self::Answer(response)
    }
}

async fn graph(Extract(state): Extract<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let bearer = text_of(&headers, header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let json_body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let done = {
        let mut state = lock(&state);
        let token = state.tokens.get(&bearer).cloned();
        let call = Asked {
            method: &method,
            path: uri.path().strip_prefix(ROOT).unwrap_or_default(),
            query: fields(uri.query().unwrap_or_default()),
            base: format!("{}{ROOT}", host(&headers)),
            body: &json_body,
            is_json: text_of(&headers, header::CONTENT_TYPE).starts_with("application/json"),
        };
        let done = state.answer(&call, token.as_ref());
        let status = match &done {
            Done::Answer(response) => response.status().as_u16(),
            Done::Silence => 0,
        };
        state.record.requests.push(Call {
            directory: token.map(|token| token.directory).unwrap_or_default(),
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: call.query,
            status,
            body: json_body.clone(),
        });
        done
    };
    match done {
        Done::Answer(response) => response,
        Done::Silence => std::future::pending().await,
    }
}

struct Asked<'a> {
    method: &'a Method,
    path: &'a str,
    query: Fields,
    base: String,
    body: &'a Value,
    is_json: bool,
}

impl State {
    fn answer(&mut self, asked: &Asked<'_>, token: Option<&Token>) -> Done {
        let Some(Token { directory, permission }) = token else {
            return error(401, "InvalidAuthenticationToken", "Access token is empty, expired or unknown.").into();
        };
        if let Some(status) = self.failing.get(directory) {
            return error(*status, "scripted", "as the test wished").into();
        }
        let writes = *asked.method != Method::GET;
        match permission {
            Permission::Unlicensed => {
                return error(403, "Forbidden", "Tenant is not licensed to use attack simulation training.").into();
            }
            Permission::Nothing => return error(403, "Forbidden", "Missing application roles.").into(),
            Permission::Read if writes => {
                return error(403, "Forbidden", "Missing role AttackSimulation.ReadWrite.All.").into();
            }
            Permission::Read | Permission::Everything => {}
        }
        let parts: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["simulations"]) => self.list(asked, directory).into(),
            ("POST", ["simulations"]) => self.create(asked, directory),
            ("GET", ["simulations", id]) => match self.find(id, directory) {
                Some(simulation) => Json(shown(simulation)).into_response().into(),
                None => error(404, "NotFound", "No such simulation.").into(),
            },
            ("DELETE", ["simulations", id]) => {
                if self.find(id, directory).is_none() {
                    return error(404, "NotFound", "No such simulation.").into();
                }
                self.record.deleted.insert((*id).to_owned());
                StatusCode::NO_CONTENT.into_response().into()
            }
            ("GET", ["simulations", id, "report", "simulationUsers"]) => match self.find(id, directory) {
                Some(simulation) => users(simulation, asked).into(),
                None => error(404, "NotFound", "No such simulation.").into(),
            },
            ("GET", ["operations", id]) => match self.find(id.trim_start_matches("op-"), directory) {
                Some(simulation) => {
                    let location = format!("{}/simulations/{}", asked.base, simulation.id);
                    Json(json!({
                        "id": id, "type": "createSimulation", "status": "succeeded", "percentageCompleted": 100,
                        "resourceLocation": location,
                    }))
                    .into_response()
                    .into()
                }
                None => error(404, "NotFound", "No such operation.").into(),
            },
            ("GET", ["payloads", id]) if !id.contains("missing") => {
                let status = if id.contains("draft") { "draft" } else { "ready" };
                let technique = if id.contains("attach") { "attachmentMalware" } else { "credentialHarvesting" };
                let name = "Parcel waiting";
                Json(json!({"id": id, "name": name, "status": status, "technique": technique, "platform": "email"}))
                    .into_response()
                    .into()
            }
            ("GET", ["landingPages" | "loginPages", id]) if !id.contains("missing") => {
                Json(json!({"id": id, "displayName": "Page", "status": "Ready"})).into_response().into()
            }
            ("GET", ["payloads" | "landingPages" | "loginPages", _]) => {
                error(404, "ResourceNotFound", "There is no such content.").into()
            }
            _ => {
                self.record.strays.push(format!("{} {ROOT}{}", asked.method, asked.path));
                error(404, "UnknownPath", "Graph has no such path, or the double must learn it.").into()
            }
        }
    }

    fn find(&self, id: &str, directory: &str) -> Option<&Kept> {
        let found = self.record.simulations.iter().find(|it| it.id == id && it.directory == directory);
        found.filter(|it| !self.record.deleted.contains(&it.id))
    }

    fn list(&self, asked: &Asked<'_>, directory: &str) -> Response {
        let name = match asked.query.get("$filter").map(|filter| rules::named(filter)) {
            None => None,
            Some(Some(name)) => Some(name),
            Some(None) => return error(400, "BadRequest", "Invalid filter clause."),
        };
        let found: Vec<&Kept> = self
            .record
            .simulations
            .iter()
            .filter(|it| it.directory == directory && !self.record.deleted.contains(&it.id))
            .filter(|it| name.as_ref().is_none_or(|name| it.name == *name))
            .collect();
        let top = asked.query.get("$top").and_then(|top| top.parse().ok()).unwrap_or(PAGE);
        page(&found.iter().map(|it| shown(it)).collect::<Vec<_>>(), top, asked, &format!("{}/simulations", asked.base))
    }

    fn create(&mut self, asked: &Asked<'_>, directory: &str) -> Done {
        if !asked.is_json {
            return error(415, "UnsupportedMediaType", "The body must be JSON.").into();
        }
        let Wanted { name, status, targets } = match rules::creation(asked.body, &asked.base) {
            Ok(wanted) => wanted,
            Err(why) => return error(400, "BadRequest", &why).into(),
        };
        let first = self.met.insert(format!("{directory} {name}"));
        if name.contains("REFUSE") {
            return error(400, "BadRequest", "includedAccountTarget names users without a mailbox.").into();
        }
        if name.contains("BUSY") && first {
            let mut response = error(429, "TooManyRequests", "Please retry after 7 seconds.");
            response.headers_mut().insert(header::RETRY_AFTER, 7.into());
            return response.into();
        }
        let id = format!("2f5548d1-0dd8-4cc8-9de0-{:012x}", self.record.simulations.len() + 1);
        let location = if name.contains("OPERATION") {
            format!("{}/operations/op-{id}", asked.base)
        } else {
            format!("{}/simulations/{id}", asked.base)
        };
        let (lose, gateway, nowhere) = (name.contains("LOSE"), name.contains("GATEWAY"), name.contains("NOWHERE"));
        let directory = directory.to_owned();
        self.record.simulations.push(Kept { id, directory, name, status, targets, events: Vec::new() });
        if lose && first {
            return Done::Silence;
        }
        if gateway && first {
            return error(504, "GatewayTimeout", "The service did not answer in time.").into();
        }
        if nowhere {
            return StatusCode::ACCEPTED.into_response().into();
        }
        (StatusCode::ACCEPTED, [(header::LOCATION, location)]).into_response().into()
    }
}

fn shown(simulation: &Kept) -> Value {
    json!({
        "id": simulation.id, "displayName": simulation.name, "status": simulation.status,
        "attackType": "social", "attackTechnique": "credentialHarvesting", "isAutomated": false,
        "payloadDeliveryPlatform": "email", "createdDateTime": "2026-11-20T12:00:00.0000000Z",
    })
}

/// The users of a simulation; those who did nothing are among them.
fn users(simulation: &Kept, asked: &Asked<'_>) -> Response {
    let all: Vec<Value> = simulation
        .targets
        .iter()
        .map(|address| {
            let events: Vec<Value> = simulation
                .events
                .iter()
                .filter(|(of, ..)| of.eq_ignore_ascii_case(address))
                .map(
                    |(_, name, at)| json!({"eventName": name, "eventDateTime": at, "browser": null, "ipAddress": null}),
                )
                .collect();
            let compromised = events.iter().find(|event| event["eventName"] == "CredSupplied");
            json!({
                "isCompromised": compromised.is_some(),
                "compromisedDateTime": compromised.map(|event| event["eventDateTime"].clone()),
                "reportedPhishDateTime": null, "assignedTrainingsCount": 0, "simulationEvents": events,
                // The directory has its own spelling of an address.
                "simulationUser": {"userId": "0", "displayName": "User", "email": address.to_uppercase()},
            })
        })
        .collect();
    let here = if simulation.name.contains("EVIL") {
        "http://127.0.0.1:9/graph/v1.0/security/attackSimulation/simulations".to_owned()
    } else {
        format!("{}/simulations/{}/report/simulationUsers", asked.base, simulation.id)
    };
    page(&all, PAGE, asked, &here)
}

fn page(all: &[Value], size: usize, asked: &Asked<'_>, here: &str) -> Response {
    let skip: usize = asked.query.get("$skiptoken").and_then(|skip| skip.parse().ok()).unwrap_or(0);
    let value: Vec<&Value> = all.iter().skip(skip).take(size).collect();
    let mut body = json!({"@odata.context": "$metadata", "value": value});
    if skip + size < all.len() && !asked.query.contains_key("$top") {
        body["@odata.nextLink"] = format!("{here}?$skiptoken={}", skip + size).into();
    }
    Json(body).into_response()
}

// ---- Behind the scenes -----------------------------------------------------------------------------------------------

async fn requests(Extract(state): Extract<Shared>) -> Json<Record> {
    Json(lock(&state).record.clone())
}

async fn command(Extract(state): Extract<Shared>, Json(command): Json<Command>) -> StatusCode {
    lock(&state).obey(command);
    StatusCode::NO_CONTENT
}

async fn stray(Extract(state): Extract<Shared>, method: Method, uri: Uri) -> Response {
    lock(&state).record.strays.push(format!("{method} {}", uri.path()));
    error(404, "UnknownPath", "Microsoft has no such path, or the double must learn it.")
}
