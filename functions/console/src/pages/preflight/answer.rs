//! What is answered: every check with its verdict, why, what to do, and where.

use crate::{
    language::{Counted, Language},
    parts::badge,
    view::View,
    visit::Visit,
};
use api::preflight::{CheckView, PreflightAnswer};
use domain::{preflight::CheckStatus, principal::Scope};
use maud::{Markup, html};

const MINUTES: Counted = Counted {
    one: "{n} minute",
    other: "{n} minutes",
    arabic: ["أقل من دقيقة", "دقيقة واحدة", "دقيقتان", "{n} دقائق", "{n} دقيقة", "{n} دقيقة"],
};
const HOURS: Counted = Counted {
    one: "{n} hour",
    other: "{n} hours",
    arabic: ["أقل من ساعة", "ساعة واحدة", "ساعتان", "{n} ساعات", "{n} ساعة", "{n} ساعة"],
};
const DAYS: Counted = Counted {
    one: "{n} day",
    other: "{n} days",
    arabic: ["أقل من يوم", "يوم واحد", "يومان", "{n} أيام", "{n} يومًا", "{n} يوم"],
};

/// The name of a check, and what it means that it passed.
fn words<'a>(view: &View, check: &'a str) -> (&'a str, &'static str) {
    match check {
        "settings" => {
            (view.say("Integration", "التكامل"), view.say("One is set up for the channel.", "للقناة تكامل مُعدّ."))
        }
        "enabled" => (view.say("Enabled", "مفعّل"), view.say("It is in use.", "التكامل مفعّل.")),
        "health" => (view.say("Connection", "الاتصال"), view.say("Its last test passed.", "نجح آخر اختبار له.")),
        "capability" => (view.say("Permission", "الصلاحية"), view.say("You may send.", "يُسمح لك بالإرسال.")),
        "recipients" => (
            view.say("Recipients", "المستلمون"),
            view.say("All can be reached on the channel.", "يمكن بلوغهم جميعًا عبر القناة."),
        ),
        "quota" => (view.say("Limits", "الحدود"), view.say("They all fit into today.", "تتسع لهم حدود اليوم.")),
        "sandbox" => (view.say("Sandbox", "وضع التجربة"), view.say("Nothing is missing for it.", "لا ينقصه شيء.")),
        "template" => (view.say("Messages", "الرسائل"), view.say("All can be made.", "يمكن إنشاؤها جميعًا.")),
        "suppression" => (
            view.say("Suppressed addresses", "العناوين المحجوبة"),
            view.say("None of the recipients is suppressed.", "لا أحد من المستلمين محجوب."),
        ),
        other => (other, ""),
    }
}

/// The page on which something can be done about a check.
fn place(visit: &Visit, check: &CheckView, answer: &PreflightAnswer, template: &str) -> Option<(String, &'static str)> {
    let integration = answer.integration_id.as_ref().map(|id| format!("/integrations/{id}"));
    let to_integration = integration.map(|path| (path, visit.say("To the integration", "إلى التكامل")));
    let found = match check.check.as_str() {
        "settings" if visit.may(Scope::IntegrationsWrite) => {
            Some(("/integrations/new".to_owned(), visit.say("Add integration", "إضافة تكامل")))
        }
        "enabled" | "health" | "quota" => to_integration,
        "capability" if visit.may(Scope::KeysRead) => {
            Some(("/keys".to_owned(), visit.say("To the keys", "إلى المفاتيح")))
        }
        "sandbox" => Some(("/settings".to_owned(), visit.say("To the settings", "إلى الإعدادات"))),
        "template" if template.parse::<domain::ids::TemplateId>().is_ok() => {
            Some((format!("/templates/{template}"), visit.say("To the template", "إلى القالب")))
        }
        "suppression" if visit.may(Scope::SuppressionsRead) => {
            Some(("/suppressions".to_owned(), visit.say("To the suppressed addresses", "إلى العناوين المحجوبة")))
        }
        _ => None,
    };
    found.map(|(path, words)| (visit.link(&path), words))
}

pub(super) fn checklist(visit: &Visit, answer: &PreflightAnswer, template: &str) -> Markup {
    let (tone, verdict) = if answer.ready {
        ("good", visit.say("It may go.", "يُسمح لها بالانطلاق."))
    } else {
        ("bad", visit.say("It may not go yet.", "لا يُسمح لها بالانطلاق بعد."))
    };
    html! {
        section aria-labelledby="checks" {
            div.toast.(tone) role="status" tabindex="-1" data-focus { p { strong { (verdict) } } }
            h2 #checks { (visit.say("Checks", "الفحوص")) }
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Check", "الفحص")) }
                    th scope="col" { (visit.say("Result", "النتيجة")) }
                    th scope="col" { (visit.say("Why, and what to do", "السبب، وما العمل")) }
                } }
                tbody { @for check in &answer.checks { (row(visit, check, answer, template)) } }
            }
        }
    }
}

fn row(visit: &Visit, check: &CheckView, answer: &PreflightAnswer, template: &str) -> Markup {
    let (name, passed) = words(visit, &check.check);
    let verdict = match check.status {
        CheckStatus::Pass => badge("good", visit.say("Passed", "نجح")),
        CheckStatus::Warn => badge("warn", visit.say("Warning", "تنبيه")),
        CheckStatus::Fail => badge("bad", visit.say("Failed", "فشل")),
    };
    let (reason, fix) = match visit.language {
        Language::English => (&check.reason, &check.fix),
        Language::Arabic => (&check.reason_ar, &check.fix_ar),
    };
    let place = (check.status != CheckStatus::Pass).then(|| place(visit, check, answer, template)).flatten();
    html! {
        tr data-check=(check.check) {
            th scope="row" { (name) }
            td data-label=(visit.say("Result", "النتيجة")) { (verdict) }
            td {
                @if check.status == CheckStatus::Pass { span.quiet { (passed) } }
                @if !reason.is_empty() { p.reason { (reason) } }
                @if !fix.is_empty() { p.fix { strong { (visit.say("What to do:", "ما العمل:")) } " " (fix) } }
                @if let Some(age_s) = check.evidence_age_s { small.quiet { (tested(visit, age_s)) } }
                @if let Some((link, words)) = place { p { a href=(link) { (words) } } }
            }
        }
    }
}

/// How old the test is that a verdict rests on.
fn tested(view: &View, age_s: i64) -> String {
    let minutes = u64::try_from(age_s / 60).unwrap_or(0);
    let age = match minutes {
        0 => return view.say("Tested just now", "اختُبر للتو").to_owned(),
        1..60 => view.count(minutes, &MINUTES),
        60..1_440 => view.count(minutes / 60, &HOURS),
        _ => view.count(minutes / 1_440, &DAYS),
    };
    match view.language {
        Language::English => format!("Tested {age} ago"),
        Language::Arabic => format!("اختُبر قبل {age}"),
    }
}
