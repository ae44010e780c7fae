//! `trunkline suppressions`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::suppressions::{SuppressionCreate, SuppressionView};
use clap::Subcommand;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// List the addresses to which nothing is sent.
    List,
    /// Send nothing to an address any more.
    Add {
        /// The e-mail address.
        address: String,
        /// Why, for people.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Send to an address again. See that the provider's own list lets it go, too.
    Remove {
        /// The e-mail address.
        address: String,
    },
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::List => api.show(&client.suppressions().await?, |all| listed(all)),
        Verb::Add { address, note } => {
            let entry = client.suppress(&SuppressionCreate { address, note }).await?;
            api.show(&entry, |entry| format!("nothing is sent to {} any more ({})", entry.address, reason(entry)))
        }
        Verb::Remove { address } => {
            client.unsuppress(&address).await?;
            api.show(&serde_json::json!({"removed": address}), |_| format!("{address} may be written to again"))
        }
    }
}

fn reason(entry: &SuppressionView) -> String {
    serde_json::to_value(entry.reason).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

fn listed(all: &[SuppressionView]) -> String {
    let mut shown = table(["ADDRESS", "REASON", "SINCE", "CAMPAIGN", "DETAIL"]);
    for it in all {
        let campaign = it.campaign_id.as_ref().map(ToString::to_string).unwrap_or_default();
        shown.add_row([it.address.as_str(), &reason(it), &it.at, &campaign, &it.detail]);
    }
    table_or(&shown, "No address is suppressed.")
}
