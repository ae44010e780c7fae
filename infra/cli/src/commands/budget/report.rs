//! What a person sees of it, and `--json`.

use crate::commands::api::table;
use comfy_table::{Cell, CellAlignment, Color, Table};
use serde::Serialize;
use trunkline::{
    budget::{
        Artifact,
        figures::{Figures, each},
        lines::{Line, Measured, lines},
    },
    cost::per_million,
};

/// All that `--json` prints.
#[derive(Serialize)]
pub(super) struct Report {
    ok: bool,
    budget: Vec<Line>,
    many: Figures,
    one: Figures,
    /// For information: far apart, so that no cache helps.
    seldom: Figures,
    many_events: Figures,
    one_event: Figures,
    artifacts: Vec<Artifact>,
}

impl Report {
    pub(super) fn new(artifacts: Vec<Artifact>, messages: [Figures; 3], events: [Figures; 2], key_calls: f64) -> Self {
        let ([many, one, seldom], [many_events, one_event]) = (messages, events);
        let events = Measured { many: &many_events, one: &one_event };
        let budget = lines(&artifacts, Measured { many: &many, one: &one }, events, key_calls);
        let ok = budget.iter().all(|line| line.ok);
        Self { ok, budget, many, one, seldom, many_events, one_event, artifacts }
    }

    pub(super) const fn is_met(&self) -> bool {
        self.ok
    }

    pub(super) fn print(&self) {
        println!("\n{}", self.budget().trim_fmt());
        println!("\n{}", self.bills().trim_fmt());
        for (title, figures) in self.loads() {
            println!("\n{title}: {} deliveries\n{}", figures.deliveries, functions(figures).trim_fmt());
        }
        let polled = self.loads().map(|(_, figures)| format!("{:.3}", figures.poller_calls_per_delivery));
        println!(
            "\nCounts are of all rounds, CPU time is the median round's. SQS is asked {} times more per delivery by Lambda's \
             pollers, which is in the cost.",
            polled.join(", "),
        );
    }

    fn loads(&self) -> [(&'static str, &Figures); 5] {
        [
            ("100 a request", &self.many),
            ("1 a request", &self.one),
            ("1 a request, far apart", &self.seldom),
            ("100 events a request", &self.many_events),
            ("1 event a request", &self.one_event),
        ]
    }

    fn budget(&self) -> Table {
        let mut shown = table(["FIGURE", "BUDGET", "MEASURED", "UNIT", ""]);
        for Line { figure, unit, budget, measured, ok } in &self.budget {
            let verdict = if *ok { Cell::new("ok").fg(Color::Green) } else { Cell::new("OVER").fg(Color::Red) };
            let (budget, measured) = (format!("{budget:.2}"), format!("{measured:.4}"));
            shown.add_row([Cell::new(figure), Cell::new(budget), Cell::new(measured), Cell::new(unit), verdict]);
        }
        align_right(&mut shown, 1..3);
        shown
    }

    /// Dollars a million deliveries, by what is paid for.
    fn bills(&self) -> Table {
        let mut shown =
            table(["$ A MILLION DELIVERIES", "100 A REQUEST", "1 A REQUEST", "1, FAR APART", "100 EVENTS", "1 EVENT"]);
        let dollars = |figures: &Figures, dollars| format!("{:.4}", per_million(dollars, figures.deliveries));
        for (place, item) in self.many.bill.iter().enumerate() {
            let mut row = vec![item.what.to_owned()];
            row.extend(self.loads().map(|(_, figures)| {
                figures.bill.get(place).map_or_else(String::new, |item| dollars(figures, item.dollars))
            }));
            shown.add_row(row);
        }
        let mut all = vec!["all".to_owned()];
        all.extend(self.loads().map(|(_, figures)| format!("{:.4}", figures.dollars_per_million)));
        shown.add_row(all);
        align_right(&mut shown, 1..6);
        shown
    }
}

fn functions(figures: &Figures) -> Table {
    let heading =
        ["FUNCTION", "RUNS", "COLD", "CPU MS A RUN", "CPU MS A DELIVERY", "READ", "WRITE", "LOG KB", "AWS CALLS"];
    let mut shown = table(heading);
    for part in &figures.functions {
        let calls: Vec<_> = part.aws_calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
        shown.add_row([
            part.function.clone(),
            part.invocations.to_string(),
            part.cold_starts.to_string(),
            format!("{:.3}", each(part.cpu_us, part.invocations) / 1_000.0),
            format!("{:.4}", part.cpu_us_per_delivery / 1_000.0),
            format!("{:.1}", part.read_units),
            format!("{:.1}", part.write_units),
            (part.log_bytes / 1_000).to_string(),
            calls.join(", "),
        ]);
    }
    align_right(&mut shown, 1..8);
    shown
}

fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for (number, column) in table.column_iter_mut().enumerate() {
        if columns.contains(&number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
