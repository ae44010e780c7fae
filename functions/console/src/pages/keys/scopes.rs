//! What each scope permits, in words, and choosing among them by what they are about.

use crate::{language::Language, view::View, visit::Visit};
use api::problem::FieldProblem;
use domain::principal::{Grant, Scope};
use maud::{Markup, html};

/// Everything, today's scopes and those to come.
const ALL: &str = "*";

/// What a scope permits, in English and Arabic.
const fn words(scope: Scope) -> (&'static str, &'static str) {
    match scope {
        Scope::IntegrationsRead => ("See integrations, their health and the catalog", "عرض التكاملات وحالتها والدليل"),
        Scope::IntegrationsWrite => (
            "Create, change and delete integrations, templates and settings",
            "إنشاء التكاملات والقوالب والإعدادات وتغييرها وحذفها",
        ),
        Scope::IntegrationsTest => ("Run tests of saved integrations", "اختبار التكاملات المحفوظة"),
        Scope::CampaignsPreflight => ("Ask whether a campaign may go", "السؤال هل الحملة جاهزة للانطلاق"),
        Scope::CampaignsSend => ("Send, resend, pause, resume and cancel", "الإرسال وإعادته وإيقافه واستئنافه وإلغاؤه"),
        Scope::CampaignsRead => ("Read campaigns and deliveries", "قراءة الحملات والرسائل"),
        Scope::SuppressionsRead => ("See the addresses to which nothing is sent", "عرض العناوين التي لا يُرسل إليها"),
        Scope::SuppressionsWrite => {
            ("Put addresses on that list and take them from it", "إضافة عناوين إلى تلك القائمة وإزالتها منها")
        }
        Scope::KeysRead => ("See API keys", "عرض مفاتيح API"),
        Scope::KeysWrite => ("Create, change and revoke API keys", "إنشاء مفاتيح API وتغييرها وإلغاؤها"),
        Scope::AuditRead => ("Read the audit trail", "قراءة سجل التدقيق"),
        Scope::HooksRead => ("See inbound webhooks and what they received", "عرض الويب هوك الواردة وما استلمته"),
        Scope::HooksReplay => ("Replay the events of inbound webhooks", "إعادة نشر أحداث الويب هوك الواردة"),
        Scope::HooksWrite => (
            "Create, change and delete inbound webhooks, rotate their secrets and replay their events",
            "إنشاء الويب هوك الواردة وتغييرها وحذفها وتبديل أسرارها وإعادة نشر أحداثها",
        ),
        Scope::EventsWrite => ("Hand events over for the endpoints", "تسليم أحداث إلى نقاط الاستقبال"),
        Scope::EndpointsRead => (
            "See endpoints, their deliveries and attempts, and the types of events",
            "عرض نقاط الاستقبال وتسليماتها ومحاولاتها وأنواع الأحداث",
        ),
        Scope::EndpointsOperate => (
            "Test, pause and resume endpoints, and send events again",
            "اختبار نقاط الاستقبال وإيقافها واستئنافها وإعادة إرسال الأحداث",
        ),
        Scope::EndpointsWrite => (
            "Create, change and delete endpoints, do all of the above, and describe the types of events",
            "إنشاء نقاط الاستقبال وتغييرها وحذفها، وكل ما سبق، ووصف أنواع الأحداث",
        ),
        Scope::RulesRead => ("See automation rules and their runs", "عرض قواعد الأتمتة وتنفيذاتها"),
        Scope::RulesWrite => {
            ("Create, change, try and delete automation rules", "إنشاء قواعد الأتمتة وتغييرها وتجربتها وحذفها")
        }
        Scope::LogsRead => ("Read the log", "قراءة السجل"),
        Scope::ConsoleUse => ("Sign in to this console with the key", "الدخول إلى لوحة التحكم هذه بالمفتاح"),
    }
}

/// What the scopes of a resource are about, in English and Arabic.
fn topic(resource: &str) -> (&str, &str) {
    match resource {
        "integrations" => ("Integrations", "التكاملات"),
        "campaigns" => ("Campaigns", "الحملات"),
        "suppressions" => ("Suppressions", "العناوين المحجوبة"),
        "keys" => ("API keys", "مفاتيح API"),
        "audit" => ("Audit trail", "سجل التدقيق"),
        "hooks" => ("Webhooks in", "الويب هوك الواردة"),
        "events" => ("Events", "الأحداث"),
        "endpoints" => ("Webhooks out", "الويب هوك الصادرة"),
        "rules" => ("Rules", "القواعد"),
        "logs" => ("Log", "السجل"),
        "console" => ("Console", "لوحة التحكم"),
        other => (other, other),
    }
}

fn resource(scope: Scope) -> &'static str {
    scope.as_str().split(':').next().unwrap_or_default()
}

fn in_words(view: &View, (english, arabic): (&'static str, &'static str)) -> &'static str {
    match view.language {
        Language::English => english,
        Language::Arabic => arabic,
    }
}

/// What a grant permits, in words.
fn granted(view: &View, grant: &Grant) -> String {
    if grant.as_str() == ALL {
        return view.say("Everything, and what is added later", "كل شيء، وما يُضاف لاحقًا").to_owned();
    }
    if let Some(resource) = grant.as_str().strip_suffix(":*") {
        let (english, arabic) = topic(resource);
        let rest = view.say("everything, and what is added later", "كل شيء، وما يُضاف لاحقًا");
        return format!("{}: {rest}", view.say(english, arabic));
    }
    grant.as_str().parse().map_or_else(|_| grant.as_str().to_owned(), |scope| in_words(view, words(scope)).to_owned())
}

/// What a key may do, in words.
pub(super) fn list(view: &View, grants: &[Grant]) -> Markup {
    html! {
        ul.plain-list { @for grant in grants { li { (granted(view, grant)) " " code.quiet dir="ltr" { (grant.as_str()) } } } }
    }
}

/// Boxes for what a key may do. Nobody gives what they do not have; what the key has already is shown all the same.
pub(super) fn boxes(visit: &Visit, ticked: &[String], held: &[Grant], fault: Option<&FieldProblem>) -> Markup {
    let may_give = |text: &str| {
        let grant = Grant::try_from(text.to_owned());
        grant.is_ok_and(|grant| held.contains(&grant) || visit.api.caller.lacks(&[grant]).is_none())
    };
    let mut resources: Vec<&str> = Scope::ALL.iter().map(|scope| resource(*scope)).collect();
    resources.dedup();
    let one = |value: &str, words: &str| {
        html! {
            li { label {
                input type="checkbox" name="scope" value=(value) checked[ticked.iter().any(|it| it == value)]; " "
                (words) " " code.quiet dir="ltr" { (value) }
            } }
        }
    };
    html! {
        fieldset.scopes.wrong[fault.is_some()] aria-describedby=[fault.map(|_| "scopes-error")] {
            legend { (visit.say("What it may do", "ما يُسمح به")) }
            @if let Some(fault) = fault { p.error #scopes-error { (crate::faults::words(visit, fault)) } }
            p.help { (visit.say("As little as its program needs. You can give what you have yourself.", "أقل ما يحتاجه برنامجه. يمكنك منح ما لديك أنت.")) }
            @if may_give(ALL) { ul.plain-list { (one(ALL, visit.say("Everything, and what is added later", "كل شيء، وما يُضاف لاحقًا"))) } }
            @for resource in resources {
                @let own: Vec<_> = Scope::ALL.iter().filter(|scope| self::resource(**scope) == resource && may_give(scope.as_str())).collect();
                @let whole = format!("{resource}:*");
                @let may_whole = may_give(&whole);
                @if may_whole || !own.is_empty() {
                    @let (english, arabic) = topic(resource);
                    fieldset {
                        legend { (visit.say(english, arabic)) }
                        ul.plain-list {
                            @if may_whole { (one(&whole, visit.say("All of it, and what is added later", "كلها، وما يُضاف لاحقًا"))) }
                            @for scope in own { (one(scope.as_str(), in_words(visit, words(*scope)))) }
                        }
                    }
                }
            }
        }
    }
}

/// What is wrong with the scopes: with all of them, or with one by its place.
pub(super) fn fault(faults: &[FieldProblem]) -> Option<&FieldProblem> {
    faults.iter().find(|fault| fault.field.starts_with("scopes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_and_resource_has_words_in_both_languages() {
        let is_arabic = |text: &str| text.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c));
        for scope in Scope::ALL {
            for (english, arabic) in [words(*scope), topic(resource(*scope))] {
                assert!(!is_arabic(english) && is_arabic(arabic), "{scope}");
            }
        }
    }
}
