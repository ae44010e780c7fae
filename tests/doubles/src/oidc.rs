//! A provider of identities on loopback, for tests that need a token signed as they like. End to end, the real
//! `oidc-provider` stands in its place (`tests/judges/oidc-provider`).
//!
//! It serves every issuer below its address, so it can be a directory of Entra too; all have the same keys (P-256,
//! ES256) and one application, [`CLIENT_ID`] with [`CLIENT_SECRET`]. Contracts: OpenID Connect Core 1.0 and Discovery
//! 1.0, RFC 6749, RFC 7636.

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The one application.
pub const CLIENT_ID: &str = "trunkline";
/// Its secret, with characters that a form must encode.
pub const CLIENT_SECRET: &str = "s3cret~+/=&CANARY";
/// The only code that the token endpoint takes, once it was given for a sign-in: see [`OidcDouble::sign_in_as`].
pub const CODE: &str = "the-code";

/// A key that signs.
#[derive(Clone)]
pub struct Signer {
    /// Its id.
    pub kid: String,
    pair: Arc<EcdsaKeyPair>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Signer {
    /// A fresh key of this id.
    pub fn new(kid: &str) -> io::Result<Self> {
        let (random, scheme) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pair = EcdsaKeyPair::generate_pkcs8(scheme, &random)
            .ok()
            .and_then(|pkcs8| EcdsaKeyPair::from_pkcs8(scheme, pkcs8.as_ref(), &random).ok());
        let pair = pair.ok_or_else(|| io::Error::other("no key could be made"))?;
        Ok(Self { kid: kid.to_owned(), pair: Arc::new(pair) })
    }

    /// The uncompressed public point.
    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        let coordinates = &self.public()[1..];
        let [x, y] = [&coordinates[..32], &coordinates[32..]].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": x, "y": y})
    }

    /// Signs header and payload as they are, whatever they say.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map(|signature| URL_SAFE_NO_PAD.encode(signature)).unwrap_or_default();
        format!("{signed}.{signature}")
    }

    /// An access token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "typ": "at+jwt", "kid": self.kid}).to_string(), &claims.to_string())
    }
}

/// What it does and what it saw; a test changes it.
#[derive(Debug)]
pub struct Behaviour {
    /// The keys that it publishes; it signs with the first.
    pub keys: Vec<Signer>,
    /// The issuer that it calls itself instead of the right one.
    pub calls_itself: Option<String>,
    /// Whether it says that its answers name it (RFC 9207).
    pub names_itself: bool,
    /// What the token endpoint answers instead: status and body.
    pub token_error: Option<(u16, Value)>,
    /// What every request is answered instead.
    pub down: Option<u16>,
    /// What goes into access tokens over the usual claims; null takes one out.
    pub access: Value,
    /// The same for id tokens.
    pub id: Value,
    /// An access token instead of one of its own.
    pub access_token: Option<String>,
    /// The moment at which tokens are made, in seconds.
    pub now_s: i64,
    /// How often each kind of document was asked for: `configuration`, `jwks`, `token`.
    pub asked: BTreeMap<&'static str, u32>,
    challenge: Option<(String, String)>,
}

/// The running double. It stops when this is dropped.
#[derive(Debug)]
pub struct OidcDouble {
    address: SocketAddr,
    state: Arc<Mutex<Behaviour>>,
    server: JoinHandle<()>,
}

impl Drop for OidcDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl OidcDouble {
    /// Starts it. Tokens are made at `now_s`.
    pub async fn start(now_s: i64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let behaviour = Behaviour {
            keys: vec![Signer::new("first")?],
            calls_itself: None,
            names_itself: false,
            token_error: None,
            down: None,
            access: json!({}),
            id: json!({}),
            access_token: None,
            now_s,
            asked: BTreeMap::new(),
            challenge: None,
        };
        let state = Arc::new(Mutex::new(behaviour));
        let router = Router::new().fallback(serve).with_state((address, Arc::clone(&state)));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, state, server })
    }

    /// Its address, which is an issuer of its own.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does and saw.
    pub fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A person signs in at the page of this address. Answers the code that they come back with.
    pub fn sign_in_as(&self, authorization_url: &str) -> &'static str {
        let query = fields(authorization_url.split_once('?').map_or("", |(_, query)| query));
        let field = |name: &str| query.get(name).cloned().unwrap_or_default();
        self.behaviour().challenge = Some((field("code_challenge"), field("nonce")));
        CODE
    }
}

async fn serve(State((address, state)): State<(SocketAddr, Arc<Mutex<Behaviour>>)>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let login = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = axum::body::to_bytes(request.into_body(), 65_536).await.unwrap_or_default();
    let mut behaviour = state.lock().unwrap_or_else(PoisonError::into_inner);
    let documents = [("/.well-known/openid-configuration", "configuration"), ("/jwks", "jwks"), ("/token", "token")];
    let known = documents.iter().find_map(|(end, name)| Some((path.strip_suffix(end)?, *name)));
    let Some((issuer, document)) = known else { return StatusCode::NOT_FOUND.into_response() };
    *behaviour.asked.entry(document).or_default() += 1;
    if let Some(status) = behaviour.down {
        return StatusCode::from_u16(status).unwrap_or_default().into_response();
    }
    let issuer = format!("http://{address}{issuer}");
    match document {
        "configuration" => Json(json!({
            "issuer": behaviour.calls_itself.as_ref().unwrap_or(&issuer),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "authorization_response_iss_parameter_supported": behaviour.names_itself,
        }))
        .into_response(),
        "jwks" => Json(json!({"keys": behaviour.keys.iter().map(Signer::jwk).collect::<Vec<_>>()})).into_response(),
        _ => behaviour.token(&issuer, login.as_deref(), &fields(&String::from_utf8_lossy(&body))),
    }
}

impl Behaviour {
    fn token(&self, issuer: &str, login: Option<&str>, form: &BTreeMap<String, String>) -> Response {
        if let Some((status, body)) = &self.token_error {
            return (StatusCode::from_u16(*status).unwrap_or_default(), Json(body.clone())).into_response();
        }
        let refuse = |status, error: &str| (status, Json(json!({"error": error}))).into_response();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let expected = format!("{}:{}", encoded(CLIENT_ID), encoded(CLIENT_SECRET));
        if login != Some(&format!("Basic {}", STANDARD.encode(expected))) {
            return refuse(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        let audience =
            match (field("resource"), field("scope").split(' ').find_map(|scope| scope.strip_suffix("/.default"))) {
                ("", None) => CLIENT_ID,
                ("", Some(audience)) => audience,
                (resource, _) => resource,
            };
        let usual =
            json!({"iss": issuer, "iat": self.now_s, "nbf": self.now_s, "exp": self.now_s + 3_600, "sub": "sara"});
        let nonce = match field("grant_type") {
            "client_credentials" => None,
            "authorization_code" => {
                let made = URL_SAFE_NO_PAD.encode(digest(&SHA256, field("code_verifier").as_bytes()));
                match &self.challenge {
                    Some((challenge, nonce)) if *challenge == made && field("code") == CODE => Some(nonce),
                    _ => return refuse(StatusCode::BAD_REQUEST, "invalid_grant"),
                }
            }
            _ => return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        };
        let Some(signer) = self.keys.first() else { return refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error") };
        let access = with(with(usual.clone(), &json!({"aud": audience, "scope": "api"})), &self.access);
        let mut tokens = json!({"token_type": "Bearer", "access_token": signer.token(&access)});
        if let Some(token) = &self.access_token {
            tokens["access_token"] = token.as_str().into();
        }
        if let Some(nonce) = nonce {
            let id = json!({"aud": CLIENT_ID, "nonce": nonce, "name": "Sara <b>", "preferred_username": "sara@acme.example"});
            let id = with(with(usual, &id), &self.id);
            let header = json!({"alg": "ES256", "kid": signer.kid}).to_string();
            tokens["id_token"] = signer.sign(&header, &id.to_string()).into();
        }
        Json(tokens).into_response()
    }
}

/// The claims with others over them; null takes one out.
pub fn with(mut claims: Value, over: &Value) -> Value {
    if let (Some(claims), Some(over)) = (claims.as_object_mut(), over.as_object()) {
        claims.extend(over.clone());
        claims.retain(|_, value| !value.is_null());
    }
    claims
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let bytes = text.replace('+', " ").into_bytes();
        let mut decoded = Vec::new();
        let mut rest = bytes.as_slice();
        while let [first, tail @ ..] = rest {
            let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            let byte = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
            decoded.push(byte.unwrap_or(*first));
            rest = if byte.is_some() { &tail[2..] } else { tail };
        }
        String::from_utf8_lossy(&decoded).into_owned()
    };
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}
