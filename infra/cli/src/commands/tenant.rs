//! `trunkline tenant`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::tenants::TenantCreate;
use clap::Subcommand;
use domain::ids::TenantId;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// Create a tenant.
    Create {
        /// Its identifier for good: lowercase letters, digits and hyphens.
        id: TenantId,
        /// Its name for people; its identifier when left out.
        #[arg(long)]
        name: Option<String>,
    },
    /// List the tenants.
    List,
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let operator = api.operator()?;
    match verb {
        Verb::Create { id, name } => {
            let name = name.unwrap_or_else(|| id.to_string());
            let created = operator.create_tenant(&TenantCreate { id, name }).await?;
            api.show(&created, |tenant| {
                let id = &tenant.id;
                format!("created {id}; its first key: trunkline key create --tenant {id} --name first --scopes '*'")
            })
        }
        Verb::List => api.show(&operator.tenants().await?, |tenants| {
            let mut shown = table(["TENANT", "NAME", "CREATED"]);
            for tenant in tenants {
                shown.add_row([tenant.id.as_str(), &tenant.name, &tenant.created_at]);
            }
            table_or(&shown, "There is no tenant yet.")
        }),
    }
}
