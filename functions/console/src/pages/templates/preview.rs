//! How a template looks in both languages: made by the API, with the very code that makes what is sent.

use super::{LOCALES, direction, frame::framed, locale_name};
use crate::{
    api::Asked,
    field::{Field, Text},
    page::Page,
    router::Styles,
    view::View,
    visit::Visit,
};
use ::api::{
    problem::FieldProblem,
    templates::{PreviewAnswer, PreviewRequest, PreviewView},
};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{
    channel::Channel,
    template::{Locale, TemplateText},
};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// Under which name the value of a variable is sent, and the API names it when it has none.
pub(super) const VALUE: &str = "variables.";

/// What came of a template with these values.
pub(super) struct Preview {
    pub(super) answer: PreviewAnswer,
    /// A value for each variable: what was entered, or a sample.
    pub(super) values: BTreeMap<String, String>,
}

/// A value that shows what a variable is for.
fn sample(variable: &str) -> String {
    match variable {
        "name" => "Sara Ali".to_owned(),
        "campaign" => "Phishing basics".to_owned(),
        "link" => "https://example.com/start".to_owned(),
        "due_date" => "2026-12-31".to_owned(),
        other => format!("[{other}]"),
    }
}

/// These values, and samples for the variables that have none.
pub(super) fn with_samples(
    mut values: BTreeMap<String, String>,
    variables: &BTreeSet<String>,
) -> BTreeMap<String, String> {
    for name in variables {
        values.entry(name.clone()).or_insert_with(|| sample(name));
    }
    values
}

/// Asks the API. Which variables there are is learnt from it, so those without a value get a sample and it is asked again.
pub(super) async fn preview(
    visit: &Visit,
    channel: Channel,
    texts: &BTreeMap<Locale, TemplateText>,
    entered: BTreeMap<String, String>,
) -> Asked<Preview> {
    let mut wanted = PreviewRequest { channel, texts: texts.clone(), variables: entered };
    let mut answer: PreviewAnswer = ask(visit, &wanted).await?;
    if answer.variables.iter().any(|name| !wanted.variables.contains_key(name)) {
        wanted.variables = with_samples(wanted.variables, &answer.variables);
        answer = ask(visit, &wanted).await?;
    }
    wanted.variables.retain(|name, _| answer.variables.contains(name));
    Ok(Preview { answer, values: wanted.variables })
}

async fn ask(visit: &Visit, wanted: &PreviewRequest) -> Asked<PreviewAnswer> {
    visit.api.send(Method::POST, "/v1/template-previews", wanted).await
}

/// The values that a form or an address has.
pub(super) fn entered<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let values = fields.filter_map(|(name, value)| Some((name.strip_prefix(VALUE)?, value.trim())));
    values.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A field for each variable.
pub(super) fn values(visit: &Visit, preview: &Preview) -> Markup {
    let faults = &preview.answer.errors;
    html! {
        @for (variable, value) in &preview.values {
            @let name = format!("{VALUE}{variable}");
            (Field::new(visit, &name, variable, "").required().judged(faults).text(visit, Text::Words, value))
        }
    }
}

/// Both languages side by side, and what the page's policy has to name for them.
pub(super) fn both(visit: &Visit, preview: &Preview) -> (Markup, Styles) {
    let mut styles = Styles::default();
    let shown = LOCALES.iter().filter_map(|locale| {
        let made = preview.answer.previews.get(locale);
        let place = format!("texts.{}.", locale.as_str());
        let fault = preview.answer.errors.iter().find(|fault| fault.field.starts_with(&place));
        (made.is_some() || fault.is_some()).then(|| one(visit, *locale, made, fault, &mut styles))
    });
    let shown: Vec<_> = shown.collect();
    let missing = preview.answer.errors.iter().filter(|fault| fault.field.starts_with(VALUE));
    let markup = html! {
        @for fault in missing { p.error { code dir="ltr" { (fault.field) } " " (crate::faults::words(visit, fault)) } }
        div.languages { @for one in &shown { (one) } }
    };
    (markup, styles)
}

fn one(
    view: &View,
    locale: Locale,
    made: Option<&PreviewView>,
    fault: Option<&FieldProblem>,
    styles: &mut Styles,
) -> Markup {
    let (name, tag, dir) = (locale_name(view, locale), locale.as_str(), direction(locale));
    let document = made.and_then(|made| made.html.as_deref()).map(framed);
    if let Some(Some(framed)) = &document {
        styles.0.extend(framed.hashes.iter().cloned());
    }
    html! {
        article.card.preview aria-label=(name) {
            h3 { (name) }
            @if let Some(fault) = fault { p.error { code dir="ltr" { (fault.field) } " " (crate::faults::words(view, fault)) } }
            @if let Some(made) = made {
                @if let Some(subject) = &made.subject { p.reason lang=(tag) dir=(dir) { (subject) } }
                @match &document {
                    Some(Some(framed)) => {
                        iframe.mail sandbox="" title=(format!("{}: {name}", view.say("The message as HTML", "الرسالة بصيغة HTML"))) srcdoc=(framed.document) {}
                    }
                    Some(None) => p.quiet { (view.say("The HTML is too long to be shown here.", "نص HTML أطول من أن يُعرض هنا.")) },
                    None => {}
                }
                @if document.is_some() {
                    details {
                        summary { (view.say("As plain text", "نصًا عاديًا")) }
                        div.rendered lang=(tag) dir=(dir) { (made.text) }
                    }
                } @else {
                    div.rendered lang=(tag) dir=(dir) { (made.text) }
                }
                @if let Some(link) = &made.link {
                    p.detail { (view.say("Leads to:", "يقود إلى:")) " " code dir="ltr" { (link) } }
                }
            }
        }
    }
}

/// The page, whose policy lets the previews look as they do.
pub(super) fn styled(page: Page, styles: Styles) -> Response {
    let mut response = page.into_response();
    response.extensions_mut().insert(styles);
    response
}
