//! Providers that are ready to work.
//!
//! A function serves some providers and should not carry the code of the others: [`Connect`] is implemented for each
//! channel's providers apart ([`Email`], [`Slack`] ...) and for all of them ([`Connection`]). A program names the
//! narrowest it needs, and the linker leaves out the rest.

use crate::{
    Endpoints, Outgoing,
    entra::Entra,
    m365::{Launch, Launched, M365},
    postmark::{self, Postmark},
    sendgrid::{self, Sendgrid},
    ses::{self, Ses},
    slack::Slack,
    smtp::{self, Smtp},
    teams::{self, Teams},
    webhook::{self, Post, Reply, Webhook},
};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    integration::Config,
    secret::Secrets,
    webhook::Answer,
};
use guard::Guard;
use std::{future::Future, sync::Arc, time::Duration};

/// The longest a look-up may take: the message may still have to be sent within the same slot.
const LOOK_UP_MAX: Duration = Duration::from_secs(8);

/// A provider with one integration's settings and secrets. It keeps its connections open, so keep it as long as the
/// secrets may be kept.
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
}

/// A provider that takes messages one by one.
pub trait Carry: Connect {
    /// Sends one message. Answers the provider's id for it, where there is one.
    fn send(&self, out: &Outgoing<'_>) -> impl Future<Output = Result<Option<String>, Failure>> + Send;

    /// How many sends may run at once. More would open more connections than the provider likes.
    fn concurrency(&self) -> usize;

    /// Asks the provider whether it took a message whose outcome we do not know. A provider that cannot be asked says
    /// [`Found::CannotTell`]; so does one that could not be asked this time.
    fn find(&self, out: &Outgoing<'_>) -> impl Future<Output = Found> + Send {
        let _ = out;
        std::future::ready(Found::CannotTell)
    }

    /// Creates a simulation for all its targets at once, unless it is there already; `None` if it is not and may not be created. People receive it: only what a caller
    /// has confirmed may lead here.
    fn simulate(&self, launch: &Launch<'_>) -> impl Future<Output = Result<Option<Launched>, Failure>> + Send {
        let _ = launch;
        let words = "this provider runs no simulations";
        std::future::ready(Err(Failure::new(FailureKind::Permanent, "settings_invalid", words)))
    }

    /// Posts one event to an endpoint.
    fn post(&self, post: &Post<'_>) -> impl Future<Output = Reply> + Send {
        let _ = post;
        std::future::ready(takes_no_events())
    }
}

/// What a provider that is no endpoint makes of an event.
pub(crate) fn takes_no_events() -> Reply {
    let words = "this provider takes no events";
    Reply { answer: Answer::default(), result: Err(Failure::new(FailureKind::Permanent, "settings_invalid", words)) }
}

/// A channel whose provider takes no messages one by one.
fn hands_over_whole() -> Failure {
    Failure::new(FailureKind::Permanent, "settings_invalid", "this provider takes no single messages")
}

/// What a provider knows of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It took the message, and this is its id for it, where it gives one.
    Taken {
        /// The provider's own message id.
        provider_id: Option<String>,
    },
    /// It never took the message.
    NotTaken,
    /// It cannot or will not say.
    CannotTell,
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
    /// An Amazon SES account.
    Ses(Box<Ses>),
}

/// Any provider.
#[derive(Debug)]
pub enum Connection {
    /// One of e-mail.
    Email(Email),
    /// A Slack workspace.
    Slack(Box<Slack>),
    /// A Teams channel.
    Teams(Box<Teams>),
    /// A Microsoft 365 tenant.
    M365(Box<M365>),
    /// A provider of sign-in.
    Entra(Box<Entra>),
    /// An endpoint.
    Webhook(Box<Webhook>),
}

fn another_kind(provider: Provider) -> Failure {
    let words = format!("{provider} is not a provider that this function serves");
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
            Provider::Ses => Self::Ses(Box::new(Ses::open(config, secrets, guard, endpoints)?)),
            other => return Err(another_kind(other)),
        })
    }

    async fn test(&self) -> Result<String, Failure> {
        match self {
            Self::Smtp(smtp) => smtp.test().await,
            Self::Sendgrid(sendgrid) => sendgrid.test().await,
            Self::Postmark(postmark) => postmark.test().await,
            Self::Ses(ses) => ses.test().await,
        }
    }
}

impl Carry for Email {
    async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        match self {
            Self::Smtp(smtp) => smtp.send(out).await,
            Self::Sendgrid(sendgrid) => sendgrid.send(out).await,
            Self::Postmark(postmark) => postmark.send(out).await,
            Self::Ses(ses) => ses.send(out).await,
        }
    }

    fn concurrency(&self) -> usize {
        match self {
            Self::Smtp(_) => smtp::CONNECTIONS,
            Self::Sendgrid(_) => sendgrid::CONCURRENCY,
            Self::Postmark(_) => postmark::CONCURRENCY,
            Self::Ses(_) => ses::CONCURRENCY,
        }
    }

    async fn find(&self, out: &Outgoing<'_>) -> Found {
        let asked = async {
            match self {
                Self::Sendgrid(sendgrid) => sendgrid.find(out).await,
                Self::Postmark(postmark) => postmark.find(out).await,
                // SES has no search by tag, and a mail server none at all.
                Self::Smtp(_) | Self::Ses(_) => Found::CannotTell,
            }
        };
        tokio::time::timeout(LOOK_UP_MAX, asked).await.unwrap_or(Found::CannotTell)
    }
}

/// A provider that is alone in its kind.
macro_rules! only {
    ($name:ident) => {
        impl Connect for $name {
            fn open(
                provider: Provider,
                config: &Config,
                secrets: &Secrets,
                guard: Arc<Guard>,
                endpoints: &Endpoints,
            ) -> Result<Self, Failure> {
                match provider {
                    Provider::$name => Self::open(config, secrets, guard, endpoints),
                    other => Err(another_kind(other)),
                }
            }

            async fn test(&self) -> Result<String, Failure> {
                self.test().await
            }
        }
    };
}

only!(Slack);
only!(Teams);
only!(M365);
only!(Entra);
only!(Webhook);

impl Carry for Slack {
    async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        self.send(out).await
    }

    fn concurrency(&self) -> usize {
        self.concurrency()
    }
}

impl Carry for Teams {
    async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        self.send(out).await
    }

    fn concurrency(&self) -> usize {
        teams::CONCURRENCY
    }
}

impl Carry for M365 {
    async fn send(&self, _: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        Err(hands_over_whole())
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn simulate(&self, launch: &Launch<'_>) -> Result<Option<Launched>, Failure> {
        self.simulate(launch).await
    }
}

impl Carry for Webhook {
    async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        Self::send(out)
    }

    fn concurrency(&self) -> usize {
        webhook::CONCURRENCY
    }

    async fn post(&self, post: &Post<'_>) -> Reply {
        self.post(post).await
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
            Provider::Smtp | Provider::Sendgrid | Provider::Postmark | Provider::Ses => {
                Self::Email(Email::open(provider, config, secrets, guard, endpoints)?)
            }
            Provider::Slack => Self::Slack(Box::new(Slack::open(config, secrets, guard, endpoints)?)),
            Provider::Teams => Self::Teams(Box::new(Teams::open(config, secrets, guard, endpoints)?)),
            Provider::M365 => Self::M365(Box::new(M365::open(config, secrets, guard, endpoints)?)),
            Provider::Entra => Self::Entra(Box::new(Entra::open(config, secrets, guard, endpoints)?)),
            Provider::Webhook => Self::Webhook(Box::new(Webhook::open(config, secrets, guard, endpoints)?)),
        })
    }

    async fn test(&self) -> Result<String, Failure> {
        match self {
            Self::Email(email) => email.test().await,
            Self::Slack(slack) => slack.test().await,
            Self::Teams(teams) => teams.test().await,
            Self::M365(m365) => m365.test().await,
            Self::Entra(entra) => entra.test().await,
            Self::Webhook(webhook) => webhook.test().await,
        }
    }
}
