//! The form of a rule: when, if, then. Its rows come and go by buttons that send it and save nothing, so it needs no script.

use super::{
    Known,
    draft::{Act, Draft, Row, judged},
    outcome::came_to,
    triggers,
    words::{action, comparisons},
};
use crate::{
    api::Asked,
    faults::{of, refusal, words},
    field::{Field, Text},
    flash::Flash,
    page::Page,
    parts::{self, kind_name},
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
use domain::{
    channel::{Channel, Kind, Provider},
    ids::RuleId,
    principal::Scope,
    rule::{ACTIONS_MAX, CONDITIONS_MAX, PER_HOUR_RANGE, Trigger},
};
use http::Method;
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a new rule may begin with.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Begin {
    event: Option<String>,
}

/// `GET /console/rules/new`.
pub(super) async fn create(visit: Visit, Query(begin): Query<Begin>) -> Page {
    let mut draft = Draft::new(begin.event.as_deref());
    draft.actions.extend(kinds(&visit).first().and_then(|kind| Act::new(kind)));
    Form::of(&visit, None, &draft, &Known::of(&visit).await).page()
}

/// `POST /console/rules/new`.
pub(super) async fn created(Posted { visit, form }: Posted) -> Response {
    answer(&visit, None, &form).await
}

/// `GET /console/rules/{id}/edit`.
pub(super) async fn edit(Path(id): Path<RuleId>, visit: Visit) -> Answer<Page> {
    let rule: RuleView = visit.api.get(&format!("/v1/rules/{id}")).await?;
    Ok(Form::of(&visit, Some(&rule), &Draft::from(&rule), &Known::of(&visit).await).page())
}

/// `POST /console/rules/{id}/edit`.
pub(super) async fn edited(Path(id): Path<RuleId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let rule: RuleView = visit.api.get(&format!("/v1/rules/{id}")).await?;
    Ok(answer(&visit, Some(&rule), &form).await)
}

async fn answer(visit: &Visit, rule: Option<&RuleView>, sent: &crate::form::Form) -> Response {
    let mut draft = Draft::read(sent);
    let known = Known::of(visit).await;
    let button = sent.text("do");
    if draft.change(button) {
        return Form::of(visit, rule, &draft, &known).page().into_response();
    }
    if button == "try" {
        return tried(visit, rule, &draft, &known, sent.text("event")).await;
    }
    let saved: Asked<RuleView> = match rule {
        None => visit.api.send(Method::POST, "/v1/rules", &draft.body()).await,
        Some(rule) => visit.api.send(Method::PATCH, &format!("/v1/rules/{}", rule.id), &draft.body()).await,
    };
    match saved {
        Ok(saved) => {
            let words = visit.say("Saved; it is heeded within half a minute.", "حُفظت؛ يُعمل بها خلال نصف دقيقة.");
            visit.go(&format!("/rules/{}", saved.id), &Flash::good(words))
        }
        Err(problem) => refused(visit, rule, &draft, &known, &problem),
    }
}

fn refused(visit: &Visit, rule: Option<&RuleView>, draft: &Draft, known: &Known, problem: &Problem) -> Response {
    let problem = judged(problem);
    let page = Form { problem: Some(&problem), ..Form::of(visit, rule, draft, known) }.page();
    page.with_status(problem.status).into_response()
}

/// What the rule would do for an event, before it is saved.
async fn tried(visit: &Visit, rule: Option<&RuleView>, draft: &Draft, known: &Known, event: &str) -> Response {
    let trigger = draft.triggers().first().copied().unwrap_or(Trigger::WebhookReceived);
    let detail = serde_json::from_str::<Value>(event).ok().filter(Value::is_object);
    let wrong = !event.is_empty() && detail.is_none();
    let detail = detail.unwrap_or_else(|| Value::Object(triggers::example(trigger, known)));
    let shown = if wrong { event.to_owned() } else { serde_json::to_string_pretty(&detail).unwrap_or_default() };
    let form = Form { event: Some((trigger, shown)), event_is_wrong: wrong, ..Form::of(visit, rule, draft, known) };
    if wrong {
        return form.page().with_status(422).into_response();
    }
    let body = json!({"rule": draft.body(), "event": {"name": trigger, "detail": detail}});
    let tried: Asked<RuleDryRunAnswer> = visit.api.send(Method::POST, "/v1/rules/dry-run", &body).await;
    match tried {
        Ok(found) => Form { found: Some(&found), ..form }.page().into_response(),
        Err(problem) => {
            let problem = judged(&problem);
            Form { problem: Some(&problem), ..form }.page().with_status(problem.status).into_response()
        }
    }
}

/// The kinds of actions that the person may have done, because they may do them.
fn kinds(visit: &Visit) -> Vec<&'static str> {
    let all =
        [("send", Scope::CampaignsSend), ("call_endpoint", Scope::EventsWrite), ("test", Scope::IntegrationsTest)];
    all.into_iter().filter(|(_, scope)| visit.may(*scope)).map(|(kind, _)| kind).collect()
}

/// The form as it is shown.
struct Form<'a> {
    visit: &'a Visit,
    rule: Option<&'a RuleView>,
    draft: &'a Draft,
    known: &'a Known,
    problem: Option<&'a Problem>,
    /// The event that it was tried on.
    event: Option<(Trigger, String)>,
    event_is_wrong: bool,
    /// What came of the try.
    found: Option<&'a RuleDryRunAnswer>,
}

impl<'a> Form<'a> {
    const fn of(visit: &'a Visit, rule: Option<&'a RuleView>, draft: &'a Draft, known: &'a Known) -> Self {
        let (problem, event, found) = (None, None, None);
        Self { visit, rule, draft, known, problem, event, event_is_wrong: false, found }
    }

    fn field(&self, name: &'a str, title: &'a str, help: &'a str) -> Field<'a> {
        let faults = self.problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
        Field::new(self.visit, name, title, help).judged(faults)
    }

    fn fault(&self, name: &str) -> Markup {
        let fault = self.problem.and_then(|problem| of(&problem.errors, name));
        html! { @if let Some(fault) = fault { p.error { (words(self.visit, fault)) } } }
    }

    /// Where the form is, and which part of it the browser shows and gives the focus after a button.
    fn here(&self, part: &str) -> String {
        let path = self.rule.map_or_else(|| "/rules/new".to_owned(), |rule| format!("/rules/{}/edit", rule.id));
        format!("{}{part}", self.visit.link(&path))
    }

    /// The names of the fields beside which faults are shown.
    fn shown(&self) -> Vec<String> {
        let mut names: Vec<String> =
            ["name", "events", "max_per_hour", "filter.conditions", "actions"].map(str::to_owned).to_vec();
        for place in 0..self.draft.conditions.len() {
            names.extend(["field", "value"].map(|part| format!("filter.conditions[{place}].{part}")));
        }
        for (place, act) in self.draft.actions.iter().enumerate() {
            let parts: &[&str] = match act {
                Act::Send { .. } => &["via", "integration_id", "to", "message.text", "message.subject"],
                Act::Call { .. } => &["endpoint_id", "type"],
                Act::Test { .. } => &["integration_id"],
                Act::Other(_) => &["do"],
            };
            names.extend(parts.iter().map(|part| format!("actions[{place}].{part}")));
        }
        names
    }

    fn page(&self) -> Page {
        let visit = self.visit;
        let title = match self.rule {
            None => visit.say("New rule", "قاعدة جديدة").to_owned(),
            Some(rule) => format!("{} {}", visit.say("Edit", "تعديل"), rule.name),
        };
        let back = self.rule.map_or_else(|| "/rules".to_owned(), |rule| format!("/rules/{}", rule.id));
        let name = self.field(
            "name",
            visit.say("Name", "الاسم"),
            visit.say("What it is for, so that others know it again.", "الغرض منها، ليعرفها الآخرون."),
        );
        let limit = self.field(
            "max_per_hour",
            visit.say("Runs an hour at most", "أقصى عدد مرات في الساعة"),
            visit.say(
                "What comes beyond it in a clock hour is counted and not run. This, and that a rule never runs for what came \
                 of itself, keeps rules from running without end.",
                "ما يزيد على ذلك في الساعة يُعدّ ولا يُنفَّذ. بهذا، وبأن القاعدة لا تعمل أبدًا لما نتج عنها، لا تعمل القواعد بلا نهاية.",
            ),
        );
        let body = html! {
            (parts::crumbs(visit, "/rules", visit.say("Rules", "القواعد")))
            h1 { (title) }
            @if let Some(problem) = self.problem { (refusal(visit, problem, &self.shown())) }
            @if let Some(found) = self.found { (came_to(visit, found, self.event.as_ref().map(|event| event.0))) }
            form.card.form method="post" action=(self.here("")) {
                (visit.token())
                // Return in a field presses the first button there is.
                button.hidden type="submit" name="do" value="save" tabindex="-1" aria-hidden="true" { (visit.say("Save", "حفظ")) }
                (name.required().text(visit, Text::Words, &self.draft.name))
                p.field { label { input type="checkbox" name="enabled" checked[self.draft.enabled]; " " (visit.say("It runs", "تعمل")) } }
                (self.when())
                (self.conditions())
                (self.actions())
                (limit.required().number(visit, &self.draft.max_per_hour, u64::from(*PER_HOUR_RANGE.start()), Some(u64::from(*PER_HOUR_RANGE.end()))))
                @if let Some((trigger, event)) = &self.event { (self.event(*trigger, event)) }
                div.actions {
                    button.button type="submit" name="do" value="save" { (visit.say("Save rule", "حفظ القاعدة")) }
                    button.button.second type="submit" name="do" value="try" { (visit.say("Try on an example", "تجربة على مثال")) }
                    a.button.second href=(visit.link(&back)) { (visit.say("Cancel", "إلغاء")) }
                }
            }
        };
        visit.page(&title, &body)
    }

    fn when(&self) -> Markup {
        let visit = self.visit;
        html! {
            fieldset {
                legend { (visit.say("When this happens", "عندما يحدث هذا")) }
                (self.fault("events"))
                ul.plain-list {
                    @for trigger in triggers::ORDER {
                        @let is_ticked = self.draft.events.iter().any(|event| event == trigger.as_str());
                        li.trigger { label {
                            input type="checkbox" name="events" value=(trigger) checked[is_ticked];
                            " " strong { (triggers::name(visit, trigger)) } " " code dir="ltr" { (trigger) }
                            small.quiet { (triggers::explained(visit, trigger)) }
                        } }
                    }
                }
            }
        }
    }

    fn conditions(&self) -> Markup {
        let visit = self.visit;
        let triggers = self.draft.triggers();
        let triggers = if triggers.is_empty() { triggers::ORDER.to_vec() } else { triggers };
        let mut fields: Vec<String> = triggers.into_iter().flat_map(triggers::fields).collect();
        fields.sort_unstable();
        fields.dedup();
        let matches = [
            ("all", visit.say("All of these hold", "تتحقق كل هذه الشروط")),
            ("any", visit.say("One of these holds", "يتحقق واحد من هذه الشروط")),
        ];
        html! {
            fieldset #conditions tabindex="-1" {
                legend { (visit.say("And only if", "وفقط إذا")) }
                (self.fault("filter.conditions"))
                @if self.draft.conditions.is_empty() {
                    p.quiet { (visit.say("Without a condition it runs for every such event.", "من دون شرط تعمل لكل حدث من هذا النوع.")) }
                } @else {
                    datalist #known-fields { @for field in &fields { option value=(field) {} } }
                    @if self.draft.conditions.len() > 1 {
                        (self.field("match", visit.say("How they go together", "كيف تجتمع"), "").required()
                            .choice(visit, if self.draft.any { "any" } else { "all" }, &matches))
                    } @else if self.draft.any { input type="hidden" name="match" value="any"; }
                    @for (place, row) in self.draft.conditions.iter().enumerate() { (self.condition(place, row)) }
                    p.help { (visit.say(
                        "A field is a path into the event: body.order.total, deliveries.0.code. A value that looks like a \
                         number is one; put it into quotation marks if it is a text. Several values have commas between them.",
                        "الحقل مسار داخل الحدث: body.order.total أو deliveries.0.code. القيمة التي تبدو رقمًا تُعدّ رقمًا؛ ضعها \
                         بين علامتي تنصيص إن كانت نصًا. افصل القيم المتعددة بفواصل.",
                    )) }
                }
                @if self.draft.conditions.len() < CONDITIONS_MAX {
                    button.small type="submit" name="do" value="add-condition" formaction=(self.here(&format!("#condition-{}", self.draft.conditions.len()))) formnovalidate {
                        (visit.say("Add a condition", "إضافة شرط"))
                    }
                }
            }
        }
    }

    fn condition(&self, place: usize, row: &Row) -> Markup {
        let visit = self.visit;
        let at = |part: &str| format!("filter.conditions[{place}].{part}");
        let (field, op, value) = (at("field"), at("op"), at("value"));
        let number = visit.size(place + 1);
        let named = self.field(&field, visit.say("Field", "الحقل"), "").required();
        html! {
            div.condition id={ "condition-" (place) } role="group" aria-label={ (visit.say("Condition", "الشرط")) " " (number) } tabindex="-1" {
                (named.around(visit, |id, described| html! {
                    input id=(id) name=(field) value=(row.field) list="known-fields" dir="ltr" autocomplete="off" spellcheck="false"
                        aria-describedby=[described] aria-invalid=[named.wrong()];
                }))
                (self.field(&op, visit.say("Comparison", "المقارنة"), "").required().choice(visit, &row.op, &comparisons(visit)))
                (self.field(&value, visit.say("Value", "القيمة"), "").text(visit, Text::Code, &row.value))
                button.small type="submit" name="do" value={ "remove-condition-" (place) } formaction=(self.here("#conditions")) formnovalidate
                    aria-label={ (visit.say("Remove condition", "إزالة الشرط")) " " (number) } { (visit.say("Remove", "إزالة")) }
            }
        }
    }

    fn actions(&self) -> Markup {
        let visit = self.visit;
        html! {
            fieldset #actions tabindex="-1" {
                legend { (visit.say("Do this, one after the other", "افعل هذا، واحدًا بعد الآخر")) }
                (self.fault("actions"))
                @if self.draft.actions.is_empty() { p.quiet { (visit.say("Nothing yet. Add what it is to do.", "لا شيء بعد. أضف ما عليها فعله.")) } }
                @for (place, act) in self.draft.actions.iter().enumerate() { (self.action(place, act)) }
                @if self.draft.actions.len() < ACTIONS_MAX {
                    div.actions {
                        @for kind in kinds(visit) {
                            button.small type="submit" name="do" value={ "add-" (kind) } formaction=(self.here(&format!("#action-{}", self.draft.actions.len()))) formnovalidate {
                                (visit.say("Add:", "إضافة:")) " " (action(visit, kind))
                            }
                        }
                    }
                }
            }
        }
    }

    fn action(&self, place: usize, act: &Act) -> Markup {
        let visit = self.visit;
        let number = visit.size(place + 1);
        html! {
            div.action id={ "action-" (place) } role="group" aria-label={ (visit.say("Action", "الإجراء")) " " (number) } tabindex="-1" {
                div.head {
                    h2 { (number) ". " (action(visit, act.kind())) }
                    button.small type="submit" name="do" value={ "remove-action-" (place) } formaction=(self.here("#actions")) formnovalidate
                        aria-label={ (visit.say("Remove action", "إزالة الإجراء")) " " (number) } { (visit.say("Remove", "إزالة")) }
                }
                input type="hidden" name={ "actions[" (place) "].do" } value=(act.kind());
                @match act {
                    Act::Send { .. } => (self.send(place, act)),
                    Act::Call { endpoint, kind } => (self.call(place, endpoint, kind)),
                    Act::Test { integration } => (self.test(place, integration)),
                    Act::Other(value) => {
                        (self.fault(&format!("actions[{place}].do")))
                        input type="hidden" name={ "actions[" (place) "].json" } value=(value);
                    }
                }
            }
        }
    }

    fn send(&self, place: usize, act: &Act) -> Markup {
        let Act::Send { via, to, subject, text, html, link } = act else { return html! {} };
        let visit = self.visit;
        let names = ["via", "to", "message.subject", "message.text", "message.html", "message.link"]
            .map(|part| format!("actions[{place}].{part}"));
        let [via_name, to_name, subject_name, text_name, html_name, link_name] = &names;
        let preferred = visit.say("the preferred one", "المفضّل");
        let mut ways: Vec<(String, String)> = Vec::new();
        for channel in [Channel::Email, Channel::Slack, Channel::Teams] {
            let kind = match channel {
                Channel::Slack => Kind::Slack,
                Channel::Teams => Kind::Teams,
                _ => Kind::Email,
            };
            ways.push((channel.as_str().to_owned(), format!("{}: {preferred}", kind_name(visit, kind))));
            for one in self.known.integrations.iter().filter(|one| one.kind == kind) {
                ways.push((
                    format!("{} {}", channel.as_str(), one.id),
                    format!("{}: {}", kind_name(visit, kind), one.name),
                ));
            }
        }
        if !ways.iter().any(|(value, _)| value == via) {
            ways.push((via.clone(), via.clone()));
        }
        let ways: Vec<(&str, &str)> = ways.iter().map(|(value, words)| (value.as_str(), words.as_str())).collect();
        let (through, to_whom) = (visit.say("Through", "عبر"), visit.say("To", "إلى"));
        let addresses = visit.say(
            "One a line, at most 20: e-mail addresses, Slack channel or member ids; for Teams: default.",
            "واحد في كل سطر، 20 على الأكثر: عناوين بريد أو معرّفات قنوات أو أعضاء Slack؛ ولـ Teams: ‏default.",
        );
        let says = visit.say(
            "What stands in {{ }} is filled in: {{ event }}, {{ detail.name }}, {{ detail.body.order.id }}. A field that is \
             not there fails the action.",
            "يُملأ ما بين {{ }}: ‏{{ event }} و{{ detail.name }} و{{ detail.body.order.id }}. الحقل غير الموجود يُفشل الإجراء.",
        );
        html! {
            (self.field(via_name, through, "").required().choice(visit, via, &ways))
            (self.field(to_name, to_whom, addresses).required().text(visit, Text::CodeLines, to))
            (self.field(subject_name, visit.say("Subject", "الموضوع"), visit.say("E-mail needs one.", "البريد يحتاج إلى موضوع.")).text(visit, Text::Words, subject))
            (self.field(text_name, visit.say("Text", "النص"), says).required().text(visit, Text::Lines, text))
            details open[!html.is_empty() || !link.is_empty()] {
                summary { (visit.say("HTML and link", "HTML ورابط")) }
                (self.field(html_name, "HTML", visit.say("For e-mail, beside the text.", "للبريد، إلى جانب النص.")).text(visit, Text::CodeLines, html))
                (self.field(link_name, visit.say("Link", "رابط"), visit.say("A button in Slack and Teams.", "زر في Slack وTeams.")).text(visit, Text::Code, link))
            }
        }
    }

    fn call(&self, place: usize, endpoint: &str, kind: &str) -> Markup {
        let visit = self.visit;
        let (id_name, type_name) = (format!("actions[{place}].endpoint_id"), format!("actions[{place}].type"));
        let which = self.field(
            &id_name,
            visit.say("Endpoint", "نقطة النهاية"),
            visit.say("It gets the event whatever types it asks for.", "تتلقى الحدث أيًّا كانت الأنواع التي تطلبها."),
        );
        let types = visit.say("The event's own name unless you say another.", "اسم الحدث نفسه ما لم تذكر غيره.");
        let mut choices = vec![("", visit.say("Choose…", "اختر…"))];
        let all: Vec<(String, &str)> =
            self.known.endpoints.iter().map(|one| (one.id.to_string(), one.name.as_str())).collect();
        choices.extend(all.iter().map(|(id, name)| (id.as_str(), *name)));
        if !endpoint.is_empty() && !all.iter().any(|(id, _)| id == endpoint) {
            choices.push((endpoint, endpoint));
        }
        html! {
            @if self.known.endpoints.is_empty() && endpoint.is_empty() {
                p.quiet { (visit.say("There is no endpoint yet. ", "لا توجد نقطة نهاية بعد. "))
                    a href=(visit.link("/endpoints")) { (visit.say("Webhooks out", "الويب هوك الصادرة")) } }
            }
            (which.required().choice(visit, endpoint, &choices))
            (self.field(&type_name, visit.say("Type", "النوع"), types).example("order.large").text(visit, Text::Code, kind))
        }
    }

    fn test(&self, place: usize, integration: &str) -> Markup {
        let visit = self.visit;
        let name = format!("actions[{place}].integration_id");
        let mut choices = vec![("", visit.say("The one that the event is about", "الذي يدور حوله الحدث"))];
        let tested = self.known.integrations.iter().filter(|one| one.provider != Provider::Webhook);
        let all: Vec<(String, &str)> = tested.map(|one| (one.id.to_string(), one.name.as_str())).collect();
        choices.extend(all.iter().map(|(id, name)| (id.as_str(), *name)));
        if !integration.is_empty() && !all.iter().any(|(id, _)| id == integration) {
            choices.push((integration, integration));
        }
        self.field(&name, visit.say("Integration", "التكامل"), "").required().choice(visit, integration, &choices)
    }

    fn event(&self, trigger: Trigger, event: &str) -> Markup {
        let visit = self.visit;
        let help = visit.say("Change it as you like, and try again.", "عدّله كما تشاء وجرّب من جديد.");
        let title = format!("{}: {trigger}", visit.say("The event to try it on", "الحدث الذي تُجرَّب عليه"));
        html! {
            fieldset #trying {
                legend { (visit.say("Try", "تجربة")) }
                @if self.event_is_wrong { p.error role="alert" { (not_json(visit)) } }
                (Field::new(visit, "event", &title, help).text(visit, Text::CodeLines, event))
            }
        }
    }
}

pub(super) const fn not_json<'a>(visit: &Visit) -> &'a str {
    visit.view.say(
        "This is no JSON object: check commas and quotation marks.",
        "هذا ليس كائن JSON: تحقق من الفواصل وعلامات التنصيص.",
    )
}
