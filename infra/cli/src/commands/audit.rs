//! `trunkline audit`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    api: Api,
}

pub(crate) async fn run(Args { api }: Args) -> Outcome {
    api::ended(api.json, carry_out(&api).await)
}

async fn carry_out(api: &Api) -> Outcome {
    api.show(&api.tenant()?.audit().await?, |records| {
        let mut shown = table(["#", "WHEN", "WHO", "WHAT", "TARGET", "DETAIL"]);
        for it in records {
            let seq = it.seq.to_string();
            shown.add_row([seq.as_str(), &it.at, &it.principal, &it.action, &it.target, &it.detail]);
        }
        table_or(&shown, "Nothing was changed yet.")
    })
}
