//! What entries of the log say, in the page's language.

use crate::{page::title_of, parts::badge, view::View};
use api::{logs::LogEntryView, problem::ProblemKind};
use domain::log::{Direction, EntryStatus, EntryType};
use maud::Markup;

pub(super) const fn kind(view: &View, kind: EntryType) -> &'static str {
    match kind {
        EntryType::Api => view.say("API call", "استدعاء API"),
        EntryType::Delivery => view.say("Delivery", "تسليم"),
        EntryType::Webhook => view.say("Webhook", "ويب هوك"),
        EntryType::Probe => view.say("Connection test", "اختبار اتصال"),
        EntryType::Sync => view.say("Sync", "مزامنة"),
        EntryType::Automation => view.say("Automation", "أتمتة"),
    }
}

pub(super) const fn direction(view: &View, direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => view.say("Inbound", "وارد"),
        Direction::Outbound => view.say("Outbound", "صادر"),
    }
}

pub(super) const fn status(view: &View, status: EntryStatus) -> &'static str {
    match status {
        EntryStatus::Success => view.say("Success", "نجاح"),
        EntryStatus::Warning => view.say("Warning", "تنبيه"),
        EntryStatus::Error => view.say("Error", "خطأ"),
    }
}

pub(super) fn status_badge(view: &View, it: EntryStatus) -> Markup {
    let tone = match it {
        EntryStatus::Success => "good",
        EntryStatus::Warning => "warn",
        EntryStatus::Error => "bad",
    };
    badge(tone, status(view, it))
}

/// What happened. A call is told by its route; what has no words is told by its name.
pub(super) fn event(view: &View, entry: &LogEntryView) -> String {
    let words = match entry.event.as_str() {
        "delivery.sent" => view.say("Message sent", "أُرسلت رسالة"),
        "delivery.retrying" => view.say("Message will be tried again", "ستُعاد محاولة الرسالة"),
        "delivery.failed" => view.say("Message failed", "فشلت رسالة"),
        "delivery.cancelled" => view.say("Message cancelled", "أُلغيت رسالة"),
        "delivery.delivered" => view.say("Provider reports: delivered", "أبلغ الموفّر: سُلّمت"),
        "delivery.soft_bounced" => view.say("Provider reports: delayed", "أبلغ الموفّر: تأخرت"),
        "delivery.bounced" => view.say("Provider reports: bounced", "أبلغ الموفّر: ارتدّت"),
        "delivery.complained" => view.say("Provider reports: marked as spam", "أبلغ الموفّر: شكوى إزعاج"),
        "webhook.delivered" => view.say("Event posted", "أُرسل حدث"),
        "webhook.retrying" => view.say("Event will be posted again", "ستُعاد محاولة الحدث"),
        "webhook.failed" => view.say("Event failed", "فشل حدث"),
        "webhook.cancelled" => view.say("Event cancelled", "أُلغي حدث"),
        "webhook.received" => view.say("Webhook received", "وصل ويب هوك"),
        "webhook.replayed" => view.say("Webhook replayed", "أُعيد تشغيل ويب هوك"),
        "webhook.rejected" => view.say("Webhook turned away", "رُفض ويب هوك"),
        "integration.tested" => view.say("Connection tested", "اختُبر اتصال"),
        "automation.done" => view.say("Rule ran", "نُفّذت قاعدة"),
        "automation.failed" => view.say("Rule failed", "فشلت قاعدة"),
        other if other.starts_with("simulation.") => view.say("Simulation changed", "تغيّرت محاكاة"),
        other => other,
    };
    words.to_owned()
}

/// What a code means, where it is that of a problem of the API's: other codes are explained by the API.
pub(super) fn problem(view: &View, code: &str) -> Option<&'static str> {
    ProblemKind::from_code(code).map(|kind| title_of(view, kind))
}
