//! The proof of who the app is without a shared secret: a JWT that is signed with the key of its certificate.
//!
//! "Microsoft identity platform application authentication certificate credentials": `alg` PS256, `x5t#S256`, and the
//! claims `aud`, `exp`, `iss`, `jti`, `nbf`, `sub`, `iat`.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
    signature::{RSA_PSS_SHA256, RsaKeyPair},
};
use serde_json::json;

/// How long an assertion is good for, in seconds: the page asks for 5 to 10 minutes at most.
const GOOD_FOR_S: i64 = 300;
/// How far our clock may be ahead of Microsoft's, in seconds.
const CLOCK_MARGIN_S: i64 = 30;
const NO_CERTIFICATE: &str =
    "This is no certificate in PEM. It begins with -----BEGIN CERTIFICATE----- and holds no private key.";
const NO_KEY: &str = "This is no RSA private key in PEM. It begins with -----BEGIN PRIVATE KEY----- or -----BEGIN RSA \
                      PRIVATE KEY-----, has 2,048 to 4,096 bits and no passphrase.";

/// The content of the only block of a PEM text, with its label (RFC 7468).
fn only_block(pem: &str) -> Option<(&str, Vec<u8>)> {
    let (label, rest) = pem.trim().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (content, end) = rest.split_once("-----END ")?;
    if end.strip_suffix("-----")? != label {
        return None;
    }
    let content: String = content.split_ascii_whitespace().collect();
    Some((label, STANDARD.decode(content).ok()?))
}

/// The thumbprint by which Microsoft finds the certificate: `x5t#S256`.
pub(super) fn thumbprint(certificate: &str) -> Result<String, String> {
    match only_block(certificate) {
        Some(("CERTIFICATE", der)) if !der.is_empty() => Ok(URL_SAFE_NO_PAD.encode(digest(&SHA256, &der))),
        _ => Err(NO_CERTIFICATE.to_owned()),
    }
}

fn read_key(pem: &str) -> Option<RsaKeyPair> {
    match only_block(pem)? {
        ("PRIVATE KEY", der) => RsaKeyPair::from_pkcs8(&der).ok(),
        ("RSA PRIVATE KEY", der) => RsaKeyPair::from_der(&der).ok(),
        _ => None,
    }
}

/// Whether a text is a private key that can sign.
pub(super) fn check_key(pem: &str) -> Result<(), String> {
    read_key(pem).map(|_| ()).ok_or_else(|| NO_KEY.to_owned())
}

/// The app's key and the thumbprint of its certificate.
pub(super) struct Signer {
    key: RsaKeyPair,
    thumbprint: String,
}

impl Signer {
    pub(super) fn new(certificate: &str, key: &str) -> Result<Self, String> {
        let key = read_key(key).ok_or_else(|| NO_KEY.to_owned())?;
        Ok(Self { key, thumbprint: thumbprint(certificate)? })
    }

    /// An assertion that `client_id` makes to `audience`, dated `now_s` (seconds since 1970).
    pub(super) fn assertion(&self, client_id: &str, audience: &str, now_s: i64) -> Result<String, String> {
        let random = SystemRandom::new();
        let mut id = [0_u8; 16];
        random.fill(&mut id).map_err(|_| "no random numbers")?;
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": audience, "iss": client_id, "sub": client_id, "jti": URL_SAFE_NO_PAD.encode(id),
            "iat": now_s, "nbf": now_s - CLOCK_MARGIN_S, "exp": now_s + GOOD_FOR_S,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &random, signed.as_bytes(), &mut signature)
            .map_err(|_| "the private key cannot sign")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doubles::graph::{CERTIFICATE, PRIVATE_KEY};
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn an_assertion_says_what_the_page_asks_for() {
        let signer = Signer::new(CERTIFICATE, PRIVATE_KEY).unwrap();
        let now_s = 1_763_640_000;
        let made = signer.assertion("app", "https://login.example/t/oauth2/v2.0/token", now_s).unwrap();
        let parts: Vec<Vec<u8>> = made.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let header: Value = serde_json::from_slice(&parts[0]).unwrap();
        let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!((&header["alg"], &header["typ"]), (&json!("PS256"), &json!("JWT")));
        assert_eq!(header["x5t#S256"].as_str().unwrap().len(), 43, "32 bytes");
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("app"), &json!("app")));
        assert_eq!(claims["aud"], "https://login.example/t/oauth2/v2.0/token");
        assert_eq!((&claims["nbf"], &claims["exp"]), (&json!(now_s - 30), &json!(now_s + 300)));
        let again = signer.assertion("app", "https://login.example/t/oauth2/v2.0/token", now_s).unwrap();
        assert_ne!(made, again, "no assertion is made twice");
    }

    #[test]
    fn certificates_and_keys_are_not_mixed_up() {
        assert!(check_key(PRIVATE_KEY).is_ok() && thumbprint(CERTIFICATE).is_ok());
        assert!(check_key(CERTIFICATE).is_err() && thumbprint(PRIVATE_KEY).is_err());
        let two = format!("{CERTIFICATE}\n{CERTIFICATE}");
        assert!(thumbprint(&two).is_err(), "which of them?");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC*", label in "[A-Z ]{0,20}", content in "[A-Za-z0-9+/=\n]{0,80}") {
            let _ = (thumbprint(&text), check_key(&text));
            let pem = format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----");
            let _ = (thumbprint(&pem), check_key(&pem));
        }
    }
}
