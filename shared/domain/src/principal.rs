//! Who calls, and what they may do.

use crate::{
    ids::{KeyId, RuleId, SubjectId},
    tenant::TenantScope,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Who did something, as kept in audit records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// An API key of the tenant.
    ApiKey(KeyId),
    /// A user of the tenant, signed in with the tenant's own provider of identities.
    User(SubjectId),
    /// The team that runs this deployment.
    Operator,
    /// Our own scheduled work.
    System,
    /// One of the tenant's automation rules.
    Rule(RuleId),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(id) => write!(f, "api_key:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Operator => f.write_str("operator"),
            Self::System => f.write_str("system"),
            Self::Rule(id) => write!(f, "rule:{id}"),
        }
    }
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One permission, `resource:action`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Scope {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Scope {
            /// Every scope.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// `resource:action`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

scopes! {
    /// See integrations, their health and the catalog.
    IntegrationsRead = "integrations:read",
    /// Create, change and delete integrations, templates and settings.
    IntegrationsWrite = "integrations:write",
    /// Run tests of saved integrations.
    IntegrationsTest = "integrations:test",
    /// Ask whether a campaign may go.
    CampaignsPreflight = "campaigns:preflight",
    /// Send, resend, pause, resume and cancel.
    CampaignsSend = "campaigns:send",
    /// Read campaigns and deliveries.
    CampaignsRead = "campaigns:read",
    /// See the addresses to which nothing is sent.
    SuppressionsRead = "suppressions:read",
    /// Put addresses on that list and take them from it.
    SuppressionsWrite = "suppressions:write",
    /// See API keys.
    KeysRead = "keys:read",
    /// Create and revoke API keys.
    KeysWrite = "keys:write",
    /// Read the audit trail.
    AuditRead = "audit:read",
    /// See inbound webhooks and what they received.
    HooksRead = "hooks:read",
    /// Replay the events of inbound webhooks.
    HooksReplay = "hooks:replay",
    /// Create, change and delete inbound webhooks, rotate their secrets and replay their events.
    HooksWrite = "hooks:write",
    /// Hand events over for the endpoints.
    EventsWrite = "events:write",
    /// See endpoints, their deliveries and attempts, and the types of events.
    EndpointsRead = "endpoints:read",
    /// Test, pause and resume endpoints, and send events again: nothing that tells anybody more than before.
    EndpointsOperate = "endpoints:operate",
    /// Create, change, test, pause, resume and delete endpoints, send events again, and describe the types of events.
    EndpointsWrite = "endpoints:write",
    /// See automation rules and their runs.
    RulesRead = "rules:read",
    /// Create, change, try and delete automation rules.
    RulesWrite = "rules:write",
    /// Read the log.
    LogsRead = "logs:read",
    /// Sign in to the console with an API key. People with a role need no scope for it.
    ConsoleUse = "console:use",
}

impl Scope {
    /// The scope that this one is a part of: whoever has that one has this one, too.
    const fn part_of(self) -> Option<Self> {
        match self {
            Self::HooksReplay => Some(Self::HooksWrite),
            Self::EndpointsOperate => Some(Self::EndpointsWrite),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = crate::channel::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == text).ok_or(crate::channel::UnknownName)
    }
}

/// A granted permission: one scope, every action of a resource (`campaigns:*`), or everything (`*`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Grant(String);

impl Grant {
    /// The grant as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it includes `scope`.
    #[must_use]
    pub fn covers(&self, scope: Scope) -> bool {
        match self.0.strip_suffix('*') {
            Some("") => true,
            Some(resource) => scope.as_str().starts_with(resource),
            None => self.0 == scope.as_str() || scope.part_of().is_some_and(|whole| self.covers(whole)),
        }
    }

    /// Whether it includes all of `wanted`, today's scopes and those to come: every single `campaigns:` scope is still
    /// not `campaigns:*`.
    #[must_use]
    pub fn includes(&self, wanted: &Self) -> bool {
        wanted.0.parse().is_ok_and(|scope| self.covers(scope))
            || self == wanted
            || self.0.strip_suffix('*').is_some_and(|start| wanted.0.starts_with(start))
    }
}

impl TryFrom<String> for Grant {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = text == "*"
            || text.parse::<Scope>().is_ok()
            || text.strip_suffix(":*").is_some_and(|resource| {
                Scope::ALL.iter().any(|scope| scope.as_str().split(':').next() == Some(resource))
            });
        if known {
            Ok(Self(text))
        } else {
            let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            Err(format!("unknown scope `{text}`; use `*`, `resource:*` or one of {}", all.join(", ")))
        }
    }
}

impl From<Grant> for String {
    fn from(grant: Grant) -> Self {
        grant.0
    }
}

/// An authenticated caller of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant it may act for.
    pub scope: TenantScope,
    /// Who it is.
    pub principal: Principal,
    /// What it may do.
    pub grants: Vec<Grant>,
}

impl Caller {
    /// Whether it may do `scope`.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.grants.iter().any(|grant| grant.covers(scope))
    }

    /// The first of these that it does not have itself, and so may give to nobody.
    #[must_use]
    pub fn lacks<'a>(&self, wanted: &'a [Grant]) -> Option<&'a Grant> {
        wanted.iter().find(|wanted| !self.grants.iter().any(|held| held.includes(wanted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> Grant {
        Grant::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn grants_cover_what_they_name_and_no_more() {
        assert!(grant("*").covers(Scope::KeysWrite));
        assert!(grant("campaigns:*").covers(Scope::CampaignsSend));
        assert!(!grant("campaigns:*").covers(Scope::KeysWrite));
        assert!(grant("campaigns:send").covers(Scope::CampaignsSend));
        assert!(!grant("campaigns:send").covers(Scope::CampaignsRead));
    }

    #[test]
    fn whoever_has_a_scope_has_its_parts_and_not_the_other_way_round() {
        assert!(grant("hooks:write").covers(Scope::HooksReplay) && grant("hooks:*").covers(Scope::HooksReplay));
        assert!(!grant("hooks:replay").covers(Scope::HooksWrite) && !grant("hooks:write").covers(Scope::HooksRead));
        assert!(grant("endpoints:write").includes(&grant("endpoints:operate")));
        assert!(!grant("endpoints:operate").includes(&grant("endpoints:write")));
        assert!(!grant("endpoints:write").includes(&grant("endpoints:*")));
    }

    #[test]
    fn an_unknown_grant_is_refused_with_the_known_ones() {
        for bad in ["", "campaigns", "campaign:*", "*:*", "campaigns:fly"] {
            assert!(Grant::try_from(bad.to_owned()).unwrap_err().contains("campaigns:send"), "{bad}");
        }
    }
}
