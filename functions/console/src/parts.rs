//! What several pages are made of: badges, cards, lists of facts, tables.

use crate::{
    language::{Counted, Language},
    page::Page,
    view::View,
    visit::Visit,
};
use ::api::integrations::TestView;
use domain::{
    channel::{Channel, Kind, Provider},
    health::HealthStatus,
};
use maud::{Markup, html};

pub(crate) const INTEGRATIONS: Counted = Counted {
    one: "{n} integration",
    other: "{n} integrations",
    arabic: ["لا تكاملات", "تكامل واحد", "تكاملان", "{n} تكاملات", "{n} تكاملًا", "{n} تكامل"],
};
pub(crate) const TESTS: Counted = Counted {
    one: "{n} test",
    other: "{n} tests",
    arabic: ["لا اختبارات", "اختبار واحد", "اختباران", "{n} اختبارات", "{n} اختبارًا", "{n} اختبار"],
};
pub(crate) const DELIVERIES: Counted = Counted {
    one: "{n} delivery",
    other: "{n} deliveries",
    arabic: ["لا رسائل", "رسالة واحدة", "رسالتان", "{n} رسائل", "{n} رسالة", "{n} رسالة"],
};

/// How something stands: a word with a colour, never a colour alone.
pub(crate) fn badge(tone: &str, words: &str) -> Markup {
    html! { span.badge.(tone) { (words) } }
}

/// How an integration stands.
pub(crate) fn health(view: &View, enabled: bool, test: Option<&TestView>) -> Markup {
    if !enabled {
        return badge("off", view.say("Disabled", "معطّل"));
    }
    match test.map(|test| test.status) {
        None => badge("off", view.say("Not tested", "لم يُختبر")),
        Some(HealthStatus::Ok) => badge("good", view.say("Active", "نشط")),
        Some(HealthStatus::Warn) => badge("warn", view.say("Warning", "تنبيه")),
        Some(HealthStatus::Fail) => badge("bad", view.say("Error", "خطأ")),
    }
}

/// The result of one test.
pub(crate) fn result(view: &View, status: HealthStatus) -> Markup {
    match status {
        HealthStatus::Ok => badge("good", view.say("Passed", "نجح")),
        HealthStatus::Warn => badge("warn", view.say("Warning", "تنبيه")),
        HealthStatus::Fail => badge("bad", view.say("Failed", "فشل")),
    }
}

/// What a test found and what to do.
pub(crate) fn found(view: &View, test: &TestView) -> Markup {
    let (reason, fix) = match view.language {
        Language::English => (&test.reason, &test.fix),
        Language::Arabic => (&test.reason_ar, &test.fix_ar),
    };
    html! {
        @if !reason.is_empty() { p.reason { (reason) } }
        @if !fix.is_empty() { p.fix { strong { (view.say("What to do:", "ما العمل:")) } " " (fix) } }
        @if !test.detail.is_empty() && test.status != HealthStatus::Ok {
            p.detail { code dir="auto" { (test.detail) } }
        }
    }
}

/// The name of a channel.
pub(crate) const fn kind_name(view: &View, kind: Kind) -> &'static str {
    let (english, arabic) = match kind {
        Kind::Email => ("E-mail", "البريد الإلكتروني"),
        Kind::Slack => ("Slack", "Slack"),
        Kind::Teams => ("Microsoft Teams", "Microsoft Teams"),
        Kind::M365 => ("Microsoft 365 simulations", "محاكاة Microsoft 365"),
        Kind::Entra => ("Sign-in", "تسجيل الدخول"),
        Kind::Webhook => ("Webhook", "ويب هوك"),
    };
    match view.language {
        Language::English => english,
        Language::Arabic => arabic,
    }
}

/// The same of what campaigns are sent on.
pub(crate) const fn channel_name(view: &View, channel: Channel) -> &'static str {
    let kind = match channel {
        Channel::Email => Kind::Email,
        Channel::Slack => Kind::Slack,
        Channel::Teams => Kind::Teams,
        Channel::M365 => Kind::M365,
        Channel::Webhook => Kind::Webhook,
    };
    kind_name(view, kind)
}

/// The name of a provider for people.
pub(crate) const fn provider_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Smtp => "SMTP",
        Provider::Sendgrid => "SendGrid",
        Provider::Postmark => "Postmark",
        Provider::Ses => "Amazon SES",
        Provider::Slack => "Slack",
        Provider::Teams => "Microsoft Teams",
        Provider::M365 => "Microsoft 365",
        Provider::Entra => "Entra / OpenID Connect",
        Provider::Webhook => "Webhook",
    }
}

/// A number with its name.
pub(crate) fn tile(name: &str, value: &str, note: Option<&str>, tone: &str) -> Markup {
    html! {
        div.tile.(tone) {
            dt { (name) }
            dd { (value) @if let Some(note) = note { " " small { (note) } } }
        }
    }
}

/// Facts by name.
pub(crate) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in rows { div { dt { (name) } dd { (value) } } }
        }
    }
}

/// Nothing is there yet, and what to do about it.
pub(crate) fn empty(title: &str, words: &str, action: Option<(&str, &str)>) -> Markup {
    html! {
        div.empty {
            h2 { (title) }
            p { (words) }
            @if let Some((link, words)) = action { p { a.button href=(link) { (words) } } }
        }
    }
}

/// To the next page of a list.
pub(crate) fn more(view: &View, link: Option<String>) -> Markup {
    html! {
        @if let Some(link) = link {
            nav.more aria-label=(view.say("Pages", "الصفحات")) {
                a.button.second href=(link) rel="next" { (view.say("Next page", "الصفحة التالية")) }
            }
        }
    }
}

/// Where a page stands: what it belongs to.
pub(crate) fn crumbs(view: &View, path: &str, name: &str) -> Markup {
    html! {
        nav.crumbs aria-label=(view.say("Path", "المسار")) { a href=(view.link(path)) { bdi { (name) } } }
    }
}

/// A text to be copied whole. The button is there where there is a script.
pub(crate) fn copied(view: &View, id: &str, label: &str, text: &str) -> Markup {
    html! {
        div.secret {
            label.hidden for=(id) { (label) }
            input id=(id) readonly dir="ltr" value=(text) data-select;
            button.button.second type="button" data-copy=(id) data-done=(view.say("Copied", "نُسخ")) hidden { (view.say("Copy", "نسخ")) }
        }
    }
}

/// The page that shows a new secret, this once: `note` says what else is to be done, and the way on is to `next`.
pub(crate) fn secret_page(visit: &Visit, title: &str, secret: &str, note: &Markup, next: &str) -> Page {
    let body = html! {
        h1 { (title) }
        div.card {
            p { strong { (visit.say("Copy it now: it is shown only this once.", "انسخه الآن: لن يُعرض مرة أخرى.")) } }
            (copied(visit, "secret", visit.say("The secret", "السر"), secret))
            (note)
            p { a.button href=(visit.link(next)) { (visit.say("I have kept it", "حفظته")) } }
        }
    };
    visit.page(title, &body)
}

/// A button that posts to `path`: `class` is `plain`, `danger` or `second`; `what` names the thing to those who do not see
/// beside what the button stands.
pub(crate) fn button(visit: &Visit, path: &str, words: &str, class: &str, what: &str) -> Markup {
    html! {
        form method="post" action=(visit.link(path)) {
            (visit.token())
            button.small.(class) type="submit" aria-label=[(!what.is_empty()).then(|| format!("{words} {what}"))] { (words) }
        }
    }
}

/// Asks whether somebody is sure. The form is sent to the page's own address.
pub(crate) fn ask(visit: &Visit, title: &str, words: &Markup, does: &str, keeps: (&str, &str)) -> Page {
    let body = html! {
        h1 { (title) }
        div.card {
            (words)
            form.actions method="post" {
                (visit.token())
                button.button.danger type="submit" { (does) }
                a.button.second href=(visit.link(keeps.0)) { (keeps.1) }
            }
        }
    };
    visit.page(title, &body)
}
