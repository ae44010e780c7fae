//! Tokens: what is read of one before it is verified, and what must hold until it is.

use super::{
    jwks::KeySet,
    jws::{Algorithm, Jws},
};
use domain::time::Timestamp;
use serde_json::{Map, Value};

/// The longest token that is looked at, in bytes. The gateway's own limit for all headers is 10 KB.
pub const TOKEN_MAX_BYTES: usize = 16 * 1_024;
/// How far the issuer's clock and ours may be apart, in milliseconds.
pub const LEEWAY_MS: i64 = 60_000;
/// The longest issuer, audience and key id that is looked up, in bytes.
const NAME_MAX_BYTES: usize = 512;

/// What a verified token says.
pub type Claims = Map<String, Value>;

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no token in the form that is asked for.
    #[error("it is no signed token, or names neither issuer, audience nor key")]
    Malformed,
    /// Its algorithm is none of those that are taken.
    #[error("its algorithm is none of RS256, PS256 and ES256")]
    Algorithm,
    /// The issuer has no such key.
    #[error("the issuer has no key of that id")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("its signature is not the issuer's")]
    Signature,
    /// It is another issuer's.
    #[error("`iss` is another issuer")]
    Issuer,
    /// It is for another API.
    #[error("`aud` is another audience")]
    Audience,
    /// It is another directory's.
    #[error("`tid` is another directory")]
    Directory,
    /// It is for signing in and not for calling.
    #[error("it is no access token: it has neither `scp` nor `scope`, nor the type at+jwt")]
    NotForCalling,
    /// It answers another sign-in.
    #[error("`nonce` is that of another sign-in")]
    Nonce,
    /// It says nothing of its end.
    #[error("`exp` is missing or no number")]
    Endless,
    /// Its time has not come.
    #[error("`nbf` or `iat` is in the future")]
    Early,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
}

/// What must hold of a token besides its signature.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `iss`, to the letter.
    pub issuer: &'a str,
    /// `aud`, to the letter.
    pub audience: &'a str,
    /// `tid`, where the issuer is a directory.
    pub directory: Option<&'a str>,
    /// `nonce`, of the token that ends a sign-in. Any other must be an access token.
    pub nonce: Option<&'a str>,
}

/// A token that was read and not verified: good for nothing but to find out who could verify it.
pub struct Token<'a> {
    jws: Jws<'a>,
    algorithm: Algorithm,
}

impl<'a> Token<'a> {
    /// Whether a text may be a token at all: three parts, as no key of ours has them.
    #[must_use]
    pub fn is_like(text: &str) -> bool {
        text.starts_with("ey") && text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Reads a token.
    pub fn parse(text: &'a str) -> Result<Self, Refused> {
        if text.len() > TOKEN_MAX_BYTES {
            return Err(Refused::Malformed);
        }
        let jws = Jws::parse(text).ok_or(Refused::Malformed)?;
        // An extension that must be understood (RFC 7515, section 4.1.11) is one that is not understood here.
        if jws.header.contains_key("crit") {
            return Err(Refused::Malformed);
        }
        let algorithm = jws.header.get("alg").and_then(Value::as_str).ok_or(Refused::Malformed)?;
        let algorithm = Algorithm::parse(algorithm).ok_or(Refused::Algorithm)?;
        let token = Self { jws, algorithm };
        let names = [token.issuer(), token.audience(), token.key_id()];
        if names.iter().all(|name| name.is_some_and(|name| (1..=NAME_MAX_BYTES).contains(&name.len()))) {
            Ok(token)
        } else {
            Err(Refused::Malformed)
        }
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        text(&self.jws.payload, "iss")
    }

    /// `aud`, of which there may be one only: a token for several could be carried from one to the other.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        match self.jws.payload.get("aud")? {
            Value::String(only) => Some(only),
            Value::Array(several) => match several.as_slice() {
                [Value::String(only)] => Some(only),
                _ => None,
            },
            _ => None,
        }
    }

    /// The id of the key that is said to have signed it.
    #[must_use]
    pub(super) fn key_id(&self) -> Option<&str> {
        text(&self.jws.header, "kid")
    }

    /// Verifies the signature, and then everything that does not depend on the time. See [`check_time`].
    pub fn verify(self, keys: &KeySet, expected: Expected<'_>) -> Result<Claims, Refused> {
        let id = self.key_id().ok_or(Refused::Malformed)?;
        if !keys.has(id) {
            return Err(Refused::UnknownKey);
        }
        if !keys.verify(id, self.algorithm, self.jws.signed.as_bytes(), &self.jws.signature) {
            return Err(Refused::Signature);
        }
        if self.issuer() != Some(expected.issuer) {
            return Err(Refused::Issuer);
        }
        if self.audience() != Some(expected.audience) {
            return Err(Refused::Audience);
        }
        let claims = &self.jws.payload;
        if expected.directory.is_some_and(|directory| text(claims, "tid") != Some(directory)) {
            return Err(Refused::Directory);
        }
        match expected.nonce {
            Some(nonce) if text(claims, "nonce") != Some(nonce) => return Err(Refused::Nonce),
            None if !self.is_for_calling() => return Err(Refused::NotForCalling),
            _ => {}
        }
        Ok(self.jws.payload)
    }

    /// Whether it is an access token. An id token for the same audience says who signed in, to the application that
    /// asked; it is no permission to call. Access tokens have the type of RFC 9068, section 2.1, or a scope; those of
    /// Entra that an application got for itself have `azpacr` ("Access token claims reference").
    fn is_for_calling(&self) -> bool {
        let kind = text(&self.jws.header, "typ").unwrap_or_default();
        kind.eq_ignore_ascii_case("at+jwt")
            || kind.eq_ignore_ascii_case("application/at+jwt")
            || ["scp", "scope", "azpacr"].iter().any(|name| self.jws.payload.contains_key(*name))
    }
}

/// Whether claims are good at this moment. Answers until when, the leeway included.
pub fn check_time(claims: &Claims, now: Timestamp) -> Result<Timestamp, Refused> {
    let expires = moment(claims, "exp").ok_or(Refused::Endless)?.plus_ms(LEEWAY_MS);
    for name in ["nbf", "iat"] {
        match (claims.get(name), moment(claims, name)) {
            (None, _) => {}
            (Some(_), Some(from)) if from.since_ms(now) <= LEEWAY_MS => {}
            _ => return Err(Refused::Early),
        }
    }
    if now < expires { Ok(expires) } else { Err(Refused::Expired) }
}

/// A `NumericDate`: seconds, which may have a fraction.
fn moment(claims: &Claims, name: &str) -> Option<Timestamp> {
    /// The year 9999.
    const LATEST_S: f64 = 253_402_300_799.0;
    let seconds = claims.get(name)?.as_f64().filter(|seconds| (0.0..=LATEST_S).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "within the range that was just checked")]
    Some(Timestamp((seconds * 1_000.0) as i64))
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str()
}
