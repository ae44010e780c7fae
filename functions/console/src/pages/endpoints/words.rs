//! What the states, results and choices of endpoints are called, in both languages.

use crate::{
    language::{Counted, Language},
    parts::badge,
    view::View,
};
use api::{
    campaigns::DeliveryError,
    endpoints::{AttemptResult, EndpointView},
};
use domain::{bundle::DeliveryStatus, health::HealthStatus, retry::RetryPolicy, webhook::StopCause};
use maud::{Markup, html};

pub(super) const ATTEMPTS: Counted = Counted {
    one: "{n} attempt",
    other: "{n} attempts",
    arabic: ["لا محاولات", "محاولة واحدة", "محاولتان", "{n} محاولات", "{n} محاولة", "{n} محاولة"],
};
pub(super) const EVENTS: Counted = Counted {
    one: "{n} event",
    other: "{n} events",
    arabic: ["لا أحداث", "حدث واحد", "حدثان", "{n} أحداث", "{n} حدثًا", "{n} حدث"],
};
pub(super) const HOURS: Counted = Counted {
    one: "{n} hour",
    other: "{n} hours",
    arabic: ["لا ساعات", "ساعة واحدة", "ساعتان", "{n} ساعات", "{n} ساعة", "{n} ساعة"],
};
pub(super) const DAYS: Counted = Counted {
    one: "{n} day",
    other: "{n} days",
    arabic: ["لا أيام", "يوم واحد", "يومان", "{n} أيام", "{n} يومًا", "{n} يوم"],
};

/// How an endpoint stands.
pub(super) fn state(view: &View, endpoint: &EndpointView) -> Markup {
    let (tone, words) = standing(view, endpoint);
    badge(tone, words)
}

/// The same as a tone and words.
pub(super) fn standing<'a>(view: &View, endpoint: &EndpointView) -> (&'static str, &'a str) {
    if let Some(stopped) = &endpoint.stopped {
        return match stopped.cause {
            StopCause::Paused => ("warn", view.say("Paused", "موقوف مؤقتًا")),
            StopCause::Gone => ("off", view.say("Gone", "لم يعد موجودًا")),
            StopCause::Failing => ("bad", view.say("Disabled", "معطّل")),
        };
    }
    match endpoint.last_test.as_ref().map(|test| test.status) {
        Some(HealthStatus::Fail) => ("bad", view.say("Failing", "يفشل")),
        Some(HealthStatus::Warn) => ("warn", view.say("Warning", "تنبيه")),
        Some(HealthStatus::Ok) | None => ("good", view.say("Active", "نشط")),
    }
}

/// What came of an attempt, in a list.
pub(super) fn outcome(view: &View, result: AttemptResult) -> Markup {
    let (tone, words) = outcome_words(view, result);
    badge(tone, words)
}

pub(super) const fn outcome_words(view: &View, result: AttemptResult) -> (&'static str, &'static str) {
    let (tone, english, arabic) = match result {
        AttemptResult::Delivered => ("good", "Delivered", "سُلّم"),
        AttemptResult::Retrying => ("warn", "Tried again later", "تُعاد محاولته"),
        AttemptResult::Failed => ("bad", "Given up", "تُرك"),
        AttemptResult::Cancelled => ("off", "Cancelled", "أُلغي"),
    };
    (tone, chosen(view, english, arabic))
}

/// What came of one attempt, as the whole story of an event names it.
pub(super) fn result(view: &View, result: &str) -> Markup {
    let (tone, words) = match result {
        "sent" => ("good", view.say("Delivered", "سُلّم")),
        "retrying" => ("warn", view.say("Tried again later", "تُعاد محاولته")),
        "failed" => ("bad", view.say("Refused for good", "رُفض نهائيًا")),
        "dead" => ("bad", view.say("Given up after the last attempt", "تُرك بعد آخر محاولة")),
        "unknown" => ("warn", view.say("Unknown whether it arrived", "لا يُعلم هل وصل")),
        "waiting" => ("off", view.say("Waited, was not tried", "انتظر ولم يُجرَّب")),
        other => ("off", other),
    };
    badge(tone, words)
}

/// Where an event stands on its way.
pub(super) fn status(view: &View, status: DeliveryStatus) -> Markup {
    let (tone, english, arabic) = match status {
        DeliveryStatus::Queued => ("off", "Queued", "في الطابور"),
        DeliveryStatus::Sending => ("off", "Being posted", "قيد الإرسال"),
        DeliveryStatus::Sent => ("good", "Delivered", "سُلّم"),
        DeliveryStatus::Retrying => ("warn", "Tried again later", "تُعاد محاولته"),
        DeliveryStatus::Failed => ("bad", "Refused for good", "رُفض نهائيًا"),
        DeliveryStatus::Dead => ("bad", "Given up", "تُرك"),
        DeliveryStatus::Unknown => ("warn", "Unknown whether it arrived", "لا يُعلم هل وصل"),
        DeliveryStatus::Held => ("warn", "Held: the endpoint is stopped", "معلّق: نقطة النهاية متوقفة"),
        DeliveryStatus::Cancelled => ("off", "Cancelled", "أُلغي"),
    };
    badge(tone, chosen(view, english, arabic))
}

/// When a post that failed is tried again.
pub(super) const fn retries(view: &View, policy: RetryPolicy) -> &'static str {
    let (english, arabic) = match policy {
        RetryPolicy::Standard => ("Standard: ten attempts over three days", "قياسي: عشر محاولات على مدى ثلاثة أيام"),
        RetryPolicy::Exponential => (
            "Growing pauses: after 5 s, 30 s, 5 min, 30 min and 2 h",
            "فترات متزايدة: بعد 5 ث و30 ث و5 د و30 د وساعتين",
        ),
        RetryPolicy::Immediate => ("At once: twice more, 5 seconds apart", "فورًا: مرتان أخريان بينهما 5 ثوانٍ"),
        RetryPolicy::Manual => ("Never by itself", "لا تُعاد تلقائيًا"),
    };
    chosen(view, english, arabic)
}

const fn chosen(view: &View, english: &'static str, arabic: &'static str) -> &'static str {
    match view.language {
        Language::English => english,
        Language::Arabic => arabic,
    }
}

/// Why something was not taken, in a word and its code.
pub(super) fn why(view: &View, error: Option<&DeliveryError>) -> Markup {
    let Some(error) = error else { return html! { "–" } };
    html! { (view.say(&error.reason, &error.reason_ar)) " " code dir="ltr" { (error.code) } }
}

/// Why something was not taken, and what to do.
pub(super) fn trouble(view: &View, error: &DeliveryError) -> Markup {
    let (reason, fix) = (view.say(&error.reason, &error.reason_ar), view.say(&error.fix, &error.fix_ar));
    html! {
        div.card.alert.bad {
            @if !reason.is_empty() { p.reason { (reason) } }
            @if !fix.is_empty() { p.fix { strong { (view.say("What to do:", "ما العمل:")) } " " (fix) } }
            p.detail { code dir="ltr" { (error.code) } @if !error.detail.is_empty() { " " span dir="auto" { (error.detail) } } }
        }
    }
}

/// The words for the codes by which dead letters are looked for.
pub(super) fn codes(view: &View) -> Vec<(&'static str, &'static str)> {
    const CODES: [&str; 8] = [
        "endpoint_error",
        "endpoint_refused",
        "endpoint_timeout",
        "endpoint_connection_lost",
        "endpoint_busy",
        "endpoint_redirected",
        "endpoint_gone",
        "unreachable",
    ];
    let known = CODES.into_iter().filter_map(|code| Some((code, domain::failure::explain(code)?)));
    known.map(|(code, words)| (code, view.say(words.en, words.ar))).collect()
}

/// An answer's status and how long it took: `HTTP 204 · 31 ms`.
pub(super) fn answered(view: &View, status: Option<u16>, duration_ms: Option<u32>) -> Markup {
    html! {
        span.whole {
            @match status {
                Some(status) => code dir="ltr" { "HTTP " (status) },
                None => (view.say("no answer", "لا إجابة")),
            }
            @if let Some(duration_ms) = duration_ms { " · " (view.ms(u64::from(duration_ms))) }
        }
    }
}
