//! What an endpoint's answer means. The status decides alone: an endpoint is anybody's program, and what stands in the
//! body of its answer is for people.
//!
//! As senders of webhooks do (Standard Webhooks, "Event delivery and retries"): 2xx is a success and nothing else is; 410
//! ends the subscription; everything else may be mended, so it is tried again.

use crate::exchange;
use domain::failure::{Failure, FailureKind};
use http::StatusCode;

/// The longest text of an answer that is quoted in a failure, in characters.
const QUOTED_CHARS: usize = 120;

/// What an answer with this status means; `body` is what was read of it.
pub(super) fn answer(status: StatusCode, after_ms: Option<i64>, body: &str) -> Result<(), Failure> {
    let (kind, code) = match status.as_u16() {
        200..=299 => return Ok(()),
        300..=399 => (FailureKind::Transient { after_ms: None }, "endpoint_redirected"),
        410 => (FailureKind::Permanent, "endpoint_gone"),
        429 | 502 | 503 | 504 => (FailureKind::Throttled { after_ms }, "endpoint_busy"),
        400..=499 => (FailureKind::Transient { after_ms }, "endpoint_refused"),
        _ => (FailureKind::Transient { after_ms }, "endpoint_error"),
    };
    let words: String = body.trim().chars().take(QUOTED_CHARS).collect();
    Err(Failure::new(kind, code, format!("HTTP {} {words}", status.as_u16()).trim_end()))
}

/// What it means that there was no answer. Receivers know an event again by its id, so no outcome is in doubt: what they
/// may have taken is posted again. And an address may be mended, so even one that may not be used is tried again.
pub(super) fn no_answer(failure: Failure) -> Failure {
    let transient =
        |code| Failure { kind: FailureKind::Transient { after_ms: None }, code, detail: failure.detail.clone() };
    match failure.code {
        "timeout" => transient("endpoint_timeout"),
        "connection_lost" => transient("endpoint_connection_lost"),
        "address_not_allowed" => transient("address_not_allowed"),
        _ => failure,
    }
}

/// What the answer to a test says: whether somebody is there. Many endpoints take POST alone, so a refusal of HEAD is fine.
pub(super) fn test(status: StatusCode) -> Result<String, Failure> {
    let code = status.as_u16();
    match code {
        410 => Err(Failure::new(FailureKind::Permanent, "endpoint_gone", "HTTP 410")),
        100..=499 => Ok(format!("HTTP {code}: the endpoint answers")),
        _ => answer(status, None, "").map(|()| String::new()),
    }
}

/// `Retry-After` in milliseconds from `now`: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after_ms(headers: &http::HeaderMap, now: domain::time::Timestamp) -> Option<i64> {
    exchange::retry_after_ms(headers).or_else(|| {
        let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
        let at = domain::time::Timestamp::parse_http_date(text.trim())?;
        Some(exchange::pause_ms(at.since_ms(now).max(0).div_euclid(1_000)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;
    use http::{HeaderMap, header};

    #[test]
    fn the_status_decides() {
        let judged = |status: u16| answer(StatusCode::from_u16(status).unwrap(), Some(7), " no\n").err();
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judged(status), None, "{status}");
        }
        for (statuses, code) in [
            (&[300, 301, 302, 304, 307, 308][..], "endpoint_redirected"),
            (&[410], "endpoint_gone"),
            (&[429, 502, 503, 504], "endpoint_busy"),
            (&[400, 401, 403, 404, 408, 409, 413, 422, 451], "endpoint_refused"),
            (&[500, 501, 505, 599, 999], "endpoint_error"),
        ] {
            for status in statuses {
                let failure = judged(*status).unwrap();
                assert_eq!((failure.code, failure.detail), (code, format!("HTTP {status} no")));
                assert_eq!(failure.kind == FailureKind::Permanent, code == "endpoint_gone", "{status}");
                assert_eq!(matches!(failure.kind, FailureKind::Throttled { .. }), code == "endpoint_busy", "{status}");
            }
        }
    }

    #[test]
    fn a_pause_is_named_in_seconds_or_by_a_date() {
        let now = Timestamp::parse("2026-11-20T10:00:00Z").unwrap();
        let pause =
            |text: &str| retry_after_ms(&HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]), now);
        assert_eq!(pause("30"), Some(30_000));
        assert_eq!(pause("Fri, 20 Nov 2026 10:02:00 GMT"), Some(120_000));
        assert_eq!(pause("Fri, 20 Nov 2026 09:00:00 GMT"), Some(0));
        assert_eq!(pause("soon"), None);
        assert_eq!(retry_after_ms(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_test_asks_only_whether_somebody_is_there() {
        for status in [200, 301, 401, 404, 405, 429] {
            assert!(test(StatusCode::from_u16(status).unwrap()).is_ok(), "{status}");
        }
        for (status, code) in [(410, "endpoint_gone"), (500, "endpoint_error"), (503, "endpoint_busy")] {
            assert_eq!(test(StatusCode::from_u16(status).unwrap()).unwrap_err().code, code);
        }
    }
}
