//! The first attempt at an operation of AWS, made without what the SDK puts around it.
//!
//! The SDK makes a call in some 0.4 ms of CPU, of which the request itself, its signature and the reading of its answer are
//! a third: the rest is plugins, interceptors, bags of settings, rules for addresses and retries, set up anew for each call.
//! A delivery makes five. So what is called for every delivery is tried directly first, by the SDK's own parts: its types,
//! the serialisers of its operations, its signature, and the very connection that it uses. What does not succeed at once,
//! for whatever reason, is then done by the SDK with all that it knows about retries; nothing of that is repeated here.
//!
//! It is therefore only for operations that may be made twice: an attempt may have had its effect although its answer was
//! lost, which the SDK's own attempts may have as well.

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::context::{Error, Input},
        orchestrator::{HttpResponse, OrchestratorError},
        result::SdkError,
        runtime_plugin::RuntimePlugin,
        ser_de::{DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer},
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{CloneableLayer, ConfigBag, FrozenLayer},
};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// One operation of a service, as the SDK writes and reads it.
#[derive(Debug)]
pub struct Operation {
    name: &'static str,
    /// Holds the two parts that write and read.
    described: FrozenLayer,
}

impl Operation {
    /// The operation that this plugin of the SDK describes, for example `Operation::of("PutItem", &PutItem::new())`.
    #[must_use]
    pub fn of(name: &'static str, plugin: &impl RuntimePlugin) -> Self {
        Self { name, described: plugin.config().unwrap_or_else(|| CloneableLayer::new(name).freeze()) }
    }
}

/// Carries requests to one address.
pub trait Wire: Send + Sync {
    /// Posts a body with these headers, and answers whatever comes back.
    fn post(&self, headers: HeaderMap, body: Bytes) -> BoxFuture<'_, Result<Response<Bytes>, BoxError>>;
}

/// Is told of each attempt: the operation's name.
pub type Seen = Box<dyn Fn(&'static str) + Send + Sync>;

/// A service of AWS in one region, as one caller.
pub struct Direct {
    /// The name that a signature carries.
    pub service: &'static str,
    /// The region that a signature carries.
    pub region: String,
    /// The service's address, whose path is `/`.
    pub address: String,
    /// As whom it is called.
    pub credentials: SharedCredentialsProvider,
    /// What carries requests to that address.
    pub wire: Box<dyn Wire>,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// Is told of each attempt.
    pub seen: Seen,
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("service", &self.service).field("address", &self.address).finish_non_exhaustive()
    }
}

impl Direct {
    /// Makes one attempt. `None` says that the SDK is to do it, whatever may have become of this attempt; an error is
    /// answered only where `is_final` says that it is the service's last word.
    ///
    /// In a box of no type, because the compiler has to look through whatever calls it.
    pub fn attempt<'a, I, O, E>(
        &'a self,
        operation: &'a Operation,
        input: I,
        is_final: impl FnOnce(&E) -> bool + Send + 'a,
    ) -> BoxFuture<'a, Option<Result<O, SdkError<E, HttpResponse>>>>
    where
        I: fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        Box::pin(self.once(operation, Input::erase(input), is_final))
    }

    async fn once<O, E>(
        &self,
        operation: &Operation,
        input: Input,
        is_final: impl FnOnce(&E) -> bool,
    ) -> Option<Result<O, SdkError<E, HttpResponse>>>
    where
        O: fmt::Debug + Send + Sync + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        (self.seen)(operation.name);
        let answered = tokio::time::timeout(self.timeout, self.exchange(operation, input)).await;
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return self.unclear(operation, &*error),
            Err(elapsed) => return self.unclear(operation, &elapsed),
        };
        let reader = operation.described.load::<SharedResponseDeserializer>()?;
        match reader.deserialize_nonstreaming_with_config(&response, &ConfigBag::base()) {
            Ok(output) => output.downcast().ok().map(Ok),
            Err(error) => {
                let error = refusal::<E>(error)?;
                if !is_final(&error) {
                    return self.unclear(operation, &error);
                }
                Some(Err(SdkError::service_error(error, response)))
            }
        }
    }

    async fn exchange(&self, operation: &Operation, input: Input) -> Result<HttpResponse, BoxError> {
        let writer = operation.described.load::<SharedRequestSerializer>().ok_or("nobody says how it is written")?;
        let request = writer.serialize_input(input, &mut ConfigBag::base())?;
        let mut headers = HeaderMap::with_capacity(8);
        for (name, value) in request.headers() {
            headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
        let body = Bytes::copy_from_slice(request.body().bytes().ok_or("the body is not in memory")?);
        self.sign(request.headers().iter(), &body, &mut headers).await?;
        let (parts, body) = self.wire.post(headers, body).await?.into_parts();
        let mut response = HttpResponse::new(parts.status.into(), SdkBody::from(body));
        // Of an error, the code may stand in a header.
        if !parts.status.is_success() {
            for (name, value) in &parts.headers {
                response.headers_mut().try_insert(name.as_str().to_owned(), value.to_str()?.to_owned())?;
            }
        }
        Ok(response)
    }

    /// Adds what a signature consists of.
    async fn sign<'a>(
        &'a self,
        signed: impl Iterator<Item = (&'a str, &'a str)>,
        body: &'a [u8],
        headers: &mut HeaderMap,
    ) -> Result<(), BoxError> {
        let identity = self.credentials.provide_credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(now())
            .settings(SigningSettings::default())
            .build()?;
        let signable = SignableRequest::new("POST", &*self.address, signed, SignableBody::Bytes(body))?;
        let (instructions, _) = sign(signable, &params.into())?.into_parts();
        for (name, value) in instructions.headers() {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            let mut value = HeaderValue::from_str(value)?;
            value.set_sensitive(name == header::AUTHORIZATION);
            headers.insert(name, value);
        }
        Ok(())
    }

    fn unclear<T>(&self, operation: &Operation, why: &(dyn std::error::Error + 'static)) -> Option<T> {
        tracing::debug!(service = self.service, operation = operation.name, why, "the SDK takes over");
        None
    }
}

/// The moment that a signature carries.
#[expect(clippy::disallowed_methods, reason = "AWS compares it with its own clock; no decision of ours depends on it")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// The service's own error, if it is one.
fn refusal<E: std::error::Error + Send + Sync + 'static>(error: OrchestratorError<Error>) -> Option<E> {
    let mut found = None;
    error.map_operation_error(|error| found = error.downcast::<E>().ok());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use aws_sdk_dynamodb::operation::put_item::{PutItem, PutItemError, PutItemInput, PutItemOutput};
    use aws_sdk_dynamodb::types::AttributeValue;
    use std::sync::{Arc, Mutex};

    /// What the service does with a request.
    #[derive(Clone, Copy, Debug)]
    enum Does {
        Answers(u16, &'static str),
        Breaks,
        Nothing,
    }

    #[derive(Clone)]
    struct Service {
        does: Does,
        asked: Arc<Mutex<Vec<HeaderMap>>>,
    }

    impl Wire for Service {
        fn post(&self, headers: HeaderMap, body: Bytes) -> BoxFuture<'_, Result<Response<Bytes>, BoxError>> {
            assert!(body.starts_with(b"{"), "{body:?}");
            self.asked.lock().unwrap().push(headers);
            match self.does {
                Does::Answers(status, body) => {
                    let response = Response::builder().status(status).body(Bytes::from(body));
                    Box::pin(std::future::ready(Ok(response.unwrap())))
                }
                Does::Breaks => Box::pin(std::future::ready(Err("reset".into()))),
                Does::Nothing => Box::pin(std::future::pending()),
            }
        }
    }

    type Answer = Option<Result<PutItemOutput, SdkError<PutItemError, HttpResponse>>>;

    /// Puts an item; the answer, what was asked, and how many attempts were seen.
    async fn put(does: Does) -> (Answer, Vec<HeaderMap>, usize) {
        let service = Service { does, asked: Arc::default() };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let direct = Direct {
            service: "dynamodb",
            region: "eu-west-1".to_owned(),
            address: "https://dynamodb.eu-west-1.amazonaws.com/".to_owned(),
            credentials: SharedCredentialsProvider::new(Credentials::new(
                "AKIDEXAMPLE",
                "secret",
                Some("session".to_owned()),
                None,
                "test",
            )),
            wire: Box::new(service.clone()),
            timeout: Duration::from_secs(4),
            seen: Box::new(move |operation| told.lock().unwrap().push(operation)),
        };
        let input = PutItemInput::builder().table_name("t").item("pk", AttributeValue::S("a".to_owned()));
        let operation = Operation::of("PutItem", &PutItem::new());
        let is_final = |error: &PutItemError| error.is_conditional_check_failed_exception();
        let answer = direct.attempt(&operation, input.build().unwrap(), is_final).await;
        let asked = std::mem::take(&mut *service.asked.lock().unwrap());
        let seen = seen.lock().unwrap().len();
        (answer, asked, seen)
    }

    #[tokio::test]
    async fn a_request_is_the_sdks_own_signed_for_its_region_and_the_answer_is_read() {
        let answer = r#"{"Attributes":{"pk":{"S":"before"}}}"#;
        let (answer, asked, seen) = put(Does::Answers(200, answer)).await;
        let attributes = answer.unwrap().unwrap().attributes.unwrap();
        assert_eq!(attributes["pk"], AttributeValue::S("before".to_owned()));
        assert_eq!((asked.len(), seen), (1, 1));
        let header = |name| asked[0].get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("x-amz-target"), "DynamoDB_20120810.PutItem");
        assert_eq!(header("x-amz-security-token"), "session");
        let authorization = header("authorization");
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
        assert!(authorization.contains("/eu-west-1/dynamodb/aws4_request"), "{authorization}");
        let signed = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
        for name in ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"] {
            assert!(signed.split(';').any(|part| part == name), "{name} is not signed: {signed}");
        }
    }

    #[tokio::test]
    async fn the_services_last_word_is_answered_and_anything_else_is_left_to_the_sdk() {
        let refused = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","Item":{"pk":{"S":"there"}}}"#;
        let Some(Err(error)) = put(Does::Answers(400, refused)).await.0 else { panic!("a refusal is final") };
        let Some(PutItemError::ConditionalCheckFailedException(refusal)) = error.as_service_error() else {
            panic!("{error:?}")
        };
        assert_eq!(refusal.item.as_ref().unwrap()["pk"], AttributeValue::S("there".to_owned()));

        for does in [
            Does::Answers(
                400,
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#,
            ),
            Does::Answers(400, r#"{"__type":"com.amazon.coral.service#ExpiredTokenException"}"#),
            Does::Answers(500, r#"{"__type":"InternalServerError"}"#),
            Does::Answers(503, "<html>busy</html>"),
            Does::Answers(200, "{"),
            Does::Breaks,
        ] {
            let (answer, asked, seen) = put(does).await;
            assert!(answer.is_none(), "{does:?}: {answer:?}");
            assert_eq!((asked.len(), seen), (1, 1), "{does:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_not_waited_for() {
        let (answer, asked, _) = put(Does::Nothing).await;
        assert!(answer.is_none());
        assert_eq!(asked.len(), 1);
    }
}
