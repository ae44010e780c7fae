//! `GET /console/rules/{id}`: when, if, then; what it did, and why something was not done.

use super::{
    Known, triggers,
    words::{RUNS, action, ended, op_words, standing, state, why},
};
use crate::{
    api::Listed,
    literal,
    page::Page,
    parts::{self, facts, kind_name, tile},
    query::address,
    visit::Visit,
};
use api::rules::{ActionBody, ActionResultView, RuleView, RunView};
use axum::extract::Query;
use domain::{
    channel::{Channel, Kind},
    ids::RuleId,
    principal::Scope,
    rule::{Ended, Send},
    webhook::filter::{Combine, Condition, Op},
};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;

/// Runs of a page.
const SHOWN: &str = "20";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    cursor: String,
}

pub(super) async fn show(Path(id): Path<RuleId>, Query(part): Query<Part>, visit: Visit) -> Answer<Page> {
    let rule: RuleView = visit.api.get(&format!("/v1/rules/{id}")).await?;
    let runs = address(&format!("/v1/rules/{id}/runs"), &[("limit", SHOWN), ("cursor", &part.cursor)]);
    let runs: Listed<RunView> = visit.api.get(&runs).await?;
    let known = Known::of(&visit).await;
    let path = format!("/rules/{id}");
    let next = runs.next.as_deref().map(|next| format!("{}#runs", visit.link(&address(&path, &[("cursor", next)]))));
    let may_write = visit.may(Scope::RulesWrite);
    let body = html! {
        (parts::crumbs(&visit, "/rules", visit.say("Rules", "القواعد")))
        div.head { h1 { bdi { (rule.name) } } (standing(&visit, rule.enabled)) }
        @if may_write {
            div.actions {
                a.button href=(visit.link(&format!("{path}/edit"))) { (visit.say("Edit", "تعديل")) }
                a.button.second href=(visit.link(&format!("{path}/try"))) { (visit.say("Try on an example", "تجربة على مثال")) }
                form method="post" action=(visit.link(&format!("{path}/{}", if rule.enabled { "disable" } else { "enable" }))) {
                    (visit.token())
                    button.button.second type="submit" {
                        @if rule.enabled { (visit.say("Disable", "تعطيل")) } @else { (visit.say("Enable", "تفعيل")) }
                    }
                }
            }
        }
        (figures(&visit, &rule))
        (told(&visit, &rule, &known))
        section aria-labelledby="runs" {
            h2 #runs tabindex="-1" { (visit.say("What it did", "ما فعلته")) }
            @if runs.items.is_empty() {
                p.quiet { (visit.say("Nothing in the last 30 days.", "لا شيء في آخر 30 يومًا.")) }
            } @else {
                (history(&visit, &rule, &runs.items))
                (parts::more(&visit, next))
            }
        }
        p.quiet { (visit.say("Changed", "تغيّرت")) " " (visit.time(&rule.updated_at)) " "
            (visit.say("by", "بواسطة")) " " bdi { (rule.updated_by) } " · " code dir="ltr" { (rule.id) } }
        @if may_write {
            section.danger-zone aria-labelledby="danger" {
                h2 #danger { (visit.say("Delete", "الحذف")) }
                a.button.danger href=(visit.link(&format!("{path}/delete"))) { (visit.say("Delete rule", "حذف القاعدة")) }
            }
        }
    };
    Ok(visit.page(&rule.name, &body))
}

fn figures(visit: &Visit, rule: &RuleView) -> Markup {
    let Some(hour) = rule.this_hour else { return html! {} };
    let most = visit.count(u64::from(rule.max_per_hour), &RUNS);
    let of = format!("{} {most}", visit.say("of at most", "من أقصى"));
    let number = |n: u32| visit.number(u64::from(n));
    html! {
        dl.tiles {
            (tile(visit.say("Runs this hour", "مرات هذه الساعة"), &number(hour.runs), Some(&of), ""))
            (tile(visit.say("Over the limit", "فوق الحد"), &number(hour.over_limit),
                Some(visit.say("not run", "لم تُنفَّذ")), if hour.over_limit > 0 { "warn" } else { "" }))
            (tile(visit.say("Would be circles", "دوران مُنع"), &number(hour.loops),
                Some(visit.say("not run", "لم تُنفَّذ")), if hour.loops > 0 { "warn" } else { "" }))
        }
    }
}

/// The rule in words.
fn told(visit: &Visit, rule: &RuleView, known: &Known) -> Markup {
    let when = html! {
        ul.plain-list { @for trigger in &rule.events { li { (triggers::name(visit, *trigger)) " " code.quiet dir="ltr" { (trigger) } } } }
    };
    let only_if = rule.filter.as_ref().map(|filter| {
        html! {
            @if filter.conditions.len() > 1 {
                p { (match filter.combine {
                    Combine::All => visit.say("All of these hold:", "تتحقق كل هذه الشروط:"),
                    Combine::Any => visit.say("One of these holds:", "يتحقق واحد من هذه الشروط:"),
                }) }
            }
            ul.plain-list { @for one in &filter.conditions { li { (condition(visit, one)) } } }
        }
    });
    let then = html! { ol.plain-list { @for one in &rule.actions { li { (does(visit, one, known)) } } } };
    let mut rows = vec![(visit.say("When", "متى"), when)];
    rows.extend(only_if.map(|only_if| (visit.say("Only if", "فقط إذا"), only_if)));
    rows.push((visit.say("Then", "عندها"), then));
    facts(&rows)
}

fn condition(visit: &Visit, condition: &Condition) -> Markup {
    html! {
        code dir="ltr" { (condition.field) } " " (op_words(visit, condition.op))
        @if !matches!(condition.op, Op::Exists | Op::Absent) { " " code dir="auto" { (literal::show(&condition.value)) } }
    }
}

fn does(visit: &Visit, act: &ActionBody, known: &Known) -> Markup {
    let link = |id: &str| {
        let (name, path) = known.named(id);
        html! { a href=(visit.link(&path)) { bdi { (name) } } }
    };
    match act {
        ActionBody::Send(send) => sends(visit, send, known),
        ActionBody::CallEndpoint(call) => html! {
            (action(visit, "call_endpoint")) " " (link(&call.endpoint_id.to_string()))
            @if let Some(kind) = &call.kind { " " (visit.say("as", "بنوع")) " " code dir="ltr" { (kind.to_string()) } }
        },
        ActionBody::Test(test) => html! {
            (action(visit, "test")) ": "
            @if let Some(id) = &test.integration_id { (link(&id.to_string())) }
            @else { (visit.say("the one that the event is about", "الذي يدور حوله الحدث")) }
        },
        ActionBody::RunSync(_) => html! { code dir="ltr" { "run_sync" } },
    }
}

fn sends(visit: &Visit, send: &Send, known: &Known) -> Markup {
    let channel = match send.channel {
        Channel::Slack => Kind::Slack,
        Channel::Teams => Kind::Teams,
        _ => Kind::Email,
    };
    html! {
        (action(visit, "send")) " · " (kind_name(visit, channel))
        @if let Some(id) = &send.integration_id {
            @let (name, path) = known.named(&id.to_string());
            " · " a href=(visit.link(&path)) { bdi { (name) } }
        }
        " " (visit.say("to", "إلى")) " " @for (place, address) in send.to.iter().enumerate() { @if place > 0 { ", " } code dir="ltr" { (address) } }
        @if let Some(subject) = &send.message.subject { p { strong dir="auto" { (subject) } } }
        pre.said dir="auto" tabindex="0" { (send.message.text) }
    }
}

fn history(visit: &Visit, rule: &RuleView, runs: &[RunView]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("When", "متى")) }
                th scope="col" { (visit.say("Result", "النتيجة")) }
                th scope="col" { (visit.say("Event", "الحدث")) }
                th scope="col" { (visit.say("What became of it", "ما آل إليه")) }
            } }
            tbody {
                @for run in runs {
                    tr {
                        th scope="row" { (visit.time(&run.started_at)) }
                        td data-label=(visit.say("Result", "النتيجة")) { (state(visit, run.state)) }
                        td data-label=(visit.say("Event", "الحدث")) {
                            (triggers::name(visit, run.event)) small.quiet { code.break dir="ltr" { (run.event_id) } }
                            @if run.depth > 1 { small.quiet { (visit.say("came of another rule", "نتج عن قاعدة أخرى")) } }
                        }
                        td {
                            ol.plain-list { @for result in &run.results { li { (became(visit, rule, result)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn became(visit: &Visit, rule: &RuleView, result: &ActionResultView) -> Markup {
    let sent = result.action == "send" && !result.made.is_empty();
    html! {
        (action(visit, &result.action)) " " (ended(visit, result.ended))
        @if result.ended == Ended::Failed {
            @if let Some((reason, fix)) = why(visit, &result.code) {
                p.reason { (reason) }
                p.fix { strong { (visit.say("What to do:", "ما العمل:")) } " " (fix) }
            } @else { " " code dir="ltr" { (result.code) } }
        }
        @if !result.detail.is_empty() { p.detail { span lang="en" dir="auto" { (result.detail) } } }
        @if sent && visit.may(Scope::CampaignsRead) {
            p { a href=(visit.link(&format!("/campaigns/{}", rule.campaign_id))) { (visit.say("What became of its messages", "ما آلت إليه رسائلها")) } }
        }
    }
}
