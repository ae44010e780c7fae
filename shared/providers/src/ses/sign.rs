//! Signing requests (AWS Signature Version 4). The arithmetic is AWS's own crate, which every function links for its SDK
//! clients anyway; the double in the tests has its own and is checked against AWS's published examples.

use crate::exchange::malformed;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::client::identity::Identity;
use domain::failure::Failure;
use http::{HeaderName, HeaderValue, header};
use reqwest::{Body, Request};
use std::time::SystemTime;

/// The name of the service in a signature, of both versions of its API.
const SERVICE: &str = "ses";

/// One access key in one region.
pub(super) struct Signer {
    identity: Identity,
    region: String,
}

/// The moment that a signature carries.
#[expect(clippy::disallowed_methods, reason = "AWS compares it with its own clock; no decision of ours depends on it")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

impl Signer {
    pub(super) fn new(access_key_id: &str, secret_access_key: &str, region: String) -> Self {
        let identity = Credentials::new(access_key_id, secret_access_key, None, None, "integration").into();
        Self { identity, region }
    }

    /// Adds date and signature to a request that is otherwise complete. They hold for five minutes.
    pub(super) fn sign(&self, request: &mut Request, at: SystemTime) -> Result<(), Failure> {
        let impossible = |why: String| malformed(&format!("the request cannot be signed: {why}"));
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(SERVICE)
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| impossible(error.to_string()))?;
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let headers = content_type.map(|value| (header::CONTENT_TYPE.as_str(), value));
        let body = SignableBody::Bytes(request.body().and_then(Body::as_bytes).unwrap_or_default());
        let signable =
            SignableRequest::new(request.method().as_str(), request.url().as_str(), headers.into_iter(), body);
        let signable = signable.map_err(|error| impossible(error.to_string()))?;
        let signed = sign(signable, &params.into()).map_err(|error| impossible(error.to_string()))?;
        let (instructions, _) = signed.into_parts();
        for (name, value) in instructions.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| impossible(error.to_string()))?;
            let mut value = HeaderValue::from_str(value).map_err(|error| impossible(error.to_string()))?;
            value.set_sensitive(name == header::AUTHORIZATION);
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }
}
