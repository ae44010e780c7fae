//! `trunkline key`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::keys::{KeyCreate, KeyView};
use clap::Subcommand;
use domain::{
    ids::{KeyId, TenantId},
    principal::Grant,
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
        /// When it stops working, e.g. 2030-01-01T00:00:00Z.
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// List the API keys.
    List,
    /// Revoke an API key; it stops working within a minute.
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
        Verb::Create { name, scopes, expires_at } => {
            let created = client.create_key(&KeyCreate { name, scopes, expires_at }).await?;
            api.show(&created, |created| {
                let id = &created.view.id;
                format!("{}\n\nKeep it now: it cannot be shown again. Its identifier is {id}.", created.key)
            })
        }
        Verb::List => api.show(&client.keys().await?, |keys| {
            let mut shown = table(["KEY", "PREFIX", "NAME", "SCOPES", "EXPIRES", "STATE"]);
            for key in keys {
                shown.add_row(row(key));
            }
            table_or(&shown, "There is no key yet.")
        }),
        Verb::Revoke { id } => {
            client.revoke_key(&id).await?;
            api.show(&json!({ "revoked": id }), |_| format!("revoked {id}; it stops working within a minute"))
        }
    }
}

fn row(key: &KeyView) -> [String; 6] {
    let scopes: Vec<_> = key.scopes.iter().map(Grant::as_str).collect();
    let state = key.revoked_at.as_ref().map_or_else(|| "active".to_owned(), |at| format!("revoked {at}"));
    let expires = key.expires_at.clone().unwrap_or_else(|| "never".to_owned());
    [key.id.to_string(), key.prefix.clone(), key.name.clone(), scopes.join(","), expires, state]
}
