//! A company's users call the API with the tokens of the company's own provider of identities.

use crate::{
    await_until::await_until,
    oidc_provider::{AUDIENCE, CLIENT_SECRET, OidcProvider},
    tenant::Tenant,
    time_of_day::now_s,
};
use reqwest::{Method, header};
use serde_json::{Value, json};

async fn company() -> (Tenant, OidcProvider) {
    let tenant = Tenant::new().await;
    let redirect = format!("{}/v1/sign-in/callback", tenant.stack.api_url);
    let provider = OidcProvider::start(tenant.stack.folder(), &redirect).await;
    (tenant, provider)
}

#[tokio::test]
async fn a_user_may_do_what_their_roles_say_until_it_is_disabled() {
    let (tenant, provider) = company().await;
    let viewer = tenant.with_key(provider.access_token("vera:Trunkline.Viewer").await);
    assert_eq!(viewer.get("/v1/integrations").await.status, 403, "nobody takes these tokens yet");

    let id = tenant.create(&provider.settings()).await;
    let path = format!("/v1/integrations/{id}");
    assert_eq!(tenant.get(&path).await.expect(200)["last_test"]["status"], "ok");
    await_until("the user is known", async || match viewer.get("/v1/integrations").await.status {
        200 => Ok(()),
        other => Err(other),
    })
    .await;

    // What each may do.
    let settings = tenant.slack_settings();
    let refused = viewer.post("/v1/integrations", &settings).await;
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")), "{}", refused.text);
    assert!(refused.body["detail"].as_str().unwrap().contains("none of your roles"), "{}", refused.text);
    let configurer = tenant.with_key(provider.access_token("carl:integrations.configure").await);
    configurer.post("/v1/integrations", &settings).await.expect(201);
    assert_eq!(configurer.get("/v1/campaigns").await.status, 403);
    let operator = tenant.with_key(provider.access_token("omar:Trunkline.Operator,other").await);
    operator.get("/v1/campaigns").await.expect(200);
    assert_eq!(operator.get("/v1/keys").await.status, 403);
    let admin = tenant.with_key(provider.access_token("amal:Trunkline.Admin").await);
    admin.get("/v1/keys").await.expect(200);
    let nobody = tenant.with_key(provider.access_token("nora:other").await).get("/v1/campaigns").await;
    assert_eq!((nobody.status, &nobody.body["code"]), (403, &json!("no_role")), "{}", nobody.text);
    assert!(nobody.body["detail"].as_str().unwrap().contains("administrator"), "{}", nobody.text);

    // The audit trail knows who it was by a name that is nobody's address.
    let trail = tenant.get("/v1/audit").await.expect(200).to_string();
    assert!(trail.contains("user:sub-") && !trail.contains("carl"), "{trail}");

    tenant.post(&format!("{path}/disable"), &Value::Null).await.expect(200);
    await_until("the users are nobody again", async || match admin.get("/v1/keys").await.status {
        401 | 403 => Ok(()),
        other => Err(other),
    })
    .await;
    tenant.post(&format!("{path}/enable"), &Value::Null).await.expect(200);
    await_until("the users are back", async || match admin.get("/v1/keys").await.status {
        200 => Ok(()),
        other => Err(other),
    })
    .await;
}

#[tokio::test]
async fn forged_tokens_open_nothing() {
    let (tenant, provider) = company().await;
    tenant.create(&provider.settings()).await;
    let now = now_s();
    let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": "own"});
    let claims = json!({
        "iss": provider.issuer, "aud": AUDIENCE, "sub": "mallory", "iat": now, "exp": now + 600,
        "roles": ["Trunkline.Admin"],
    });
    let with = |of: &Value, over: Value| {
        let mut of = of.clone();
        for (name, value) in over.as_object().unwrap() {
            of[name] = value.clone();
        }
        of
    };
    let call = async |token: String| tenant.with_key(token).get("/v1/keys").await;

    // First, that the forger is able to forge: signed by the provider itself, they are good.
    for alg in ["RS256", "PS256"] {
        let good = provider.forge("rsa", &with(&header, json!({"alg": alg})), &claims).await;
        await_until("a good token is known", async || match call(good.clone()).await.status {
            200 => Ok(()),
            other => Err(other),
        })
        .await;
    }
    for (what, key, header, claims) in [
        ("no signature", "none", with(&header, json!({"alg": "none"})), claims.clone()),
        ("no signature, and the algorithm kept", "none", header.clone(), claims.clone()),
        ("the public key as a secret", "public", with(&header, json!({"alg": "HS256"})), claims.clone()),
        ("the public key as a secret, disguised", "public", header.clone(), claims.clone()),
        ("another key", "stranger", header.clone(), claims.clone()),
        ("another key that it brings along", "stranger", with(&header, json!({"jwk": provider.jwk})), claims.clone()),
        (
            "a set of keys elsewhere",
            "stranger",
            with(&header, json!({"jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"})),
            claims.clone(),
        ),
        ("an unknown key", "rsa", with(&header, json!({"kid": "other"})), claims.clone()),
        ("no key", "rsa", with(&header, json!({"kid": null})), claims.clone()),
        ("another issuer", "rsa", header.clone(), with(&claims, json!({"iss": "https://evil.example"}))),
        (
            "an issuer with a slash",
            "rsa",
            header.clone(),
            with(&claims, json!({"iss": format!("{}/", provider.issuer)})),
        ),
        ("another audience", "rsa", header.clone(), with(&claims, json!({"aud": "https://other.example"}))),
        ("two audiences", "rsa", header.clone(), with(&claims, json!({"aud": [AUDIENCE, "https://other.example"]}))),
        ("not valid yet", "rsa", header.clone(), with(&claims, json!({"nbf": now + 600}))),
        ("from the future", "rsa", header.clone(), with(&claims, json!({"iat": now + 600}))),
        ("without an end", "rsa", header.clone(), with(&claims, json!({"exp": null}))),
        ("an id token", "rsa", with(&header, json!({"typ": "JWT"})), with(&claims, json!({"nonce": "n"}))),
        ("nobody's", "rsa", header.clone(), with(&claims, json!({"sub": null}))),
    ] {
        let answer = call(provider.forge(key, &header, &claims).await).await;
        assert!(matches!(answer.status, 401 | 403), "{what}: {} {}", answer.status, answer.text);
        assert!(answer.body["code"].is_null(), "{what} is told nothing: {}", answer.text);
    }
    let expired = provider.forge("rsa", &header, &with(&claims, json!({"exp": now - 120, "iat": now - 720}))).await;
    let expired = call(expired).await;
    assert_eq!((expired.status, &expired.body["code"]), (401, &json!("token_expired")), "{}", expired.text);

    let good = provider.forge("rsa", &header, &claims).await;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = provider.forge("stranger", &header, &with(&claims, json!({"roles": ["*"]}))).await;
    let tampered = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    for junk in
        [tampered, format!("{signed}."), format!("{good}.{signature}"), "ey.ey.ey".to_owned(), "eyJ".repeat(4_000)]
    {
        assert!(matches!(call(junk).await.status, 400 | 401 | 403 | 431));
    }
}

#[tokio::test]
async fn an_admin_tries_the_sign_in_as_a_person_would() {
    let (tenant, provider) = company().await;
    let mut settings = provider.settings();
    settings["enabled"] = false.into();
    let id = tenant.create(&settings).await;
    let path = format!("/v1/integrations/{id}");
    let start = async || tenant.post(&format!("{path}/sign-in-test"), &Value::Null).await.expect(200);
    let open = async |url: &str, language: &str| {
        let local = url.strip_prefix(&tenant.stack.api_url).unwrap_or_else(|| panic!("sent elsewhere: {url}"));
        let request = tenant.request(Method::GET, local).header(header::ACCEPT_LANGUAGE, language);
        tenant.ask(request).await
    };

    let begun = start().await;
    assert_eq!(begun["redirect_uri"], format!("{}/v1/sign-in/callback", tenant.stack.api_url));
    let back = provider.walk(begun["authorization_url"].as_str().unwrap(), "sara:Trunkline.Viewer").await;
    let page = open(back.as_str(), "en-GB,en;q=0.9").await;
    assert_eq!(page.status, 200, "{}", page.text);
    for words in ["Sign-in works", "sara@acme.example", "Trunkline.Viewer", "campaigns:read", "user:sub-"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"), "{:?}", page.headers);
    assert!(!page.text.contains("eyJ"), "no token on the page");
    let tested = tenant.get(&path).await.expect(200)["last_test"].clone();
    assert_eq!((&tested["status"], tested["detail"].to_string().contains("sara")), (&json!("ok"), false), "{tested}");
    // An answer counts once.
    let again = open(back.as_str(), "en").await;
    assert_eq!(again.status, 400, "{}", again.text);

    let begun = start().await;
    let back = provider.walk(begun["authorization_url"].as_str().unwrap(), "nora:other").await;
    let page = open(back.as_str(), "ar-SA,ar;q=0.9,en;q=0.5").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("dir=\"rtl\"") && page.text.contains("لا دور لك هنا"), "{}", page.text);
    let tested = tenant.get(&path).await.expect(200)["last_test"].clone();
    assert_eq!((&tested["status"], &tested["code"]), (&json!("warn"), &json!("oidc_no_role")));

    // A code that somebody made up, with a state that is ours.
    let begun = start().await;
    let url = reqwest::Url::parse(begun["authorization_url"].as_str().unwrap()).unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1;
    // It has to say whose it is: this provider's answers do (RFC 9207).
    let made_up = [("code", "made-up"), ("state", &state), ("iss", &provider.issuer)];
    let made_up = reqwest::Url::parse_with_params(&format!("{}/v1/sign-in/callback", tenant.stack.api_url), made_up);
    let page = open(made_up.unwrap().as_str(), "en").await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("did not exchange"), "{}", page.text);
    let tested = tenant.get(&path).await.expect(200)["last_test"].clone();
    assert_eq!((&tested["status"], &tested["code"]), (&json!("fail"), &json!("oidc_code_refused")));
    // Which keeps it from being enabled until a test has passed.
    let refused = tenant.post(&format!("{path}/enable"), &Value::Null).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("conflict")), "{}", refused.text);
    tenant.post(&format!("{path}/test"), &Value::Null).await.expect(200);
    tenant.post(&format!("{path}/enable"), &Value::Null).await.expect(200);
    assert!(!tenant.transcript().contains(CLIENT_SECRET));
}

#[tokio::test]
async fn wrong_settings_are_told_and_one_token_has_one_owner() {
    let (tenant, provider) = company().await;
    for (pointer, wrong, code) in [
        ("/secrets/client_secret", "wrong", "oidc_client_refused"),
        ("/config/audience", "https://other.example", "oidc_audience_refused"),
        ("/config/issuer", "http://127.0.0.1:9", "unreachable"),
    ] {
        let mut settings = provider.settings();
        *settings.pointer_mut(pointer).unwrap() = wrong.into();
        // An enabled one is tested whatever is wished.
        let refused = tenant.post("/v1/integrations?test=false", &settings).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["code"]), (422, &json!(code)), "{}", refused.text);
    }
    tenant.create(&provider.settings()).await;
    let other = Tenant::new().await;
    let taken = other.post("/v1/integrations", &provider.settings()).await;
    assert_eq!((taken.status, &taken.body["code"]), (409, &json!("conflict")), "{}", taken.text);
    assert!(taken.body["detail"].as_str().unwrap().contains("audience"), "{}", taken.text);
}
