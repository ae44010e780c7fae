//! Posting a sample event now, to see what the endpoint makes of it.

use super::{event_types, needs, page, route, sample, words};
use crate::{
    api::Asked,
    faults::refusal,
    field::{Field, Text},
    page::Page,
    parts::{self, facts},
    query::address,
    verbatim,
    visit::{Posted, Visit},
};
use ::api::{
    endpoints::{EndpointTestView, EndpointView, HeaderView},
    events::EventTypeView,
    problem::Problem,
};
use axum::{
    extract::Query,
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{ids::IntegrationId, principal::Scope};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What it is posted as unless something else is chosen.
const KIND: &str = "endpoint.test";

/// Which type of events the sample is to be of.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chosen {
    r#type: String,
}

/// What the form shows.
struct Entered<'a> {
    kind: &'a str,
    data: &'a str,
    problem: Option<&'a Problem>,
    tested: Option<&'a EndpointTestView>,
}

/// `GET /console/endpoints/{id}/test`.
pub(crate) async fn ask(Path(id): Path<IntegrationId>, visit: Visit, Query(chosen): Query<Chosen>) -> Answer<Page> {
    needs(&visit, Scope::EndpointsOperate)?;
    let (endpoint, types) = both(&visit, &id).await?;
    let kind = if chosen.r#type.is_empty() || !may_invent(&visit) { KIND } else { &chosen.r#type };
    let schema = types.iter().find(|known| known.kind.as_str() == kind).and_then(|known| known.schema.as_ref());
    let data = schema.and_then(|schema| serde_json::to_string_pretty(&sample::of(schema)).ok()).unwrap_or_default();
    Ok(form_page(&visit, &endpoint, &types, &Entered { kind, data: &data, problem: None, tested: None }))
}

/// Whether they may post events of their own making: those are signed like any other.
fn may_invent(visit: &Visit) -> bool {
    visit.may(Scope::EndpointsWrite)
}

async fn both(visit: &Visit, id: &IntegrationId) -> Asked<(EndpointView, Vec<EventTypeView>)> {
    Ok((visit.api.get(&route(id, "")).await?, event_types(visit).await?))
}

/// `POST /console/endpoints/{id}/test`.
pub(crate) async fn test(Path(id): Path<IntegrationId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let (endpoint, types) = both(&visit, &id).await?;
    let (kind, data) = (form.entered("type").unwrap_or(KIND), form.text("data"));
    let mut body = Map::from_iter([("type".to_owned(), json!(kind))]);
    let read = if data.is_empty() {
        Ok(())
    } else {
        serde_json::from_str(data).map(|data| drop(body.insert("data".to_owned(), data)))
    };
    let tested: Asked<EndpointTestView> = match read {
        Ok(()) => visit.api.send(Method::POST, &route(&id, "/test"), &Value::Object(body)).await,
        Err(error) => Err(Box::new(Problem::invalid_field("data", "invalid", format!("This is no JSON: {error}.")))),
    };
    let (problem, tested) = match &tested {
        Ok(tested) => (None, Some(tested)),
        Err(problem) => (Some(&**problem), None),
    };
    let entered = Entered { kind, data, problem, tested };
    let status = problem.map_or(200, |problem| problem.status);
    Ok(form_page(&visit, &endpoint, &types, &entered).with_status(status).into_response())
}

fn form_page(visit: &Visit, endpoint: &EndpointView, types: &[EventTypeView], entered: &Entered<'_>) -> Page {
    let title = visit.say("Send a test event", "إرسال حدث تجريبي");
    let back = page(&endpoint.id, "");
    let errors = entered.problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let shown = ["type", "data"].map(str::to_owned);
    let kind = Field::new(
        visit,
        "type",
        visit.say("Type", "النوع"),
        visit.say("Any type; filters do not apply to a test.", "أي نوع؛ لا تسري المرشحات على الاختبار."),
    );
    let help = visit.say(
        "JSON. Left empty, it is a few words. It is transformed as real data is.",
        "بصيغة JSON. إن تُرك فارغًا فهو بضع كلمات. يُحوَّل كما تُحوَّل البيانات الحقيقية.",
    );
    let data = Field::new(visit, "data", visit.say("Data", "البيانات"), help);
    let body = html! {
        (parts::crumbs(visit, &back, &endpoint.name))
        h1 { (title) }
        p.quiet { (visit.say(
            "It is posted now, really and signed. Only the endpoint's health is stored.",
            "يُرسل الآن فعلًا وموقّعًا. لا يُخزَّن إلا حال الويب هوك.",
        )) }
        @if let Some(problem) = entered.problem { (refusal(visit, problem, &shown)) }
        @if let Some(tested) = entered.tested { (result(visit, tested)) }
        @if may_invent(visit) { (samples(visit, endpoint, types, entered.kind)) }
        form.card.form method="post" action=(visit.link(&page(&endpoint.id, "/test"))) {
            (visit.token())
            @if may_invent(visit) {
                (kind.required().judged(errors).text(visit, Text::Code, entered.kind))
                (data.judged(errors).text(visit, Text::CodeLines, entered.data))
            } @else {
                p { (visit.say(
                    "It is of the type endpoint.test and says that nothing happened. Events of your own need the scope endpoints:write.",
                    "نوعه endpoint.test ويقول إن شيئًا لم يحدث. أما إرسال أحداث من عندك فيلزمه endpoints:write.",
                )) }
            }
            div.actions {
                button.button type="submit" { (visit.say("Send", "إرسال")) }
                a.button.second href=(visit.link(&back)) { (visit.say("To the endpoint", "إلى الويب هوك")) }
            }
        }
    };
    visit.page(title, &body)
}

/// The types to choose from: those it names itself, and those that are registered.
fn samples(visit: &Visit, endpoint: &EndpointView, types: &[EventTypeView], kind: &str) -> Markup {
    let own =
        endpoint.events.iter().map(domain::webhook::filter::EventPattern::as_str).filter(|kind| !kind.contains('*'));
    let registered = types.iter().filter(|kind| !kind.deprecated).map(|kind| kind.kind.as_str());
    let all: BTreeSet<&str> = own.chain(registered).collect();
    html! {
        @if !all.is_empty() {
            nav.samples aria-label=(visit.say("Sample events", "أحداث نموذجية")) {
                span.quiet { (visit.say("Samples:", "نماذج:")) }
                ul.tags {
                    @for one in all {
                        @let link = visit.link(&address(&page(&endpoint.id, "/test"), &[("type", one)]));
                        li { a href=(link) aria-current=[(one == kind).then_some("true")] { code dir="ltr" { (one) } } }
                    }
                }
            }
        }
    }
}

fn result(visit: &Visit, tested: &EndpointTestView) -> Markup {
    let (tone, words) = if tested.ok {
        ("good", visit.say("The endpoint took it.", "استلمه الويب هوك."))
    } else {
        ("bad", visit.say("The endpoint did not take it.", "لم يستلمه الويب هوك."))
    };
    let rows = [
        (
            visit.say("Event", "الحدث"),
            html! { code.break dir="ltr" { (tested.event_id) } " " code dir="ltr" { (tested.kind) } },
        ),
        (visit.say("Answer", "الإجابة"), words::answered(visit, tested.status, Some(tested.duration_ms))),
        (visit.say("Headers", "الترويسات"), headers(visit, &tested.headers)),
        (visit.say("Body", "المتن"), body(visit, &tested.body, None)),
    ];
    html! {
        section aria-labelledby="result" {
            h2.hidden #result { (visit.say("What came of it", "النتيجة")) }
            div.toast.(tone) role="alert" tabindex="-1" data-focus { p { strong { (words) } } }
            @if let Some(error) = &tested.error { (words::trouble(visit, error)) }
            (facts(&rows))
        }
    }
}

/// The headers of an answer.
pub(super) fn headers(visit: &Visit, headers: &[HeaderView]) -> Markup {
    html! {
        @if headers.is_empty() { span.quiet { (visit.say("none", "لا شيء")) } }
        @else {
            ul.plain-list { @for header in headers { li { code.break dir="ltr" { (header.name) ": " (header.value) } } } }
        }
    }
}

/// The body of an answer, as the text that it is. All of it is at `whole`.
pub(super) fn body(visit: &Visit, text: &str, whole: Option<&str>) -> Markup {
    html! {
        @if text.is_empty() { span.quiet { (visit.say("empty", "فارغ")) } }
        @else { (verbatim::text(visit, visit.say("Body of the answer", "متن الإجابة"), text, whole)) }
    }
}
