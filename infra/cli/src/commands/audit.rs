//! `trunkline audit`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::audit::{AuditVerdict, AuditView};
use clap::Subcommand;
use domain::ids::TenantId;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Act as the operator for this tenant, which may be one that is erased.
    #[arg(long, global = true)]
    tenant: Option<TenantId>,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// List the records, oldest first (what `audit` alone does).
    List,
    /// Check that no record was altered or deleted; exits 1 if one was.
    Verify,
}

pub(crate) async fn run(Args { verb, tenant, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb.unwrap_or(Verb::List), tenant, &api).await)
}

async fn carry_out(verb: Verb, tenant: Option<TenantId>, api: &Api) -> Outcome {
    match verb {
        Verb::List => {
            let records = match tenant {
                Some(tenant) => api.operator()?.audit_of(&tenant).await?,
                None => api.tenant()?.audit().await?,
            };
            api.show(&records, |records| listed(records))
        }
        Verb::Verify => {
            let verdict = match tenant {
                Some(tenant) => api.operator()?.verify_audit_of(&tenant).await?,
                None => api.tenant()?.verify_audit().await?,
            };
            api.show(&verdict, told)?;
            Ok(if verdict.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn listed(records: &[AuditView]) -> String {
    let mut shown = table(["#", "WHEN", "WHO", "WHAT", "TARGET", "DETAIL"]);
    for it in records {
        let seq = it.seq.to_string();
        shown.add_row([seq.as_str(), &it.at, &it.principal, &it.action, &it.target, &it.detail]);
    }
    table_or(&shown, "Nothing was changed yet.")
}

fn told(verdict: &AuditVerdict) -> String {
    let records = match verdict.records {
        1 => "1 record is".to_owned(),
        records => format!("{records} records are"),
    };
    let Some(broken) = &verdict.broken else {
        let head = verdict.head.as_ref().map(|head| format!("; the newest is {} {}", head.seq, head.hash));
        return format!("The audit trail is whole: {records} what was written{}.", head.unwrap_or_default());
    };
    format!(
        "The audit trail is broken ({}). {}\nBefore it, {records} what was written. What stands from record {} on proves \
         nothing: compare it with a backup of the table, and find out who wrote to it.",
        broken.code, broken.reason, broken.seq
    )
}
