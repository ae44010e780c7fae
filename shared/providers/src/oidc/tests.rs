//! Good tokens and forged ones.

use super::{
    Expected, IssuerKeys, KeySet, LEEWAY_MS, Refused, TOKEN_MAX_BYTES, Token, Unverified, check_time, jws::Algorithm,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::time::{HOUR_MS, MINUTE_MS, Timestamp};
use doubles::oidc::{OidcDouble, Signer, with};
use guard::{Egress, Guard};
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};
use std::sync::Arc;

const NOW_S: i64 = 1_763_640_000;
const NOW: Timestamp = Timestamp(NOW_S * 1_000);
const ISSUER: &str = "https://id.example";
const EXPECTED: Expected<'_> = Expected { issuer: ISSUER, audience: "api", directory: None, nonce: None };

fn claims(over: &Value) -> Value {
    let usual = json!({
        "iss": ISSUER, "aud": "api", "sub": "sara", "iat": NOW_S, "nbf": NOW_S, "exp": NOW_S + 3_600, "scope": "api",
        "roles": ["Trunkline.Admin"],
    });
    with(usual, over)
}

struct Issuer {
    signer: Signer,
    keys: KeySet,
}

impl Issuer {
    fn new() -> Self {
        let signer = Signer::new("first").unwrap();
        let keys = KeySet::parse(json!({"keys": [signer.jwk()]}).to_string().as_bytes()).unwrap();
        Self { signer, keys }
    }

    fn judge(&self, token: &str, expected: Expected<'_>) -> Result<Timestamp, Refused> {
        check_time(&Token::parse(token)?.verify(&self.keys, expected)?, NOW)
    }

    fn judge_claims(&self, over: &Value) -> Result<Timestamp, Refused> {
        self.judge(&self.signer.token(&claims(over)), EXPECTED)
    }

    fn judge_header(&self, header: &Value) -> Result<Timestamp, Refused> {
        self.judge(&self.signer.sign(&header.to_string(), &claims(&json!({})).to_string()), EXPECTED)
    }
}

#[test]
fn a_good_token_is_good_until_its_end() {
    let issuer = Issuer::new();
    let end = Timestamp((NOW_S + 3_600) * 1_000 + LEEWAY_MS);
    assert_eq!(issuer.judge_claims(&json!({})), Ok(end));
    assert_eq!(issuer.judge_claims(&json!({"aud": ["api"], "nbf": null, "iat": null, "jti": "x"})), Ok(end));
    assert_eq!(issuer.judge_claims(&json!({"exp": 1_763_643_600.75})), Ok(end.plus_ms(750)));
    // A header of no meaning changes nothing, and a key that it brings along is not looked at.
    let other = Signer::new("first").unwrap();
    for (name, value) in [
        ("jwk", other.jwk()),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["AAAA"])),
        ("x5t", json!("AAAA")),
        ("cty", json!("x")),
    ] {
        let header = with(json!({"alg": "ES256", "typ": "at+jwt", "kid": "first"}), &json!({name: value}));
        assert_eq!(issuer.judge_header(&header), Ok(end), "{name}");
        let forged = other.sign(&header.to_string(), &claims(&json!({})).to_string());
        assert_eq!(issuer.judge(&forged, EXPECTED), Err(Refused::Signature), "{name}");
    }
}

#[test]
fn claims_that_do_not_fit_are_refused() {
    let issuer = Issuer::new();
    for (over, expected) in [
        (json!({"iss": "https://evil.example"}), Refused::Issuer),
        (json!({"iss": "https://id.example/"}), Refused::Issuer),
        (json!({"iss": "https://id.example\u{0}"}), Refused::Issuer),
        (json!({"iss": null}), Refused::Malformed),
        (json!({"iss": ["https://id.example"]}), Refused::Malformed),
        (json!({"iss": "x".repeat(513)}), Refused::Malformed),
        (json!({"aud": "other"}), Refused::Audience),
        (json!({"aud": ""}), Refused::Malformed),
        (json!({"aud": []}), Refused::Malformed),
        (json!({"aud": ["api", "other"]}), Refused::Malformed),
        (json!({"aud": null}), Refused::Malformed),
        (json!({"exp": NOW_S - 60}), Refused::Expired),
        (json!({"exp": null}), Refused::Endless),
        (json!({"exp": "1763643600"}), Refused::Endless),
        (json!({"exp": -1}), Refused::Endless),
        (json!({"exp": 1e300}), Refused::Endless),
        (json!({"nbf": NOW_S + 61}), Refused::Early),
        (json!({"nbf": "soon"}), Refused::Early),
        (json!({"iat": NOW_S + 61}), Refused::Early),
    ] {
        assert_eq!(issuer.judge_claims(&over), Err(expected), "{over}");
    }
    for within in [json!({"exp": NOW_S - 59}), json!({"nbf": NOW_S + 60}), json!({"iat": NOW_S + 60})] {
        assert!(issuer.judge_claims(&within).is_ok(), "{within}: within the leeway");
    }
}

#[test]
fn a_directory_takes_its_own_tokens_only() {
    let issuer = Issuer::new();
    let expected = Expected { directory: Some("d1"), ..EXPECTED };
    let judge = |tid: Value| issuer.judge(&issuer.signer.token(&claims(&json!({"tid": tid}))), expected);
    assert!(judge(json!("d1")).is_ok());
    for tid in [json!("d2"), json!("D1"), json!(["d1"]), Value::Null] {
        assert_eq!(judge(tid.clone()), Err(Refused::Directory), "{tid}");
    }
}

#[test]
fn an_id_token_is_no_access_token() {
    let issuer = Issuer::new();
    let sign = |typ: Option<&str>, over: &Value| {
        let header = with(json!({"alg": "ES256", "kid": "first"}), &json!({"typ": typ}));
        issuer.signer.sign(&header.to_string(), &claims(over).to_string())
    };
    for (typ, over, good) in [
        (Some("JWT"), json!({"scope": null, "nonce": "n"}), false),
        (None, json!({"scope": null}), false),
        (Some("at+jwt"), json!({"scope": null}), true),
        (Some("application/AT+JWT"), json!({"scope": null}), true),
        (Some("JWT"), json!({"scope": null, "scp": "access"}), true),
        (Some("JWT"), json!({"scope": null, "azpacr": "1"}), true),
    ] {
        let judged = issuer.judge(&sign(typ, &over), EXPECTED);
        let expected = if good { None } else { Some(Refused::NotForCalling) };
        assert_eq!(judged.err(), expected, "{typ:?} {over}");
    }
    // And one that ends a sign-in must end this one.
    let this = Expected { nonce: Some("n"), ..EXPECTED };
    assert!(issuer.judge(&sign(None, &json!({"nonce": "n"})), this).is_ok());
    for nonce in [json!("m"), Value::Null, json!(["n"])] {
        assert_eq!(issuer.judge(&sign(None, &json!({"nonce": nonce})), this), Err(Refused::Nonce), "{nonce}");
    }
}

#[test]
fn forged_signatures_are_refused() {
    let issuer = Issuer::new();
    let good = issuer.signer.token(&claims(&json!({})));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let other = Signer::new("first").unwrap();

    // Another key of that name, or of another.
    assert_eq!(issuer.judge(&other.token(&claims(&json!({}))), EXPECTED), Err(Refused::Signature));
    let stranger = Signer::new("second").unwrap();
    assert_eq!(issuer.judge(&stranger.token(&claims(&json!({}))), EXPECTED), Err(Refused::UnknownKey));
    assert_eq!(issuer.judge_header(&json!({"alg": "ES256", "kid": "FIRST"})), Err(Refused::UnknownKey));
    assert_eq!(issuer.judge_header(&json!({"alg": "ES256"})), Err(Refused::Malformed));
    assert_eq!(issuer.judge_header(&json!({"alg": "ES256", "kid": 1})), Err(Refused::Malformed));

    // What was signed is changed.
    let tampered = encode(claims(&json!({"roles": ["Trunkline.Admin", "more"]})));
    assert_eq!(issuer.judge(&format!("{header}.{tampered}.{signature}"), EXPECTED), Err(Refused::Signature));
    let respelt = encode(json!({"alg": "ES256", "typ": "at+jwt", "kid": "first", "x": 1}));
    assert_eq!(issuer.judge(&format!("{respelt}.{payload}.{signature}"), EXPECTED), Err(Refused::Signature));

    // No signature, or one that anybody can make who has the public key.
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS1", "ES384", "EdDSA", "es256"] {
        let header = encode(json!({"alg": alg, "typ": "at+jwt", "kid": "first"}));
        let key = hmac::Key::new(hmac::HMAC_SHA256, issuer.signer.public());
        let mac = hmac::sign(&key, format!("{header}.{payload}").as_bytes());
        for signature in [String::new(), signature.to_owned(), URL_SAFE_NO_PAD.encode(mac)] {
            let judged = issuer.judge(&format!("{header}.{payload}.{signature}"), EXPECTED);
            assert_eq!(judged, Err(Refused::Algorithm), "{alg}");
        }
    }
    assert_eq!(issuer.judge_header(&json!({"kid": "first"})), Err(Refused::Malformed));
    // An algorithm that is not the key's.
    for alg in ["RS256", "PS256"] {
        let header = encode(json!({"alg": alg, "typ": "at+jwt", "kid": "first"}));
        let judged = issuer.judge(&format!("{header}.{payload}.{signature}"), EXPECTED);
        assert_eq!(judged, Err(Refused::Signature), "{alg}");
    }
    // Zeros, which some implementations took for a signature of anything (CVE-2022-21449).
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    assert_eq!(issuer.judge(&format!("{signed}.{zeros}"), EXPECTED), Err(Refused::Signature));
}

#[test]
fn what_is_no_token_is_refused_unread() {
    let issuer = Issuer::new();
    let good = issuer.signer.token(&claims(&json!({})));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let fill = "x".repeat(TOKEN_MAX_BYTES);
    let huge = issuer.signer.token(&claims(&json!({"fill": fill})));
    let twice = format!(r#"{{"iss":"{ISSUER}","iss":"{ISSUER}","aud":"api","exp":{},"scope":"x"}}"#, NOW_S + 60);
    let twice = issuer.signer.sign(r#"{"alg":"ES256","kid":"first","typ":"at+jwt"}"#, &twice);
    let two_algorithms = issuer
        .signer
        .sign(r#"{"alg":"ES256","alg":"none","kid":"first","typ":"at+jwt"}"#, &claims(&json!({})).to_string());
    let critical = json!({"alg": "ES256", "kid": "first", "crit": ["exp"], "exp": 1});
    assert_eq!(issuer.judge_header(&critical), Err(Refused::Malformed));
    for token in [
        "",
        "..",
        "a.b.c",
        signed,
        &format!("{good}."),
        &format!(".{good}"),
        &format!("{good}.{signature}"),
        &format!("{header}={}.{payload}.{signature}", "="),
        &format!("{header}.{payload}.{signature}="),
        &format!("{header}.{payload}.{signature}\n"),
        &format!("{header}.{payload}\u{0}.{signature}"),
        &format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("[]")),
        &format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("\"x\"")),
        &format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(b"\xff\xfe")),
        &format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("[".repeat(5_000))),
        &huge,
        &twice,
        &two_algorithms,
    ] {
        assert_eq!(issuer.judge(token, EXPECTED), Err(Refused::Malformed), "{}", &token[..token.len().min(80)]);
    }
}

#[test]
fn keys_that_are_weak_or_for_other_uses_are_not_used() {
    let good = Signer::new("first").unwrap().jwk();
    let keys = |jwk: Value| KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    let rsa = |bytes: usize| {
        let modulus = URL_SAFE_NO_PAD.encode([&[0xc1][..], &vec![1; bytes - 1]].concat());
        json!({"kty": "RSA", "kid": "first", "n": modulus, "e": "AQAB"})
    };
    for usable in [good.clone(), with(good.clone(), &json!({"use": null, "alg": null})), rsa(256), rsa(512)] {
        assert!(keys(usable.clone()).has("first"), "{usable}");
    }
    for unusable in [
        with(good.clone(), &json!({"use": "enc"})),
        with(good.clone(), &json!({"kid": null})),
        with(good.clone(), &json!({"crv": "P-384"})),
        with(good.clone(), &json!({"x": "AAAA"})),
        with(good.clone(), &json!({"y": 7})),
        json!({"kty": "oct", "kid": "first", "k": "c2VjcmV0"}),
        rsa(128),
        rsa(1_025),
        json!("key"),
    ] {
        assert_eq!(keys(unusable.clone()), KeySet::default(), "{unusable}");
    }
    assert!(KeySet::parse(b"{}").is_err() && KeySet::parse(b"<html>").is_err());
    // A key that is published for another algorithm verifies nothing.
    let signer = Signer::new("first").unwrap();
    let other = with(signer.jwk(), &json!({"alg": "ES384"}));
    let token = signer.token(&claims(&json!({})));
    assert_eq!(Token::parse(&token).unwrap().verify(&keys(other), EXPECTED), Err(Refused::Signature));
}

/// RFC 7515, appendix A.2, and the same key with another signature.
#[test]
fn an_rsa_signature_is_verified() {
    let jwk = json!({
        "kty": "RSA", "kid": "a2", "e": "AQAB",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    });
    let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    let signed = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let verify = |algorithm, signature: &[u8]| keys.verify("a2", algorithm, signed.as_bytes(), signature);
    assert!(verify(Algorithm::Rs256, &signature));
    assert!(!verify(Algorithm::Ps256, &signature) && !verify(Algorithm::Es256, &signature));
    let mut other = signature.clone();
    other[0] ^= 1;
    assert!(!verify(Algorithm::Rs256, &other) && !verify(Algorithm::Rs256, &[]));
}

proptest! {
    #[test]
    fn no_text_is_read_wrong(text in "\\PC*") {
        prop_assert!(Token::parse(&text).is_err());
    }

    #[test]
    fn no_change_of_a_token_leaves_it_good(place in 0_usize..400, byte in any::<u8>()) {
        let issuer = Issuer::new();
        let good = issuer.signer.token(&claims(&json!({})));
        let mut bytes = good.clone().into_bytes();
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(changed) = String::from_utf8(bytes) && changed != good {
            prop_assert!(issuer.judge(&changed, EXPECTED).is_err());
        }
    }
}

// ---- Keys, remembered -----------------------------------------------------------------------------------------------

fn open_guard() -> Arc<Guard> {
    Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()))
}

async fn verified(keys: &IssuerKeys, double: &OidcDouble, signer: &Signer, at: Timestamp) -> Result<(), String> {
    let issuer = double.url();
    let token = signer.token(&claims(&json!({"iss": issuer})));
    let expected = Expected { issuer: &issuer, ..EXPECTED };
    keys.verify(Token::parse(&token).unwrap(), expected, at).await.map(|_| ()).map_err(|unverified| match unverified {
        Unverified::Refused(refused) => format!("{refused:?}"),
        Unverified::NoKeys(no_keys) => no_keys.0.code.to_owned(),
    })
}

fn asked(double: &OidcDouble) -> u32 {
    double.behaviour().asked.get("jwks").copied().unwrap_or(0)
}

#[tokio::test]
async fn keys_are_fetched_once_and_for_a_new_key_once_a_minute() {
    let double = OidcDouble::start(NOW_S).await.unwrap();
    let keys = IssuerKeys::new(open_guard());
    let (first, second) = (Signer::new("first").unwrap(), Signer::new("second").unwrap());
    double.behaviour().keys = vec![first.clone()];
    for ms in [0, 1, MINUTE_MS, HOUR_MS - 1] {
        assert_eq!(verified(&keys, &double, &first, NOW.plus_ms(ms)).await, Ok(()));
    }
    assert_eq!(asked(&double), 1);
    // Made-up key ids make us ask once a minute and not more often.
    let later = NOW.plus_ms(HOUR_MS - 1);
    for ms in [0, 1, MINUTE_MS - 1] {
        assert_eq!(verified(&keys, &double, &second, later.plus_ms(ms)).await, Err("UnknownKey".into()));
    }
    assert_eq!(asked(&double), 2);
    // The issuer changes its key: the new one works a minute later, the old one until then.
    double.behaviour().keys = vec![second.clone()];
    assert_eq!(verified(&keys, &double, &first, later.plus_ms(MINUTE_MS - 1)).await, Ok(()));
    assert_eq!(verified(&keys, &double, &second, later.plus_ms(MINUTE_MS)).await, Ok(()));
    assert_eq!(verified(&keys, &double, &first, later.plus_ms(MINUTE_MS)).await, Err("UnknownKey".into()));
    assert_eq!(asked(&double), 3);
    // A key that is taken back without another in its place works for an hour at most.
    double.behaviour().keys = vec![first.clone()];
    let taken_back = later.plus_ms(MINUTE_MS + HOUR_MS);
    assert_eq!(verified(&keys, &double, &second, taken_back.plus_ms(-1)).await, Ok(()));
    assert_eq!(verified(&keys, &double, &second, taken_back).await, Err("UnknownKey".into()));
}

#[tokio::test]
async fn an_issuer_that_is_away_keeps_nobody_out_for_a_day() {
    let double = OidcDouble::start(NOW_S).await.unwrap();
    let keys = IssuerKeys::new(open_guard());
    let signer = double.behaviour().keys[0].clone();
    double.behaviour().down = Some(503);
    for ms in [0, 1, 29_999] {
        assert_eq!(verified(&keys, &double, &signer, NOW.plus_ms(ms)).await, Err("provider_error".into()));
    }
    assert_eq!(double.behaviour().asked["configuration"], 1, "not asked again at once");
    double.behaviour().down = None;
    let back = NOW.plus_ms(30_000);
    assert_eq!(verified(&keys, &double, &signer, back).await, Ok(()));
    double.behaviour().down = Some(500);
    for hours in [1, 2, 23] {
        assert_eq!(verified(&keys, &double, &signer, back.plus_ms(hours * HOUR_MS)).await, Ok(()), "{hours} h");
    }
    let tomorrow = back.plus_ms(24 * HOUR_MS);
    assert_eq!(verified(&keys, &double, &signer, tomorrow).await, Err("provider_error".into()));
}

#[tokio::test]
async fn an_issuer_speaks_for_itself_and_stays_outside() {
    let double = OidcDouble::start(NOW_S).await.unwrap();
    let signer = Signer::new("first").unwrap();
    double.behaviour().calls_itself = Some("https://evil.example".into());
    let keys = IssuerKeys::new(open_guard());
    assert_eq!(verified(&keys, &double, &signer, NOW).await, Err("oidc_issuer_mismatch".into()));
    double.behaviour().calls_itself = None;
    double.behaviour().keys.clear();
    let keys = IssuerKeys::new(open_guard());
    assert_eq!(verified(&keys, &double, &signer, NOW).await, Err("oidc_no_keys".into()));
    let closed = IssuerKeys::new(Arc::new(Guard::new(Egress::default())));
    assert_eq!(verified(&closed, &double, &signer, NOW).await, Err("address_not_allowed".into()));
}
