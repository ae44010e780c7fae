//! The platform's own secrets, from Secrets Manager: the key pepper and the operator's credential. Two versions are good
//! at any time, so that they can be rotated while everything runs.

use crate::aws::Aws;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use domain::{
    secret::Secret,
    time::{Clock, Timestamp},
};
use std::{future::Future, sync::Arc};
use tokio::sync::Mutex;

/// How long what was read is used, in milliseconds.
pub const CACHE_MS: i64 = 300_000;

/// Secrets Manager does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret cannot be read now: {0}")]
pub struct SecretUnavailable(pub String);

/// One version of a secret.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its id.
    pub id: String,
    /// The secret.
    pub value: Secret,
}

/// The versions that are good now.
#[derive(Debug, Clone)]
pub struct Versions {
    /// The one to use for anything new.
    pub current: Version,
    /// The one before it, where there is one.
    pub previous: Option<Version>,
}

impl Versions {
    /// The newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The version with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Version> {
        self.iter().find(|version| version.id == id)
    }
}

/// Where a secret is read.
pub trait SecretSource: Send + Sync {
    /// Its good versions.
    fn read(&self) -> impl Future<Output = Result<Versions, SecretUnavailable>> + Send;
}

/// A secret in Secrets Manager.
#[derive(Clone)]
pub struct AwsSecret {
    aws: Aws,
    arn: String,
}

impl AwsSecret {
    /// The secret with this name or ARN.
    #[must_use]
    pub fn new(aws: Aws, arn: String) -> Self {
        Self { aws, arn }
    }

    async fn stage(&self, stage: &str) -> Result<Option<Version>, SecretUnavailable> {
        let request = self.aws.secretsmanager().get_secret_value().secret_id(&self.arn).version_stage(stage);
        match request.send().await {
            Ok(answer) => Ok(answer
                .version_id
                .zip(answer.secret_string)
                .map(|(id, value)| Version { id, value: Secret::new(value) })),
            Err(error) if error.as_service_error().is_some_and(|known| known.is_resource_not_found_exception()) => {
                Ok(None)
            }
            Err(error) => Err(SecretUnavailable(DisplayErrorContext(&error).to_string())),
        }
    }
}

impl SecretSource for AwsSecret {
    async fn read(&self) -> Result<Versions, SecretUnavailable> {
        let (current, previous) = futures::join!(self.stage("AWSCURRENT"), self.stage("AWSPREVIOUS"));
        let current = current?.ok_or_else(|| SecretUnavailable(format!("{} has no value", self.arn)))?;
        Ok(Versions { current, previous: previous? })
    }
}

/// A secret that is read again every five minutes.
pub struct Rotating<S> {
    source: S,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(Timestamp, Arc<Versions>)>>,
}

impl<S: SecretSource> Rotating<S> {
    /// Reads nothing yet.
    pub fn new(source: S, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, last: Mutex::default() }
    }

    /// The good versions. While Secrets Manager is away, those read last stay good.
    pub async fn get(&self) -> Result<Arc<Versions>, SecretUnavailable> {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        if let Some((since, versions)) = &*last
            && (0..CACHE_MS).contains(&now.since_ms(*since))
        {
            return Ok(Arc::clone(versions));
        }
        match (self.source.read().await, &*last) {
            (Ok(versions), _) => {
                let versions = Arc::new(versions);
                *last = Some((now, Arc::clone(&versions)));
                Ok(versions)
            }
            (Err(error), Some((_, versions))) => {
                tracing::warn!(%error, "going on with the secret as it was read last");
                Ok(Arc::clone(versions))
            }
            (Err(error), None) => Err(error),
        }
    }
}
