//! What somebody looks for in the log.

use super::{Direction, Entry, EntryStatus, EntryType};
use crate::ids::{CampaignId, HookId, IntegrationId};

/// Everything that is `None` admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<EntryType>,
    /// In this direction.
    pub direction: Option<Direction>,
    /// That went like this.
    pub status: Option<EntryStatus>,
    /// Of this integration, or endpoint.
    pub integration: Option<IntegrationId>,
    /// Of this inbound webhook.
    pub hook: Option<HookId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Of this event; with `*` at the end, of all that begin so.
    pub event: Option<String>,
    /// With this code.
    pub code: Option<String>,
    /// Of this API call.
    pub request_id: Option<String>,
}

impl Filter {
    /// The attempts of one integration, or endpoint.
    #[must_use]
    pub fn of_integration(integration: &IntegrationId) -> Self {
        Self { integration: Some(integration.clone()), ..Self::default() }
    }

    /// Whether an entry is looked for.
    #[must_use]
    pub fn admits(&self, entry: &Entry) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        fn has<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        is(self.kind.as_ref(), &entry.kind)
            && is(self.direction.as_ref(), &entry.direction)
            && is(self.status.as_ref(), &entry.status)
            && has(self.integration.as_ref(), entry.integration.as_ref())
            && has(self.hook.as_ref(), entry.hook.as_ref())
            && has(self.campaign.as_ref(), entry.campaign.as_ref())
            && is(self.code.as_ref(), &entry.code)
            && is(self.request_id.as_ref(), &entry.request_id)
            && self.event.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
                Some(start) => entry.event.starts_with(start),
                None => entry.event == wanted,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn each_wish_is_looked_at() {
        let integration = IntegrationId::generate();
        let entry = Entry {
            integration: Some(integration.clone()),
            hook: Some("whk_01JD0000000000000000000000".parse().unwrap()),
            campaign: Some("spring".parse().unwrap()),
            code: "timeout".into(),
            request_id: "r1".into(),
            ..Entry::new(Timestamp(0), EntryType::Webhook, "webhook.failed", Direction::Outbound, EntryStatus::Error)
        };
        let fitting = [
            Filter::default(),
            Filter::of_integration(&integration),
            Filter { kind: Some(EntryType::Webhook), ..Filter::default() },
            Filter { direction: Some(Direction::Outbound), ..Filter::default() },
            Filter { status: Some(EntryStatus::Error), ..Filter::default() },
            Filter { hook: entry.hook.clone(), ..Filter::default() },
            Filter { campaign: entry.campaign.clone(), ..Filter::default() },
            Filter { event: Some("webhook.failed".into()), ..Filter::default() },
            Filter { event: Some("webhook.*".into()), ..Filter::default() },
            Filter { code: Some("timeout".into()), ..Filter::default() },
            Filter { request_id: Some("r1".into()), ..Filter::default() },
        ];
        for filter in fitting {
            assert!(filter.admits(&entry), "{filter:?}");
        }
        let others = [
            Filter::of_integration(&IntegrationId::generate()),
            Filter { kind: Some(EntryType::Api), ..Filter::default() },
            Filter { direction: Some(Direction::Inbound), ..Filter::default() },
            Filter { status: Some(EntryStatus::Warning), ..Filter::default() },
            Filter { hook: Some(HookId::generate()), ..Filter::default() },
            Filter { campaign: Some("autumn".parse().unwrap()), ..Filter::default() },
            Filter { event: Some("webhook".into()), ..Filter::default() },
            Filter { event: Some("delivery.*".into()), ..Filter::default() },
            Filter { code: Some("gone".into()), ..Filter::default() },
            Filter { request_id: Some("r2".into()), ..Filter::default() },
        ];
        for filter in others {
            assert!(!filter.admits(&entry), "{filter:?}");
        }
    }
}
