//! `trunkline key`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::keys::{KeyCreate, KeyCreated, KeyPatch, KeyRegenerate, KeyView};
use clap::Subcommand;
use domain::{
    allow_list::Cidr,
    ids::{KeyId, TenantId},
    key::GRACE_HOURS_MAX,
    principal::Grant,
    quota::Tier,
};
use serde_json::json;
use trunkline::client::Client;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Act as the operator for this tenant, instead of with a key of the tenant's own.
    #[arg(long, global = true)]
    tenant: Option<TenantId>,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// Create an API key; it is shown this once.
    Create {
        /// Its name for people.
        #[arg(long)]
        name: String,
        /// What it may do: `campaigns:send`, `campaigns:*`, `*`; several separated by commas.
        #[arg(long, required = true, value_delimiter = ',', value_parser = grant)]
        scopes: Vec<Grant>,
        /// How much it may do: basic (60 requests a minute, 1,000 an hour), standard (300, 10,000), premium (1,000, 50,000).
        #[arg(long, default_value = "basic")]
        tier: Tier,
        /// From where it may be used: networks and addresses, separated by commas.
        #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
        allow: Vec<Cidr>,
        /// When it stops working, e.g. 2030-01-01T00:00:00Z.
        #[arg(long, value_name = "TIME", alias = "expires-at")]
        expires: Option<String>,
    },
    /// List the API keys.
    List,
    /// Show one with its limits and what it used of them.
    Show {
        /// Its identifier, `key_...`.
        id: KeyId,
    },
    /// Change one; it is heeded within a minute.
    Change {
        /// Its identifier, `key_...`.
        id: KeyId,
        /// Its name for people.
        #[arg(long)]
        name: Option<String>,
        /// What it may do instead.
        #[arg(long, value_delimiter = ',', value_parser = grant)]
        scopes: Option<Vec<Grant>>,
        /// How much it may do: basic, standard, premium.
        #[arg(long)]
        tier: Option<Tier>,
        /// From where it may be used instead.
        #[arg(long, value_name = "NETWORKS", value_delimiter = ',', conflicts_with = "from_anywhere")]
        allow: Option<Vec<Cidr>>,
        /// Let it be used from anywhere.
        #[arg(long)]
        from_anywhere: bool,
        /// When it stops working, or `never`.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Give it a new secret, which is shown this once.
    Regenerate {
        /// Its identifier, `key_...`.
        id: KeyId,
        /// For how many hours the old secret goes on working, up to 24.
        #[arg(long, value_name = "HOURS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=i64::from(GRACE_HOURS_MAX)))]
        grace: u8,
    },
    /// Let it do nothing until it is activated.
    Suspend {
        /// Its identifier, `key_...`.
        id: KeyId,
    },
    /// Let a suspended one work again.
    Activate {
        /// Its identifier, `key_...`.
        id: KeyId,
    },
    /// Revoke an API key for good; it stops working within a minute.
    Revoke {
        /// Its identifier, `key_...`.
        id: KeyId,
    },
}

fn grant(text: &str) -> Result<Grant, String> {
    Grant::try_from(text.to_owned())
}

pub(crate) async fn run(Args { verb, tenant, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, tenant, &api).await)
}

async fn carry_out(verb: Verb, tenant: Option<TenantId>, api: &Api) -> Outcome {
    let client: Client = match tenant {
        Some(tenant) => api.operator()?.acting_for(tenant),
        None => api.tenant()?,
    };
    match verb {
        Verb::Create { name, scopes, tier, allow, expires } => {
            let wanted = KeyCreate { name, scopes, expires_at: expires, tier, allow };
            api.show(&client.create_key(&wanted).await?, made)
        }
        Verb::List => api.show(&client.keys().await?, |keys| {
            let mut shown = table(["KEY", "PREFIX", "NAME", "SCOPES", "TIER", "EXPIRES", "LAST USED", "STATE"]);
            for key in keys {
                shown.add_row(row(key));
            }
            table_or(&shown, "There is no key yet.")
        }),
        Verb::Show { id } => api.show(&client.key(&id).await?, described),
        Verb::Change { id, name, scopes, tier, allow, from_anywhere, expires } => {
            let allow = if from_anywhere { Some(Vec::new()) } else { allow };
            let patch = KeyPatch { name, scopes, tier, allow, expires_at: expires };
            api.show(&client.change_key(&id, &patch).await?, described)
        }
        Verb::Regenerate { id, grace } => {
            api.show(&client.regenerate_key(&id, &KeyRegenerate { grace_hours: grace }).await?, made)
        }
        Verb::Suspend { id } => {
            api.show(&client.suspend_key(&id).await?, |_| format!("suspended {id}; it stops working within a minute"))
        }
        Verb::Activate { id } => {
            api.show(&client.activate_key(&id).await?, |_| format!("{id} works again within a minute"))
        }
        Verb::Revoke { id } => {
            client.revoke_key(&id).await?;
            api.show(&json!({ "revoked": id }), |_| format!("revoked {id}; it stops working within a minute"))
        }
    }
}

fn made(created: &KeyCreated) -> String {
    let id = &created.view.id;
    let until = created.view.old_secret_until.as_ref();
    let old = until.map(|until| format!(" The old secret works until {until}.")).unwrap_or_default();
    format!("{}\n\nKeep it now: it cannot be shown again. Its identifier is {id}.{old}", created.key)
}

fn scopes(key: &KeyView) -> String {
    let scopes: Vec<_> = key.scopes.iter().map(Grant::as_str).collect();
    scopes.join(",")
}

fn or(value: Option<&String>, otherwise: &str) -> String {
    value.cloned().unwrap_or_else(|| otherwise.to_owned())
}

fn state(key: &KeyView) -> String {
    let since = key.revoked_at.as_ref().or(key.suspended_at.as_ref());
    let cause = key.suspended_for.map(|cause| format!(" ({})", cause.as_str())).unwrap_or_default();
    match since {
        Some(since) => format!("{} {since}{cause}", key.state.as_str()),
        None => key.state.as_str().to_owned(),
    }
}

fn row(key: &KeyView) -> [String; 8] {
    [
        key.id.to_string(),
        key.prefix.clone(),
        key.name.clone(),
        scopes(key),
        key.tier.to_string(),
        or(key.expires_at.as_ref(), "never"),
        or(key.usage.last_used_at.as_ref(), "never"),
        state(key),
    ]
}

fn described(key: &KeyView) -> String {
    let (limits, usage) = (&key.limits, &key.usage);
    let from = if key.allow.is_empty() { "anywhere".to_owned() } else { key.allow.join(", ") };
    let mut shown = table(["KEY", key.id.as_str()]);
    for (what, value) in [
        ("name", key.name.clone()),
        ("prefix", key.prefix.clone()),
        ("scopes", scopes(key)),
        ("state", state(key)),
        ("tier", key.tier.to_string()),
        ("this minute", format!("{} of {}", usage.minute, limits.minute)),
        ("this hour", format!("{} of {}", usage.hour, limits.hour)),
        ("at once", format!("up to {}", limits.burst)),
        ("used from", from),
        ("last used", or(usage.last_used_at.as_ref(), "never")),
        ("wrong secrets", format!("{} within ten minutes", usage.failures)),
        ("old secret", or(key.old_secret_until.as_ref(), "does not work")),
        ("expires", or(key.expires_at.as_ref(), "never")),
        ("created", key.created_at.clone()),
    ] {
        shown.add_row([what.to_owned(), value]);
    }
    shown.trim_fmt()
}
