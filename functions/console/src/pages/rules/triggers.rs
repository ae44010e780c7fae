//! The events that a rule may wait for: what each is called, when it happens, and what one looks like.

use super::Known;
use crate::{language::Language, view::View};
use domain::{channel::Provider, rule::Trigger};
use serde_json::{Map, Value, json};

/// Every one, those that people want most first.
pub(super) const ORDER: [Trigger; 9] = [
    Trigger::WebhookReceived,
    Trigger::DeliveryFailed,
    Trigger::HealthChanged,
    Trigger::EndpointFailing,
    Trigger::EndpointDisabled,
    Trigger::KeyExpiring,
    Trigger::KeySuspended,
    Trigger::SyncCompleted,
    Trigger::SyncFailed,
];

const fn chosen(view: &View, english: &'static str, arabic: &'static str) -> &'static str {
    match view.language {
        Language::English => english,
        Language::Arabic => arabic,
    }
}

/// What it is called.
pub(super) const fn name(view: &View, trigger: Trigger) -> &'static str {
    let (english, arabic) = match trigger {
        Trigger::WebhookReceived => ("A webhook comes in", "يصل ويب هوك"),
        Trigger::DeliveryFailed => ("Messages fail for good", "تفشل رسائل نهائيًا"),
        Trigger::HealthChanged => ("The health of an integration changes", "تتغيّر حالة تكامل"),
        Trigger::EndpointFailing => ("An endpoint keeps failing", "نقطة نهاية تفشل باستمرار"),
        Trigger::EndpointDisabled => ("An endpoint is stopped", "تُوقَف نقطة نهاية"),
        Trigger::KeyExpiring => ("An API key is about to expire", "يقترب انتهاء مفتاح API"),
        Trigger::KeySuspended => ("An API key is suspended", "يُوقَف مفتاح API"),
        Trigger::SyncCompleted => ("A sync succeeds", "تنجح مزامنة"),
        Trigger::SyncFailed => ("A sync fails", "تفشل مزامنة"),
    };
    chosen(view, english, arabic)
}

/// When it happens.
pub(super) const fn explained(view: &View, trigger: Trigger) -> &'static str {
    let (english, arabic) = match trigger {
        Trigger::WebhookReceived => (
            "Another system called one of your inbound webhooks, or somebody replayed a call.",
            "استدعى نظام آخر أحد الويب هوكات الواردة لديك، أو أعاد شخص تشغيل استدعاء.",
        ),
        Trigger::DeliveryFailed => (
            "Messages of a campaign, or events for an endpoint, were given up. One run tells of up to some hundred.",
            "تُركت رسائل حملة أو أحداث لنقطة نهاية. تُخبر كل مرة عن بضع مئات على الأكثر.",
        ),
        Trigger::HealthChanged => (
            "A test of an integration came out differently from the one before: it broke, or it works again.",
            "اختلفت نتيجة اختبار تكامل عن التي قبلها: تعطّل، أو عاد يعمل.",
        ),
        Trigger::EndpointFailing => (
            "All posts to an endpoint have failed for half the time after which it is stopped, or longer.",
            "فشلت كل الطلبات إلى نقطة نهاية نصف المدة التي تُوقَف بعدها أو أكثر.",
        ),
        Trigger::EndpointDisabled => (
            "An endpoint did nothing but fail, or said that it is gone, and gets nothing any more.",
            "لم تفعل نقطة نهاية سوى الفشل، أو قالت إنها أُزيلت، فلا تتلقى شيئًا بعد.",
        ),
        Trigger::KeyExpiring => {
            ("An API key expires in 30, 7 or 1 days.", "ينتهي مفتاح API بعد 30 يومًا أو 7 أيام أو يوم واحد.")
        }
        Trigger::KeySuspended => {
            ("A person, or too many wrong attempts, suspended an API key.", "أوقف شخص أو محاولات خاطئة كثيرة مفتاح API.")
        }
        Trigger::SyncCompleted | Trigger::SyncFailed => (
            "A connector's run ended. No connector of this hub syncs yet, so it does not happen yet.",
            "انتهى تشغيل موصّل. لا يوجد بعد موصّل يزامن هنا، فهذا لا يحدث بعد.",
        ),
    };
    chosen(view, english, arabic)
}

/// What such an event says, with the tenant's own integration or endpoint in it where there is one.
pub(super) fn example(trigger: Trigger, known: &Known) -> Map<String, Value> {
    let integration = known.integrations.iter().find(|it| it.provider != Provider::Webhook);
    let integration_id =
        integration.map_or_else(|| "int_01JD0000000000000000000000".to_owned(), |found| found.id.to_string());
    let integration_name = integration.map_or("Company mail", |found| found.name.as_str());
    let channel = integration.map_or("email", |found| found.kind.as_str());
    let endpoint = known.endpoints.first();
    let endpoint_id =
        endpoint.map_or_else(|| "int_01JD0000000000000000000001".to_owned(), |found| found.id.to_string());
    let endpoint_name = endpoint.map_or("Orders", |found| found.name.as_str());
    let detail = match trigger {
        Trigger::WebhookReceived => json!({
            "hook_id": "hook_01JD0000000000000000000000", "hook_name": "Shop", "scheme": "standard",
            "event": "order.created", "replay": 0, "headers": {"content-type": "application/json"},
            "body": {"order": {"id": "1001", "total": 2500, "country": "SA"}},
        }),
        Trigger::DeliveryFailed => json!({
            "campaign_id": "spring", "channel": channel, "integration_id": integration_id, "sandbox": false,
            "deliveries": [
                {"id": "example-1", "status": "failed", "code": "recipient_rejected", "detail": "550 no such user"},
            ],
        }),
        Trigger::HealthChanged => json!({
            "integration_id": integration_id, "name": integration_name, "channel": channel, "status": "fail",
            "previous": "ok", "badge": "red", "code": "unreachable", "detail": "connection refused",
        }),
        Trigger::EndpointFailing => json!({
            "integration_id": endpoint_id, "endpoint_id": endpoint_id, "name": endpoint_name, "channel": "webhook",
            "percent": 50, "detail": "connection refused",
        }),
        Trigger::EndpointDisabled => json!({
            "integration_id": endpoint_id, "endpoint_id": endpoint_id, "name": endpoint_name, "channel": "webhook",
            "cause": "failing", "at": "2026-12-01T08:00:00Z",
        }),
        Trigger::KeyExpiring => json!({
            "key_id": "key_01JD0000000000000000000000", "prefix": "tk_live_example", "name": "Billing", "days": 7,
            "expires_at": "2026-12-08T00:00:00Z",
        }),
        Trigger::KeySuspended => json!({
            "key_id": "key_01JD0000000000000000000000", "prefix": "tk_live_example", "name": "Billing",
            "cause": "failures", "expires_at": null,
        }),
        Trigger::SyncCompleted => json!({"integration_id": integration_id, "name": integration_name, "records": 120}),
        Trigger::SyncFailed => json!({
            "integration_id": integration_id, "name": integration_name, "code": "unreachable", "detail": "no answer",
        }),
    };
    match detail {
        Value::Object(detail) => detail,
        _ => Map::new(),
    }
}

/// The fields of such events that a condition may name.
pub(super) fn fields(trigger: Trigger) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in &example(trigger, &Known::default()) {
        collect(name, value, &mut found);
    }
    found
}

fn collect(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(inner) => inner.iter().for_each(|(name, value)| collect(&format!("{path}.{name}"), value, found)),
        Value::Array(inner) => {
            inner.iter().enumerate().for_each(|(place, value)| collect(&format!("{path}.{place}"), value, found));
        }
        _ => found.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trigger_has_its_place_and_an_example() {
        for trigger in Trigger::ALL {
            assert!(ORDER.contains(trigger), "{trigger}");
            assert!(!fields(*trigger).is_empty(), "{trigger}");
            let names = trigger.names_an_integration();
            assert_eq!(example(*trigger, &Known::default()).contains_key("integration_id"), names, "{trigger}");
        }
        assert!(fields(Trigger::WebhookReceived).contains(&"body.order.total".to_owned()));
        assert!(fields(Trigger::DeliveryFailed).contains(&"deliveries.0.code".to_owned()));
    }
}
