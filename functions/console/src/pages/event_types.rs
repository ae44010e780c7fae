//! Registered types of events: which there are, with the schema that the data of their events is held against.

use crate::{
    api::{Asked, Listed},
    faults::refusal,
    field::{Field, Text},
    flash::Flash,
    form::Form,
    page::Page,
    parts,
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::{
    events::EventTypeView,
    problem::{Problem, ProblemKind},
};
use axum::{
    Router,
    http::Method,
    response::{IntoResponse, Response},
    routing::get,
};
use domain::{principal::Scope, webhook::EventType};
use maud::html;
use runtime::{
    http::{Answer, Path},
    secrets::SecretSource,
};
use serde_json::{Value, json};

/// The routes of this part. No type has a hyphen in its name, so none is hidden by the page for a new one.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/event-types", get(list))
        .route("/console/event-types/new-type", get(ask).post(create))
        .route("/console/event-types/{type}", get(show).post(change))
        .route("/console/event-types/{type}/delete", get(ask_delete).post(delete))
}

fn page(kind: &EventType) -> String {
    format!("/event-types/{kind}")
}

fn route(kind: &EventType) -> String {
    format!("/v1/event-types/{kind}")
}

/// `GET /console/event-types`.
async fn list(visit: Visit) -> Answer<Page> {
    let types: Listed<EventTypeView> = visit.api.get("/v1/event-types").await?;
    let title = visit.say("Event types", "أنواع الأحداث");
    let new = visit.link("/event-types/new-type");
    let add = visit.say("Register a type", "تسجيل نوع");
    let may_write = visit.may(Scope::EndpointsWrite);
    let body = html! {
        (parts::crumbs(&visit, "/endpoints", visit.say("Webhooks out", "الويب هوك الصادرة")))
        div.head {
            h1 { (title) }
            @if may_write { a.button href=(new) { (add) } }
        }
        p.quiet { (visit.say(
            "The data of events of a registered type is held against its schema when they come in; what does not fit is refused. Types that are not registered are taken as they are.",
            "تُقارن بيانات أحداث النوع المسجّل بمخططه عند ورودها، ويُرفض ما لا يطابقه. أما الأنواع غير المسجّلة فتُقبل على حالها.",
        )) }
        @if types.items.is_empty() {
            (parts::empty(
                visit.say("No type yet", "لا أنواع بعد"),
                visit.say("Register the types of your events, so that they can be chosen and their data is checked.", "سجّل أنواع أحداثك ليمكن اختيارها والتحقق من بياناتها."),
                may_write.then_some((new.as_str(), add)),
            ))
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Type", "النوع")) }
                    th scope="col" { (visit.say("What its events tell", "ما تخبر به أحداثه")) }
                    th scope="col" { (visit.say("Schema", "المخطط")) }
                    th scope="col" { (visit.say("Changed", "تغيّر")) }
                } }
                tbody { @for kind in &types.items { tr {
                    th scope="row" {
                        a href=(visit.link(&page(&kind.kind))) { code.break dir="ltr" { (kind.kind) } }
                        @if kind.deprecated { " " (parts::badge("off", visit.say("deprecated", "متروك"))) }
                    }
                    td data-label=(visit.say("What its events tell", "ما تخبر به أحداثه")) { span dir="auto" { (kind.description) } }
                    td data-label=(visit.say("Schema", "المخطط")) {
                        @if kind.schema.is_some() { (visit.say("yes", "نعم")) } @else { span.quiet { (visit.say("none", "لا شيء")) } }
                    }
                    td data-label=(visit.say("Changed", "تغيّر")) { (visit.time(&kind.updated_at)) }
                } } }
            }
        }
    };
    Ok(visit.page(title, &body))
}

/// What the form shows.
struct Entered<'a> {
    /// The type that is changed; `None` for a new one.
    saved: Option<&'a EventTypeView>,
    form: Option<&'a Form>,
    problem: Option<&'a Problem>,
}

/// `GET /console/event-types/new-type`.
async fn ask(visit: Visit) -> Answer<Page> {
    if !visit.may(Scope::EndpointsWrite) {
        return Err(Problem::new(ProblemKind::Forbidden, "This needs the scope endpoints:write.").into());
    }
    Ok(form_page(&visit, &Entered { saved: None, form: None, problem: None }))
}

/// `GET /console/event-types/{type}`.
async fn show(Path(kind): Path<EventType>, visit: Visit) -> Answer<Page> {
    let saved: EventTypeView = visit.api.get(&route(&kind)).await?;
    Ok(form_page(&visit, &Entered { saved: Some(&saved), form: None, problem: None }))
}

/// `POST /console/event-types/new-type`.
async fn create(Posted { visit, form }: Posted) -> Response {
    let kind: Asked<EventType> = form.text("type").parse().map_err(|_| {
        let message =
            "Enter up to 128 characters: words of lower case letters, digits and `_`, with dots between them.";
        Box::new(Problem::invalid_field("type", "invalid", message))
    });
    let done = match kind {
        Err(problem) => Err(problem),
        Ok(kind) => {
            let known: Option<EventTypeView> = visit.api.look(&route(&kind)).await;
            match known {
                Some(_) => {
                    let message = "This type is registered already. Open it to change it.";
                    Err(Box::new(Problem::invalid_field("type", "conflict", message)))
                }
                None => save(&visit, &kind, &form).await,
            }
        }
    };
    match done {
        Ok(_) => visit.go("/event-types", &Flash::good(visit.say("The type is registered.", "سُجّل النوع."))),
        Err(problem) => {
            let entered = Entered { saved: None, form: Some(&form), problem: Some(&problem) };
            form_page(&visit, &entered).with_status(problem.status).into_response()
        }
    }
}

/// `POST /console/event-types/{type}`.
async fn change(Path(kind): Path<EventType>, Posted { visit, form }: Posted) -> Answer<Response> {
    let saved: EventTypeView = visit.api.get(&route(&kind)).await?;
    Ok(match save(&visit, &kind, &form).await {
        Ok(_) => visit.go("/event-types", &Flash::good(visit.say("Your changes are saved.", "حُفظت تغييراتك."))),
        Err(problem) => {
            let entered = Entered { saved: Some(&saved), form: Some(&form), problem: Some(&problem) };
            form_page(&visit, &entered).with_status(problem.status).into_response()
        }
    })
}

async fn save(visit: &Visit, kind: &EventType, form: &Form) -> Asked<EventTypeView> {
    let mut body = json!({"description": form.text("description"), "deprecated": form.has("deprecated")});
    if let Some(schema) = form.entered("schema") {
        let schema: Value = serde_json::from_str(schema).map_err(|error| {
            Box::new(Problem::invalid_field("schema", "invalid", format!("This is no JSON: {error}.")))
        })?;
        body["schema"] = schema;
    }
    visit.api.send(Method::PUT, &route(kind), &body).await
}

fn form_page(visit: &Visit, entered: &Entered<'_>) -> Page {
    let Entered { saved, form, problem } = *entered;
    let errors = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let shown = ["type", "description", "schema"].map(str::to_owned);
    let title = saved.map_or_else(|| visit.say("Register a type", "تسجيل نوع"), |saved| saved.kind.as_str());
    let sent = |name: &str, saved: Option<String>| {
        form.map_or_else(|| saved.unwrap_or_default(), |form| form.text(name).to_owned())
    };
    let schema = saved.and_then(|saved| serde_json::to_string_pretty(saved.schema.as_ref()?).ok());
    let deprecated = form.map_or_else(|| saved.is_some_and(|saved| saved.deprecated), |form| form.has("deprecated"));
    let dotted = visit.say("Dotted lower case.", "كلمات صغيرة بينها نقاط.");
    let kind = Field::new(visit, "type", visit.say("Type", "النوع"), dotted).required().example("order.created");
    let description = Field::new(visit, "description", visit.say("What its events tell", "ما تخبر به أحداثه"), "");
    let help = visit.say(
        "JSON Schema, draft 2020-12, that refers to nothing outside of itself. Without one, anything goes.",
        "مخطط JSON Schema، المسودة 2020-12، لا يشير إلى شيء خارجه. من دونه يُقبل كل شيء.",
    );
    let schema_field =
        Field::new(visit, "schema", visit.say("Schema of the data", "مخطط البيانات"), help).judged(errors);
    let text = sent("schema", schema);
    let may_write = visit.may(Scope::EndpointsWrite);
    let body = html! {
        (parts::crumbs(visit, "/event-types", visit.say("Event types", "أنواع الأحداث")))
        h1 { @if saved.is_some() { code dir="ltr" { (title) } } @else { (title) } }
        @if let Some(problem) = problem { (refusal(visit, problem, &shown)) }
        form.card.form method="post" {
            (visit.token())
            @if saved.is_none() { (kind.judged(errors).text(visit, Text::Code, &sent("type", None))) }
            (description.judged(errors).text(visit, Text::Lines, &sent("description", saved.map(|saved| saved.description.clone()))))
            (schema_field.around(visit, |id, described| html! {
                textarea id=(id) name="schema" rows="16" dir="ltr" spellcheck="false" aria-describedby=[described] aria-invalid=[schema_field.wrong()] { (text) }
            }))
            div.field { label {
                input type="checkbox" name="deprecated" value="on" checked[deprecated];
                " " (visit.say("Deprecated: to be used no more; its events are taken all the same", "متروك: لا ينبغي استعماله بعد الآن، وتُقبل أحداثه رغم ذلك"))
            } }
            @if may_write {
                div.actions {
                    button.button type="submit" { (visit.say("Save", "حفظ")) }
                    a.button.second href=(visit.link("/event-types")) { (visit.say("Cancel", "إلغاء")) }
                }
            }
        }
        @if let Some(saved) = saved.filter(|_| may_write) {
            section.danger-zone aria-labelledby="danger" {
                h2 #danger { (visit.say("Forget", "نسيان النوع")) }
                p { (visit.say("Its events are taken unchecked then.", "تُقبل أحداثه بعدها بلا تحقق.")) }
                a.button.danger href={ (visit.link(&page(&saved.kind))) "/delete" } { (visit.say("Forget this type", "نسيان هذا النوع")) }
            }
        }
    };
    visit.page(title, &body)
}

/// `GET /console/event-types/{type}/delete`.
async fn ask_delete(Path(kind): Path<EventType>, visit: Visit) -> Answer<Page> {
    let saved: EventTypeView = visit.api.get(&route(&kind)).await?;
    let title = visit.say("Forget this type?", "نسيان هذا النوع؟");
    let words = html! {
        p { strong { code dir="ltr" { (saved.kind) } } }
        p { (visit.say(
            "Its description and schema are gone, and the data of its events is no longer checked. Endpoints that want it still get it.",
            "يُفقد وصفه ومخططه، ولا يُتحقق بعدها من بيانات أحداثه. تبقى تصل إلى من يريدها.",
        )) }
    };
    let back = page(&kind);
    let keeps = (back.as_str(), visit.say("Keep it", "الإبقاء عليه"));
    Ok(parts::ask(&visit, title, &words, visit.say("Forget this type", "نسيان هذا النوع"), keeps))
}

/// `POST /console/event-types/{type}/delete`.
async fn delete(Path(kind): Path<EventType>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::DELETE, &route(&kind)).await;
    visit.went("/event-types", outcome, visit.say("Forgotten.", "نُسي النوع."))
}
