//! The API, called in this process as the person who is signed in. What a route answers to a program, it answers to us:
//! the same checks, the same words, the same audit records.

use ::api::problem::{Problem, ProblemKind};
use axum::body::{Body, Bytes};
use domain::principal::Caller;
use http::{Method, Request, Response, header};
use runtime::http::App;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A page of a list.
#[derive(Deserialize)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) next: Option<String>,
}

/// What came of asking the API.
pub(crate) type Asked<T> = Result<T, Box<Problem>>;

/// The API for one caller.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) app: App,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
}

impl Api {
    /// What a `GET` answers.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Asked<T> {
        read(&self.ask(Method::GET, path, Body::empty()).await?)
    }

    /// As [`Api::get`], or nothing where the caller may not see it or it is away: for parts of a page that does without.
    pub(crate) async fn look<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        match self.get(path).await {
            Ok(found) => Some(found),
            Err(problem) => {
                tracing::debug!(path, %problem, "a part of a page is left out");
                None
            }
        }
    }

    /// What a file answers.
    pub(crate) async fn file(&self, path: &str) -> Asked<Response<Bytes>> {
        self.ask(Method::GET, path, Body::empty()).await
    }

    /// Does something that takes no body; what it answers is not looked at.
    pub(crate) async fn act(&self, method: Method, path: &str) -> Asked<()> {
        self.ask(method, path, Body::empty()).await.map(drop)
    }

    /// Sends a body; what is answered.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Asked<T> {
        let body = serde_json::to_vec(body).map_err(|error| defect(&error.to_string()))?;
        read(&self.ask(method, path, Body::from(body)).await?)
    }

    /// Does something without a body; what is answered.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str) -> Asked<T> {
        read(&self.ask(Method::POST, path, Body::empty()).await?)
    }

    async fn ask(&self, method: Method, path: &str, body: Body) -> Asked<Response<Bytes>> {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(body).map_err(|error| defect(&error.to_string()))?;
        let response = self.app.answer_within(&self.caller, request, &self.request_id).await;
        if response.status().is_success() {
            return Ok(response);
        }
        let retry_after_s =
            response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let problem: Problem = read(&response)?;
        Err(Box::new(Problem { retry_after_s, ..problem }))
    }
}

fn read<T: DeserializeOwned>(response: &Response<Bytes>) -> Asked<T> {
    serde_json::from_slice(response.body()).map_err(|error| defect(&error.to_string()))
}

fn defect(why: &str) -> Box<Problem> {
    tracing::error!(why, "the console and the API do not understand each other");
    Box::new(Problem::new(ProblemKind::Internal, "This is a defect of ours."))
}
