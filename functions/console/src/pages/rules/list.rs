//! `GET /console/rules`.

use super::{
    triggers,
    words::{RULES, standing, state},
};
use crate::{api::Listed, page::Page, parts, query::address, visit::Visit};
use api::rules::{RuleView, RunView};
use axum::extract::Query;
use domain::principal::Scope;
use maud::{Markup, html};
use runtime::http::Answer;
use serde::Deserialize;

/// Rules of a page: for each, the page asks what it did last and how often in this hour.
const SHOWN: usize = 25;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    from: usize,
}

/// A rule with what it did lately.
struct Lately {
    rule: RuleView,
    last: Option<RunView>,
}

pub(super) async fn list(visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let all: Listed<RuleView> = visit.api.get("/v1/rules").await?;
    let count = all.items.len();
    let mut shown = Vec::new();
    for rule in all.items.into_iter().skip(part.from).take(SHOWN) {
        shown.push(lately(&visit, rule).await);
    }
    let next = (count > part.from + SHOWN)
        .then(|| visit.link(&address("/rules", &[("from", &(part.from + SHOWN).to_string())])));
    let title = visit.say("Rules", "القواعد");
    let may_write = visit.may(Scope::RulesWrite);
    let new = visit.link("/rules/new");
    let body = html! {
        div.head {
            h1 { (title) }
            @if may_write && count > 0 { a.button href=(new) { (visit.say("New rule", "قاعدة جديدة")) } }
        }
        @if count == 0 {
            (parts::empty(
                visit.say("Nothing is done by itself yet", "لا شيء يُنجز تلقائيًا بعد"),
                visit.say(
                    "A rule waits for something to happen, such as an order coming in or an integration breaking, and sends a \
                     message, calls an endpoint or runs a test.",
                    "تنتظر القاعدة حدثًا، كوصول طلب أو تعطّل تكامل، ثم ترسل رسالة أو تستدعي نقطة نهاية أو تُجري اختبارًا.",
                ),
                may_write.then_some((new.as_str(), visit.say("New rule", "قاعدة جديدة"))),
            ))
        } @else {
            p.quiet { (visit.count(u64::try_from(count).unwrap_or(0), &RULES)) }
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Rule", "القاعدة")) }
                    th scope="col" { (visit.say("State", "الحالة")) }
                    th scope="col" { (visit.say("Waits for", "تنتظر")) }
                    th scope="col" { (visit.say("Last run", "آخر مرة")) }
                    th scope="col" { (visit.say("This hour", "هذه الساعة")) }
                    @if may_write { th scope="col" { span.hidden { (visit.say("Actions", "إجراءات")) } } }
                } }
                tbody { @for lately in &shown { (row(&visit, lately, may_write)) } }
            }
            (parts::more(&visit, next))
        }
    };
    Ok(visit.page(title, &body))
}

async fn lately(visit: &Visit, rule: RuleView) -> Lately {
    let route = format!("/v1/rules/{}", rule.id);
    let (counted, runs) = (format!("{route}/runs?limit=1"), visit.api.look::<RuleView>(&route).await);
    let last: Option<Listed<RunView>> = visit.api.look(&counted).await;
    Lately { rule: runs.unwrap_or(rule), last: last.and_then(|runs| runs.items.into_iter().next()) }
}

fn row(visit: &Visit, Lately { rule, last }: &Lately, may_write: bool) -> Markup {
    let path = format!("/rules/{}", rule.id);
    html! {
        tr {
            th scope="row" { a href=(visit.link(&path)) { bdi { (rule.name) } } }
            td data-label=(visit.say("State", "الحالة")) { (standing(visit, rule.enabled)) }
            td data-label=(visit.say("Waits for", "تنتظر")) {
                ul.plain-list { @for trigger in &rule.events { li { (triggers::name(visit, *trigger)) } } }
            }
            td data-label=(visit.say("Last run", "آخر مرة")) {
                @if let Some(run) = last { (state(visit, run.state)) " " small { (visit.time(&run.started_at)) } }
                @else { span.quiet { (visit.say("never", "أبدًا")) } }
            }
            td data-label=(visit.say("This hour", "هذه الساعة")) { (this_hour(visit, rule)) }
            @if may_write {
                td.actions {
                    @if rule.enabled {
                        (parts::button(visit, &format!("{path}/disable"), visit.say("Disable", "تعطيل"), "plain", &rule.name))
                    } @else {
                        (parts::button(visit, &format!("{path}/enable"), visit.say("Enable", "تفعيل"), "plain", &rule.name))
                    }
                }
            }
        }
    }
}

/// How often it ran in this hour, of how often it may, and what was kept from running.
fn this_hour(visit: &Visit, rule: &RuleView) -> Markup {
    let most = visit.number(u64::from(rule.max_per_hour));
    let hour = rule.this_hour.as_ref();
    let kept = hour.map_or(0, |hour| u64::from(hour.over_limit) + u64::from(hour.loops));
    html! {
        span { (visit.number(hour.map_or(0, |hour| u64::from(hour.runs)))) " / " (most) }
        @if kept > 0 { small.quiet { (visit.number(kept)) " " (visit.say("kept from running", "مُنعت")) } }
    }
}
