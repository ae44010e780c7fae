//! What the API finds wrong with a form, told to whoever filled it in.
//!
//! The API's sentences are English. A reader of Arabic gets what the fault's code means, which the API keeps in both
//! languages, and the sentence behind it as a detail, marked as English.

use crate::{language::Language, page::title_of, parts, view::View};
use ::api::{
    fault::FaultCode,
    integrations::TestView,
    problem::{FieldProblem, Problem, ProblemKind},
};
use maud::{Markup, html};

/// The fault of a field, if it has one.
pub(crate) fn of<'a>(faults: &'a [FieldProblem], field: &str) -> Option<&'a FieldProblem> {
    faults.iter().find(|fault| fault.field == field)
}

/// What a fault's code says in Arabic: of a form, or of what a test found.
fn arabic(code: &str) -> &'static str {
    let of_test = || domain::failure::explain(code).map(|words| words.ar);
    FaultCode::of(code).map(FaultCode::arabic).or_else(of_test).unwrap_or("القيمة غير مقبولة.")
}

/// A fault in the reader's language.
pub(crate) fn words(view: &View, fault: &FieldProblem) -> Markup {
    html! {
        @if view.language == Language::Arabic { (arabic(&fault.code)) " " }
        span lang="en" dir="auto" { (fault.message) }
    }
}

/// The same for a form that has each list in one field, an entry a line: what is wrong with `to[2]` is said of `to`, with its
/// line. `named` says how the form names a field of the API's.
pub(crate) fn by_line(problem: &Problem, named: impl Fn(&str) -> String) -> Problem {
    let mut errors: Vec<FieldProblem> = Vec::new();
    for fault in &problem.errors {
        let entry = fault.field.strip_suffix(']').and_then(|name| name.rsplit_once('['));
        let line = entry.and_then(|(list, place)| Some((list, place.parse::<usize>().ok()? + 1)));
        let (field, message) = match line {
            Some((list, line)) => (named(list), format!("line {line}: {}", fault.message)),
            None => (named(&fault.field), fault.message.clone()),
        };
        match errors.iter_mut().find(|known| known.field == field) {
            Some(known) => known.message = format!("{}; {message}", known.message),
            None => errors.push(FieldProblem { field, code: fault.code.clone(), message }),
        }
    }
    Problem { errors, ..problem.clone() }
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
