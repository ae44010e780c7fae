//! Secrets of hooks: what a scheme takes as one, and making one where that is ours to do.

use super::{SchemeName, verify::sendgrid};
use crate::secret::Secret;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What Standard Webhooks writes before a secret.
pub(super) const WHSEC: &str = "whsec_";

/// How long a secret may be, in bytes.
const LONGEST: usize = 512;
/// A shorter one could be guessed.
const SHORTEST: usize = 8;
/// Microsoft Graph's limit for a `clientState`.
const CLIENT_STATE_LONGEST: usize = 128;

/// What a secret must be.
pub type SecretFault = &'static str;

/// Whether a text can be the secret of a scheme.
pub fn check_secret(scheme: SchemeName, secret: &str) -> Result<(), SecretFault> {
    let printable = secret.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if secret.len() > LONGEST || secret.trim() != secret || !printable {
        return Err("must be at most 512 printable characters, without spaces around it");
    }
    match scheme {
        SchemeName::StandardWebhooks => standard_key(secret)
            .map(drop)
            .ok_or("must be `whsec_` followed by 24 to 64 bytes in base 64, as the sender shows it"),
        SchemeName::Sendgrid => sendgrid::point(secret)
            .map(drop)
            .ok_or("must be the verification key of the event webhook, a P-256 public key in base 64"),
        SchemeName::Graph if !(16..=CLIENT_STATE_LONGEST).contains(&secret.len()) => {
            Err("must be 16 to 128 characters: it is the only proof, and Microsoft Graph takes no longer one")
        }
        _ if secret.len() < SHORTEST => Err("must be at least 8 characters"),
        _ => Ok(()),
    }
}

/// The key that a secret of Standard Webhooks stands for. Its prefix may be missing: some senders leave it out.
pub(super) fn standard_key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix(WHSEC).unwrap_or(secret)).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}

/// A secret made of 32 random bytes, for a scheme whose secret is ours to make.
#[must_use]
pub fn fresh_secret(scheme: SchemeName, random: &[u8; 32]) -> Secret {
    Secret::new(match scheme {
        SchemeName::StandardWebhooks => format!("{WHSEC}{}", STANDARD.encode(random)),
        _ => crate::digest::hex(random),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_taken() {
        for scheme in SchemeName::ALL.iter().copied().filter(|scheme| scheme.secret_is_ours()) {
            let secret = fresh_secret(scheme, &[7; 32]);
            assert_eq!(check_secret(scheme, secret.expose()), Ok(()), "{scheme}");
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        for (scheme, bad) in [
            (SchemeName::Github, "short"),
            (SchemeName::Github, " padded secret"),
            (SchemeName::Github, "with\nline"),
            (SchemeName::StandardWebhooks, "whsec_c2hvcnQ="),
            (SchemeName::StandardWebhooks, "not base 64 at all, at least"),
            (SchemeName::Sendgrid, "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"),
            (SchemeName::Graph, "only-15-chars.."),
        ] {
            assert!(check_secret(scheme, bad).is_err(), "{scheme} {bad}");
        }
        assert!(check_secret(SchemeName::Graph, &"x".repeat(129)).is_err());
        assert!(check_secret(SchemeName::Slack, &"x".repeat(513)).is_err());
    }
}
