//! From what a request says to what one recipient gets.

use crate::expiring::Expiring;
use domain::{
    bundle::Recipient,
    channel::Channel,
    ids::{TemplateId, TenantId},
    message::Content,
    template::{Compiled, Locale, Rendered, Template, TemplateError, ready_made},
    tenant::TenantScope,
    time::{DAY_MS, Timestamp},
};
use runtime::lazy::Lazy;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use store::{Settings, StoreError};

/// A template in its newest or the given version: ready-made, or the tenant's own.
pub async fn template(
    store: &impl Settings,
    scope: &TenantScope,
    id: &TemplateId,
    version: Option<u32>,
) -> Result<Option<Template>, StoreError> {
    if let Some(template) = ready_made().into_iter().find(|template| template.id == *id) {
        return Ok(Some(template));
    }
    store.template(scope, id, version).await
}

/// Templates by their version, which never changes once made.
pub struct Templates<S> {
    store: Lazy<S>,
    known: Expiring<(TenantId, TemplateId, u32), Arc<Template>>,
}

impl<S: Settings> Templates<S> {
    /// Templates of `store`.
    pub fn new(store: Lazy<S>) -> Self {
        Self { store, known: Expiring::new(DAY_MS) }
    }

    /// What a sender needs to make messages of this content; `None` when its template is gone.
    pub async fn source(
        &self,
        scope: &TenantScope,
        content: Content,
        now: Timestamp,
    ) -> Result<Option<Source>, StoreError> {
        let (id, version, variables) = match content {
            Content::Message(message) => return Ok(Some(Source::Message(message))),
            Content::Template { id, version, variables } => (id, version, variables),
            // Its provider makes the messages; events are none.
            Content::Simulation(_) | Content::Events => return Ok(None),
        };
        let key = (scope.tenant().clone(), id.clone(), version);
        let load = async { Ok(template(&*self.store, scope, &id, Some(version)).await?.map(Arc::new)) };
        let Some(template) = self.known.get_or_load(key, now, load).await? else { return Ok(None) };
        Ok(Some(Source::Template { template, variables }))
    }
}

/// What the messages of one request are made from.
pub enum Source {
    /// A message given in full.
    Message(domain::message::Message),
    /// A template with the values all recipients share.
    Template {
        /// The template.
        template: Arc<Template>,
        /// The shared values.
        variables: BTreeMap<String, String>,
    },
}

impl Source {
    /// The message for one recipient. Its own variables win over the shared ones.
    pub fn render(&self, channel: Channel, recipient: &Recipient) -> Result<Rendered, TemplateError> {
        self.compile(channel, recipient.locale)?.render(&self.variables(recipient))
    }

    /// The same for many: each of their languages' texts is read once.
    pub fn prepare<'a>(&self, channel: Channel, recipients: impl IntoIterator<Item = &'a Recipient>) -> Prepared<'_> {
        let locales: BTreeSet<_> = recipients.into_iter().map(|recipient| recipient.locale).collect();
        let texts = locales.into_iter().map(|locale| (locale, self.compile(channel, locale))).collect();
        Prepared { source: self, channel, texts }
    }

    fn compile(&self, channel: Channel, locale: Option<Locale>) -> Result<Compiled<'_>, TemplateError> {
        match self {
            Self::Message(message) => message.compile(channel),
            Self::Template { template, .. } => template.compile(locale),
        }
    }

    fn variables<'a>(&self, recipient: &'a Recipient) -> Cow<'a, BTreeMap<String, String>> {
        match self {
            Self::Template { variables, .. } if !variables.is_empty() => {
                let mut merged = variables.clone();
                merged.extend(recipient.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
                Cow::Owned(merged)
            }
            _ => Cow::Borrowed(&recipient.variables),
        }
    }
}

/// A [`Source`] that is ready for certain recipients.
pub struct Prepared<'s> {
    source: &'s Source,
    channel: Channel,
    texts: BTreeMap<Option<Locale>, Result<Compiled<'s>, TemplateError>>,
}

impl Prepared<'_> {
    /// The message for one of them.
    pub fn render(&self, recipient: &Recipient) -> Result<Rendered, TemplateError> {
        match self.texts.get(&recipient.locale) {
            Some(text) => text.as_ref().map_err(Clone::clone)?.render(&self.source.variables(recipient)),
            None => self.source.render(self.channel, recipient),
        }
    }
}
