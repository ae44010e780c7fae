//! Reading a request. Each extractor answers with a problem that says where the fault is and what would be right.

use super::Failed;
use api::problem::{FieldProblem, Problem, ProblemKind};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Response, header, request::Parts},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::error::Category;

/// How large a body may be where the route says nothing else: 1 MB.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Another limit for a route's body: `router.layer(Extension(MaxBody(5 << 20)))`.
#[derive(Clone, Copy, Debug)]
pub struct MaxBody(pub usize);

/// A JSON body, in a request or in a response.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let JsonText(bytes) = JsonText::from_request(request, state).await?;
        read_json(&bytes).map(Self)
    }
}

/// A JSON body as it came, for a handler that reads it itself, by [`read_json`].
#[derive(Clone, Debug)]
pub struct JsonText(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = Failed;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failed> {
        if !is_json(request.headers()) {
            let detail = "Send JSON, with `Content-Type: application/json`.";
            return Err(Problem::new(ProblemKind::WrongContentType, detail).into());
        }
        let limit = request.extensions().get::<MaxBody>().map_or(MAX_BODY_BYTES, |limit| limit.0);
        let Ok(bytes) = axum::body::to_bytes(request.into_body(), limit).await else {
            let detail = format!("The body may hold at most {limit} bytes. Send less at once.");
            return Err(Problem::new(ProblemKind::BodyTooLarge, detail).into());
        };
        Ok(Self(bytes))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response<Body> {
        axum::Json(self.0).into_response()
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Reads a JSON body. Malformed JSON is 400 with line and column; a wrong shape is 422 with the field.
pub fn read_json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Failed> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| -> Failed {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            Category::Data => Problem::invalid(vec![field_problem(&path, &inner.to_string())]).into(),
            Category::Syntax | Category::Eof | Category::Io => malformed(&inner),
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Failed {
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    let detail = format!("Line {}, column {}: {what}.", error.line(), error.column());
    Problem::new(ProblemKind::MalformedJson, detail).into()
}

/// Turns serde's words into a field, a code and a message, without the value: what was sent in the wrong place may be a
/// secret.
fn field_problem(path: &str, message: &str) -> FieldProblem {
    // `?` stands for a key that could not be read itself, such as an unknown language: the field is its parent.
    let path = if path == "." { "" } else { path.trim_end_matches(".?") };
    let message = message.split(" at line ").next().unwrap_or_default();
    let named = |rest: &str| rest.split('`').next().unwrap_or_default().to_owned();
    if let Some(name) = message.strip_prefix("missing field `").map(named) {
        let field = if path.is_empty() { name } else { format!("{path}.{name}") };
        return FieldProblem { field, code: "required".into(), message: "must be given".into() };
    }
    if let Some(name) = message.strip_prefix("unknown field `").map(named) {
        let known = message.split_once("expected ").map_or("", |(_, known)| known);
        let field = if path.split(['.', ']']).next_back() == Some(name.as_str()) {
            path.to_owned()
        } else if path.is_empty() {
            name
        } else {
            format!("{path}.{name}")
        };
        let message = format!("is not known here; expected {known}");
        return FieldProblem { field, code: "unknown".into(), message };
    }
    let message = match message.rsplit_once("expected ") {
        Some((found, expected)) if found.starts_with("invalid ") || found.starts_with("unknown ") => {
            format!("must be {}", in_plain_words(expected))
        }
        _ => message.to_owned(),
    };
    FieldProblem { field: path.to_owned(), code: "invalid".into(), message }
}

/// What serde says it expected, in words of JSON rather than of Rust.
fn in_plain_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// The variables of a path. A text that cannot be an identifier names nothing, so it is answered 404.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::new(ProblemKind::NotFound, "Nothing has this identifier.").into()),
        }
    }
}

/// The query string.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::invalid(vec![query_problem(&rejection.body_text())]).into()),
        }
    }
}

/// `Failed to deserialize query string: limit: invalid digit found in string`
fn query_problem(text: &str) -> FieldProblem {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    match text.split_once(": ") {
        Some((path, message)) if !path.contains(' ') => field_problem(path, message),
        _ => field_problem("", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Send {
        channel: domain::channel::Channel,
        recipients: Vec<Recipient>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Recipient {
        user_id: domain::ids::UserId,
        port: Option<u16>,
    }

    fn fault(body: &str) -> Value {
        let failed = read_json::<Send>(body.as_bytes()).unwrap_err();
        let problem = failed.problem();
        json!([problem.code, problem.detail, problem.errors])
    }

    #[test]
    fn every_fault_says_where_it_is_and_never_repeats_a_value() {
        insta::assert_json_snapshot!([
            fault(""),
            fault("{"),
            fault("{\"channel\":\n  email}"),
            fault(r#"{"channel": "email", "recipients": []} x"#),
            fault("[]"),
            fault(r#"{"channel": "email"}"#),
            fault(r#"{"channel": "fax", "recipients": []}"#),
            fault(r#"{"channel": "email", "recipients": [{"user_id": "u"}, {"port": 1}]}"#),
            fault(r#"{"channel": "email", "recipients": [{"user_id": ""}]}"#),
            fault(r#"{"channel": "email", "recipients": [{"user_id": "u", "port": "s3cret"}]}"#),
            fault(r#"{"channel": "email", "recipients": [{"user_id": "u", "port": 70000}]}"#),
            fault(r#"{"channel": "email", "recipients": [{"user_id": "u", "prot": 1}]}"#),
            fault(r#"{"channel": "email", "recipients": [], "x": 1}"#),
        ]);
    }

    #[test]
    fn a_query_fault_names_its_parameter() {
        #[derive(Debug, Deserialize)]
        struct Page {
            #[expect(dead_code, reason = "only its reading is tested")]
            limit: Option<usize>,
        }
        let uri = "/v1/keys?limit=many".parse().unwrap();
        let text = axum::extract::Query::<Page>::try_from_uri(&uri).unwrap_err().body_text();
        assert_eq!(query_problem(&text).field, "limit", "{text}");
    }
}
