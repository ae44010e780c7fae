//! Part 6: what came out, what it cost, and how to go on.

use super::{
    CAMPAIGN, Demo, STACK,
    evidence::{Bus, Sample, Tally},
    expectations::Expectations,
};
use crate::commands::{api::table, campaign::counts};
use api::campaigns::TotalsView;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use std::collections::BTreeMap;
use trunkline::{
    cost::{Item, Usage, per_million},
    invocations::Invocation,
    stack::StackState,
};

/// The functions that a delivery meets. Reading how far it is costs, too, but is the reader's affair.
const ON_THE_WAY: [&str; 5] = ["enqueue", "send-email", "send-slack", "send-teams", "publish"];

/// All that `--json` prints.
#[derive(Serialize)]
pub(super) struct Report {
    ok: bool,
    pub(super) seconds_to_stack: f64,
    pub(super) seconds_of_demo: f64,
    seconds_of_campaign: f64,
    totals: TotalsView,
    outcomes: Expectations,
    samples: Vec<Sample>,
    events: BTreeMap<String, Tally>,
    cost: Cost,
    api_url: String,
    tenant: String,
    key: String,
    inbox_dir: std::path::PathBuf,
    events_log: std::path::PathBuf,
}

/// What came of the campaign.
pub(super) struct Sent {
    pub(super) totals: TotalsView,
    pub(super) seconds: f64,
    pub(super) samples: Vec<Sample>,
    pub(super) cost: Cost,
}

impl Report {
    pub(super) fn new(demo: Demo, sent: Sent, bus: &Bus) -> Self {
        let Demo { stack, expectations, .. } = demo;
        let Sent { totals, seconds, samples, cost } = sent;
        Self {
            ok: expectations.all_met(),
            seconds_to_stack: 0.0,
            seconds_of_demo: 0.0,
            seconds_of_campaign: seconds,
            totals,
            outcomes: expectations,
            samples,
            events: bus.by_type().clone(),
            cost,
            api_url: stack.api_url,
            tenant: stack.tenant,
            key: stack.key,
            inbox_dir: stack.inbox_dir,
            events_log: stack.events_log,
        }
    }

    pub(super) const fn is_as_expected(&self) -> bool {
        self.ok
    }

    /// Tells a person.
    pub(super) fn end(&self, stack: &StackState, kept: bool) {
        println!("\n6. What came of it\n");
        println!("{}", self.outcomes.table().trim_fmt());
        println!("\n{}", self.samples().trim_fmt());
        println!("\n{}", self.events().trim_fmt());
        println!("\n{}", self.cost.table().trim_fmt());
        println!("{}", self.cost.notes());
        println!("\nCampaign {CAMPAIGN}: {} in {:.1} s.", counts(&self.totals), self.seconds_of_campaign);
        println!(
            "The stack took {:.1} s, the demo {:.1} s. {}\n",
            self.seconds_to_stack,
            self.seconds_of_demo,
            self.outcomes.summary()
        );
        if kept {
            go_on(stack);
        } else {
            println!("The stack is down again. `cargo trunkline demo --keep` leaves it running.");
        }
    }

    fn samples(&self) -> Table {
        let mut shown = table(["DELIVERY", "USER", "", "PROVIDER'S ID", "SUBJECT IN THE INBOX"]);
        for it in &self.samples {
            shown.add_row([it.delivery.as_str(), &it.user, it.language, &it.provider_message_id, &it.subject]);
        }
        shown
    }

    fn events(&self) -> Table {
        let mut shown = table(["EVENT ON THE BUS", "EVENTS", "DELIVERIES"]);
        for (name, Tally { events, deliveries }) in &self.events {
            let deliveries = if *deliveries == 0 { String::new() } else { deliveries.to_string() };
            shown.add_row([name.as_str(), &events.to_string(), &deliveries]);
        }
        align_right(&mut shown, 1);
        shown
    }
}

fn align_right(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn go_on(stack: &StackState) {
    let StackState { api_url, console_url, key, tenant, .. } = stack;
    println!("Go on with it:");
    println!("  API     {api_url}");
    println!("  console {console_url}  (sign in with the key)");
    println!("  tenant  {tenant}");
    println!("  key     {key}");
    println!("  inbox   {}", stack.inbox_dir.display());
    println!("  curl -H 'Authorization: Bearer {key}' '{api_url}/v1/campaigns/{CAMPAIGN}'");
    println!("  cargo trunkline campaign deliveries {CAMPAIGN} --status failed --stack {STACK}");
    println!("End it with `cargo trunkline down --name {STACK}`.");
}

/// What the campaign cost.
#[derive(Serialize)]
pub(super) struct Cost {
    deliveries: u64,
    usage: Usage,
    bill: Vec<Item>,
    aws_calls_per_delivery: f64,
    kms_calls_per_delivery: f64,
    dollars_per_million_deliveries: f64,
    cpu_ms_per_delivery: f64,
}

impl Cost {
    /// From what was logged since the campaign began. Its own requests came first, before any look at its progress, so
    /// the first of the authorizer's invocations are theirs.
    pub(super) fn of(spent: &[Invocation], requests: u64, bus: &Bus, deliveries: u64) -> Self {
        let of = |function: &'static str| spent.iter().filter(move |it| it.function == function);
        let authorized = of("authorize").take(usize::try_from(requests).unwrap_or(usize::MAX));
        let on_the_way: Vec<_> = ON_THE_WAY.into_iter().flat_map(of).chain(authorized).collect();
        let mut usage = Usage::of(on_the_way.iter().copied());
        usage.http_requests = requests;
        let told = bus.by_type().iter().filter(|(name, _)| name.starts_with("delivery."));
        usage.events = told.map(|(_, tally)| tally.events as u64).sum();
        let cpu_us = on_the_way.iter().map(|it| it.cpu_us).sum();
        let each = |count: u64| per_million(1e-6, deliveries) * f64_of(count);
        Self {
            deliveries,
            aws_calls_per_delivery: each(usage.calls()),
            kms_calls_per_delivery: each(usage.calls_to("KMS")),
            dollars_per_million_deliveries: per_million(usage.dollars(), deliveries),
            cpu_ms_per_delivery: each(cpu_us) / 1_000.0,
            bill: usage.bill(),
            usage,
        }
    }

    fn table(&self) -> Table {
        let mut shown = table(["COST", "USED", "A DELIVERY", "$ A MILLION DELIVERIES"]);
        let deliveries = f64_of(self.deliveries).max(1.0);
        for Item { what, used, dollars } in &self.bill {
            let quantity = if used.fract() == 0.0 { format!("{used:.0}") } else { format!("{used:.3}") };
            let dollars = per_million(*dollars, self.deliveries);
            shown.add_row([(*what).to_owned(), quantity, format!("{:.4}", used / deliveries), format!("{dollars:.3}")]);
        }
        let sum = format!("{:.3}", self.dollars_per_million_deliveries);
        shown.add_row(["all".to_owned(), String::new(), String::new(), sum]);
        align_right(&mut shown, 1);
        shown
    }

    fn notes(&self) -> String {
        let calls: Vec<_> = self.usage.aws_calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
        format!(
            "AWS calls: {:.3} a delivery ({}); KMS {:.4}; CPU {:.2} ms, unoptimised build.\n\
             {} deliveries with every retry, the repeated requests and cold starts; looking at the progress left out.",
            self.aws_calls_per_delivery,
            calls.join(", "),
            self.kms_calls_per_delivery,
            self.cpu_ms_per_delivery,
            self.deliveries,
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn f64_of(count: u64) -> f64 {
    count as f64
}
