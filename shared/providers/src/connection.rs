//! Providers that are ready to send.
//!
//! A sender serves one channel and should not carry the code of the others: [`Connect`] is implemented for each
//! channel's providers apart ([`Email`], [`Slack`]) and for all of them ([`Connection`]). A program names the narrowest
//! it needs, and the linker leaves out the rest.

use crate::{
    Endpoints, Outgoing,
    postmark::{self, Postmark},
    sendgrid::{self, Sendgrid},
    slack::Slack,
    smtp::{self, Smtp},
};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    integration::Config,
    secret::Secrets,
};
use guard::Guard;
use std::{future::Future, sync::Arc};

/// A provider with one integration's settings and secrets, ready to send. It keeps its connections open between
/// sends, so keep it as long as the secrets may be kept.
pub trait Connect: Sized + Send + Sync {
    /// Prepares a connection without any I/O. Fails if the settings or secrets are not what [`crate::validate`] and
    /// [`crate::validate_secrets`] accept, or if the provider is not one of these.
    fn open(
        provider: Provider,
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure>;

    /// Runs the provider's read-only test. Nobody receives anything. Says what the provider answered, such as the
    /// server's greeting or the workspace's name.
    fn test(&self) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Sends one message. Answers the provider's id for it, where there is one.
    fn send(&self, out: &Outgoing<'_>) -> impl Future<Output = Result<Option<String>, Failure>> + Send;

    /// How many sends may run at once. More would open more connections than the provider likes.
    fn concurrency(&self) -> usize;
}

/// A provider of e-mail.
#[derive(Debug)]
pub enum Email {
    /// A mail server.
    Smtp(Box<Smtp>),
    /// A `SendGrid` account.
    Sendgrid(Box<Sendgrid>),
    /// A Postmark server.
    Postmark(Box<Postmark>),
}

/// Any provider.
#[derive(Debug)]
pub enum Connection {
    /// One of e-mail.
    Email(Email),
    /// A Slack workspace.
    Slack(Box<Slack>),
}

fn other_channel(provider: Provider) -> Failure {
    let words = format!("{provider} is not a provider of this sender's channel");
    Failure::new(FailureKind::Permanent, "settings_invalid", &words)
}

impl Connect for Email {
    fn open(
        provider: Provider,
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        Ok(match provider {
            Provider::Smtp => Self::Smtp(Box::new(Smtp::open(config, secrets, guard)?)),
            Provider::Sendgrid => Self::Sendgrid(Box::new(Sendgrid::open(config, secrets, guard, endpoints)?)),
            Provider::Postmark => Self::Postmark(Box::new(Postmark::open(config, secrets, guard, endpoints)?)),
            Provider::Slack => return Err(other_channel(provider)),
        })
    }

    async fn test(&self) -> Result<String, Failure> {
        match self {
            Self::Smtp(smtp) => smtp.test().await,
            Self::Sendgrid(sendgrid) => sendgrid.test().await,
            Self::Postmark(postmark) => postmark.test().await,
        }
    }

    async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        match self {
            Self::Smtp(smtp) => smtp.send(out).await,
            Self::Sendgrid(sendgrid) => sendgrid.send(out).await,
            Self::Postmark(postmark) => postmark.send(out).await,
        }
    }

    fn concurrency(&self) -> usize {
        match self {
            Self::Smtp(_) => smtp::CONNECTIONS,
            Self::Sendgrid(_) => sendgrid::CONCURRENCY,
            Self::Postmark(_) => postmark::CONCURRENCY,
        }
    }
}

impl Connect for Slack {
    fn open(
        provider: Provider,
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        match provider {
            Provider::Slack => Self::open(config, secrets, guard, endpoints),
            Provider::Smtp | Provider::Sendgrid | Provider::Postmark => Err(other_channel(provider)),
        }
    }

    async fn test(&self) -> Result<String, Failure> {
        self.test().await
    }

    async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        self.send(out).await
    }

    fn concurrency(&self) -> usize {
        self.concurrency()
    }
}

impl Connect for Connection {
    fn open(
        provider: Provider,
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        Ok(match provider {
            Provider::Smtp | Provider::Sendgrid | Provider::Postmark => {
                Self::Email(Email::open(provider, config, secrets, guard, endpoints)?)
            }
            Provider::Slack => Self::Slack(Box::new(Slack::open(config, secrets, guard, endpoints)?)),
        })
    }

    async fn test(&self) -> Result<String, Failure> {
        match self {
            Self::Email(email) => email.test().await,
            Self::Slack(slack) => slack.test().await,
        }
    }

    async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        match self {
            Self::Email(email) => email.send(out).await,
            Self::Slack(slack) => slack.send(out).await,
        }
    }

    fn concurrency(&self) -> usize {
        match self {
            Self::Email(email) => email.concurrency(),
            Self::Slack(slack) => slack.concurrency(),
        }
    }
}
