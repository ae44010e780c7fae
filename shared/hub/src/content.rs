//! From what a request says to what one recipient gets.

use crate::expiring::Expiring;
use domain::{
    bundle::Recipient,
    channel::Channel,
    ids::{TemplateId, TenantId},
    message::Content,
    template::{Rendered, Template, TemplateError, ready_made},
    tenant::TenantScope,
    time::{DAY_MS, Timestamp},
};
use runtime::lazy::Lazy;
use std::{collections::BTreeMap, sync::Arc};
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
        };
        let key = (scope.tenant().clone(), id.clone(), version);
        if let Some(template) = self.known.get(&key, now) {
            return Ok(Some(Source::Template { template, variables }));
        }
        let Some(template) = template(&*self.store, scope, &id, Some(version)).await? else { return Ok(None) };
        let template = Arc::new(template);
        self.known.put(key, Arc::clone(&template), now);
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
        match self {
            Self::Message(message) => message.render(channel, &recipient.variables),
            Self::Template { template, variables } if variables.is_empty() => {
                template.render(recipient.locale, &recipient.variables)
            }
            Self::Template { template, variables } => {
                let mut merged = variables.clone();
                merged.extend(recipient.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
                template.render(recipient.locale, &merged)
            }
        }
    }
}
