//! What tests of functions need: requests as the gateway hands them over, a key service and platform secrets in
//! memory. Nothing of it is reachable from a function, so nothing of it is shipped.

use crate::{
    caller::Context,
    http::App,
    secrets::{SecretSource, SecretUnavailable, Version, Versions},
    vault::{DataKey, Kms, SealContext, VaultError},
};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use domain::{
    channel::{OnUnknown, Provider},
    ids::{IntegrationId, KeyId},
    integration::{Config, Integration},
    principal::Principal,
    rate::Limits,
    retry::RetryPolicy,
    secret::Secret,
    time::Timestamp,
};
use lambda_http::request::RequestContext;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};
use zeroize::Zeroizing;

/// The id of every request that [`call`] makes.
pub const REQUEST_ID: &str = "req-1";

/// An answer as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The content type; empty where there is none.
    pub content_type: String,
    /// The body: parsed where it is JSON, as text where it is not, null where it is empty.
    pub body: Value,
    /// All headers, by name.
    pub headers: BTreeMap<String, String>,
}

/// A context as the authorizer makes it for a key of `tenant` with these grants (separated by spaces).
#[must_use]
pub fn key_of(tenant: &str, grants: &str) -> Context {
    Context {
        tenant: Some(tenant.into()),
        principal: Some(KeyId::generate().to_string()),
        grants: Some(grants.into()),
        ..Context::default()
    }
}

/// Sends a JSON body (none where it is null) as the caller in `context`.
pub async fn call(app: &App, context: &Context, method: Method, path: &str, body: Value) -> Answered {
    let mut request = Request::builder().method(method).uri(path);
    let body = if body.is_null() {
        Body::empty()
    } else {
        request = request.header(header::CONTENT_TYPE, "application/json");
        Body::from(body.to_string())
    };
    let Ok(request) = request.body(body) else { return refused() };
    send(app, context, request).await
}

/// Sends any request as the caller in `context`.
pub async fn send(app: &App, context: &Context, mut request: Request<Body>) -> Answered {
    let gateway = json!({
        "routeKey": "$default", "stage": "$default", "requestId": REQUEST_ID, "timeEpoch": 0,
        "authorizer": { "lambda": context },
        "http": { "method": request.method().as_str(), "path": request.uri().path() },
    });
    let Ok(gateway) = serde_json::from_value(gateway) else { return refused() };
    request.extensions_mut().insert(RequestContext::ApiGatewayV2(gateway));
    let response = app.answer(request, REQUEST_ID).await;
    let text = String::from_utf8_lossy(response.body()).into_owned();
    let headers: BTreeMap<_, _> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    Answered {
        status: response.status().as_u16(),
        content_type: headers.get("content-type").cloned().unwrap_or_default(),
        body: if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) },
        headers,
    }
}

fn refused() -> Answered {
    Answered { status: 0, content_type: String::new(), body: "not a request".into(), headers: BTreeMap::new() }
}

/// A key service in memory with real encryption, which can be made to fail and counts its calls.
#[derive(Debug, Default)]
pub struct MemoryKms {
    away: Mutex<bool>,
    throttled: AtomicU32,
    calls: AtomicU32,
}

const MASTER_KEY: [u8; 32] = [7; 32];

impl MemoryKms {
    /// From now on, unavailable or not.
    pub fn set_away(&self, away: bool) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
    }

    /// The next so many calls are throttled.
    pub fn throttle_next(&self, calls: u32) {
        self.throttled.store(calls, Ordering::SeqCst);
    }

    /// How often it was called.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    fn call(&self) -> Result<LessSafeKey, VaultError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if *self.away.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(VaultError::Unavailable("away".into()));
        }
        let throttled = |left: u32| left.checked_sub(1);
        if self.throttled.fetch_update(Ordering::SeqCst, Ordering::SeqCst, throttled).is_ok() {
            return Err(VaultError::Unavailable("ThrottlingException".into()));
        }
        Self::master()
    }

    fn master() -> Result<LessSafeKey, VaultError> {
        let key = UnboundKey::new(&AES_256_GCM, &MASTER_KEY).map_err(|_| VaultError::Unreadable("master key"))?;
        Ok(LessSafeKey::new(key))
    }

    fn wrap(plain: &[u8], context: &SealContext) -> Result<Vec<u8>, VaultError> {
        let nonce = crate::entropy::bytes::<NONCE_LEN>().map_err(|_| VaultError::Unreadable("entropy"))?;
        let mut sealed = plain.to_vec();
        let aad = Aad::from(format!("{:?}", context.parts()));
        Self::master()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| VaultError::Unreadable("master key"))?;
        Ok([&nonce[..], &sealed].concat())
    }
}

impl Kms for MemoryKms {
    async fn data_key(&self, context: &SealContext) -> Result<DataKey, VaultError> {
        self.call()?;
        let plain = crate::entropy::bytes::<32>().map_err(|_| VaultError::Unreadable("entropy"))?;
        let plain = Zeroizing::new(plain.to_vec());
        let sealed = Self::wrap(&plain, context)?;
        Ok(DataKey { plain, sealed })
    }

    async fn open(&self, sealed: &[u8], context: &SealContext) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let master = self.call()?;
        let unreadable = || VaultError::Unreadable("the data key was changed, or sealed for something else");
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable())?;
        let mut key = Zeroizing::new(sealed.to_vec());
        let length = master
            .open_in_place(nonce, Aad::from(format!("{:?}", context.parts())), &mut key)
            .map_err(|_| unreadable())?
            .len();
        key.truncate(length);
        Ok(key)
    }

    async fn rewrap(&self, sealed: &[u8], context: &SealContext) -> Result<Vec<u8>, VaultError> {
        let plain = self.open(sealed, context).await?;
        Self::wrap(&plain, context)
    }
}

/// A platform secret in memory, which tests rotate.
#[derive(Debug)]
pub struct MemorySecret(Mutex<Option<Versions>>);

impl MemorySecret {
    /// A secret in its first version, `v1`.
    #[must_use]
    pub fn new(value: &str) -> Self {
        Self(Mutex::new(Some(Versions { current: version("v1", value), previous: None })))
    }

    /// Makes this the current version; the current one becomes the previous.
    pub fn rotate(&self, id: &str, value: &str) {
        let mut versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = versions.take().map(|versions| versions.current);
        *versions = Some(Versions { current: version(id, value), previous });
    }

    /// From now on it cannot be read.
    pub fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn version(id: &str, value: &str) -> Version {
    Version { id: id.into(), value: Secret::new(value.into()) }
}

impl SecretSource for &MemorySecret {
    async fn read(&self) -> Result<Versions, SecretUnavailable> {
        let versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        versions.clone().ok_or_else(|| SecretUnavailable("away".into()))
    }
}

/// The moment at which tests begin: 2025-11-20T12:00:00Z.
pub const START: Timestamp = Timestamp(1_763_640_000_000);

/// An integration as it was just made: enabled, without settings, secrets, limits or tests.
#[must_use]
pub fn integration(provider: Provider) -> Integration {
    Integration {
        id: IntegrationId::generate(),
        provider,
        name: "Under test".into(),
        config: Config::new(),
        masks: BTreeMap::new(),
        secret_version: 0,
        enabled: true,
        priority: 100,
        limits: Limits::default(),
        retry_policy: RetryPolicy::Exponential,
        on_unknown: OnUnknown::Retry,
        probe_interval_minutes: 5,
        last_test: None,
        created_at: START,
        updated_at: START,
        updated_by: Principal::System,
        rev: 1,
        deleted_at: None,
        stopped: None,
    }
}
