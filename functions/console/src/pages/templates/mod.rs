//! Message templates: which there are, how one looks in both languages, an editor.

mod delete;
mod edit;
mod frame;
mod list;
mod preview;
mod show;
#[cfg(test)]
mod tests;

use crate::{router::Routes, view::View, visit::Kept};
use axum::{Router, routing::get};
use domain::{channel::Channel, template::Locale};
use runtime::secrets::SecretSource;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/templates", get(list::list))
        .route("/console/templates/new", get(edit::begin).post(edit::create))
        .route("/console/templates/{id}", get(show::show))
        .route("/console/templates/{id}/edit", get(edit::show).post(edit::save))
        .route("/console/templates/{id}/delete", get(delete::ask).post(delete::delete))
}

/// The languages of messages, in the order in which they are shown.
const LOCALES: [Locale; 2] = [Locale::En, Locale::Ar];

/// The channels that templates are written for.
const CHANNELS: [Channel; 3] = [Channel::Email, Channel::Slack, Channel::Teams];

const fn locale_name<'a>(view: &View, locale: Locale) -> &'a str {
    match locale {
        Locale::En => view.say("English", "الإنجليزية"),
        Locale::Ar => view.say("Arabic", "العربية"),
    }
}

const fn direction(locale: Locale) -> &'static str {
    match locale {
        Locale::En => "ltr",
        Locale::Ar => "rtl",
    }
}
