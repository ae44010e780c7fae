//! What comparisons, actions and states of rules are called, in both languages.

use crate::{
    language::{Counted, Language},
    parts::badge,
    view::View,
};
use domain::{
    failure::explain,
    rule::{Ended, RunState},
    webhook::filter::Op,
};
use maud::Markup;

pub(super) const RULES: Counted = Counted {
    one: "{n} rule",
    other: "{n} rules",
    arabic: ["لا قواعد", "قاعدة واحدة", "قاعدتان", "{n} قواعد", "{n} قاعدة", "{n} قاعدة"],
};
pub(super) const RUNS: Counted = Counted {
    one: "{n} run",
    other: "{n} runs",
    arabic: ["لا مرات", "مرة واحدة", "مرتان", "{n} مرات", "{n} مرة", "{n} مرة"],
};

/// How fields are compared, in the order in which they are offered: the name in the API, and words.
const OPS: [(Op, &str, &str, &str); 11] = [
    (Op::Eq, "eq", "is", "يساوي"),
    (Op::Ne, "ne", "is not", "لا يساوي"),
    (Op::In, "in", "is one of", "واحد من"),
    (Op::Contains, "contains", "contains", "يحتوي على"),
    (Op::Prefix, "prefix", "begins with", "يبدأ بـ"),
    (Op::Gt, "gt", "is more than", "أكبر من"),
    (Op::Gte, "gte", "is at least", "لا يقل عن"),
    (Op::Lt, "lt", "is less than", "أقل من"),
    (Op::Lte, "lte", "is at most", "لا يزيد على"),
    (Op::Exists, "exists", "is there", "موجود"),
    (Op::Absent, "absent", "is missing", "غير موجود"),
];

/// The choices of a comparison.
pub(super) fn comparisons(view: &View) -> Vec<(&'static str, &'static str)> {
    OPS.iter().map(|(_, name, english, arabic)| (*name, view.say(english, arabic))).collect()
}

/// A comparison's name in the API.
pub(super) fn op_name(op: Op) -> &'static str {
    OPS.iter().find(|(one, ..)| *one == op).map_or("eq", |(_, name, ..)| name)
}

/// The comparison of this name.
pub(super) fn op_named(name: &str) -> Option<Op> {
    OPS.iter().find(|(_, one, ..)| *one == name).map(|(op, ..)| *op)
}

/// A comparison in words.
pub(super) fn op_words(view: &View, op: Op) -> &'static str {
    OPS.iter().find(|(one, ..)| *one == op).map_or("", |(.., english, arabic)| view.say(english, arabic))
}

/// An action by its name in the API.
pub(super) fn action<'a>(view: &View, name: &'a str) -> &'a str {
    match name {
        "send" => view.say("Send a message", "إرسال رسالة"),
        "call_endpoint" => view.say("Call an endpoint", "استدعاء نقطة نهاية"),
        "test" => view.say("Test an integration", "اختبار تكامل"),
        other => other,
    }
}

/// How a rule stands.
pub(super) fn standing(view: &View, enabled: bool) -> Markup {
    if enabled {
        badge("good", view.say("Active", "نشطة"))
    } else {
        badge("off", view.say("Disabled", "معطّلة"))
    }
}

/// How a run ended.
pub(super) fn state(view: &View, state: RunState) -> Markup {
    match state {
        RunState::Running => badge("warn", view.say("Running", "قيد التنفيذ")),
        RunState::Done => badge("good", view.say("Done", "تمّ")),
        RunState::Failed => badge("bad", view.say("Failed", "فشل")),
        RunState::GivenUp => badge("bad", view.say("Not finished", "لم يكتمل")),
    }
}

/// How one of its actions ended.
pub(super) fn ended(view: &View, ended: Ended) -> Markup {
    match ended {
        Ended::Done => badge("good", view.say("Done", "تمّ")),
        Ended::Failed => badge("bad", view.say("Failed", "فشل")),
    }
}

/// Why an action was not done, and what to do about it, by its code.
pub(super) fn why(view: &View, code: &str) -> Option<(&'static str, &'static str)> {
    let own = match code {
        "template_invalid" => (
            ("The message could not be written.", "تعذّرت كتابة الرسالة."),
            (
                "Check that the event has every field that the message names; try the rule on an example.",
                "تحقق من أن في الحدث كل حقل تذكره الرسالة؛ جرّب القاعدة على مثال.",
            ),
        ),
        "not_ready" => (
            ("The message may not be sent.", "لا يمكن إرسال الرسالة."),
            (
                "Try the rule on an example: every check is told there with what to do.",
                "جرّب القاعدة على مثال: يُذكر هناك كل فحص وما العمل.",
            ),
        ),
        "endpoint_missing" => (
            ("The endpoint is not there any more.", "لم تعد نقطة النهاية موجودة."),
            ("Choose another endpoint in the rule.", "اختر نقطة نهاية أخرى في القاعدة."),
        ),
        "integration_missing" => (
            ("The integration is not there, or the event names none.", "التكامل غير موجود، أو لا يذكر الحدث أيًّا."),
            ("Choose an integration in the rule.", "اختر تكاملًا في القاعدة."),
        ),
        "too_large" => (
            ("The event is too large to be posted.", "الحدث أكبر من أن يُرسل."),
            ("Send a message with a link instead.", "أرسل رسالة فيها رابط بدلًا من ذلك."),
        ),
        "type_invalid" => (
            ("The event's name is no type of event.", "اسم الحدث ليس نوع أحداث."),
            ("Name a type in the rule.", "سمِّ نوعًا في القاعدة."),
        ),
        _ => {
            let words = explain(code)?;
            return Some(match view.language {
                Language::English => (words.en, words.fix_en),
                Language::Arabic => (words.ar, words.fix_ar),
            });
        }
    };
    let ((english, arabic), (fix, fix_arabic)) = own;
    Some((view.say(english, arabic), view.say(fix, fix_arabic)))
}

/// What keeps a rule from running, by its code.
pub(super) fn against<'a>(view: &View, code: &str, reason: &'a str) -> &'a str {
    match code {
        "disabled" => view.say("The rule is disabled.", "القاعدة معطّلة."),
        "other_event" => view.say("The rule does not wait for this event.", "القاعدة لا تنتظر هذا الحدث."),
        "filter" => view.say("The conditions do not hold for this event.", "لا تتحقق الشروط في هذا الحدث."),
        "loop" => view.say(
            "The rule itself led to this event, so it would run in circles.",
            "القاعدة نفسها أدّت إلى هذا الحدث، فستدور في حلقة.",
        ),
        "over_limit" => view.say("It ran as often as it may in this hour.", "عملت في هذه الساعة بقدر ما يُسمح لها."),
        _ => reason,
    }
}
