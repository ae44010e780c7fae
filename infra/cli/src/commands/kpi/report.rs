//! What a person sees of it, and `--json`.

use super::{
    audience::{API, SMTP},
    bench::{Asked, Sent, ToEvent},
    console::FirstPage,
    events::Arrived,
};
use crate::commands::api::table;
use comfy_table::{Cell, CellAlignment, Color};
use domain::channel::Channel;
use serde::Serialize;
use std::{env::consts, thread};
use trunkline::kpi::{Line, Target};

/// The targets of the specification (M6, section 9). It names none for Teams, which is held to Slack's.
const PREFLIGHT: Target = Target::AtLeast(99.0);
const TEST_MS: Target = Target::AtMost(3_000.0);
const EMAIL_FAILED: Target = Target::Below(1.0);
const CHAT_FAILED: Target = Target::Below(0.5);
const EVENT_MS: Target = Target::AtMost(2_000.0);
const ROUND_TRIP_MS: Target = Target::AtMost(2_000.0);
const FIRST_PAGE_MS: Target = Target::AtMost(2_000.0);

/// What was found.
pub(super) struct Measured {
    pub(super) console: FirstPage,
    pub(super) tests: Asked,
    pub(super) preflights: Asked,
    pub(super) steady: Vec<Sent>,
    pub(super) campaigns: Vec<Sent>,
    pub(super) events: Arrived,
}

/// All that `--json` prints.
#[derive(Serialize)]
pub(super) struct Report {
    ok: bool,
    pub(super) machine: String,
    pub(super) lines: Vec<Line>,
}

impl Report {
    pub(super) fn new(measured: &Measured, release: bool) -> Self {
        let Measured { console, tests, preflights, steady, campaigns, events } = measured;
        let mut lines = vec![
            Line::share("Preflight passes", PREFLIGHT, preflights.yes, preflights.times_ms.len()),
            Line::share("Test Connection passes", Target::None, tests.yes, tests.times_ms.len()),
        ];
        lines.extend(Line::times("Test Connection", TEST_MS, &tests.times_ms));
        let failed = |name: &str, target, which: &dyn Fn(&Sent) -> bool| {
            let chosen = steady.iter().chain(campaigns).filter(|it| which(it));
            let (lost, all) = chosen.fold((0, 0), |(lost, all), it| (lost + not_sent(it), all + total(it)));
            Line::share(format!("Deliveries that failed, {name}"), target, lost, all)
        };
        lines.push(failed("e-mail", EMAIL_FAILED, &|it| it.way.channel == Channel::Email));
        lines.push(failed(SMTP.name, Target::None, &|it| it.way.name == SMTP.name));
        lines.push(failed(API.name, Target::None, &|it| it.way.name == API.name));
        lines.push(failed("Slack", CHAT_FAILED, &|it| it.way.channel == Channel::Slack));
        lines.push(failed("Teams", CHAT_FAILED, &|it| it.way.channel == Channel::Teams));
        let taken: fn(&ToEvent) -> &Vec<f64> = |it| &it.taken;
        let written: fn(&ToEvent) -> &Vec<f64> = |it| &it.written;
        for (figure, target, load, from) in [
            ("Provider's yes to its event, one a request", ROUND_TRIP_MS, steady, taken),
            ("Result written to its event, one a request", ROUND_TRIP_MS, steady, written),
            ("Result written to its event, campaigns", ROUND_TRIP_MS, campaigns, written),
            ("Provider's yes to its event, campaigns", Target::None, campaigns, taken),
            ("Request to its event, one a request", Target::None, steady, |it| &it.request),
        ] {
            let times: Vec<f64> = load.iter().flat_map(|it| from(&it.to_event_ms)).copied().collect();
            lines.extend(Line::times(figure, target, &times));
        }
        lines.extend(Line::times("Event to its receiver, one a request", EVENT_MS, &events.one_ms));
        lines.extend(Line::times("Event to its receiver, 100 a request", Target::None, &events.many_ms));
        // There is one fresh deployment to be measured.
        let [cold, _] =
            Line::times("Console, key to whole first page, after a deployment", FIRST_PAGE_MS, &console.cold_ms);
        lines.push(cold);
        lines.extend(Line::times("Console, key to whole first page", FIRST_PAGE_MS, &console.warm_ms));
        let profile = if release { "release" } else { "debug" };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let machine = format!("{cores} cores {}, {profile} builds, emulated AWS", consts::ARCH);
        Self { ok: lines.iter().all(|line| line.ok), machine, lines }
    }

    pub(super) const fn is_met(&self) -> bool {
        self.ok
    }

    pub(super) fn print(&self) {
        let mut shown = table(["INDICATOR", "OF", "TARGET", "MEASURED", ""]);
        for line in &self.lines {
            let verdict = match (line.target, line.ok) {
                (Target::None, _) => Cell::new(""),
                (_, true) => Cell::new("met").fg(Color::Green),
                (_, false) => Cell::new("MISSED").fg(Color::Red),
            };
            let (target, found) = (line.target.words(line.unit), line.found());
            shown.add_row([
                Cell::new(&line.figure),
                Cell::new(line.count),
                Cell::new(target),
                Cell::new(found),
                verdict,
            ]);
        }
        for (number, column) in shown.column_iter_mut().enumerate() {
            if (1..4).contains(&number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        println!("\n{}\n\nMeasured on {}.", shown.trim_fmt(), self.machine);
    }
}

fn total(sent: &Sent) -> usize {
    usize::try_from(sent.totals.total).unwrap_or(usize::MAX)
}

/// Whatever did not end well, whether it was refused, given up or left in doubt.
fn not_sent(sent: &Sent) -> usize {
    usize::try_from(sent.totals.total.saturating_sub(sent.totals.sent)).unwrap_or(usize::MAX)
}
