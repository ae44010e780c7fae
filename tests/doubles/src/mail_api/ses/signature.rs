//! Checking a request's signature by its recipe ("AWS Signature Version 4 for API requests" in the IAM User Guide), with
//! arithmetic of our own: the client is not checked by itself.

use axum::http::{HeaderMap, Method, Uri, header};
use ring::{digest, hmac};
use std::{fmt::Write, time::SystemTime};

/// How far the signature's date may be from ours.
const SKEW_MAX_S: i64 = 5 * 60;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Why a signature is refused: the error's name and its words.
pub(super) type Refused = (&'static str, String);

/// What of a request is signed.
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// Who signed, and for which region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signer {
    pub(super) access_key_id: String,
    pub(super) region: String,
}

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn read(headers: &'a HeaderMap) -> Option<Self> {
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix(ALGORITHM)?;
        let field = |name: &str| text.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let mut scope = field("Credential")?.split('/');
        let (access_key_id, date, region, service) = (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        let whole = scope.next()? == "aws4_request" && scope.next().is_none();
        whole.then_some(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }
}

/// Checks a request for `service`; `secret` knows the secret access key of each access key id.
pub(super) fn check(
    request: &Signed<'_>,
    service: &str,
    now: SystemTime,
    secret: impl Fn(&str) -> Option<&'static str>,
) -> Result<Signer, Refused> {
    let missing = || ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned());
    let incomplete = |what: &str| ("IncompleteSignatureException", format!("Authorization header requires {what}."));
    if !request.headers.contains_key(header::AUTHORIZATION) {
        return Err(missing());
    }
    let authorization = Authorization::read(request.headers).ok_or_else(|| incomplete("all its parameters"))?;
    let date = request.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
    let date = date.ok_or_else(|| incomplete("existence of an 'X-Amz-Date' header"))?;
    let names: Vec<&str> = authorization.signed_headers.split(';').collect();
    // The host and all x-amz- headers must be signed, and a content type that is there.
    let required = request.headers.keys().map(header::HeaderName::as_str);
    let required = required.filter(|name| *name == "host" || *name == "content-type" || name.starts_with("x-amz-"));
    for name in required {
        if !names.contains(&name) {
            return Err(("InvalidSignatureException", format!("'{name}' must be a signed header.")));
        }
    }
    let id = authorization.access_key_id;
    let secret = secret(id).ok_or_else(|| {
        ("UnrecognizedClientException", "The security token included in the request is invalid.".into())
    })?;
    if authorization.service != service || !date.starts_with(authorization.date) {
        return Err((
            "InvalidSignatureException",
            "Credential should be scoped to the correct service and date.".into(),
        ));
    }
    check_date(date, now)?;
    let expected = signature(request, &authorization, date, secret).ok_or_else(|| incomplete("headers that exist"))?;
    if expected != authorization.signature {
        let words = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                     Access Key and signing method.";
        return Err(("InvalidSignatureException", words.to_owned()));
    }
    Ok(Signer { access_key_id: id.to_owned(), region: authorization.region.to_owned() })
}

fn check_date(date: &str, now: SystemTime) -> Result<(), Refused> {
    let malformed =
        || ("IncompleteSignatureException", format!("Date must be in ISO-8601 'basic format'. Got '{date}'."));
    let moment = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).map_err(|_| malformed())?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| malformed())?.timestamp();
    let now = jiff::Timestamp::try_from(now).map_err(|_| malformed())?;
    let late_s = now.as_second() - moment.as_second();
    if late_s > SKEW_MAX_S {
        return Err(("InvalidSignatureException", format!("Signature expired: {date} is now earlier than {now}")));
    }
    if late_s < -SKEW_MAX_S {
        return Err((
            "InvalidSignatureException",
            format!("Signature not yet current: {date} is still later than {now}"),
        ));
    }
    Ok(())
}

fn signature(request: &Signed<'_>, authorization: &Authorization<'_>, date: &str, secret: &str) -> Option<String> {
    let Authorization { date: day, region, service, signed_headers, .. } = authorization;
    let canonical = canonical(request, signed_headers)?;
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!(
        "{ALGORITHM}\n{date}\n{scope}\n{}",
        hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [*day, *region, *service, "aws4_request"] {
        key = mac(&key, part);
    }
    Some(hex(&mac(&key, &to_sign)))
}

/// The request in the one form that both sides sign.
fn canonical(request: &Signed<'_>, signed_headers: &str) -> Option<String> {
    let mut query: Vec<(&str, &str)> = request
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    query.sort_unstable();
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut headers = String::new();
    for name in signed_headers.split(';') {
        let values: Option<Vec<&str>> =
            request.headers.get_all(name).iter().map(|value| value.to_str().ok().map(str::trim)).collect();
        let values = values.filter(|values| !values.is_empty())?;
        writeln!(headers, "{name}:{}", values.join(",")).ok()?;
    }
    let body = hex(digest::digest(&digest::SHA256, request.body).as_ref());
    let (method, path) = (request.method, request.uri.path());
    Some(format!("{method}\n{path}\n{}\n{headers}\n{signed_headers}\n{body}", query.join("&")))
}

fn mac(key: &[u8], data: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn at(text: &str) -> SystemTime {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    /// Method, URI, headers, body, service, signature.
    type Example<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);

    /// AWS's published examples: the Signature Version 4 test suite, and "Examples of how to derive a signing key".
    #[test]
    fn the_published_examples_are_signed_alike() {
        let host = ("host", "example.amazonaws.com");
        let date = ("x-amz-date", "20150830T123600Z");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let cases: [Example<'_>; 6] = [
            (
                "GET",
                "/",
                &[host, date],
                "",
                "service",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "/",
                &[host, date],
                "",
                "service",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                "/?Param2=value2&Param1=value1",
                &[host, date],
                "",
                "service",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "GET",
                "/",
                &[host, ("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1"), date],
                "",
                "service",
                "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
            ),
            (
                "POST",
                "/",
                &[form, host, date],
                "Param1=value1",
                "service",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "GET",
                "/?Action=ListUsers&Version=2010-05-08",
                &[
                    ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                    ("host", "iam.amazonaws.com"),
                    date,
                ],
                "",
                "iam",
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ];
        for (method, uri, signed, body, service, expected) in cases {
            let mut names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
            names.dedup();
            let authorization = format!(
                "{ALGORITHM} Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, SignedHeaders={}, Signature={expected}",
                names.join(";")
            );
            let mut headers = HeaderMap::new();
            for (name, value) in signed.iter().copied().chain([("authorization", authorization.as_str())]) {
                headers.append(header::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
            }
            let request = Signed {
                method: &method.parse().unwrap(),
                uri: &uri.parse().unwrap(),
                headers: &headers,
                body: body.as_bytes(),
            };
            let known = |id: &str| (id == "AKIDEXAMPLE").then_some(SECRET);
            let signer = check(&request, service, at("2015-08-30T12:38:00Z"), known).unwrap();
            assert_eq!((signer.access_key_id.as_str(), signer.region.as_str()), ("AKIDEXAMPLE", "us-east-1"));
            let name = |result: Result<Signer, Refused>| result.unwrap_err();
            let expired = name(check(&request, service, at("2015-08-30T12:42:00Z"), known));
            assert!(expired.1.starts_with("Signature expired"), "{expired:?}");
            let early = name(check(&request, service, at("2015-08-30T12:30:00Z"), known));
            assert!(early.1.starts_with("Signature not yet current"), "{early:?}");
            let now = at("2015-08-30T12:36:00Z");
            assert_eq!(name(check(&request, "ses", now, known)).0, "InvalidSignatureException");
            assert_eq!(name(check(&request, service, now, |_| None)).0, "UnrecognizedClientException");
            assert_eq!(name(check(&request, service, now, |_| Some("another"))).0, "InvalidSignatureException");
            let tampered = Signed { body: b"Param1=value2", ..request };
            assert_eq!(name(check(&tampered, service, now, known)).0, "InvalidSignatureException");
        }
    }
}
