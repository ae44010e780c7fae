//! May this campaign go? Every check is run and every failing one is told, with its reason and its fix.

use crate::{
    failure::explain,
    health::HealthStatus,
    integration::{Integration, TEST_FRESH_MS},
    time::{SECOND_MS, Timestamp},
};
use serde::{Deserialize, Serialize};

/// The verdict of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Nothing stands in the way.
    Pass,
    /// It may go, but look at it.
    Warn,
    /// It may not go.
    Fail,
}

/// One check with its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which check: `settings`, `enabled`, `health`, `capability`, `recipients`, `quota`, `sandbox`, `template`;
    /// in an answer of preflight also `suppression`.
    pub check: &'static str,
    /// The verdict.
    pub status: CheckStatus,
    /// A stable code, `ok` when it passed.
    pub code: String,
    /// Why, in English; empty when it passed.
    pub reason: String,
    /// Why, in Arabic; empty when it passed.
    pub reason_ar: String,
    /// What to do, in English; empty when it passed.
    pub fix: String,
    /// What to do, in Arabic; empty when it passed.
    pub fix_ar: String,
    /// How old the evidence is, in seconds, where the check rests on a stored test.
    pub evidence_age_s: Option<i64>,
}

impl Check {
    /// A check that passed.
    #[must_use]
    pub fn pass(check: &'static str) -> Self {
        Self {
            check,
            status: CheckStatus::Pass,
            code: "ok".into(),
            reason: String::new(),
            reason_ar: String::new(),
            fix: String::new(),
            fix_ar: String::new(),
            evidence_age_s: None,
        }
    }

    /// A check that failed.
    #[must_use]
    pub fn fail(check: &'static str, code: &str, [reason, fix]: [String; 2], [reason_ar, fix_ar]: [String; 2]) -> Self {
        Self { status: CheckStatus::Fail, code: code.into(), reason, reason_ar, fix, fix_ar, ..Self::pass(check) }
    }
}

fn words(reason: &str, fix: &str) -> [String; 2] {
    [reason.to_owned(), fix.to_owned()]
}

/// What the checks look at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The integration that would send; `None` when the tenant has none for the channel.
    pub integration: Option<&'a Integration>,
    /// Whether the caller may send.
    pub caller_may_send: bool,
    /// For each recipient that cannot be reached on the channel: its number and why.
    pub bad_recipients: &'a [(usize, String)],
    /// How many recipients there are.
    pub recipients: usize,
    /// How many more messages fit into today's limit; `None` without one.
    pub left_today: Option<u32>,
    /// Whether the campaign runs in sandbox mode.
    pub sandbox: bool,
    /// How many test recipients the tenant has for the channel.
    pub sandbox_recipients: usize,
    /// For each recipient whose message cannot be made: its number and why.
    pub bad_messages: &'a [(usize, String)],
}

/// Runs every check.
#[must_use]
pub fn run(facts: &Facts<'_>, now: Timestamp) -> Vec<Check> {
    vec![
        settings(facts),
        enabled(facts),
        health(facts, now),
        capability(facts),
        recipients(facts),
        quota(facts),
        sandbox(facts),
        template(facts),
    ]
}

/// Whether nothing stands in the way.
#[must_use]
pub fn ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.status != CheckStatus::Fail)
}

fn settings(facts: &Facts<'_>) -> Check {
    match facts.integration {
        Some(_) => Check::pass("settings"),
        None => Check::fail(
            "settings",
            "not_configured",
            words("No integration is configured for this channel.", "Create one with POST /v1/integrations."),
            words("لا يوجد تكامل مُعدّ لهذه القناة.", "أنشئ تكاملًا عبر ‎POST /v1/integrations."),
        ),
    }
}

fn enabled(facts: &Facts<'_>) -> Check {
    match facts.integration {
        Some(integration) if !integration.usable() => Check::fail(
            "enabled",
            "disabled",
            [
                format!("The integration \"{}\" is disabled.", integration.name),
                format!("Enable it with POST /v1/integrations/{}/enable.", integration.id),
            ],
            [
                format!("التكامل \"{}\" معطّل.", integration.name),
                format!("فعّله عبر ‎POST /v1/integrations/{}/enable.", integration.id),
            ],
        ),
        _ => Check::pass("enabled"),
    }
}

fn health(facts: &Facts<'_>, now: Timestamp) -> Check {
    let Some(integration) = facts.integration else { return Check::pass("health") };
    let test_now = format!("POST /v1/integrations/{}/test", integration.id);
    let Some(test) = &integration.last_test else {
        return Check::fail(
            "health",
            "never_tested",
            words("Its connection has never been tested.", &format!("Test it with {test_now}.")),
            words("لم يُختبر الاتصال من قبل.", &format!("اختبره عبر {test_now}.")),
        );
    };
    let age_ms = now.since_ms(test.at);
    let evidence_age_s = Some((age_ms / SECOND_MS).max(0));
    let check = if test.status == HealthStatus::Fail {
        let (en, fix_en, ar, fix_ar) = explain(&test.code)
            .map_or(("Its last test failed.", "", "فشل آخر اختبار.", ""), |words| {
                (words.en, words.fix_en, words.ar, words.fix_ar)
            });
        Check::fail(
            "health",
            &test.code,
            [format!("{en} ({})", test.detail), format!("{fix_en} Then {test_now}.")],
            [format!("{ar} ({})", test.detail), format!("{fix_ar} ثم {test_now}.")],
        )
    } else if age_ms > TEST_FRESH_MS {
        Check::fail(
            "health",
            "test_too_old",
            words("Its last passed test is older than a day.", &format!("Test it again with {test_now}.")),
            words("مضى على آخر اختبار ناجح أكثر من يوم.", &format!("اختبره من جديد عبر {test_now}.")),
        )
    } else if test.status == HealthStatus::Warn {
        let slow = ("Its last test passed but was slow.", "", "نجح آخر اختبار لكنه كان بطيئًا.", "");
        let (reason, fix, reason_ar, fix_ar) =
            explain(&test.code).map_or(slow, |words| (words.en, words.fix_en, words.ar, words.fix_ar));
        let check = Check::fail("health", &test.code, words(reason, fix), words(reason_ar, fix_ar));
        Check { status: CheckStatus::Warn, ..check }
    } else {
        Check::pass("health")
    };
    Check { evidence_age_s, ..check }
}

fn capability(facts: &Facts<'_>) -> Check {
    if facts.caller_may_send {
        return Check::pass("capability");
    }
    Check::fail(
        "capability",
        "missing_scope",
        words(
            "You may not send campaigns.",
            "Use a key with the scope campaigns:send, or sign in with a role that has it.",
        ),
        words("لا تملك صلاحية إرسال الحملات.", "استخدم مفتاحًا بالصلاحية campaigns:send، أو سجّل الدخول بدور يملكها."),
    )
}

/// The first few of many reasons, and how many there are, for an English and an Arabic sentence.
fn summarize(reasons: &[(usize, String)]) -> [String; 2] {
    // Some reasons are sentences; the list ends with a full stop of its own.
    let shown: Vec<String> = reasons
        .iter()
        .take(5)
        .map(|(number, why)| format!("recipients[{number}]: {}", why.trim_end_matches('.')))
        .collect();
    let (more, shown) = (reasons.len().saturating_sub(shown.len()), shown.join("; "));
    if more == 0 {
        return [shown.clone(), shown];
    }
    [format!("{shown}; and {more} more"), format!("{shown}؛ و{more} غيرها")]
}

fn recipients(facts: &Facts<'_>) -> Check {
    if facts.recipients == 0 {
        return Check::fail(
            "recipients",
            "no_recipients",
            words("There are no recipients.", "Give at least one recipient."),
            words("لا يوجد مستلمون.", "أضف مستلمًا واحدًا على الأقل."),
        );
    }
    if facts.bad_recipients.is_empty() {
        return Check::pass("recipients");
    }
    let [list, list_ar] = summarize(facts.bad_recipients);
    Check::fail(
        "recipients",
        "address_invalid",
        [format!("Some recipients cannot be reached on this channel: {list}."), "Correct or remove them.".into()],
        [format!("لا يمكن الوصول إلى بعض المستلمين عبر هذه القناة: {list_ar}."), "صحّحهم أو احذفهم.".into()],
    )
}

/// Whether anybody would be skipped: the number and address of each recipient who is on the tenant's suppression list. Asked
/// for by itself, since a send pays for it with the send.
#[must_use]
pub fn suppression(suppressed: &[(usize, String)]) -> Check {
    if suppressed.is_empty() {
        return Check::pass("suppression");
    }
    let (count, [list, list_ar]) = (suppressed.len(), summarize(suppressed));
    let warned = Check::fail(
        "suppression",
        "recipient_suppressed",
        [
            format!("{count} of the recipients will be skipped, because nothing is sent to them any more: {list}."),
            "Leave them out, or take them from the list with DELETE /v1/suppressions/{address}.".into(),
        ],
        [
            format!("سيُتخطى {count} من المستلمين لأن الإرسال إليهم متوقف: {list_ar}."),
            "استبعدهم، أو احذفهم من القائمة عبر ‎DELETE /v1/suppressions/{address}‎.".into(),
        ],
    );
    Check { status: CheckStatus::Warn, ..warned }
}

fn quota(facts: &Facts<'_>) -> Check {
    match facts.left_today {
        Some(left) if facts.recipients > left as usize => Check::fail(
            "quota",
            "quota_exceeded",
            [
                format!("Only {left} more messages fit into today's limit, and there are {}.", facts.recipients),
                "Raise the integration's limits.per_day, send fewer, or wait until midnight UTC.".into(),
            ],
            [
                format!("لا يتسع حد اليوم إلا لـ {left} من الرسائل الإضافية، والمطلوب {}.", facts.recipients),
                "ارفع الحد limits.per_day، أو أرسل عددًا أقل، أو انتظر حتى منتصف الليل بتوقيت UTC.".into(),
            ],
        ),
        _ => Check::pass("quota"),
    }
}

fn sandbox(facts: &Facts<'_>) -> Check {
    if !facts.sandbox || facts.sandbox_recipients > 0 {
        return Check::pass("sandbox");
    }
    Check::fail(
        "sandbox",
        "no_sandbox_recipients",
        words(
            "Sandbox mode is on but the tenant has no test recipients for this channel.",
            "Set them with PATCH /v1/settings {\"sandbox\": {...}}.",
        ),
        words(
            "وضع التجربة مفعّل لكن لا يوجد مستلمون تجريبيون لهذه القناة.",
            "أضفهم عبر ‎PATCH /v1/settings {\"sandbox\": {...}}‎.",
        ),
    )
}

fn template(facts: &Facts<'_>) -> Check {
    if facts.bad_messages.is_empty() {
        return Check::pass("template");
    }
    let [list, list_ar] = summarize(facts.bad_messages);
    Check::fail(
        "template",
        "template_failed",
        [format!("Some messages cannot be made: {list}."), "Give the missing variables or mend the template.".into()],
        [format!("تعذّر إنشاء بعض الرسائل: {list_ar}."), "أضف المتغيّرات الناقصة أو أصلح القالب.".into()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::TestReport;

    const FACTS: Facts<'_> = Facts {
        integration: None,
        caller_may_send: false,
        bad_recipients: &[],
        recipients: 0,
        left_today: None,
        sandbox: true,
        sandbox_recipients: 0,
        bad_messages: &[],
    };

    #[test]
    fn every_failing_reason_is_told_not_only_the_first() {
        let bad = [(3, "no @".to_owned())];
        let facts = Facts { bad_messages: &bad, ..FACTS };
        let failing: Vec<_> = run(&facts, Timestamp(0))
            .into_iter()
            .filter(|check| check.status == CheckStatus::Fail)
            .map(|check| check.check)
            .collect();
        assert_eq!(failing, ["settings", "capability", "recipients", "sandbox", "template"]);
    }

    #[test]
    fn every_reason_has_a_fix_in_both_languages() {
        for check in run(&FACTS, Timestamp(0)) {
            if check.status == CheckStatus::Fail {
                for text in [&check.reason, &check.fix, &check.reason_ar, &check.fix_ar] {
                    assert!(!text.is_empty(), "{}", check.check);
                }
            }
        }
    }

    #[test]
    fn a_warning_says_what_it_warns_of() {
        let warned = |test| {
            let integration: Integration = serde_json::from_value(serde_json::json!({
                "id": crate::ids::IntegrationId::generate(), "provider": "smtp", "name": "Mail", "config": {},
                "masks": {}, "secret_version": 0, "enabled": true, "priority": 1, "limits": {}, "last_test": test,
                "retry_policy": "exponential", "on_unknown": "retry", "probe_interval_minutes": 5, "created_at": 0,
                "updated_at": 0, "updated_by": "system", "rev": 1,
            }))
            .unwrap();
            let check = health(&Facts { integration: Some(&integration), ..FACTS }, Timestamp(0));
            assert_eq!(check.status, CheckStatus::Warn);
            (check.code, check.reason, check.fix.is_empty())
        };
        let (code, reason, _) = warned(TestReport::passed("", 5_000, Timestamp(0)));
        assert_eq!((code.as_str(), reason.as_str()), ("slow", "Its last test passed but was slow."));
        let (code, reason, no_fix) = warned(TestReport::breaker_opened("", Timestamp(0)));
        assert_eq!((code.as_str(), no_fix), ("breaker_open", false));
        assert!(reason.contains("paused"), "{reason}");
    }

    #[test]
    fn many_bad_recipients_are_summarized() {
        let bad: Vec<_> = (0..9).map(|number| (number, "no @.".to_owned())).collect();
        let [list, list_ar] = summarize(&bad);
        assert!(list.ends_with("recipients[4]: no @; and 4 more"));
        assert!(list_ar.ends_with("recipients[4]: no @؛ و4 غيرها"));
    }
}
