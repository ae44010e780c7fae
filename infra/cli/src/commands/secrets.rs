//! `trunkline secrets`

use super::{
    Outcome,
    api::{self, Api},
};
use ::api::tenants::{NotReEncrypted, ReEncrypt};
use clap::Subcommand;
use domain::{ids::TenantId, tenant::TenantState, time::Timestamp};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::{
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
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
    /// Encrypt the data keys of all secrets anew under the deployment's present KMS key; no secret is opened. Exits 1 if some
    /// could not be.
    ReEncrypt {
        /// Only of this tenant; of all when left out.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Only those last encrypted before this time, e.g. 2030-01-01T00:00:00Z; now when left out. With the time that an
        /// interrupted walk named, it is taken up again.
        #[arg(long, value_name = "TIME")]
        older_than: Option<String>,
    },
}

/// How long to wait when the key service is throttled, and how often.
const PAUSE: Duration = Duration::from_secs(2);
const TRIES: u32 = 10;

/// What a walk did.
#[derive(Default, Serialize)]
struct Walk {
    tenants: usize,
    re_encrypted: usize,
    failed: Vec<Failed>,
}

/// A version that could not be encrypted anew.
#[derive(Serialize)]
struct Failed {
    tenant: TenantId,
    #[serde(flatten)]
    version: NotReEncrypted,
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(Verb::ReEncrypt { tenant, older_than }: Verb, api: &Api) -> Outcome {
    let operator = api.operator()?;
    let tenants = if let Some(tenant) = tenant {
        vec![tenant]
    } else {
        let active = operator.tenants().await?.into_iter().filter(|tenant| tenant.state == TenantState::Active);
        active.map(|tenant| tenant.id).collect()
    };
    let older_than = older_than.unwrap_or_else(|| now().to_rfc3339());
    let walk = walk(&operator, tenants, &older_than).await.map_err(|error| {
        format!("{error}\nWhat was done stays done. To go on: trunkline secrets re-encrypt --older-than {older_than}")
    })?;
    api.show(&walk, told)?;
    Ok(if walk.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::disallowed_methods, reason = "a walk begins when a person starts it")]
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

async fn walk(operator: &Client, tenants: Vec<TenantId>, older_than: &str) -> Result<Walk, Box<dyn std::error::Error>> {
    let bar = ProgressBar::new(tenants.len() as u64).with_prefix("re-encrypting");
    bar.set_style(ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} tenants {wide_msg:.dim}")?);
    let mut walk = Walk { tenants: tenants.len(), ..Walk::default() };
    for tenant in bar.wrap_iter(tenants.into_iter()) {
        let mut wanted = ReEncrypt { cursor: None, older_than: Some(older_than.to_owned()) };
        loop {
            let part = patiently(operator, &tenant, &wanted).await?;
            walk.re_encrypted += part.re_encrypted;
            let failed = part.failed.into_iter().map(|version| Failed { tenant: tenant.clone(), version });
            walk.failed.extend(failed);
            bar.set_message(format!("{} versions; {tenant}: {} left", walk.re_encrypted, part.left));
            wanted.cursor = part.next;
            if wanted.cursor.is_none() {
                break;
            }
        }
    }
    bar.finish_and_clear();
    Ok(walk)
}

/// Asks again while the key service is throttled.
async fn patiently(
    operator: &Client,
    tenant: &TenantId,
    wanted: &ReEncrypt,
) -> Result<::api::tenants::ReEncryption, trunkline::client::Error> {
    let mut tries = 1;
    loop {
        match operator.re_encrypt(tenant, wanted).await {
            Err(error) if error.is_passing() && tries < TRIES => tries += 1,
            answer => return answer,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn told(walk: &Walk) -> String {
    let mut lines =
        vec![format!("{} versions of secrets of {} tenants were re-encrypted", walk.re_encrypted, walk.tenants)];
    for Failed { tenant, version: NotReEncrypted { integration_id, version, reason } } in &walk.failed {
        lines.push(format!("not re-encrypted: {tenant} {integration_id} version {version}: {reason}"));
    }
    if !walk.failed.is_empty() {
        lines
            .push("Those can be opened by nobody: have them entered again (PUT /v1/integrations/{id}/secrets).".into());
    }
    lines.join("\n")
}
