//! How campaigns, deliveries and reports stand, in words.

use crate::{language::Language, parts::badge, view::View};
use api::campaigns::DeliveryError;
use domain::{bundle::DeliveryStatus, campaign::CampaignState, feedback::FeedbackKind};
use maud::{Markup, html};

pub(super) fn state(view: &View, state: CampaignState) -> Markup {
    match state {
        CampaignState::Active => badge("good", view.say("Active", "نشطة")),
        CampaignState::Paused => badge("warn", view.say("Paused", "متوقفة")),
        CampaignState::Cancelled => badge("off", view.say("Cancelled", "ملغاة")),
    }
}

/// The tone and the word of a delivery's status.
pub(super) const fn words(view: &View, status: DeliveryStatus) -> (&'static str, &'static str) {
    let (tone, english, arabic) = match status {
        DeliveryStatus::Queued => ("off", "Queued", "في الطابور"),
        DeliveryStatus::Sending => ("off", "Sending", "قيد الإرسال"),
        DeliveryStatus::Sent => ("good", "Sent", "أُرسلت"),
        DeliveryStatus::Retrying => ("warn", "Retrying", "تُعاد المحاولة"),
        DeliveryStatus::Failed => ("bad", "Failed", "فشلت"),
        DeliveryStatus::Dead => ("bad", "Given up", "تُركت"),
        DeliveryStatus::Unknown => ("warn", "Unknown", "غير معلومة"),
        DeliveryStatus::Held => ("warn", "Held", "معلّقة"),
        DeliveryStatus::Cancelled => ("off", "Cancelled", "ملغاة"),
    };
    match view.language {
        Language::English => (tone, english),
        Language::Arabic => (tone, arabic),
    }
}

pub(super) fn status(view: &View, status: DeliveryStatus) -> Markup {
    let (tone, words) = words(view, status);
    badge(tone, words)
}

/// What became of a message after its provider took it.
pub(super) const fn report(view: &View, kind: FeedbackKind) -> &'static str {
    let (english, arabic) = match kind {
        FeedbackKind::Delivered => ("Delivered", "وصلت"),
        FeedbackKind::SoftBounced => ("Came back for now", "ارتدّت مؤقتًا"),
        FeedbackKind::Bounced => ("Came back", "ارتدّت"),
        FeedbackKind::Opened => ("Opened", "فُتحت"),
        FeedbackKind::Clicked => ("Clicked", "نُقر رابطها"),
        FeedbackKind::Complained => ("Called spam", "عُدّت مزعجة"),
        FeedbackKind::Unsubscribed => ("Unsubscribed", "أُلغي الاشتراك"),
        FeedbackKind::Compromised => ("Fell for it", "انخدعوا بها"),
        FeedbackKind::Reported => ("Reported it", "أبلغوا عنها"),
    };
    match view.language {
        Language::English => english,
        Language::Arabic => arabic,
    }
}

/// Why, in short.
pub(super) fn why(view: &View, error: Option<&DeliveryError>) -> Markup {
    let Some(error) = error else { return html! { "–" } };
    html! { (match view.language { Language::English => &error.reason, Language::Arabic => &error.reason_ar }) " " code dir="ltr" { (error.code) } }
}

/// Why and what to do about it, as a card.
pub(super) fn trouble(view: &View, error: &DeliveryError) -> Markup {
    let (reason, fix) = match view.language {
        Language::English => (&error.reason, &error.fix),
        Language::Arabic => (&error.reason_ar, &error.fix_ar),
    };
    html! {
        div.card.alert.bad {
            p.reason { (reason) " " code dir="ltr" { (error.code) } }
            @if !fix.is_empty() { p.fix { strong { (view.say("What to do:", "ما العمل:")) } " " (fix) } }
            @if !error.detail.is_empty() { p.detail { code dir="auto" { (error.detail) } } }
        }
    }
}
