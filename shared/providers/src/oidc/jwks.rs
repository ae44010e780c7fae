//! An issuer's keys: RFC 7517, with the algorithms of RFC 7518 that are taken.

use super::{Answered, get, jws::Algorithm};
use crate::exchange;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::failure::{Failure, FailureKind};
use guard::Guard;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

/// The most keys that are read; an issuer has a handful.
const KEYS_MAX: usize = 100;
/// The shortest modulus, in bytes: 2048 bits (RFC 7518, section 3.3).
const MODULUS_MIN_BYTES: usize = 256;
/// The longest modulus, in bytes: 8192 bits, beyond which verifying takes long.
const MODULUS_MAX_BYTES: usize = 1_024;

/// The keys of an issuer with which tokens may be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    id: String,
    /// The only algorithm for which the issuer uses it, where it says so.
    only: Option<String>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An uncompressed point on P-256.
    P256(Vec<u8>),
}

/// Keys of other kinds and for other uses are no errors: what is not understood is not used.
#[derive(Deserialize)]
struct Jwk {
    kty: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    for_what: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Fetches the keys of an issuer.
    pub(crate) async fn fetch(guard: &Guard, uri: &str) -> Result<Self, Failure> {
        let Answered { status, after_ms, body } = get(guard, uri).await?;
        let unusable = |why: &str| Failure::new(FailureKind::Permanent, "oidc_no_keys", why);
        if !status.is_success() {
            let passing = exchange::gateway(status, after_ms, &body);
            return Err(passing.unwrap_or_else(|| unusable(&exchange::quoted(status, &body))));
        }
        let keys = Self::parse(&body).map_err(|error| unusable(&error.to_string()))?;
        if keys.0.is_empty() { Err(unusable("none of the keys is one for RS256, PS256 or ES256")) } else { Ok(keys) }
    }

    /// Reads a key set and keeps the keys that can be used.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let all: Jwks = serde_json::from_slice(json)?;
        let keys = all.keys.into_iter().take(KEYS_MAX).filter_map(|jwk| serde_json::from_value(jwk).ok());
        Ok(Self(keys.filter_map(usable).collect()))
    }

    /// Whether there is a key of this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id == id)
    }

    /// Whether one of the keys of this id, used as its issuer says, made the signature.
    pub(super) fn verify(&self, id: &str, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let fits = |key: &&Key| key.id == id && key.only.as_deref().is_none_or(|only| only == algorithm.name());
        self.0.iter().filter(fits).any(|key| key.material.verify(algorithm, signed, signature))
    }
}

impl Material {
    fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match (self, algorithm) {
            (Self::Rsa { modulus, exponent }, Algorithm::Rs256 | Algorithm::Ps256) => {
                let scheme = match algorithm {
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    _ => &signature::RSA_PKCS1_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(scheme, signed, signature)
            }
            (Self::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

fn usable(jwk: Jwk) -> Option<Key> {
    let decode = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
    if jwk.for_what.is_some_and(|what| what != "sig") {
        return None;
    }
    let material = match (jwk.kty?.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let (modulus, exponent) = (decode(jwk.n)?, decode(jwk.e)?);
            let modulus = modulus.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
            if !(MODULUS_MIN_BYTES..=MODULUS_MAX_BYTES).contains(&modulus.len()) {
                return None;
            }
            Material::Rsa { modulus, exponent }
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (decode(jwk.x)?, decode(jwk.y)?);
            if (x.len(), y.len()) != (32, 32) {
                return None;
            }
            Material::P256([&[4][..], &x, &y].concat())
        }
        _ => return None,
    };
    Some(Key { id: jwk.kid?, only: jwk.alg, material })
}
