//! A function's process from its start to the end of each invocation.

use crate::{aws::Aws, env::EnvError, log::Log};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use std::future::Future;

/// What a function has from its start: its log and its AWS clients.
#[derive(Clone)]
pub struct Function {
    /// The log.
    pub log: Log,
    /// The AWS clients.
    pub aws: Aws,
}

impl Function {
    /// Starts the log and reads the settings that every function has. `service` names the function in the log.
    pub fn start(service: &str) -> Result<Self, EnvError> {
        let log = Log::init(service);
        let aws = Aws::from_env().inspect_err(|error| tracing::error!("cannot start: {error}"))?;
        Ok(Self { log, aws })
    }

    /// Ends an invocation: writes its line with the AWS calls it made and the capacity it consumed.
    pub(crate) fn finish(&self, message: &str) {
        let calls = self.aws.calls().take();
        self.log.note("aws_calls", serde_json::to_value(calls).unwrap_or_default());
        let (read_units, write_units) = self.aws.take_units();
        self.log.note("read_units", read_units);
        self.log.note("write_units", write_units);
        self.log.finish(message);
    }
}

/// Runs a function that is triggered by anything but HTTP and SQS: a schedule, a stream, an authorizer's question.
/// `handle` gets the event and Lambda's context. An error is logged and fails the invocation.
pub async fn run<E, R, H, F>(function: Function, handle: H) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    H: Fn(E, Context) -> F,
    F: Future<Output = Result<R, Error>>,
{
    function.log.started();
    let (function, handle) = (&function, &handle);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| async move {
        let (payload, context) = event.into_parts();
        function.log.begin(&context.request_id, context.xray_trace_id.as_deref());
        // Boxed: the futures of SDK calls nest deeper than the compiler likes to look.
        let result = Box::pin(handle(payload, context)).await;
        match &result {
            Ok(_) => function.finish("done"),
            Err(error) => function.finish(&format!("failed: {error}")),
        }
        result
    }))
    .await
}
