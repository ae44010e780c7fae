//! The platform's own secrets, from Secrets Manager: the key pepper and the operator's credential. Two versions are good
//! at any time, so that they can be rotated while everything runs.

use crate::aws::Aws;
use aws_sdk_secretsmanager::{error::DisplayErrorContext, operation::get_secret_value::GetSecretValueError};
use domain::{
    secret::Secret,
    time::{Clock, Timestamp},
};
use std::{future::Future, sync::Arc};
use tokio::sync::Mutex;

/// How long what was read is used, in milliseconds.
pub const CACHE_MS: i64 = 300_000;
/// How soon it may be read again when a version is asked for that is not known, in milliseconds.
const REREAD_MS: i64 = 10_000;

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
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
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
    last: Mutex<Option<LastRead>>,
}

struct LastRead {
    since: Timestamp,
    stale: bool,
    versions: Arc<Versions>,
}

impl<S: SecretSource> Rotating<S> {
    /// Reads nothing yet.
    pub fn new(source: S, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, last: Mutex::default() }
    }

    /// The version with this id; `None` if it is not good any more. One that is not known is looked for once more, because
    /// another process may have seen a rotation earlier.
    pub async fn version(&self, id: &str) -> Result<Option<Version>, SecretUnavailable> {
        if let Some(known) = self.get().await?.by_id(id) {
            return Ok(Some(known.clone()));
        }
        self.expire_after(REREAD_MS).await;
        Ok(self.get().await?.by_id(id).cloned())
    }

    /// Forgets what was read longer ago than this.
    async fn expire_after(&self, age_ms: i64) {
        let mut last = self.last.lock().await;
        if let Some(read) = last.as_mut()
            && self.clock.now().since_ms(read.since) >= age_ms
        {
            read.stale = true;
        }
    }

    /// The good versions. While Secrets Manager is away, those read last stay good.
    pub async fn get(&self) -> Result<Arc<Versions>, SecretUnavailable> {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        if let Some(read) = &*last
            && !read.stale
            && (0..CACHE_MS).contains(&now.since_ms(read.since))
        {
            return Ok(Arc::clone(&read.versions));
        }
        match (self.source.read().await, last.as_mut()) {
            (Ok(versions), _) => {
                let versions = Arc::new(versions);
                *last = Some(LastRead { since: now, stale: false, versions: Arc::clone(&versions) });
                Ok(versions)
            }
            (Err(error), Some(read)) => {
                tracing::warn!(%error, "going on with the secret as it was read last");
                Ok(Arc::clone(&read.versions))
            }
            (Err(error), None) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MemorySecret, START};
    use domain::time::ManualClock;
    use serde_json::json;

    #[tokio::test]
    async fn a_rotation_is_seen_within_five_minutes_and_the_version_before_stays_good() {
        let (clock, source) = (Arc::new(ManualClock::at(START)), MemorySecret::new("one"));
        let secret = Rotating::new(&source, clock.clone());
        assert_eq!(secret.get().await.unwrap().current.id, "v1");
        source.rotate("v2", "two");
        clock.advance_ms(CACHE_MS - 1);
        assert_eq!(secret.get().await.unwrap().current.id, "v1");
        clock.advance_ms(1);
        let versions = secret.get().await.unwrap();
        assert_eq!((versions.current.value.expose(), versions.by_id("v1").unwrap().value.expose()), ("two", "one"));
    }

    #[tokio::test]
    async fn both_stages_are_read_and_the_previous_may_be_absent() {
        for rotated in [false, true] {
            let (aws, _) = Aws::scripted(move |_, request| match request["VersionStage"].as_str() {
                Some("AWSCURRENT") => (200, json!({ "VersionId": "b", "SecretString": "new" })),
                _ if rotated => (200, json!({ "VersionId": "a", "SecretString": "old" })),
                _ => (400, json!({ "__type": "ResourceNotFoundException" })),
            });
            let versions = AwsSecret::new(aws, "arn".into()).read().await.unwrap();
            assert_eq!(versions.current.value.expose(), "new");
            assert_eq!(versions.by_id("a").is_some(), rotated);
        }
    }

    #[tokio::test]
    async fn a_version_that_another_process_knows_already_is_looked_for_but_not_at_every_request() {
        let (clock, source) = (Arc::new(ManualClock::at(START)), MemorySecret::new("one"));
        let secret = Rotating::new(&source, clock.clone());
        secret.get().await.unwrap();
        source.rotate("v2", "two");
        assert!(secret.version("v2").await.unwrap().is_none(), "it was read this very moment");
        clock.advance_ms(REREAD_MS);
        assert!(secret.version("v2").await.unwrap().is_some());
        assert!(secret.version("v1").await.unwrap().is_some());
        assert!(secret.version("v0").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn while_it_cannot_be_read_the_last_known_is_used_and_without_one_it_is_an_error() {
        let (clock, source) = (Arc::new(ManualClock::at(START)), MemorySecret::new("one"));
        let known = Rotating::new(&source, clock.clone());
        known.get().await.unwrap();
        source.lose();
        clock.advance_ms(CACHE_MS);
        assert_eq!(known.get().await.unwrap().current.id, "v1");
        assert!(Rotating::new(&source, clock).get().await.is_err());
    }
}
