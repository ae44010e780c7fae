//! What posts are signed with, and how it is written (Standard Webhooks, "Signature scheme"): `whsec_` and the base64 of a
//! shared secret, or for Ed25519 `whsk_` and the base64 of the private key, whose public half is `whpk_`.

use super::Signing;
use crate::secret::Secret;
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::{fmt, ops::RangeInclusive};
use zeroize::Zeroizing;

/// How long a shared secret may be, in bytes.
pub const SHARED_BYTES: RangeInclusive<usize> = 24..=64;

/// How many random bytes [`generate`] takes: a shared secret of that length, or the seed of a private key.
pub const RANDOM_BYTES: usize = 32;

const SHARED: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";

/// Padding is written and not asked for: senders disagree about it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text is no signing secret, in words that do not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSigningSecret(&'static str);

/// A signing secret that was read.
pub enum SigningKey {
    /// A shared secret of [`SHARED_BYTES`].
    Hmac(Zeroizing<Vec<u8>>),
    /// The key pair of Ed25519.
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads `whsec_...` or `whsk_...`. A private key is its seed of 32 bytes, alone or followed by the public key.
    pub fn parse(text: &str) -> Result<Self, InvalidSigningSecret> {
        if let Some(encoded) = text.strip_prefix(SHARED) {
            let rule = InvalidSigningSecret("`whsec_` must be followed by the base64 of 24 to 64 bytes");
            let bytes = BASE64.decode(encoded).map(Zeroizing::new).map_err(|_| rule)?;
            return if SHARED_BYTES.contains(&bytes.len()) { Ok(Self::Hmac(bytes)) } else { Err(rule) };
        }
        if let Some(encoded) = text.strip_prefix(PRIVATE) {
            let rule = InvalidSigningSecret("`whsk_` must be followed by the base64 of an Ed25519 private key");
            let bytes = BASE64.decode(encoded).map(Zeroizing::new).map_err(|_| rule)?;
            let pair = match bytes.split_at_checked(32) {
                Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
                Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
                None => return Err(rule),
            };
            return pair.map(Self::Ed25519).map_err(|_| rule);
        }
        Err(InvalidSigningSecret("a signing secret begins with `whsec_`, or with `whsk_` for Ed25519"))
    }

    /// The scheme that it is for.
    #[must_use]
    pub const fn signing(&self) -> Signing {
        match self {
            Self::Hmac(_) => Signing::Hmac,
            Self::Ed25519(_) => Signing::Ed25519,
        }
    }

    /// What receivers check signatures with, `whpk_...`; `None` of a shared secret, which is that itself.
    #[must_use]
    pub fn public_key(&self) -> Option<String> {
        match self {
            Self::Hmac(_) => None,
            Self::Ed25519(pair) => Some(format!("{PUBLIC}{}", BASE64.encode(pair.public_key().as_ref()))),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.signing()).finish()
    }
}

/// A new signing secret, made of bytes that nobody can guess. `None` only if no key pair can be made of them, which the
/// library rules out.
#[must_use]
pub fn generate(signing: Signing, random: &[u8; RANDOM_BYTES]) -> Option<Secret> {
    let text = match signing {
        Signing::Hmac => format!("{SHARED}{}", BASE64.encode(random)),
        Signing::Ed25519 => {
            let pair = Ed25519KeyPair::from_seed_unchecked(random).ok()?;
            let both = Zeroizing::new([random, pair.public_key().as_ref()].concat());
            format!("{PRIVATE}{}", BASE64.encode(&*both))
        }
    };
    Some(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SigningKey, InvalidSigningSecret> {
        SigningKey::parse(text)
    }

    #[test]
    fn what_is_made_can_be_read() {
        let random = [7; RANDOM_BYTES];
        for signing in [Signing::Hmac, Signing::Ed25519] {
            let key = parse(generate(signing, &random).unwrap().expose()).unwrap();
            assert_eq!(key.signing(), signing);
            assert_eq!(key.public_key().is_some(), signing == Signing::Ed25519);
        }
        let SigningKey::Hmac(bytes) = parse(generate(Signing::Hmac, &random).unwrap().expose()).unwrap() else {
            panic!("not shared")
        };
        assert_eq!(*bytes, random);
    }

    #[test]
    fn a_seed_alone_is_the_same_key_as_with_its_public_half() {
        // RFC 8032, section 7.1, test 1.
        let seed: Vec<u8> = (0..32)
            .map(|at| &"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"[2 * at..2 * at + 2])
            .map(|hex| u8::from_str_radix(hex, 16).unwrap())
            .collect();
        let alone = parse(&format!("whsk_{}", BASE64.encode(&seed))).unwrap().public_key().unwrap();
        assert_eq!(alone, "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        let whole = generate(Signing::Ed25519, &seed.clone().try_into().unwrap()).unwrap();
        assert_eq!(parse(whole.expose()).unwrap().public_key(), Some(alone));
        let mut mixed = [seed, vec![1; 32]].concat();
        assert!(parse(&format!("whsk_{}", BASE64.encode(&mixed))).is_err(), "halves of two keys");
        mixed.truncate(40);
        assert!(parse(&format!("whsk_{}", BASE64.encode(&mixed))).is_err());
    }

    #[test]
    fn lengths_and_spellings_are_checked_and_never_repeated() {
        for length in [24, 25, 64] {
            let encoded = BASE64.encode(vec![1; length]);
            assert!(parse(&format!("whsec_{encoded}")).is_ok(), "{length}");
            assert!(parse(&format!("whsec_{}", encoded.trim_end_matches('='))).is_ok(), "{length}, not padded");
        }
        for text in ["", "whsec_", "whsec_****", "whpk_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsk_AAAA"] {
            let words = parse(text).unwrap_err().to_string();
            assert!(text.len() < 12 || !words.contains(&text[6..]), "{words}");
        }
        for length in [23, 65] {
            assert!(parse(&format!("whsec_{}", BASE64.encode(vec![1; length]))).is_err(), "{length}");
        }
    }
}
