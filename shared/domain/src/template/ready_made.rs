//! The templates that every tenant has from the start. Their ids begin with `trunkline.`, which tenants' own may not.

use super::{Locale, Template, TemplateText};
use crate::{channel::Channel, time::Timestamp};
use std::collections::BTreeMap;

/// What a tenant's own template id may not begin with.
pub const RESERVED_PREFIX: &str = "trunkline.";

/// One ready-made text: subject and paragraphs. The button says `action` and leads to `{{ link }}`.
struct Words {
    subject: &'static str,
    greeting: &'static str,
    body: &'static str,
    action: &'static str,
    closing: &'static str,
}

const INVITATION: [(Locale, Words); 2] = [
    (
        Locale::En,
        Words {
            subject: "{{ name }}, your training \"{{ campaign }}\" is ready",
            greeting: "Hello {{ name }},",
            body: "A new training, \"{{ campaign }}\", is waiting for you. It takes only a few minutes.",
            action: "Start now",
            closing: "Thank you for helping to keep us all safe.",
        },
    ),
    (
        Locale::Ar,
        Words {
            subject: "{{ name }}، تدريبك \"{{ campaign }}\" جاهز",
            greeting: "مرحبًا {{ name }}،",
            body: "تدريب جديد بعنوان \"{{ campaign }}\" بانتظارك، ولن يستغرق سوى دقائق قليلة.",
            action: "ابدأ الآن",
            closing: "شكرًا لمساهمتك في الحفاظ على سلامتنا جميعًا.",
        },
    ),
];

const REMINDER: [(Locale, Words); 2] = [
    (
        Locale::En,
        Words {
            subject: "Reminder: \"{{ campaign }}\" is due on {{ due_date }}",
            greeting: "Hello {{ name }},",
            body: "You have not finished \"{{ campaign }}\" yet. Please complete it by {{ due_date }}.",
            action: "Continue",
            closing: "If you have just finished it, thank you: you can ignore this message.",
        },
    ),
    (
        Locale::Ar,
        Words {
            subject: "تذكير: موعد \"{{ campaign }}\" هو {{ due_date }}",
            greeting: "مرحبًا {{ name }}،",
            body: "لم تُكمل \"{{ campaign }}\" بعد. يُرجى إكماله قبل {{ due_date }}.",
            action: "تابع",
            closing: "إذا كنت قد أكملته للتو فشكرًا لك، ويمكنك تجاهل هذه الرسالة.",
        },
    ),
];

/// The ready-made templates, newest version of each.
#[must_use]
pub fn ready_made() -> Vec<Template> {
    let email = |id, name, words: &[(Locale, Words)]| template(id, name, Channel::Email, words, email_text);
    let slack = |id, name, words: &[(Locale, Words)]| template(id, name, Channel::Slack, words, slack_text);
    let teams = |id, name, words: &[(Locale, Words)]| template(id, name, Channel::Teams, words, teams_text);
    [
        email("trunkline.email.invitation", "Training invitation (e-mail)", &INVITATION),
        email("trunkline.email.reminder", "Training reminder (e-mail)", &REMINDER),
        slack("trunkline.slack.invitation", "Training invitation (Slack)", &INVITATION),
        slack("trunkline.slack.reminder", "Training reminder (Slack)", &REMINDER),
        teams("trunkline.teams.invitation", "Training invitation (Teams)", &INVITATION),
        teams("trunkline.teams.reminder", "Training reminder (Teams)", &REMINDER),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn template(
    id: &str,
    name: &str,
    channel: Channel,
    words: &[(Locale, Words)],
    text: fn(Locale, &Words) -> TemplateText,
) -> Option<Template> {
    Some(Template {
        id: id.parse().ok()?,
        version: 1,
        name: name.to_owned(),
        channel,
        texts: words.iter().map(|(locale, words)| (*locale, text(*locale, words))).collect::<BTreeMap<_, _>>(),
        default_locale: Locale::En,
        created_at: Timestamp(0),
    })
}

fn email_text(locale: Locale, words: &Words) -> TemplateText {
    let direction = if locale == Locale::Ar { "rtl" } else { "ltr" };
    let Words { subject, greeting, body, action, closing } = words;
    TemplateText {
        subject: Some((*subject).to_owned()),
        text: format!("{greeting}\n\n{body}\n\n{action}: {{{{ link }}}}\n\n{closing}\n"),
        // Tables and inline styles: what mail programs understand. The colours read on white and on black.
        html: Some(format!(
            r#"<!doctype html>
<html lang="{lang}" dir="{direction}">
<body style="margin:0;padding:24px;font-family:'Segoe UI',Tahoma,Arial,sans-serif;font-size:16px;line-height:1.6">
<table role="presentation" width="100%" style="max-width:560px;margin:0 auto"><tr><td dir="{direction}">
<p>{greeting}</p>
<p>{body}</p>
<p><a href="{{{{ link }}}}" style="display:inline-block;padding:12px 24px;border-radius:6px;background:#1f5fbf;color:#ffffff;text-decoration:none">{action}</a></p>
<p>{closing}</p>
</td></tr></table>
</body>
</html>
"#,
            lang = locale.as_str(),
        )),
        link: Some("{{ link }}".to_owned()),
    }
}

fn slack_text(_: Locale, words: &Words) -> TemplateText {
    let Words { greeting, body, closing, .. } = words;
    TemplateText {
        subject: None,
        text: format!("{greeting}\n{body}\n{closing}"),
        html: None,
        link: Some("{{ link }}".to_owned()),
    }
}

/// The subject is the card's heading.
fn teams_text(_: Locale, words: &Words) -> TemplateText {
    let Words { subject, greeting, body, closing, .. } = words;
    TemplateText {
        subject: Some((*subject).to_owned()),
        text: format!("{greeting}\n\n{body}\n\n{closing}"),
        html: None,
        link: Some("{{ link }}".to_owned()),
    }
}
