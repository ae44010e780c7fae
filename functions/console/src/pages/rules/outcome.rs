//! What a try of a rule found: whether it would run, and what would come of it.

use super::{
    triggers,
    words::{action, against, why},
};
use crate::{
    checklist::{self, Line},
    language::Language,
    parts::badge,
    verbatim,
    view::View,
};
use api::{
    preflight::CheckView,
    rules::{ProspectView, RuleDryRunAnswer, SaidView},
};
use domain::rule::Trigger;
use maud::{Markup, html};

/// The whole answer.
pub(super) fn came_to(view: &View, found: &RuleDryRunAnswer, trigger: Option<Trigger>) -> Markup {
    let (tone, words) = if found.would_run {
        ("good", view.say("It would run", "ستعمل"))
    } else {
        ("warn", view.say("It would not run", "لن تعمل"))
    };
    html! {
        section.card aria-labelledby="tried" tabindex="-1" data-focus {
            div.head {
                h2 #tried { (view.say("What would come of it", "ما الذي سينتج")) }
                (badge(tone, words))
            }
            @if let Some(trigger) = trigger { p.quiet { (triggers::name(view, trigger)) " · " code dir="ltr" { (trigger) } } }
            p.quiet { (view.say("Nothing was done.", "لم يُنفَّذ شيء.")) }
            @if !found.against.is_empty() {
                ul { @for one in &found.against { li { (against(view, &one.code, &one.reason)) } } }
            }
            @for (place, prospect) in found.actions.iter().enumerate() { (prospected(view, place, prospect)) }
        }
    }
}

fn prospected(view: &View, place: usize, prospect: &ProspectView) -> Markup {
    let state = if prospect.ready {
        badge("good", view.say("Can be done", "يمكن تنفيذه"))
    } else {
        badge("bad", view.say("Cannot be done", "لا يمكن تنفيذه"))
    };
    html! {
        div.action {
            div.head { h3 { (view.size(place + 1)) ". " (action(view, &prospect.action)) } (state) }
            @if let Some((reason, fix)) = why(view, &prospect.code).filter(|_| !prospect.ready && prospect.checks.is_empty()) {
                p.reason { (reason) }
                p.fix { strong { (view.say("What to do:", "ما العمل:")) } " " (fix) }
            }
            @if !prospect.detail.is_empty() && prospect.checks.is_empty() { p.detail lang="en" dir="auto" { (prospect.detail) } }
            @if let Some(message) = &prospect.message { (said(view, message)) }
            @if !prospect.checks.is_empty() {
                (checklist::list(view, &prospect.checks.iter().map(|check| line(view, check)).collect::<Vec<_>>()))
            }
            @if let Some(data) = &prospect.data {
                p { (view.say("The endpoint would be posted this:", "سيُرسل هذا إلى نقطة النهاية:")) }
                (verbatim::json(view, view.say("What would be posted", "ما سيُرسل"), data, None))
            }
        }
    }
}

/// A message as its recipients would read it.
fn said(view: &View, message: &SaidView) -> Markup {
    html! {
        figure.message {
            figcaption.quiet { (view.say("They would read:", "سيقرؤون:")) }
            @if let Some(subject) = &message.subject { p { strong dir="auto" { (subject) } } }
            pre.said dir="auto" tabindex="0" { (message.text) }
            @if let Some(link) = &message.link { p { code dir="ltr" { (link) } } }
            @if let Some(html) = &message.html {
                details { summary { "HTML" } pre dir="ltr" tabindex="0" { (html) } }
            }
        }
    }
}

fn line<'a>(view: &View, check: &'a CheckView) -> Line<'a> {
    let (reason, fix) = match view.language {
        Language::English => (&check.reason, &check.fix),
        Language::Arabic => (&check.reason_ar, &check.fix_ar),
    };
    Line { status: check.status.into(), title: checklist::check_name(view, &check.check), reason, fix, detail: "" }
}
