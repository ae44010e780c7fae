//! `trunkline tenant`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::tenants::{ErasureStep, ErasureView, TenantCreate};
use clap::Subcommand;
use domain::ids::TenantId;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::{
    io::{self, Write as _},
    time::Duration,
};
use trunkline::client::Client;

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
    /// Erase a tenant for good: keys, secrets, data, index entries. Its audit trail stays as the proof. Takes at least five
    /// minutes; when it was interrupted, the same command goes on.
    Delete {
        /// Its identifier, which is never given again.
        id: TenantId,
        /// Do not ask for the identifier once more.
        #[arg(long)]
        yes: bool,
    },
}

/// How long to wait between two looks at whether everything that was under way has ended.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

/// Whether a person types the identifier once more.
fn confirmed(id: &TenantId) -> io::Result<bool> {
    eprint!("This erases the tenant {id} with all its data for good. Type its identifier to go on: ");
    io::stderr().flush()?;
    let mut typed = String::new();
    io::stdin().read_line(&mut typed)?;
    Ok(typed.trim() == id.as_str())
}

/// Asks for piece after piece until it is done; the last answer, and how many records were deleted.
async fn erase(operator: &Client, id: &TenantId) -> Result<(ErasureView, usize), Box<dyn std::error::Error>> {
    let bar = ProgressBar::new_spinner().with_prefix(format!("erasing {id}"));
    bar.set_style(ProgressStyle::with_template("{spinner} {prefix} {elapsed:.dim} {wide_msg:.dim}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut records = 0;
    loop {
        let view = match operator.erase_tenant(id).await {
            Ok(view) => view,
            // Every piece may be repeated.
            Err(error) if error.is_passing() => {
                bar.set_message(format!("{error}; tried again"));
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        records += view.erased;
        match (view.step, &view.deletes_from) {
            _ if view.done => {
                bar.finish_and_clear();
                return Ok((view, records));
            }
            (ErasureStep::Waiting, Some(from)) => {
                bar.set_message(format!("{records} records; what was under way ends, the data goes at {from}"));
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            _ => bar.set_message(format!("{records} records")),
        }
    }
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
            let mut shown = table(["TENANT", "NAME", "STATE", "CREATED"]);
            for tenant in tenants {
                shown.add_row([tenant.id.as_str(), &tenant.name, tenant.state.as_str(), &tenant.created_at]);
            }
            table_or(&shown, "There is no tenant yet.")
        }),
        Verb::Delete { id, yes } => {
            if !yes && !confirmed(&id)? {
                return Err("the identifiers differ; nothing was erased".into());
            }
            let (erased, records) = erase(&operator, &id).await?;
            let shown = json!({"erased": erased, "records": records});
            api.show(&shown, |_| {
                let head = erased.proof.as_ref().map(|head| format!("{} {}", head.seq, head.hash)).unwrap_or_default();
                format!(
                    "erased {id}: {records} records. The proof is its audit trail, whose last record is\n  {head}\nKeep \
                     this line elsewhere. To check: trunkline audit verify --tenant {id}"
                )
            })
        }
    }
}
