//! What is asked: the form, and the request that it makes.

use super::Choices;
use crate::{
    faults::refusal,
    field::{Field, Text},
    form::Form,
    page::Page,
    parts,
    visit::Visit,
};
use api::problem::{FieldProblem, Problem};
use domain::{channel::Channel, principal::Scope};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

/// The fields that show beside them what is wrong.
const FIELDS: [&str; 12] = [
    "campaign_id",
    "channel",
    "integration_id",
    "recipients",
    "template.id",
    "template.variables",
    "message.subject",
    "message.text",
    "simulation.name",
    "simulation.launch_at",
    "simulation.duration_days",
    "simulation.payload_id",
];

pub(super) fn page(
    visit: &Visit,
    choices: &Choices,
    form: &Form,
    problem: Option<&Problem>,
    answer: Option<&Markup>,
) -> Page {
    let title = visit.say("May this campaign go?", "هل يُسمح لهذه الحملة بالانطلاق؟");
    let faults = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let field = |name, title, help| Field::new(visit, name, title, help).judged(faults);
    let id = field(
        "campaign_id",
        visit.say("Campaign", "الحملة"),
        visit.say("Its name, as it will be launched.", "اسمها كما ستنطلق."),
    );
    let channel = field("channel", visit.say("Channel", "القناة"), "").required();
    let channels = Channel::OF_CAMPAIGNS.map(|channel| (channel.as_str(), parts::channel_name(visit, channel)));
    let integration = field("integration_id", visit.say("Integration", "التكامل"), "");
    let preferred = visit.say("the channel's preferred one", "المفضّل لدى القناة");
    let integrations: Vec<_> = [("", preferred)]
        .into_iter()
        .chain(choices.integrations.iter().map(|one| (one.id.as_str(), one.name.as_str())))
        .collect();
    let how = visit.say(
        "One a line: user, address, language. Values of their own may follow, as name=value. A sample is enough.",
        "واحد في كل سطر: المستخدم، العنوان، اللغة. ويمكن أن تليها قيم خاصة به هكذا name=value. تكفي عيّنة.",
    );
    let recipients = field("recipients", visit.say("Recipients", "المستلمون"), how).required();
    let shown = FIELDS.map(str::to_owned);
    let body = html! {
        (parts::crumbs(visit, "/campaigns", visit.say("Campaigns", "الحملات")))
        h1 { (title) }
        p.quiet { (visit.say("Every check runs, and nothing is sent or stored.", "تُجرى كل الفحوص، ولا يُرسل شيء ولا يُخزَّن.")) }
        @if let Some(problem) = problem { (refusal(visit, problem, &shown)) }
        @if let Some(answer) = answer { (answer) }
        form.card.form method="post" {
            (visit.token())
            (id.required().example("spring-2026").text(visit, Text::Code, form.text("campaign_id")))
            (channel.choice(visit, form.entered("channel").unwrap_or("email"), &channels))
            (integration.choice(visit, form.text("integration_id"), &integrations))
            (recipients.around(visit, |id, described| html! {
                textarea id=(id) name="recipients" rows="5" required dir="ltr" spellcheck="false" placeholder="u-1001, sara@example.com, ar"
                    aria-describedby=[described] aria-invalid=[recipients.wrong()] { "\n" (form.text("recipients")) }
            }))
            (content(visit, choices, form, faults))
            (simulation(visit, form, faults))
            (sandbox(visit, choices, form))
            div.actions { button.button type="submit" { (visit.say("Check", "فحص")) } }
        }
    };
    visit.page(title, &body)
}

fn content(visit: &Visit, choices: &Choices, form: &Form, faults: &[FieldProblem]) -> Markup {
    let field = |name, title, help| Field::new(visit, name, title, help).judged(faults);
    let none = visit.say("none: the message below", "بلا قالب: الرسالة أدناه");
    let templates: Vec<_> = [("", none)]
        .into_iter()
        .chain(choices.templates.iter().map(|one| (one.id.as_str(), one.name.as_str())))
        .collect();
    let values = visit
        .say("Values for all recipients, one a line: name=value.", "قيم لكل المستلمين، واحدة في كل سطر: name=value.");
    let values = field("template.variables", visit.say("Values", "القيم"), values);
    let unchecked = visit.say(
        "With neither a template nor a message, the content is not checked.",
        "إن لم يُختر قالب ولم تُكتب رسالة فلا يُفحص المحتوى.",
    );
    html! {
        fieldset {
            legend { (visit.say("What it says", "ما تقوله")) }
            (field("template.id", visit.say("Template", "القالب"), "").choice(visit, form.text("template.id"), &templates))
            (values.example("campaign=Phishing basics").text(visit, Text::CodeLines, form.text("template.variables")))
            (field("message.subject", visit.say("Subject", "الموضوع"), "").text(visit, Text::Words, form.text("message.subject")))
            (field("message.text", visit.say("Text", "النص"), unchecked).text(visit, Text::Lines, form.text("message.text")))
        }
    }
}

fn simulation(visit: &Visit, form: &Form, faults: &[FieldProblem]) -> Markup {
    let field = |name, title, help| Field::new(visit, name, title, help).judged(faults);
    let launch = field(
        "simulation.launch_at",
        visit.say("Begins", "تبدأ"),
        visit.say("UTC, within 30 days; at once if left empty.", "بالتوقيت العالمي، خلال 30 يومًا؛ فورًا إن تُرك فارغًا."),
    );
    let entered = FIELDS.iter().any(|name| name.starts_with("simulation.") && !form.text(name).is_empty());
    let as_set = visit.say("As the integration says if left empty.", "كما في التكامل إن تُرك فارغًا.");
    html! {
        details open[entered || form.text("channel") == Channel::M365.as_str()] {
            summary { (visit.say("Only for Microsoft 365 simulations", "لمحاكاة Microsoft 365 فقط")) }
            (field("simulation.name", visit.say("Name", "الاسم"), visit.say("The campaign's if left empty.", "اسم الحملة إن تُرك فارغًا.")).text(visit, Text::Words, form.text("simulation.name")))
            (launch.around(visit, |id, described| html! {
                input id=(id) type="datetime-local" name=(launch.name) value=(form.text(launch.name)) dir="ltr" aria-describedby=[described] aria-invalid=[launch.wrong()];
            }))
            (field("simulation.duration_days", visit.say("Runs for (days)", "تستمر (أيام)"), as_set).number(visit, form.text("simulation.duration_days"), 1, Some(30)))
            (field("simulation.payload_id", visit.say("Payload", "الحمولة"), as_set).text(visit, Text::Code, form.text("simulation.payload_id")))
        }
    }
}

/// A campaign in sandbox mode goes to the tenant's test recipients: here is to whom.
fn sandbox(visit: &Visit, choices: &Choices, form: &Form) -> Markup {
    let places = choices.sandbox.as_ref().map(|sandbox| {
        [
            (Channel::Email, &sandbox.email),
            (Channel::Slack, &sandbox.slack),
            (Channel::Teams, &sandbox.teams),
            (Channel::M365, &sandbox.m365),
        ]
    });
    html! {
        fieldset {
            legend { (visit.say("Sandbox", "وضع التجربة")) }
            label { input type="checkbox" name="sandbox" value="true" checked[form.has("sandbox")]; " "
                (visit.say("It goes to the test recipients instead", "تذهب إلى مستلمي التجربة بدلًا منهم")) }
            @if let Some(places) = places {
                @if places.iter().all(|(_, addresses)| addresses.is_empty()) {
                    p.help { (visit.say("There are no test recipients yet.", "لا مستلمي تجربة بعد.")) }
                }
                @for (channel, addresses) in places { @if !addresses.is_empty() {
                    p.help { (parts::channel_name(visit, channel)) ": " code dir="ltr" { (addresses.join(", ")) } }
                } }
                @if visit.may(Scope::IntegrationsWrite) {
                    p.help { a href=(visit.link("/settings")) { (visit.say("Change the test recipients", "تغيير مستلمي التجربة")) } }
                }
            }
        }
    }
}

/// The request that the form makes; otherwise what is wrong with a line of it.
pub(super) fn body(form: &Form) -> Result<Value, Vec<FieldProblem>> {
    let mut faults = Vec::new();
    let recipients: Vec<_> = lines(form.text("recipients"))
        .filter_map(|(number, line)| match recipient(line) {
            Ok(recipient) => Some(recipient),
            Err(why) => {
                faults.push(fault("recipients", number, why));
                None
            }
        })
        .collect();
    let mut variables = Map::new();
    for (number, line) in lines(form.text("template.variables")) {
        match line.split_once('=') {
            Some((name, value)) => drop(variables.insert(name.trim().to_owned(), value.trim().into())),
            None => faults.push(fault("template.variables", number, "write it as name=value")),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let channel = form.text("channel");
    let mut body = json!({
        "campaign_id": form.text("campaign_id"), "channel": channel, "recipients": recipients, "sandbox": form.has("sandbox"),
        "integration_id": form.entered("integration_id"),
    });
    if channel == Channel::M365.as_str() {
        body["simulation"] = simulation_of(form);
    } else if let Some(template) = form.entered("template.id") {
        body["template"] = json!({"id": template, "variables": variables});
    } else if form.entered("message.text").is_some() || form.entered("message.subject").is_some() {
        body["message"] = json!({"subject": form.entered("message.subject"), "text": form.text("message.text").replace("\r\n", "\n")});
    }
    Ok(body)
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty())
}

fn fault(field: &str, line: usize, message: &str) -> FieldProblem {
    FieldProblem {
        field: field.to_owned(),
        code: "invalid".to_owned(),
        message: format!("line {}: {message}", line + 1),
    }
}

/// `user, address[, language][, name=value]...`
fn recipient(line: &str) -> Result<Value, &'static str> {
    let mut cells = line.split(',').map(str::trim);
    let (Some(user), Some(address)) =
        (cells.next().filter(|user| !user.is_empty()), cells.next().filter(|it| !it.is_empty()))
    else {
        return Err("write it as user, address, language; the language may be left out");
    };
    let mut recipient = json!({"user_id": user, "address": address});
    let mut variables = Map::new();
    for (place, cell) in cells.enumerate().filter(|(_, cell)| !cell.is_empty()) {
        match cell.split_once('=') {
            Some((name, value)) => drop(variables.insert(name.trim().to_owned(), value.trim().into())),
            None if place == 0 => recipient["locale"] = cell.to_lowercase().into(),
            None => return Err("after the language, write values as name=value"),
        }
    }
    if !variables.is_empty() {
        recipient["variables"] = variables.into();
    }
    Ok(recipient)
}

fn simulation_of(form: &Form) -> Value {
    let mut simulation = Map::new();
    for name in ["name", "payload_id"] {
        if let Some(entered) = form.entered(&format!("simulation.{name}")) {
            simulation.insert(name.to_owned(), entered.into());
        }
    }
    if let Some(launch) = form.entered("simulation.launch_at") {
        // A browser sends minutes and no zone; the form says which it is.
        let whole = if launch.len() == "2026-12-01T08:00".len() { format!("{launch}:00Z") } else { launch.to_owned() };
        simulation.insert("launch_at".to_owned(), whole.into());
    }
    if let Some(days) = form.entered("simulation.duration_days") {
        let days = days.parse::<u64>().map_or_else(|_| days.into(), Value::from);
        simulation.insert("duration_days".to_owned(), days);
    }
    simulation.into()
}
