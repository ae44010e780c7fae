//! What the API finds wrong with a form, told to whoever filled it in.
//!
//! The API's sentences are English. A reader of Arabic gets the gist by the fault's code, and the sentence behind it as a
//! detail, marked as English.

use crate::{language::Language, page::title_of, parts, view::View};
use ::api::{
    integrations::TestView,
    problem::{FieldProblem, Problem, ProblemKind},
};
use maud::{Markup, html};

/// The fault of a field, if it has one.
pub(crate) fn of<'a>(faults: &'a [FieldProblem], field: &str) -> Option<&'a FieldProblem> {
    faults.iter().find(|fault| fault.field == field)
}

/// What a fault's code says in Arabic.
fn arabic(code: &str) -> &'static str {
    match code {
        "required" => "هذا الحقل مطلوب.",
        "unknown" => "هذا الحقل غير معروف هنا.",
        "too_many" => "القيم أكثر مما يُقبل.",
        _ => "القيمة غير مقبولة.",
    }
}

/// A fault in the reader's language.
pub(crate) fn words(view: &View, fault: &FieldProblem) -> Markup {
    html! {
        @if view.language == Language::Arabic { (arabic(&fault.code)) " " }
        span lang="en" dir="auto" { (fault.message) }
    }
}

/// What the API says against a form: in short, what its test found, and the faults of fields that the form does not show
/// beside them (`shown` are those that it does).
pub(crate) fn refusal(view: &View, problem: &Problem, shown: &[String]) -> Markup {
    let test: Option<TestView> = problem.test.clone().and_then(|test| serde_json::from_value(test).ok());
    let rest = problem.errors.iter().filter(|fault| !shown.contains(&fault.field));
    html! {
        div.toast.bad role="alert" tabindex="-1" data-focus {
            p { strong { (title_of(view, problem.code)) } }
            @if let Some(test) = &test { (parts::found(view, test)) }
            @else if problem.code != ProblemKind::InvalidRequest { p.detail lang="en" dir="auto" { (problem.detail) } }
            @for fault in rest { p.detail { code dir="ltr" { (fault.field) } " " (words(view, fault)) } }
        }
    }
}
