//! A real provider of OpenID Connect, npm's `oidc-provider`: see `tests/judges/oidc-provider/server.mjs`.

use reqwest::{Client, Response, Url, header};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};
pub(crate) use trunkline::judges::{Installed, install};

use crate::{await_until::await_until, emulator};

/// The application that is registered there.
pub(crate) const CLIENT_ID: &str = "trunkline";
pub(crate) const CLIENT_SECRET: &str = "the+secret of/trunkline";
/// What the API is called there.
pub(crate) const AUDIENCE: &str = "https://hub.example";
/// Where an application of the test's own is sent back to. Nobody listens there: the address is all it needs.
pub(crate) const OWN_REDIRECT: &str = "http://127.0.0.1:9/own";

/// The running provider. It ends when this is dropped, or with this process.
pub(crate) struct OidcProvider {
    process: Child,
    pub(crate) issuer: String,
    /// Its key, as a JWK.
    pub(crate) jwk: Value,
    http: Client,
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl OidcProvider {
    /// Starts one that also sends people back to this address.
    pub(crate) async fn start(folder: &Path, redirect_uri: &str) -> Self {
        static INSTALLED: OnceLock<Result<Installed, String>> = OnceLock::new();
        let installed =
            tokio::task::spawn_blocking(|| INSTALLED.get_or_init(|| install("oidc-provider"))).await.unwrap();
        let Installed { node, folder: code } = installed.as_ref().unwrap_or_else(|error| panic!("{error}"));
        let unique = domain::ids::IntegrationId::generate();
        let (ready, log) = (folder.join(format!("{unique}.ready.json")), folder.join(format!("{unique}.log")));
        let process = Command::new(node)
            .arg(code.join("server.mjs"))
            .args(["--audience", AUDIENCE, "--redirect-uri", redirect_uri, "--redirect-uri", OWN_REDIRECT])
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let is_ready = async || fs::read(&ready).map_err(|_| fs::read_to_string(&log).unwrap_or_default());
        let told = await_until("the provider of identities starts", is_ready).await;
        let told: Value = serde_json::from_slice(&told).unwrap();
        Self { process, issuer: told["issuer"].as_str().unwrap().to_owned(), jwk: told["jwk"].clone(), http: browser() }
    }

    /// An integration with it, as a body to be sent.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "provider": "entra", "name": "Company sign-in",
            "config": {"issuer": self.issuer, "client_id": CLIENT_ID, "audience": AUDIENCE},
            "secrets": {"client_secret": CLIENT_SECRET},
            "probe_interval_minutes": 60,
        })
    }

    /// Registers one more address to which people may be sent back, as an admin does at a provider's own page.
    pub(crate) async fn register(&self, redirect_uri: &str) {
        let sent = self.http.post(format!("{}/redirect-uri", self.issuer)).body(redirect_uri.to_owned()).send().await;
        assert!(sent.unwrap().status().is_success(), "{redirect_uri}");
    }

    /// Signs whatever it is given, with its own key or another.
    pub(crate) async fn forge(&self, key: &str, header: &Value, payload: &Value) -> String {
        let body = json!({"key": key, "header": header, "payload": payload});
        let answer = self.http.post(format!("{}/forge", self.issuer)).json(&body).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// A person signs in as `login` at this address, and agrees to everything. Answers where they are sent in the end.
    pub(crate) async fn walk(&self, address: &str, login: &str) -> Url {
        let mut cookies = BTreeMap::new();
        let mut url: Url = address.parse().unwrap();
        for _ in 0..12 {
            let page = self.step(self.http.get(url.clone()), &mut cookies).await;
            url = if let Some(next) = next(&url, &page) {
                next
            } else {
                // A page that asks: first who it is, then whether they agree.
                let text = page.text().await.unwrap();
                let prompt = if text.contains(r#"value="login""#) { "login" } else { "consent" };
                let login = login.replace(':', "%3A").replace(',', "%2C");
                let form = format!("prompt={prompt}&login={login}&password=x");
                let post = self.http.post(url.clone()).body(form);
                let post = post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                let answer = self.step(post, &mut cookies).await;
                next(&url, &answer).unwrap_or_else(|| panic!("the provider's page leads nowhere: {text}"))
            };
            if !url.as_str().starts_with(&self.issuer) {
                return url;
            }
        }
        panic!("the provider sends in circles: {url}");
    }

    async fn step(&self, request: reqwest::RequestBuilder, cookies: &mut BTreeMap<String, String>) -> Response {
        let sent: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(header::COOKIE, sent.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// The access token that an application of the company gets for a person who signs in.
    pub(crate) async fn access_token(&self, login: &str) -> String {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let address = Url::parse_with_params(
            &format!("{}/auth", self.issuer),
            [
                ("response_type", "code"),
                ("client_id", CLIENT_ID),
                ("redirect_uri", OWN_REDIRECT),
                ("scope", "openid"),
                ("resource", AUDIENCE),
                ("code_challenge", challenge),
                ("code_challenge_method", "S256"),
            ],
        );
        let back = self.walk(address.unwrap().as_str(), login).await;
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap_or_else(|| panic!("no code: {back}")).1;
        let form = Url::parse_with_params(
            "form:",
            [
                ("grant_type", "authorization_code"),
                ("code", code.as_ref()),
                ("redirect_uri", OWN_REDIRECT),
                ("code_verifier", verifier),
                ("client_id", CLIENT_ID),
                ("client_secret", CLIENT_SECRET),
                ("resource", AUDIENCE),
            ],
        );
        let request = self
            .http
            .post(format!("{}/token", self.issuer))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.unwrap().query().unwrap().to_owned());
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

/// A client that is led nowhere without being asked.
#[expect(clippy::disallowed_methods, reason = "a person's browser, which no tenant leads")]
fn browser() -> Client {
    // It chooses the TLS that all clients here have.
    emulator::client();
    Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client that follows nobody")
}

fn next(url: &Url, answer: &Response) -> Option<Url> {
    answer.headers().get(header::LOCATION).map(|location| url.join(location.to_str().unwrap()).unwrap())
}
