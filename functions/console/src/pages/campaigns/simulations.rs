//! The phishing simulations of a campaign on Microsoft 365.

use super::words;
use crate::{
    api::Listed,
    language::Counted,
    parts::{badge, facts},
    visit::Visit,
};
use api::campaigns::SimulationView;
use domain::simulation::SimulationStatus;
use maud::{Markup, html};

const TARGETS: Counted = Counted {
    one: "{n} target",
    other: "{n} targets",
    arabic: ["لا مستهدفين", "مستهدف واحد", "مستهدفان", "{n} مستهدفين", "{n} مستهدفًا", "{n} مستهدف"],
};
const DAYS: Counted = Counted {
    one: "{n} day",
    other: "{n} days",
    arabic: ["أقل من يوم", "يوم واحد", "يومان", "{n} أيام", "{n} يومًا", "{n} يوم"],
};

fn status(visit: &Visit, status: SimulationStatus) -> Markup {
    let (tone, words) = match status {
        SimulationStatus::Unknown => ("warn", visit.say("Unknown", "غير معلومة")),
        SimulationStatus::Scheduled => ("off", visit.say("Scheduled", "مجدولة")),
        SimulationStatus::Running => ("good", visit.say("Running", "جارية")),
        SimulationStatus::Succeeded => ("good", visit.say("Ended as planned", "انتهت كما خُطط")),
        SimulationStatus::Failed => ("bad", visit.say("Failed", "فشلت")),
        SimulationStatus::Cancelled => ("off", visit.say("Stopped at the provider", "أوقفت لدى الموفّر")),
        SimulationStatus::Excluded => ("off", visit.say("Out of the reports", "خارج التقارير")),
        SimulationStatus::GivenUp => ("warn", visit.say("No longer watched", "لم تعد تُتابع")),
    };
    badge(tone, words)
}

/// All of them with what their targets did; nothing where there are none.
pub(super) fn section(visit: &Visit, simulations: &Listed<SimulationView>) -> Markup {
    html! {
        @if !simulations.items.is_empty() {
            section aria-labelledby="simulations" {
                h2 #simulations { (visit.say("Simulations", "المحاكاة")) }
                @for simulation in &simulations.items { (card(visit, simulation)) }
                @if simulations.next.is_some() {
                    p.quiet { (visit.say("There are more; the API lists them all.", "هناك المزيد؛ تسرده API كله.")) }
                }
            }
        }
    }
}

fn card(visit: &Visit, simulation: &SimulationView) -> Markup {
    let link = visit.link(&format!("/integrations/{}", simulation.integration_id));
    let runs = html! {
        (visit.time(&simulation.launch_at)) " · " (visit.count(u64::from(simulation.duration_days), &DAYS))
    };
    let looked = html! {
        (visit.time(&simulation.updated_at))
        @if let Some(next) = &simulation.next_look_at { " · " (visit.say("next", "التالي")) " " (visit.time(next)) }
    };
    let rows = [
        (visit.say("Goes to", "إلى"), html! { (visit.count(u64::from(simulation.targets), &TARGETS)) }),
        (visit.say("Begins, and runs for", "تبدأ، وتستمر"), runs),
        (visit.say("Looked at", "آخر متابعة"), looked),
        (
            visit.say("Integration", "التكامل"),
            html! { a href=(link) { code dir="ltr" { (simulation.integration_id) } } },
        ),
        (
            visit.say("Id at the provider", "المعرّف لدى الموفّر"),
            html! { code.break dir="ltr" { (simulation.id.as_deref().unwrap_or("–")) } },
        ),
    ];
    html! {
        article.card {
            div.head {
                h3 { bdi { (simulation.name) } }
                (status(visit, simulation.status))
                @if simulation.sandbox { (badge("warn", visit.say("Test users only", "مستخدمو التجربة فقط"))) }
            }
            @if let Some(error) = &simulation.error { (words::trouble(visit, error)) }
            @if !simulation.counts.is_empty() {
                ul.tags { @for (kind, n) in &simulation.counts {
                    li { (words::report(visit, *kind)) " " strong { (visit.number(u64::from(*n))) } }
                } }
            }
            (facts(&rows))
        }
    }
}
