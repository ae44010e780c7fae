//! What providers report of messages that they took: reading it, after proof that the provider said it.
//!
//! Pure functions over the request as it came. The proof is over the raw body, so it is given before anything is parsed. A
//! report that is not understood is passed over and counted: a provider that is refused repeats the whole batch, for days
//! and in vain.

use crate::{postmark, sendgrid};
use domain::{
    channel::Provider,
    failure::shorten,
    feedback::{Feedback, FeedbackKind},
    ids::{CampaignId, DeliveryId, TenantId},
    integration::Config,
    secret::Secrets,
    time::Timestamp,
};
use http::HeaderMap;

/// What a provider posted, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Posted<'a> {
    /// The tenant whose address was called.
    pub tenant: &'a TenantId,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The request's body, to the byte.
    pub body: &'a [u8],
    /// When it came.
    pub now: Timestamp,
}

impl Posted<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// One report, and the address that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What happened to which delivery.
    pub feedback: Feedback,
    /// To whom it was sent, as the provider names it; empty where it names nobody.
    pub address: String,
}

/// What a provider reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// Of this tenant's deliveries.
    pub ours: Vec<Report>,
    /// How many were about something else: mail that others send through the same account, kinds that mean nothing here,
    /// or what cannot be read.
    pub others: usize,
}

impl Reports {
    /// Sorts one report in.
    pub(crate) fn take(&mut self, report: Option<Report>) {
        match report {
            Some(report) => self.ours.push(report),
            None => self.others += 1,
        }
    }
}

/// Why a post is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The integration has nothing to check a signature or password with.
    NotSetUp,
    /// It carries no signature or password at all.
    Unsigned,
    /// It was signed too long ago, or in the future.
    Stale,
    /// The signature or password is wrong.
    Wrong,
    /// It is proven, but is no report.
    Unreadable,
}

impl Refused {
    /// Its name, for the log and for whoever sets the webhook up.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSetUp => "not_set_up",
            Self::Unsigned => "unsigned",
            Self::Stale => "stale",
            Self::Wrong => "wrong_signature",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Whether a provider posts reports that [`read_events`] understands.
#[must_use]
pub const fn posts_events(provider: Provider) -> bool {
    matches!(provider, Provider::Sendgrid | Provider::Postmark)
}

/// Whether the proof needs the integration's secrets.
#[must_use]
pub const fn events_need_secrets(provider: Provider) -> bool {
    matches!(provider, Provider::Postmark)
}

/// Proves that the provider posted this, then reads it. Takes validated settings; secrets only where
/// [`events_need_secrets`].
pub fn read_events(
    provider: Provider,
    config: &Config,
    secrets: &Secrets,
    posted: &Posted<'_>,
) -> Result<Reports, Refused> {
    match provider {
        Provider::Sendgrid => sendgrid::events::read(config, posted),
        Provider::Postmark => postmark::events::read(secrets, posted),
        Provider::Smtp
        | Provider::Ses
        | Provider::Slack
        | Provider::Teams
        | Provider::M365
        | Provider::Entra
        | Provider::Webhook => Err(Refused::NotSetUp),
    }
}

/// The names that went out with a message, as they came back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) tenant: Option<&'a str>,
    pub(crate) campaign: Option<&'a str>,
    pub(crate) delivery: Option<&'a str>,
}

impl Names<'_> {
    /// A report of one of `tenant`'s deliveries; `None` for mail that is not ours. Accounts are shared: by other systems,
    /// whose mail has no such names, and by other tenants, whose mail has another tenant's.
    pub(crate) fn report(
        self,
        tenant: &TenantId,
        kind: FeedbackKind,
        at: Timestamp,
        detail: &str,
        address: &str,
    ) -> Option<Report> {
        if self.tenant != Some(tenant.as_str()) {
            return None;
        }
        let campaign: CampaignId = self.campaign?.parse().ok()?;
        let delivery: DeliveryId = self.delivery?.parse().ok()?;
        let feedback = Feedback { campaign, delivery, kind, at, detail: shorten(detail) };
        Some(Report { feedback, address: address.to_owned() })
    }
}

/// A link without what it carries: query and fragment may name the recipient.
pub(crate) fn bare_link(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}
