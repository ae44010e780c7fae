//! The provider against a double that checks what it is sent.

use super::{Challenge, Entra, Redeem, settings::CLIENT_SECRET};
use crate::Endpoints;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    integration::Config,
    secret::{Secret, Secrets},
    time::Timestamp,
};
use doubles::oidc::{CLIENT_ID, CLIENT_SECRET as THE_SECRET, OidcDouble, Signer, with};
use guard::{Egress, Guard};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::sync::Arc;

const NOW_S: i64 = 1_763_640_000;
const NOW: Timestamp = Timestamp(NOW_S * 1_000);
const DIRECTORY: &str = "11111111-2222-3333-4444-55555555abcd";

async fn double() -> OidcDouble {
    OidcDouble::start(NOW_S).await.unwrap()
}

fn open(double: &OidcDouble, config: &Value, secret: &str) -> Entra {
    let usual = json!({"client_id": CLIENT_ID});
    let Value::Object(config) = with(usual, config) else { panic!("settings are an object") };
    let secrets = Secrets::from([(CLIENT_SECRET.to_owned(), Secret::new(secret.to_owned()))]);
    let config: Config = super::settings::validate(&config, &secrets.keys().cloned().collect()).unwrap();
    let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()));
    let endpoints = Endpoints { login: double.url(), ..Endpoints::default() };
    Entra::open(&config, &secrets, guard, &endpoints).unwrap()
}

fn other(double: &OidcDouble) -> Entra {
    open(double, &json!({"issuer": double.url(), "audience": "https://hub.example"}), THE_SECRET)
}

fn directory(double: &OidcDouble) -> Entra {
    double.behaviour().access = json!({"tid": DIRECTORY, "oid": "99999999-0000-0000-0000-000000000001"});
    double.behaviour().id = json!({"tid": DIRECTORY});
    open(double, &json!({"directory_id": DIRECTORY}), THE_SECRET)
}

#[tokio::test]
async fn a_provider_that_knows_the_application_passes() {
    let double = double().await;
    let detail = other(&double).test().await.unwrap();
    assert_eq!(detail, format!("{} made a token for https://hub.example", double.url()));
    let detail = directory(&double).test().await.unwrap();
    assert_eq!(detail, format!("{}/{DIRECTORY}/v2.0 made a token for {CLIENT_ID}", double.url()));
}

#[tokio::test]
async fn whatever_is_wrong_has_its_code() {
    let double = double().await;
    let wrong_secret = open(&double, &json!({"issuer": double.url()}), "wrong");
    assert_eq!(wrong_secret.test().await.unwrap_err().code, "oidc_client_refused");
    let wrong_client = open(&double, &json!({"issuer": double.url(), "client_id": "stranger"}), THE_SECRET);
    assert_eq!(wrong_client.test().await.unwrap_err().code, "oidc_client_refused");
    let slash = open(&double, &json!({"issuer": format!("{}/", double.url())}), THE_SECRET);
    assert_eq!(slash.test().await.unwrap_err().code, "oidc_issuer_mismatch");

    let entra = directory(&double);
    double.behaviour().access = json!({"tid": "another", "oid": "x"});
    assert_eq!(entra.test().await.unwrap_err().code, "oidc_token_unusable");
    double.behaviour().access = json!({"tid": DIRECTORY, "iss": format!("https://sts.windows.net/{DIRECTORY}/")});
    assert_eq!(entra.test().await.unwrap_err().code, "entra_token_version");
    double.behaviour().access = json!({});

    let provider = other(&double);
    for (access, code) in [(json!({"aud": "else"}), "oidc_token_unusable"), (json!({"scope": null}), "")] {
        double.behaviour().access = access.clone();
        let code_found = provider.test().await.map_err(|failure| failure.code).err().unwrap_or_default();
        assert_eq!(code_found, code, "{access}");
    }
    double.behaviour().access_token = Some("opaque-CANARY".into());
    let failure = provider.test().await.unwrap_err();
    assert_eq!(failure.code, "oidc_token_unusable");
    assert!(!failure.detail.contains("CANARY"));
    let forged = Signer::new("first").unwrap().token(&json!({"iss": double.url(), "aud": "https://hub.example"}));
    double.behaviour().access_token = Some(forged);
    assert_eq!(provider.test().await.unwrap_err().code, "oidc_token_unusable");
    double.behaviour().keys.clear();
    assert_eq!(provider.test().await.unwrap_err().code, "oidc_no_keys");
    double.behaviour().down = Some(404);
    assert_eq!(provider.test().await.unwrap_err().code, "oidc_discovery_failed");
    double.behaviour().down = Some(503);
    assert_eq!(provider.test().await.unwrap_err().code, "provider_error");
    let url = double.url();
    drop(double);
    tokio::task::yield_now().await;
    let gone = open(&self::double().await, &json!({"issuer": url}), THE_SECRET);
    assert_eq!(gone.test().await.unwrap_err().code, "unreachable");
}

#[tokio::test]
async fn a_person_signs_in() {
    let double = double().await;
    for (provider, subject) in [(directory(&double), "99999999-0000-0000-0000-000000000001"), (other(&double), "sub-")]
    {
        double.behaviour().access["roles"] = json!(["Trunkline.Viewer", "else"]);
        let (verifier, nonce, redirect_uri) = ("v".repeat(43), "n0nce", "https://hub.example/v1/sign-in/callback");
        let code_challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let challenge = Challenge { state: "st&te", nonce, code_challenge: &code_challenge, redirect_uri };
        let url = provider.authorization_url(challenge).await.unwrap();
        for part in [
            "response_type=code",
            "client_id=trunkline",
            "state=st%26te",
            "code_challenge_method=S256",
            "redirect_uri=https%3A%2F%2Fhub.example%2Fv1%2Fsign-in%2Fcallback",
            "scope=openid",
        ] {
            assert!(url.contains(part), "{part}: {url}");
        }
        assert!(!url.contains("CANARY") && !url.contains(&verifier), "{url}");
        let code = double.sign_in_as(&url);
        let signed_in = provider
            .redeem(Redeem { code, issuer: None, verifier: &verifier, nonce, redirect_uri }, NOW)
            .await
            .unwrap();
        assert!(signed_in.subject.as_str().starts_with(subject), "{signed_in:?}");
        assert_eq!(signed_in.name, "sara@acme.example");
        assert_eq!(signed_in.roles.iter().collect::<Vec<_>>(), ["Trunkline.Viewer", "else"]);
        assert_eq!(signed_in.grants.len(), 6);

        // Neither without the verifier, nor with the answer to another sign-in, nor late.
        let redeem = async |code: &str, verifier: &str, nonce: &str, now| {
            let answer = Redeem { code, issuer: None, verifier, nonce, redirect_uri };
            provider.redeem(answer, now).await.map_err(|failure| failure.code).err()
        };
        assert_eq!(redeem(code, &"w".repeat(43), nonce, NOW).await, Some("oidc_code_refused"));
        assert_eq!(redeem("made-up", &verifier, nonce, NOW).await, Some("oidc_code_refused"));
        assert_eq!(redeem(code, &verifier, "other", NOW).await, Some("oidc_id_token_refused"));
        assert_eq!(redeem(code, &verifier, nonce, NOW.plus_ms(4_000_000)).await, Some("oidc_id_token_refused"));
        for id in [json!({"aud": "other"}), json!({"iss": "https://evil.example"}), json!({"nonce": 7})] {
            double.behaviour().id = with(json!({"tid": DIRECTORY}), &id);
            assert_eq!(redeem(code, &verifier, nonce, NOW).await, Some("oidc_id_token_refused"), "{id}");
            double.behaviour().id = json!({"tid": DIRECTORY});
        }
    }
}

#[tokio::test]
async fn no_secret_shows() {
    let provider = other(&double().await);
    assert!(!format!("{provider:?}").contains("CANARY"));
}
