//! Trying a rule that is saved on an example event.

use super::{Known, form::not_json, outcome::came_to, triggers};
use crate::{
    api::Asked,
    faults::refusal,
    field::{Field, Text},
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::{
    problem::Problem,
    rules::{RuleDryRunAnswer, RuleView},
};
use axum::{
    extract::Query,
    response::{IntoResponse, Response},
};
use domain::{ids::RuleId, rule::Trigger};
use http::Method;
use maud::html;
use runtime::http::{Answer, Path};
use serde::Deserialize;
use serde_json::{Value, json};

/// Which event the rule is tried on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    event: String,
}

/// What the page shows beside the rule.
#[derive(Default)]
struct Tried<'a> {
    problem: Option<&'a Problem>,
    is_wrong: bool,
    found: Option<&'a RuleDryRunAnswer>,
}

/// `GET /console/rules/{id}/try`.
pub(super) async fn ask(Path(id): Path<RuleId>, Query(which): Query<Which>, visit: Visit) -> Answer<Page> {
    let rule: RuleView = visit.api.get(&format!("/v1/rules/{id}")).await?;
    let trigger = chosen(&rule, &which.event);
    let example = Value::Object(triggers::example(trigger, &Known::of(&visit).await));
    let example = serde_json::to_string_pretty(&example).unwrap_or_default();
    Ok(page(&visit, &rule, trigger, &example, &Tried::default()))
}

/// `POST /console/rules/{id}/try`.
pub(super) async fn tried(Path(id): Path<RuleId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let rule: RuleView = visit.api.get(&format!("/v1/rules/{id}")).await?;
    let (trigger, text) = (chosen(&rule, form.text("name")), form.text("detail"));
    let Some(detail) = serde_json::from_str::<Value>(text).ok().filter(Value::is_object) else {
        let wrong = Tried { is_wrong: true, ..Tried::default() };
        return Ok(page(&visit, &rule, trigger, text, &wrong).with_status(422).into_response());
    };
    let body = json!({"event": {"name": trigger, "detail": detail}});
    let found: Asked<RuleDryRunAnswer> = visit.api.send(Method::POST, &format!("/v1/rules/{id}/dry-run"), &body).await;
    Ok(match found {
        Ok(found) => {
            let tried = Tried { found: Some(&found), ..Tried::default() };
            page(&visit, &rule, trigger, text, &tried).into_response()
        }
        Err(problem) => {
            let tried = Tried { problem: Some(&problem), ..Tried::default() };
            page(&visit, &rule, trigger, text, &tried).with_status(problem.status).into_response()
        }
    })
}

/// The event of this name, or the first that the rule waits for.
fn chosen(rule: &RuleView, name: &str) -> Trigger {
    let first = || rule.events.first().copied().unwrap_or(Trigger::WebhookReceived);
    name.parse().unwrap_or_else(|_| first())
}

fn page(visit: &Visit, rule: &RuleView, trigger: Trigger, detail: &str, tried: &Tried<'_>) -> Page {
    let title = format!("{}: {}", visit.say("Try", "تجربة"), rule.name);
    let path = visit.link(&format!("/rules/{}/try", rule.id));
    let others = triggers::ORDER.iter().filter(|other| !rule.events.contains(other));
    let all: Vec<Trigger> = rule.events.iter().chain(others).copied().collect();
    let help = visit.say("What the event says. Change it as you like.", "ما يقوله الحدث. عدّله كما تشاء.");
    let says = Field::new(visit, "detail", visit.say("The event", "الحدث"), help).required();
    let body = html! {
        (parts::crumbs(visit, &format!("/rules/{}", rule.id), &rule.name))
        h1 { (title) }
        p { (visit.say(
            "See whether the rule would run for an event, and what would come of it. Nothing is sent and nothing is kept.",
            "انظر هل تعمل القاعدة لحدث، وما الذي سينتج. لا يُرسل شيء ولا يُحفظ شيء.",
        )) }
        @if let Some(problem) = tried.problem { (refusal(visit, problem, &[])) }
        @if let Some(found) = tried.found { (came_to(visit, found, Some(trigger))) }
        form.search.card method="get" action=(path) {
            label for="event" { (visit.say("Begin with an example of", "ابدأ بمثال على")) }
            select #event name="event" {
                @for one in all { option value=(one) selected[one == trigger] { (triggers::name(visit, one)) } }
            }
            button.small type="submit" { (visit.say("Show", "عرض")) }
        }
        form.card.form method="post" action=(path) {
            (visit.token())
            input type="hidden" name="name" value=(trigger);
            @if tried.is_wrong { p.error role="alert" { (not_json(visit)) } }
            (says.text(visit, Text::CodeLines, detail))
            button.button type="submit" { (visit.say("Try", "تجربة")) }
        }
    };
    visit.page(&title, &body)
}
