//! A list of what was looked at: how each came out, why, and what to do.

use crate::{parts::badge, view::View};
use domain::preflight::CheckStatus;
use maud::{Markup, html};

/// How one came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pass,
    Warn,
    Fail,
    /// It was not looked at, because of something before it.
    Skipped,
}

impl From<CheckStatus> for Status {
    fn from(status: CheckStatus) -> Self {
        match status {
            CheckStatus::Pass => Self::Pass,
            CheckStatus::Warn => Self::Warn,
            CheckStatus::Fail => Self::Fail,
        }
    }
}

/// One line of the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) status: Status,
    pub(crate) title: &'a str,
    /// Why, in the viewer's language; empty where there is nothing to say.
    pub(crate) reason: &'a str,
    pub(crate) fix: &'a str,
    /// What was found, as it was told, in whatever language.
    pub(crate) detail: &'a str,
}

/// The list.
pub(crate) fn list(view: &View, lines: &[Line<'_>]) -> Markup {
    html! {
        ol.checklist {
            @for line in lines {
                li {
                    div.head { strong { (line.title) } (state(view, line.status)) }
                    @if !line.reason.is_empty() { p.reason { (line.reason) } }
                    @if !line.fix.is_empty() { p.fix { strong { (view.say("What to do:", "ما العمل:")) } " " (line.fix) } }
                    @if !line.detail.is_empty() { p.detail dir="auto" { (line.detail) } }
                }
            }
        }
    }
}

fn state(view: &View, status: Status) -> Markup {
    match status {
        Status::Pass => badge("good", view.say("Passed", "نجح")),
        Status::Warn => badge("warn", view.say("Warning", "تنبيه")),
        Status::Fail => badge("bad", view.say("Failed", "فشل")),
        Status::Skipped => badge("off", view.say("Not tried", "لم يُجرَّب")),
    }
}

/// A check of preflight by its name in the API.
pub(crate) fn check_name<'a>(view: &View, check: &'a str) -> &'a str {
    match check {
        "settings" => view.say("Settings", "الإعدادات"),
        "enabled" => view.say("Enabled", "مفعّل"),
        "health" => view.say("Health", "الحالة الصحية"),
        "capability" => view.say("Permission", "الصلاحية"),
        "recipients" => view.say("Recipients", "المستلمون"),
        "quota" => view.say("Limits", "الحدود"),
        "sandbox" => view.say("Test recipients", "مستلمو التجربة"),
        "template" => view.say("Message", "الرسالة"),
        "suppression" => view.say("Suppressed addresses", "العناوين المحجوبة"),
        other => other,
    }
}
