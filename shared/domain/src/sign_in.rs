//! Users who sign in with their company's own provider of identities (OpenID Connect), and what their tokens permit.

use crate::{
    channel::Kind,
    digest,
    ids::{IntegrationId, SubjectId, TenantId},
    integration::{Config, Integration},
    principal::{Grant, Principal},
    tenant::TenantScope,
    time::{MINUTE_MS, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt};

/// The capability of the core spec: whoever has it configures integrations, whatever else their roles say.
pub const CONFIGURE: &str = "integrations.configure";

/// How long a sign-in may take from its beginning to its end, in milliseconds.
pub const SIGN_IN_MS: i64 = 10 * MINUTE_MS;

/// What an admin may do: everything.
const ADMIN: &[&str] = &["*"];
/// What an operator may do: run campaigns, test, pause, resume and send again; and see what they need for it. Not: say
/// where anything is sent to, or by whom the API is called.
const OPERATOR: &[&str] = &[
    "campaigns:*",
    "endpoints:operate",
    "endpoints:read",
    "hooks:read",
    "hooks:replay",
    "integrations:read",
    "integrations:test",
    "logs:read",
    "rules:read",
    "suppressions:read",
    "suppressions:write",
];
/// What a viewer may do: look at what is set up and how it does. Not: at API keys, the list of people's addresses that
/// nothing is sent to, or the audit trail, which says what each colleague did.
const VIEWER: &[&str] =
    &["campaigns:read", "endpoints:read", "hooks:read", "integrations:read", "logs:read", "rules:read"];
/// What the capability permits.
const CONFIGURES: &[&str] = &["integrations:*"];

/// Who vouches for users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A directory of Microsoft Entra ID, by its GUID in lower case.
    Directory(String),
    /// Any other issuer, spelled as its tokens spell it.
    Issuer(String),
}

impl Authority {
    /// The authority that a token names. `login` is the address of Entra.
    #[must_use]
    pub fn of(issuer: &str, login: &str) -> Self {
        let directory = issuer
            .strip_prefix(login)
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|rest| rest.strip_suffix("/v2.0"))
            .filter(|directory| is_guid(directory));
        match directory {
            Some(directory) => Self::Directory(directory.to_owned()),
            None => Self::Issuer(issuer.to_owned()),
        }
    }

    /// What its tokens say in `iss`.
    #[must_use]
    pub fn issuer(&self, login: &str) -> String {
        match self {
            Self::Directory(directory) => format!("{login}/{directory}/v2.0"),
            Self::Issuer(issuer) => issuer.clone(),
        }
    }

    /// A name of its own in the store. An issuer is a URL, so the two kinds never meet.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Directory(directory) => format!("directory:{directory}"),
            Self::Issuer(issuer) => issuer.clone(),
        }
    }
}

/// Whether a text is a GUID in lower case.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12]
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The settings of a sign-in integration, complete and checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInSettings {
    /// The directory in Entra; the one or the other of this and `issuer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory_id: Option<String>,
    /// The issuer, where it is not Entra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The application at the provider.
    pub client_id: String,
    /// What tokens for this API say in `aud`.
    pub audience: String,
    /// The claim that holds the roles.
    pub roles_claim: String,
    /// Another claim that may hold capabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities_claim: Option<String>,
    /// The roles of those who may do everything.
    pub admin_roles: Vec<String>,
    /// The roles of those who run campaigns.
    pub operator_roles: Vec<String>,
    /// The roles of those who look.
    pub viewer_roles: Vec<String>,
}

impl SignInSettings {
    /// Reads settings that the provider has validated.
    pub fn read(config: &Config) -> Result<Self, serde_json::Error> {
        Self::deserialize(config)
    }

    /// Who vouches for the users. `None` for settings that no validation lets through.
    #[must_use]
    pub fn authority(&self) -> Option<Authority> {
        match (&self.directory_id, &self.issuer) {
            (Some(directory), None) => Some(Authority::Directory(directory.clone())),
            (None, Some(issuer)) => Some(Authority::Issuer(issuer.clone())),
            _ => None,
        }
    }

    /// The roles and capabilities that verified claims hold, in order and each once.
    #[must_use]
    pub fn roles(&self, claims: &Map<String, Value>) -> BTreeSet<String> {
        let claims = [Some(&self.roles_claim), self.capabilities_claim.as_ref()].into_iter().flatten().map(|name| {
            let value = claims.get(name).or_else(|| nested(claims, name));
            value.map(words).unwrap_or_default()
        });
        claims.flatten().collect()
    }

    /// What these roles permit: the sum of all. Nothing for roles that are not ours.
    #[must_use]
    pub fn grants(&self, roles: &BTreeSet<String>) -> Vec<Grant> {
        let has = |ours: &[String]| ours.iter().any(|role| roles.contains(role));
        let permitted = [
            (has(&self.admin_roles), ADMIN),
            (has(&self.operator_roles), OPERATOR),
            (has(&self.viewer_roles), VIEWER),
            (roles.contains(CONFIGURE), CONFIGURES),
        ];
        let names = permitted.into_iter().filter(|(has, _)| *has).flat_map(|(_, names)| names.iter().copied());
        let grants: BTreeSet<Grant> = names.filter_map(|name| Grant::try_from(name.to_owned()).ok()).collect();
        grants.into_iter().collect()
    }

    /// All that its users may come to have, whatever the provider says of them.
    #[must_use]
    pub fn gives(&self) -> Vec<Grant> {
        let ours = [&self.admin_roles, &self.operator_roles, &self.viewer_roles];
        let all = ours.into_iter().flatten().cloned().chain([CONFIGURE.to_owned()]);
        self.grants(&all.collect())
    }

    /// A digest of how the roles of its users are found: when that changes, roles that were read before say nothing.
    #[must_use]
    pub fn source(&self) -> String {
        let authority = self.authority().map(|authority| authority.name()).unwrap_or_default();
        let capabilities = self.capabilities_claim.as_deref().unwrap_or_default();
        let parts = [&authority, &self.client_id, &self.audience, &self.roles_claim, capabilities];
        digest::hex_of_parts(parts.map(str::as_bytes))
    }

    /// The user of verified claims, by a name that stays: in Entra the object id, which is the same in every
    /// application of the directory; elsewhere a hash of issuer and `sub`.
    #[must_use]
    pub fn user(&self, claims: &Map<String, Value>) -> Option<SubjectId> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        match self.authority()? {
            Authority::Directory(_) => text("oid")?.to_ascii_lowercase().parse().ok(),
            Authority::Issuer(issuer) => {
                let hash = digest::hex_of_parts([issuer.as_bytes(), text("sub")?.as_bytes()]);
                format!("sub-{}", &hash[..32]).parse().ok()
            }
        }
    }
}

/// A claim within claims, e.g. `realm_access.roles`.
fn nested<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.')?;
    rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
}

/// A list of texts, or a text of words.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(ToOwned::to_owned).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Says that a tenant's API takes the tokens of an issuer for an audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Whose users they are.
    pub tenant: TenantId,
    /// The integration that says so.
    pub integration: IntegrationId,
    /// How tokens are judged.
    pub settings: SignInSettings,
}

impl SignIn {
    /// What an integration says while it is enabled; `None` where it says nothing of the kind.
    #[must_use]
    pub fn of(scope: &TenantScope, integration: &Integration) -> Option<Self> {
        if integration.kind() != Kind::Entra || !integration.usable() {
            return None;
        }
        let settings = SignInSettings::read(&integration.config).ok()?;
        settings.authority()?;
        Some(Self { tenant: scope.tenant().clone(), integration: integration.id.clone(), settings })
    }
}

/// A sign-in that somebody has begun, until its answer comes back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Whose integration it is.
    pub tenant: TenantId,
    /// The integration.
    pub integration: IntegrationId,
    /// The secret of PKCE, without which the provider's code is worth nothing.
    pub verifier: String,
    /// What the provider's answer must hold, and no answer before it can.
    pub nonce: String,
    /// Where the provider sends the user to.
    pub redirect_uri: String,
    /// What it is for. One that was begun for the one is of no use for the other.
    pub purpose: Purpose,
    /// Until when it may end.
    pub expires_at: Timestamp,
}

/// What somebody signs in for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To find out whether it works.
    Test {
        /// Who wants to know.
        by: Principal,
    },
    /// To use the console.
    Console {
        /// A digest of what only the browser holds in which it began, so that it ends in no other.
        browser: String,
        /// The page that was asked for.
        next: String,
    },
}

impl fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSignIn")
            .field("tenant", &self.tenant)
            .field("integration", &self.integration)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Scope;
    use serde_json::json;

    const DIRECTORY: &str = "11111111-2222-3333-4444-55555555abcd";
    const LOGIN: &str = "https://login.microsoftonline.com";

    fn settings() -> SignInSettings {
        SignInSettings {
            directory_id: None,
            issuer: Some("https://id.example".into()),
            client_id: "app".into(),
            audience: "app".into(),
            roles_claim: "roles".into(),
            capabilities_claim: Some("realm_access.caps".into()),
            admin_roles: vec!["Admin".into()],
            operator_roles: vec!["Operator".into()],
            viewer_roles: vec!["Viewer".into()],
        }
    }

    fn permitted(claims: &Value) -> String {
        let (settings, Value::Object(claims)) = (settings(), claims) else { panic!("claims are an object") };
        let grants = settings.grants(&settings.roles(claims));
        grants.iter().map(Grant::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_issuer_of_entra_is_a_directory_and_back() {
        let issuer = format!("{LOGIN}/{DIRECTORY}/v2.0");
        let directory = Authority::of(&issuer, LOGIN);
        assert_eq!((&directory, directory.issuer(LOGIN)), (&Authority::Directory(DIRECTORY.into()), issuer.clone()));
        for other in [
            format!("{LOGIN}/{DIRECTORY}/v2.0/"),
            format!("{LOGIN}/common/v2.0"),
            format!("{LOGIN}.evil.example/{DIRECTORY}/v2.0"),
            format!("{LOGIN}/{}/v2.0", DIRECTORY.to_uppercase()),
            format!("https://sts.windows.net/{DIRECTORY}/"),
            format!("directory:{DIRECTORY}"),
        ] {
            let authority = Authority::of(&other, LOGIN);
            assert_eq!((&authority, authority.issuer(LOGIN)), (&Authority::Issuer(other.clone()), other));
        }
    }

    #[test]
    fn roles_permit_what_they_say_together_and_strange_ones_nothing() {
        let viewer = "campaigns:read endpoints:read hooks:read integrations:read logs:read rules:read";
        assert_eq!(permitted(&json!({"roles": ["Viewer"]})), viewer);
        let operator = "campaigns:* endpoints:operate endpoints:read hooks:read hooks:replay integrations:read \
                        integrations:test logs:read rules:read suppressions:read suppressions:write";
        assert_eq!(permitted(&json!({"roles": "Operator other"})), operator);
        let configures = json!({"realm_access": {"caps": [CONFIGURE]}});
        assert_eq!(permitted(&configures), "integrations:*");
        let both = json!({"roles": ["Viewer"], "realm_access": {"caps": [CONFIGURE]}});
        assert_eq!(permitted(&both), viewer.replace("integrations:read", "integrations:* integrations:read"));
        assert_eq!(permitted(&json!({"roles": ["Admin", "Viewer"]})), format!("* {viewer}"));
        for none in [
            json!({}),
            json!({"roles": ["admin", "*", "keys:*"]}),
            json!({"roles": {"Admin": true}}),
            json!({"roles": 7}),
        ] {
            assert_eq!(permitted(&none), "", "{none}");
        }
    }

    #[test]
    fn only_an_admin_says_who_calls_and_where_anything_goes() {
        let may = |role: &str, scope: Scope| {
            let roles = BTreeSet::from([role.to_owned()]);
            settings().grants(&roles).iter().any(|grant| grant.covers(scope))
        };
        for scope in Scope::ALL {
            assert!(may("Admin", *scope));
            let (viewer, operator) = (may("Viewer", *scope), may("Operator", *scope));
            assert!(!viewer || operator, "an operator sees what a viewer sees: {scope}");
            assert!(!viewer || scope.as_str().ends_with(":read"), "a viewer looks: {scope}");
        }
        for scope in [
            Scope::KeysRead,
            Scope::KeysWrite,
            Scope::AuditRead,
            Scope::IntegrationsWrite,
            Scope::EndpointsWrite,
            Scope::HooksWrite,
            Scope::RulesWrite,
            Scope::EventsWrite,
        ] {
            assert!(!may("Operator", scope), "{scope}");
        }
    }

    #[test]
    fn other_role_names_are_no_other_source_and_another_claim_is() {
        let named = SignInSettings { admin_roles: vec!["Boss".into()], ..settings() };
        assert_eq!(named.source(), settings().source());
        for other in [
            SignInSettings { issuer: Some("https://id.example/".into()), ..settings() },
            SignInSettings { client_id: "other".into(), ..settings() },
            SignInSettings { audience: "other".into(), ..settings() },
            SignInSettings { roles_claim: "groups".into(), ..settings() },
            SignInSettings { capabilities_claim: None, ..settings() },
        ] {
            assert_ne!(other.source(), settings().source(), "{other:?}");
        }
    }

    #[test]
    fn a_user_keeps_one_name_that_tells_nothing_about_them() {
        let claims = |value: Value| value.as_object().cloned().unwrap_or_default();
        let user = |sub: &str| settings().user(&claims(json!({"sub": sub, "oid": DIRECTORY}))).unwrap();
        assert_eq!(user("sara@example.org"), user("sara@example.org"));
        assert_ne!(user("sara@example.org"), user("sara@example.net"));
        assert!(!user("sara@example.org").as_str().contains("sara"));
        let entra = SignInSettings { directory_id: Some(DIRECTORY.into()), issuer: None, ..settings() };
        assert_eq!(entra.user(&claims(json!({"sub": "x", "oid": DIRECTORY}))).unwrap().as_str(), DIRECTORY);
        assert_eq!(
            entra.user(&claims(json!({"sub": "x"}))),
            None,
            "in Entra, `sub` is another one in each application"
        );
        assert_eq!(entra.user(&claims(json!({"oid": "a b"}))), None);
    }
}
