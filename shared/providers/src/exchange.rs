//! HTTP exchanges with a provider's JSON API, and what every HTTP service means by 429 and 5xx.

use domain::failure::{Failure, FailureKind};
use guard::Guard;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{Request, Response, Url};
use std::sync::Arc;

/// How much of an unexpected answer is quoted.
const QUOTED_CHARS: usize = 120;
/// The longest pause that is believed, in seconds: a day.
const PAUSE_MAX_S: i64 = 86_400;

/// A JSON API with one integration's login. What is equal in all its requests is made once.
pub(crate) struct Api {
    guard: Arc<Guard>,
    headers: HeaderMap,
}

impl Api {
    /// An API that wants `login` in the header of that name. The value is marked as sensitive.
    pub(crate) fn new(guard: Arc<Guard>, name: HeaderName, login: &str) -> Result<Self, Failure> {
        let json = HeaderValue::from_static("application/json");
        let login = HeaderValue::from_str(login);
        let mut login = login.map_err(|_| malformed("the secret has characters that no key or token has"))?;
        login.set_sensitive(true);
        let headers = [(header::CONTENT_TYPE, json.clone()), (header::ACCEPT, json), (name, login)];
        Ok(Self { guard, headers: headers.into_iter().collect() })
    }

    /// The address of one of its calls, if the guard lets it through.
    pub(crate) fn url(&self, base: &str, path: &str) -> Result<Url, Failure> {
        Ok(self.guard.check_url(&format!("{base}{path}"))?)
    }

    pub(crate) async fn get(&self, url: &Url) -> Result<Response, Failure> {
        self.execute(Request::new(Method::GET, url.clone())).await
    }

    pub(crate) async fn post(&self, url: &Url, body: Vec<u8>) -> Result<Response, Failure> {
        let mut request = Request::new(Method::POST, url.clone());
        *request.body_mut() = Some(body.into());
        self.execute(request).await
    }

    async fn execute(&self, mut request: Request) -> Result<Response, Failure> {
        request.headers_mut().clone_from(&self.headers);
        self.guard.execute(request).await
    }
}

/// Stored settings or secrets that no validation would let through.
pub(crate) fn malformed(why: &str) -> Failure {
    Failure::new(FailureKind::Permanent, "settings_invalid", why)
}

/// Status, `Retry-After` in milliseconds, and body. Once the status of a send is known to be a failure, a body that
/// breaks off makes no difference.
pub(crate) async fn read(response: Response, limit: usize) -> Result<(StatusCode, Option<i64>, Vec<u8>), Failure> {
    let status = response.status();
    let after_ms = retry_after_ms(response.headers());
    match guard::read_body(response, limit).await {
        Ok(body) => Ok((status, after_ms, body)),
        Err(_) if !status.is_success() => Ok((status, after_ms, Vec::new())),
        Err(failure) => Err(failure),
    }
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3). None of the providers sends the form with a date.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<i64> {
    Some(pause_ms(headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?))
}

/// A pause in milliseconds, cut to what is believable.
pub(crate) fn pause_ms(seconds: i64) -> i64 {
    seconds.clamp(0, PAUSE_MAX_S) * 1_000
}

/// What every HTTP service means by 429 and 5xx.
pub(crate) fn gateway(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Option<Failure> {
    if status == StatusCode::TOO_MANY_REQUESTS {
        let words = quoted(status, body);
        return Some(Failure::new(FailureKind::Throttled { after_ms }, "rate_limited", &words));
    }
    status
        .is_server_error()
        .then(|| Failure::new(FailureKind::Transient { after_ms }, "provider_error", &quoted(status, body)))
}

/// Status and beginning of an answer, for the words of a failure.
pub(crate) fn quoted(status: StatusCode, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let text: String = body.trim().chars().take(QUOTED_CHARS).collect();
    format!("HTTP {} {text}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_in_seconds_and_believed_up_to_a_day() {
        let pause = |text: &str| retry_after_ms(&HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(pause("30"), Some(30_000));
        assert_eq!(pause("999999999"), Some(86_400_000));
        assert_eq!((pause("-1"), pause("soon")), (Some(0), None));
    }
}
