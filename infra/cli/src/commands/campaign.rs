//! `trunkline campaign`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::campaigns::{CampaignView, DeliveryView, ResendRequest, SimulationView, TotalsView};
use clap::Subcommand;
use comfy_table::{Cell, Color};
use domain::{
    bundle::DeliveryStatus,
    ids::{CampaignId, DeliveryId},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{process::ExitCode, time::Duration};
use tokio::time::sleep;
use trunkline::client::{self, Client, DeliveryQuery};

/// How often a campaign that is watched is looked at. Counting it costs read units, so not oftener than it matters.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// List the campaigns.
    List,
    /// How far a campaign is.
    Show {
        /// Which.
        id: CampaignId,
        /// Go on until nothing more happens by itself.
        #[arg(long)]
        watch: bool,
    },
    /// List its deliveries.
    Deliveries {
        /// Which campaign.
        id: CampaignId,
        /// Only those with this status, e.g. `failed`.
        #[arg(long)]
        status: Option<DeliveryStatus>,
        /// Only this one, with all its attempts.
        #[arg(long, value_name = "ID", conflicts_with = "status")]
        delivery: Option<DeliveryId>,
    },
    /// Its phishing simulations: where each stands, and what its targets did.
    Simulations {
        /// Which campaign.
        id: CampaignId,
    },
    /// What failed and why, as CSV.
    Errors {
        /// Which.
        id: CampaignId,
    },
    /// Send again what failed; what was sent stays sent.
    Resend {
        /// Which.
        id: CampaignId,
        /// `failed`, `dead`, `unknown`; `failed,dead` when left out.
        #[arg(long, value_delimiter = ',')]
        status: Vec<DeliveryStatus>,
    },
    /// Hold what is not sent yet.
    Pause {
        /// Which.
        id: CampaignId,
    },
    /// Go on with what was held.
    Resume {
        /// Which.
        id: CampaignId,
    },
    /// Never send what is not sent yet.
    Cancel {
        /// Which.
        id: CampaignId,
    },
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::List => api.show(&client.campaigns().await?, |all| {
            let mut shown = table(["CAMPAIGN", "STATE", "CREATED"]);
            for it in all {
                shown.add_row([it.id.as_str(), it.state.as_str(), &it.created_at]);
            }
            table_or(&shown, "There is no campaign yet.")
        }),
        Verb::Show { id, watch: false } => api.show(&client.campaign(&id).await?, shown),
        Verb::Show { id, watch: true } => api.show(&watched(&client, &id, |_| false).await?, shown),
        Verb::Deliveries { id, delivery: Some(delivery), .. } => {
            api.show(&client.delivery(&id, &delivery).await?, attempts)
        }
        Verb::Deliveries { id, status, .. } => {
            api.show(&client.deliveries(&id, DeliveryQuery { status }).await?, |all| deliveries(all))
        }
        Verb::Simulations { id } => api.show(&client.simulations(&id).await?, |all| simulations(all)),
        Verb::Errors { id } => {
            let csv = client.errors_csv(&id).await?;
            if api.json {
                println!("{}", serde_json::json!({ "csv": csv.trim_start_matches('\u{feff}') }));
            } else {
                print!("{csv}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::Resend { id, status } => {
            let status = if status.is_empty() { vec![DeliveryStatus::Failed, DeliveryStatus::Dead] } else { status };
            let answer = client.resend(&id, &ResendRequest { status }).await?;
            api.show(&answer, |answer| format!("{} queued again", answer.resent))
        }
        Verb::Pause { id } => api.show(&client.pause(&id).await?, shown),
        Verb::Resume { id } => api.show(&client.resume(&id).await?, shown),
        Verb::Cancel { id } => api.show(&client.cancel(&id).await?, shown),
    }
}

/// Looks at a campaign until nothing more happens by itself, or until `enough`; on a terminal, with a bar.
pub(super) async fn watched(
    client: &Client,
    id: &CampaignId,
    mut enough: impl FnMut(&TotalsView) -> bool,
) -> Result<CampaignView, client::Error> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{elapsed:>4.dim} {bar:32} {pos}/{len} settled  {msg:.dim}") {
        bar.set_style(style);
    }
    loop {
        let campaign = client.campaign(id).await?;
        let totals = campaign.totals.clone().unwrap_or_default();
        bar.set_length(totals.total);
        bar.set_position(settled(&totals));
        bar.set_message(counts(&totals));
        if (totals.settled && totals.total > 0) || enough(&totals) {
            bar.finish_and_clear();
            return Ok(campaign);
        }
        sleep(LOOK_AGAIN).await;
    }
}

const fn settled(totals: &TotalsView) -> u64 {
    totals.sent + totals.failed + totals.dead + totals.unknown + totals.cancelled
}

/// Every status with its count.
fn by_status(totals: &TotalsView) -> [(DeliveryStatus, u64); 9] {
    let TotalsView { queued, sending, sent, retrying, failed, dead, unknown, held, cancelled, .. } = *totals;
    [
        (DeliveryStatus::Queued, queued),
        (DeliveryStatus::Sending, sending),
        (DeliveryStatus::Sent, sent),
        (DeliveryStatus::Retrying, retrying),
        (DeliveryStatus::Failed, failed),
        (DeliveryStatus::Dead, dead),
        (DeliveryStatus::Unknown, unknown),
        (DeliveryStatus::Held, held),
        (DeliveryStatus::Cancelled, cancelled),
    ]
}

/// The statuses there are, in one line.
pub(super) fn counts(totals: &TotalsView) -> String {
    let present = by_status(totals).into_iter().filter(|(_, count)| *count > 0);
    present.map(|(status, count)| format!("{} {count}", status.as_str())).collect::<Vec<_>>().join(", ")
}

fn shown(campaign: &CampaignView) -> String {
    let head = format!("{} ({}), since {}", campaign.id, campaign.state.as_str(), campaign.created_at);
    let Some(totals) = &campaign.totals else { return head };
    let mut rows = table(["STATUS", "DELIVERIES"]);
    for (status, count) in by_status(totals).into_iter().filter(|(_, count)| *count > 0) {
        rows.add_row([coloured(status), Cell::new(count)]);
    }
    rows.add_row([Cell::new("all"), Cell::new(totals.total)]);
    let reported: Vec<String> =
        campaign.feedback.iter().flatten().map(|(kind, count)| format!("{kind} {count}")).collect();
    let reported = if reported.is_empty() { String::new() } else { format!("\nreported: {}", reported.join(", ")) };
    format!("{head}\n{}{reported}", rows.trim_fmt())
}

fn coloured(status: DeliveryStatus) -> Cell {
    let cell = Cell::new(status.as_str());
    match status {
        DeliveryStatus::Sent => cell.fg(Color::Green),
        DeliveryStatus::Failed | DeliveryStatus::Dead | DeliveryStatus::Unknown => cell.fg(Color::Red),
        DeliveryStatus::Retrying | DeliveryStatus::Held => cell.fg(Color::Yellow),
        DeliveryStatus::Queued | DeliveryStatus::Sending | DeliveryStatus::Cancelled => cell,
    }
}

fn deliveries(all: &[DeliveryView]) -> String {
    let mut rows = table(["DELIVERY", "USER", "ADDRESS", "CHANNEL", "INTEGRATION", "STATUS", "PROVIDER'S ID OR ERROR"]);
    for it in all {
        let words = match (&it.error, &it.provider_message_id) {
            (Some(error), _) => format!("{}: {}", error.code, error.detail),
            (None, id) => id.clone().unwrap_or_default(),
        };
        rows.add_row([
            Cell::new(&it.id),
            Cell::new(&it.user_id),
            Cell::new(&it.address),
            Cell::new(it.channel),
            Cell::new(&it.integration_id),
            coloured(it.status),
            Cell::new(words),
        ]);
    }
    table_or(&rows, "There are none.")
}

fn simulations(all: &[SimulationView]) -> String {
    let mut rows = table(["SIMULATION", "STATUS", "TARGETS", "BEGINS", "DAYS", "WHAT THEY DID", "ERROR"]);
    for it in all {
        let counts = it.counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ");
        let error = it.error.as_ref().map(|error| format!("{}: {}", error.code, error.detail)).unwrap_or_default();
        rows.add_row([
            it.name.clone(),
            it.status.as_str().to_owned(),
            it.targets.to_string(),
            it.launch_at.clone(),
            it.duration_days.to_string(),
            counts,
            error,
        ]);
    }
    table_or(&rows, "It has no simulations.")
}

fn attempts(delivery: &DeliveryView) -> String {
    let mut rows = table(["ATTEMPT", "WHEN", "THROUGH", "RESULT", "CODE", "THE PROVIDER'S WORDS"]);
    for it in &delivery.attempts {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let through = it.integration_id.to_string();
        let row = [it.number.to_string(), it.at.clone(), through, it.result.clone(), text(&it.code), text(&it.detail)];
        rows.add_row(row);
    }
    let head = format!("{} to {} is {}", delivery.id, delivery.address, delivery.status.as_str());
    let head = match &delivery.error {
        Some(error) => format!("{head}\n{}\n-> {}", error.reason, error.fix),
        None => head,
    };
    let reported =
        delivery.feedback.iter().map(|it| format!("{} {} {}", it.at, it.kind, it.detail).trim_end().to_owned());
    let lines: Vec<String> = [head, rows.trim_fmt()].into_iter().chain(reported).collect();
    lines.join("\n")
}
