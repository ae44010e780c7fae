//! The editor of a template: `/console/templates/new` and `/console/templates/{id}/edit`. What is entered can be looked at
//! before it is saved; nothing that was entered is lost to a mistake.

use super::{
    CHANNELS, LOCALES, direction, locale_name,
    preview::{self, Preview},
};
use crate::{
    api::Asked,
    faults::refusal,
    field::{Field, Text},
    flash::Flash,
    form::Form,
    page::Page,
    parts,
    query::address,
    visit::{Posted, Visit},
};
use ::api::{
    problem::{FieldProblem, Problem},
    templates::TemplateView,
};
use axum::{
    extract::Query,
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{
    channel::Channel,
    ids::TemplateId,
    template::{Locale, TemplateText},
};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What stands in the editor.
struct Draft {
    /// The template that is changed; a new one has none.
    of: Option<TemplateId>,
    id: String,
    name: String,
    channel: String,
    default_locale: Locale,
    texts: BTreeMap<Locale, TemplateText>,
    values: BTreeMap<String, String>,
}

impl Draft {
    fn new() -> Self {
        Self {
            of: None,
            id: String::new(),
            name: String::new(),
            channel: Channel::Email.as_str().to_owned(),
            default_locale: Locale::En,
            texts: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    fn of(template: TemplateView) -> Self {
        Self {
            id: template.id.to_string(),
            of: Some(template.id),
            name: template.name,
            channel: template.channel.as_str().to_owned(),
            default_locale: template.default_locale,
            texts: template.texts,
            values: BTreeMap::new(),
        }
    }

    fn entered(of: Option<TemplateId>, form: &Form) -> Self {
        Self {
            id: of.as_ref().map_or_else(|| form.text("id").to_owned(), ToString::to_string),
            of,
            name: form.text("name").to_owned(),
            channel: form.text("channel").to_owned(),
            default_locale: form.text("default_locale").parse().unwrap_or_default(),
            texts: LOCALES.into_iter().filter_map(|locale| Some((locale, text_of(form, locale)?))).collect(),
            values: preview::entered(form.fields()),
        }
    }

    fn body(&self) -> serde_json::Value {
        let id = self.of.is_none().then_some(&self.id).filter(|id| !id.is_empty());
        json!({
            "id": id, "name": self.name, "channel": self.channel, "texts": self.texts, "default_locale": self.default_locale,
        })
    }
}

/// A language of the form; `None` where nothing of it was entered.
fn text_of(form: &Form, locale: Locale) -> Option<TemplateText> {
    // Browsers send line ends as CR LF.
    let part = |part: &str| Some(form.raw(&place(locale, part))?.replace("\r\n", "\n"));
    let (subject, text, html, link) = (part("subject"), part("text"), part("html"), part("link"));
    let entered = subject.is_some() || text.is_some() || html.is_some() || link.is_some();
    entered.then(|| TemplateText { subject, text: text.unwrap_or_default(), html, link })
}

/// Under which name a part is sent, and the API names it when it is wrong.
fn place(locale: Locale, part: &str) -> String {
    format!("texts.{}.{part}", locale.as_str())
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    /// The template that a new one begins as a copy of.
    from: String,
}

/// `GET /console/templates/new`.
pub(crate) async fn begin(visit: Visit, Query(From { from }): Query<From>) -> Answer<Response> {
    let draft = match from.parse::<TemplateId>() {
        Ok(from) => {
            let template: TemplateView = visit.api.get(&format!("/v1/templates/{from}")).await?;
            Draft { of: None, id: String::new(), name: String::new(), ..Draft::of(template) }
        }
        Err(_) => Draft::new(),
    };
    Ok(looked_at(&visit, draft).await)
}

/// `GET /console/templates/{id}/edit`.
pub(crate) async fn show(Path(id): Path<TemplateId>, visit: Visit) -> Answer<Response> {
    let template: TemplateView = visit.api.get(&format!("/v1/templates/{id}")).await?;
    if template.ready_made {
        let words = visit
            .say("It came with the hub and stays as it is; make a copy.", "جاء مع المنصة ويبقى كما هو؛ أنشئ نسخة منه.");
        return Ok(visit.go(&format!("/templates/{id}"), &Flash::warn(words, "")));
    }
    Ok(looked_at(&visit, Draft::of(template)).await)
}

/// `POST /console/templates/new`.
pub(crate) async fn create(Posted { visit, form }: Posted) -> Response {
    let draft = Draft::entered(None, &form);
    if form.text("do") != "save" {
        return looked_at(&visit, draft).await;
    }
    let saved = visit.api.send(Method::POST, "/v1/templates", &draft.body()).await;
    finished(&visit, &draft, saved, visit.say("The template is saved.", "حُفظ القالب."))
}

/// `POST /console/templates/{id}/edit`.
pub(crate) async fn save(Path(id): Path<TemplateId>, Posted { visit, form }: Posted) -> Response {
    let route = format!("/v1/templates/{id}");
    let draft = Draft::entered(Some(id), &form);
    if form.text("do") != "save" {
        return looked_at(&visit, draft).await;
    }
    let saved = visit.api.send(Method::PUT, &route, &draft.body()).await;
    let done = visit.say(
        "Saved as a new version. What was accepted before is sent as it was.",
        "حُفظ بإصدار جديد. ما قُبل قبل ذلك يُرسل كما كان.",
    );
    finished(&visit, &draft, saved, done)
}

fn finished(visit: &Visit, draft: &Draft, saved: Asked<TemplateView>, done: &str) -> Response {
    match saved {
        Ok(template) => visit.go(&format!("/templates/{}", template.id), &Flash::good(done)),
        Err(problem) => editor(visit, draft, None, Some(&problem)).with_status(problem.status).into_response(),
    }
}

/// The editor with a preview of what stands in it.
async fn looked_at(visit: &Visit, mut draft: Draft) -> Response {
    let Ok(channel) = draft.channel.parse() else { return editor(visit, &draft, None, None).into_response() };
    if draft.texts.is_empty() {
        return editor(visit, &draft, None, None).into_response();
    }
    match preview::preview(visit, channel, &draft.texts, std::mem::take(&mut draft.values)).await {
        Ok(preview) => {
            let (both, styles) = preview::both(visit, &preview);
            preview::styled(editor(visit, &draft, Some((&preview, &both)), None), styles)
        }
        Err(problem) => editor(visit, &draft, None, Some(&problem)).with_status(problem.status).into_response(),
    }
}

fn editor(visit: &Visit, draft: &Draft, shown: Option<(&Preview, &Markup)>, problem: Option<&Problem>) -> Page {
    let title = if draft.of.is_some() {
        visit.say("Edit template", "تعديل القالب")
    } else {
        visit.say("Create template", "إنشاء قالب")
    };
    let found = shown.map(|(preview, _)| preview.answer.errors.as_slice()).unwrap_or_default();
    let faults = problem.map_or(found, |problem| problem.errors.as_slice());
    let mut beside: Vec<String> = ["id", "name", "channel", "default_locale"].map(str::to_owned).into();
    beside.extend(LOCALES.into_iter().flat_map(|locale| PARTS.map(|part| place(locale, part))));
    let back = draft.of.as_ref().map_or_else(|| "/templates".to_owned(), |id| format!("/templates/{id}"));
    let body = html! {
        (parts::crumbs(visit, "/templates", visit.say("Templates", "القوالب")))
        h1 { (title) }
        @if let Some(problem) = problem { (refusal(visit, problem, &beside)) }
        form method="post" {
            (visit.token())
            div.card.form { (heading(visit, draft, faults)) }
            p.help {
                (visit.say("A variable is written", "يُكتب المتغير هكذا")) " " code dir="ltr" { "{{ name }}" } ". "
                (visit.say(
                    "Leave a language empty to do without it.",
                    "اترك لغةً فارغة للاستغناء عنها.",
                ))
            }
            div.languages { @for locale in LOCALES { (language(visit, draft, locale, faults)) } }
            @if let Some((preview, _)) = shown { @if !preview.values.is_empty() {
                fieldset.card {
                    legend { (visit.say("Values for the preview", "قيم للمعاينة")) }
                    p.help { (visit.say("They are not saved.", "لا تُحفظ.")) }
                    (preview::values(visit, preview))
                }
            } }
            div.actions {
                button.button.second type="submit" name="do" value="preview" formnovalidate { (visit.say("Preview", "معاينة")) }
                button.button type="submit" name="do" value="save" { (visit.say("Save", "حفظ")) }
                a.button.second href=(visit.link(&address(&back, &[]))) { (visit.say("Cancel", "إلغاء")) }
            }
        }
        @if let Some((_, both)) = shown {
            section aria-labelledby="preview" {
                h2 #preview { (visit.say("Preview", "معاينة")) }
                (both)
            }
        }
    };
    visit.page(title, &body)
}

const PARTS: [&str; 4] = ["subject", "text", "html", "link"];

fn heading(visit: &Visit, draft: &Draft, faults: &[FieldProblem]) -> Markup {
    let field = |name, title, help| Field::new(visit, name, title, help).required().judged(faults);
    let named = visit.say("By this, campaigns name it. It stays.", "بهذا تسمّيه الحملات، ولا يتغير.");
    let channels = CHANNELS.map(|channel| (channel.as_str(), parts::channel_name(visit, channel)));
    let locales = LOCALES.map(|locale| (locale.as_str(), locale_name(visit, locale)));
    let whose = visit.say("Which language gets whoever has none.", "بأي لغة يُرسل إلى من لا لغة له.");
    html! {
        @if draft.of.is_some() {
            p.label { (visit.say("Id", "المعرّف")) } p { code dir="ltr" { (draft.id) } }
        } @else {
            (field("id", visit.say("Id", "المعرّف"), named).example("welcome").text(visit, Text::Code, &draft.id))
        }
        (field("name", visit.say("Name", "الاسم"), "").text(visit, Text::Words, &draft.name))
        (field("channel", visit.say("Channel", "القناة"), "").choice(visit, &draft.channel, &channels))
        (field("default_locale", visit.say("Default language", "اللغة الافتراضية"), whose)
            .choice(visit, draft.default_locale.as_str(), &locales))
    }
}

fn language(visit: &Visit, draft: &Draft, locale: Locale, faults: &[FieldProblem]) -> Markup {
    let (tag, dir) = (locale.as_str(), direction(locale));
    let text = draft.texts.get(&locale);
    let written = |part: fn(&TemplateText) -> Option<&str>| text.and_then(part).unwrap_or_default();
    let names = PARTS.map(|part| place(locale, part));
    let field = |name, title, help| Field::new(visit, name, title, help).judged(faults);
    let lines = |field: Field<'_>, value: &str, rows: u8, dir: &str| {
        field.around(visit, |id, described| html! {
            // A browser leaves out the first line break.
            textarea id=(id) name=(field.name) rows=(rows) dir=(dir) lang=(tag) spellcheck=[(dir != direction(locale)).then_some("false")]
                aria-describedby=[described] aria-invalid=[field.wrong()] { "\n" (value) }
        })
    };
    let line = |field: Field<'_>, value: &str, dir: &str| {
        field.around(visit, |id, described| {
            html! {
                input id=(id) name=(field.name) value=(value) dir=(dir) lang=(tag) autocomplete="off"
                    aria-describedby=[described] aria-invalid=[field.wrong()];
            }
        })
    };
    let subject = visit.say("E-mail and Teams. E-mails need one.", "للبريد وTeams. وهو لازم للبريد.");
    let plain = visit.say("What every client can show.", "ما يستطيع كل برنامج عرضه.");
    let html_help = visit.say("E-mail only. Values are escaped in it.", "للبريد فقط. وتُهرَّب القيم فيه.");
    let leads = visit.say("Where the message's button leads.", "إلى أين يقود زر الرسالة.");
    html! {
        fieldset.card {
            legend { (locale_name(visit, locale)) }
            (line(field(&names[0], visit.say("Subject", "الموضوع"), subject), written(|text| text.subject.as_deref()), dir))
            (lines(field(&names[1], visit.say("Text", "النص"), plain), written(|text| Some(&text.text)), 7, dir))
            (lines(field(&names[2], "HTML", html_help), written(|text| text.html.as_deref()), 9, "ltr"))
            (line(field(&names[3], visit.say("Link", "الرابط"), leads).example("{{ link }}"), written(|text| text.link.as_deref()), "ltr"))
        }
    }
}
