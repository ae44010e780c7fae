//! The AWS clients: each built at its first use, all on one HTTP connector, every attempt counted in one place.
//!
//! Credentials come from the environment, where Lambda puts them; the SDK's default chain would cost 2.5 ms of every
//! cold start to look in places where they never are.

use crate::{
    env::{self, EnvError},
    lazy::Lazy,
};
use aws_config::{BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatch;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextRef, dyn_dispatch_hint},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{config_bag::ConfigBag, retry::RetryConfig, timeout::TimeoutConfig};
use direct::{Direct, Operation, Wire};
use futures::FutureExt as _;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use store::dynamo::{DynamoStore, Tables};

pub mod http;

use http::Connects;

/// One try and two more. Anything that lasts longer is our own retry's work, which knows about leases and budgets.
const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a service is: as the deployment says, or else by the SDK's own rules for the region.
macro_rules! address {
    ($sdk:ident, $config:expr) => {{
        use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
        let by_rules = || {
            let params = Params::builder().region($config.region()?.as_ref()).build().ok()?;
            let endpoint = DefaultResolver::new().resolve_endpoint(&params).now_or_never()?.ok()?;
            Some(endpoint.url().to_owned())
        };
        $config.endpoint_url().map(str::to_owned).or_else(by_rules)
    }};
}

/// All clients of one process. Cheap to clone.
#[derive(Clone)]
pub struct Aws(Arc<Clients>);

struct Clients {
    config: SdkConfig,
    calls: Calls,
    store: Lazy<DynamoStore>,
    directly: Directly,
    direct_sqs: OnceLock<Option<(Direct, Operation)>>,
    kms: OnceLock<aws_sdk_kms::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    secretsmanager: OnceLock<aws_sdk_secretsmanager::Client>,
    eventbridge: OnceLock<aws_sdk_eventbridge::Client>,
}

macro_rules! lazy_client {
    ($(#[$doc:meta])* $name:ident, $sdk:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> &$sdk::Client {
            self.0.$name.get_or_init(|| {
                let config = $sdk::config::Builder::from(&self.0.config).interceptor(self.0.calls.clone());
                $sdk::Client::from_conf(config.build())
            })
        }
    };
}

impl Aws {
    /// Reads `AWS_REGION`, `TENANT_TABLE`, `AUTH_TABLE` and, where it is set, `AWS_ENDPOINT_URL`. Builds no client yet.
    pub fn from_env() -> Result<Self, EnvError> {
        let [region, tenant, auth] = env::required(["AWS_REGION", "TENANT_TABLE", "AUTH_TABLE"])?;
        Ok(Self::new(region, env::optional("AWS_ENDPOINT_URL"), Tables { tenant, auth }))
    }

    /// Clients for a region and, where given, another endpoint than AWS's own.
    #[must_use]
    pub fn new(region: String, endpoint: Option<String>, tables: Tables) -> Self {
        let connections = http::connections(CONNECT_TIMEOUT);
        let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
        Self::over(connections, credentials, region, endpoint, tables)
    }

    fn over(
        connections: impl Connects,
        credentials: SharedCredentialsProvider,
        region: String,
        endpoint: Option<String>,
        tables: Tables,
    ) -> Self {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(credentials.clone())
            .http_client(http::client(connections.clone()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            );
        config.set_endpoint_url(endpoint);
        let config = config.build();
        let calls = Calls::default();
        let directly = Directly {
            wires: Arc::new(move |address| connections.wire(address)),
            credentials,
            region: config.region().cloned(),
            calls: calls.clone(),
        };
        let store = {
            let (config, calls, directly) = (config.clone(), calls.clone(), directly.clone());
            Lazy::new(move || {
                let direct = directly.to("DynamoDB", "dynamodb", address!(aws_sdk_dynamodb, config));
                let config = aws_sdk_dynamodb::config::Builder::from(&config).interceptor(calls.clone());
                let store = DynamoStore::new(aws_sdk_dynamodb::Client::from_conf(config.build()), tables.clone());
                match direct {
                    Some(direct) => store.directly(direct),
                    None => store,
                }
            })
        };
        Self(Arc::new(Clients {
            config,
            calls,
            store,
            directly,
            direct_sqs: OnceLock::new(),
            kms: OnceLock::new(),
            sqs: OnceLock::new(),
            secretsmanager: OnceLock::new(),
            eventbridge: OnceLock::new(),
        }))
    }

    /// The calls made so far.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.0.calls
    }

    /// The store, built now if it was not yet.
    #[must_use]
    pub fn store(&self) -> &DynamoStore {
        &self.0.store
    }

    /// The store, built at its first use: what a handler's state holds.
    #[must_use]
    pub fn lazy_store(&self) -> Lazy<DynamoStore> {
        self.0.store.clone()
    }

    /// SQS, and how messages are sent to it, for a first attempt.
    pub(crate) fn direct_sqs(&self) -> Option<&(Direct, Operation)> {
        let made = self.0.direct_sqs.get_or_init(|| {
            let direct = self.0.directly.to("SQS", "sqs", address!(aws_sdk_sqs, self.0.config))?;
            Some((direct, Operation::of("SendMessageBatch", &SendMessageBatch::new())))
        });
        made.as_ref()
    }

    /// The capacity units consumed since this was asked last, for reading and for writing.
    #[must_use]
    pub fn take_units(&self) -> (f64, f64) {
        self.0.store.get().map_or((0.0, 0.0), |store| {
            let usage = store.meter().reset();
            (usage.read_units, usage.write_units)
        })
    }

    lazy_client!(
        /// Key Management Service.
        kms, aws_sdk_kms
    );
    lazy_client!(
        /// Simple Queue Service.
        sqs, aws_sdk_sqs
    );
    lazy_client!(
        /// Secrets Manager.
        secretsmanager, aws_sdk_secretsmanager
    );
    lazy_client!(
        /// EventBridge.
        eventbridge, aws_sdk_eventbridge
    );
}

/// What carries requests to an address.
type Wires = dyn Fn(&str) -> Option<Box<dyn Wire>> + Send + Sync;

/// With what a service is called directly.
#[derive(Clone)]
struct Directly {
    wires: Arc<Wires>,
    credentials: SharedCredentialsProvider,
    region: Option<Region>,
    calls: Calls,
}

impl Directly {
    fn to(&self, name: &'static str, service: &'static str, address: Option<String>) -> Option<Direct> {
        let address = format!("{}/", address?.trim_end_matches('/'));
        let calls = self.calls.clone();
        Some(Direct {
            service,
            region: self.region.as_ref()?.to_string(),
            wire: (self.wires)(&address)?,
            address,
            credentials: self.credentials.clone(),
            timeout: ATTEMPT_TIMEOUT,
            seen: Box::new(move |operation| calls.count(name, operation)),
        })
    }
}

/// How often each operation was called, attempt by attempt: what `cargo trunkline budget` adds up.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<String, u64>>>);

impl Calls {
    /// Counts one call.
    fn count(&self, service: &str, operation: &str) {
        let name: String = service.chars().filter(|c| *c != ' ').chain(['.']).chain(operation.chars()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }

    /// The counts by `Service.Operation`, e.g. `SQS.SendMessageBatch`, starting from nothing again.
    #[must_use]
    pub fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[dyn_dispatch_hint]
impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(operation) = config.load::<Metadata>() {
            self.count(operation.service(), operation.name());
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod scripted {
    //! AWS as a script: what it answers to each request, and what it was asked.

    use super::{Aws, BoxError, Connects, Tables};
    use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture},
        orchestrator::{HttpRequest, HttpResponse},
    };
    use aws_smithy_types::body::SdkBody;
    use bytes::Bytes;
    use direct::Wire;
    use futures::future::BoxFuture;
    use serde_json::Value;
    use std::sync::{Arc, Mutex};

    type Answer = dyn Fn(&str, &Value) -> (u16, Value) + Send + Sync;

    /// What was asked, by operation.
    pub(crate) type Asked = Arc<Mutex<Vec<(String, Value)>>>;

    #[derive(Clone)]
    struct Script {
        answer: Arc<Answer>,
        asked: Asked,
    }

    impl std::fmt::Debug for Script {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Script")
        }
    }

    impl Script {
        fn answer(&self, target: &str, body: &[u8]) -> (u16, String) {
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body = serde_json::from_slice(body).unwrap_or_default();
            let (status, answer) = (self.answer)(&operation, &body);
            self.asked.lock().unwrap().push((operation, body));
            (status, answer.to_string())
        }
    }

    impl HttpConnector for Script {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let (status, answer) = self.answer(target, request.body().bytes().unwrap_or_default());
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(answer))))
        }
    }

    impl Connects for Script {
        fn wire(&self, _: &str) -> Option<Box<dyn Wire>> {
            Some(Box::new(self.clone()))
        }
    }

    impl Wire for Script {
        fn post(
            &self,
            headers: ::http::HeaderMap,
            body: Bytes,
        ) -> BoxFuture<'_, Result<::http::Response<Bytes>, BoxError>> {
            let (status, answer) = self.answer(headers["x-amz-target"].to_str().unwrap(), &body);
            Box::pin(async move { Ok(::http::Response::builder().status(status).body(answer.into())?) })
        }
    }

    impl Aws {
        /// Clients that get `answer(operation, request)` as status and body.
        pub(crate) fn scripted(answer: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static) -> (Self, Asked) {
            let script = Script { answer: Arc::new(answer), asked: Asked::default() };
            let asked = Arc::clone(&script.asked);
            let credentials = SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "test"));
            let tables = Tables { tenant: "tenant".into(), auth: "auth".into() };
            (Self::over(script, credentials, "us-east-1".into(), None, tables), asked)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use store::Access as _;

    #[test]
    fn calls_are_counted_by_service_and_operation_and_taken_once() {
        let calls = Calls::default();
        calls.count("Secrets Manager", "GetSecretValue");
        calls.count("SQS", "SendMessageBatch");
        calls.count("SQS", "SendMessageBatch");
        let taken = calls.take();
        assert_eq!(taken["SecretsManager.GetSecretValue"], 1);
        assert_eq!(taken["SQS.SendMessageBatch"], 2);
        assert!(calls.take().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_sdk_tries_three_times_and_every_attempt_is_counted() {
        let (aws, asked) = Aws::scripted(|_, _| (500, json!({ "__type": "InternalFailure" })));
        let answer = aws.kms().decrypt().ciphertext_blob(aws_sdk_kms::primitives::Blob::new([1])).send().await;
        assert!(answer.is_err());
        assert_eq!(asked.lock().unwrap().len(), 3);
        assert_eq!(aws.calls().take()["KMS.Decrypt"], 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_called_for_each_delivery_is_tried_directly_and_then_left_to_the_sdk() {
        let (aws, asked) = Aws::scripted(|_, _| (200, json!({})));
        assert_eq!(aws.store().tenant(&"acme".parse().unwrap()).await, Ok(None));
        assert_eq!(asked.lock().unwrap().len(), 1);
        assert_eq!(aws.calls().take()["DynamoDB.GetItem"], 1);

        let (aws, asked) = Aws::scripted(|_, _| (500, json!({ "__type": "InternalServerError" })));
        assert!(aws.store().tenant(&"acme".parse().unwrap()).await.is_err());
        assert_eq!(asked.lock().unwrap().len(), 4, "one attempt of ours and three of the SDK's");
        assert_eq!(aws.calls().take()["DynamoDB.GetItem"], 4);
    }

    #[tokio::test]
    async fn no_client_is_built_before_its_first_use() {
        let (aws, _) = Aws::scripted(|_, _| (200, json!({})));
        assert!(aws.0.store.get().is_none() && aws.0.kms.get().is_none() && aws.0.sqs.get().is_none());
        assert_eq!(aws.take_units(), (0.0, 0.0));
        assert!(aws.0.store.get().is_none(), "asking what was consumed builds nothing");
    }
}
