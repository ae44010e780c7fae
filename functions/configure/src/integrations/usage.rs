//! What an integration used of its limits: one read of the record that its senders lease from.

use super::saved;
use crate::{
    hub::{Hub, Place},
    may::{May, Read},
};
use api::integrations::UsageView;
use axum::extract::State;
use domain::ids::IntegrationId;
use runtime::http::{Answer, Json, Path};
use std::sync::Arc;
use store::Rates;

pub(crate) async fn usage<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<UsageView>> {
    let integration = saved::find(&hub, &caller.scope, &id).await?;
    let rate = hub.store.rate(&caller.scope, &id).await?;
    Ok(Json(UsageView::of(&rate, integration.limits, hub.now())))
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, acme};
    use domain::{
        breaker::{Breaker, OPEN_MS},
        rate::{Lease, Limits, RateState},
        time::HOUR_MS,
    };
    use runtime::testing::START;
    use serde_json::{Value, json};
    use store::Rates;

    #[tokio::test]
    async fn what_was_leased_is_shown_with_its_share_until_the_window_ends() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let id = stage.stored().await[0].id.clone();
        let limits = Limits { per_day: Some(20_000), ..Limits::default() };
        assert_eq!(stage.patch(&path, json!({"limits": limits})).await.status, 200);
        let idle = stage.get(&format!("{path}/usage")).await.body;
        assert_eq!((&idle["day"]["used"], &idle["day"]["percent"]), (&json!(0), &json!(0.0)));

        let Lease::Granted { next, .. } = RateState::default().lease(limits, 247, START) else {
            panic!("there is room")
        };
        stage.store.save_rate(&acme(), &id, &next).await.unwrap();
        let paused = next.paused(START.plus_ms(30_000));
        stage.store.save_rate(&acme(), &id, &paused).await.unwrap();
        assert_eq!(
            stage.get(&format!("{path}/usage")).await.body,
            json!({
                "hour": {"used": 247, "limit": null, "percent": null, "until": "2025-11-20T13:00:00.000Z"},
                "day": {"used": 247, "limit": 20_000, "percent": 1.24, "until": "2025-11-21T00:00:00.000Z"},
                "paused_until": "2025-11-20T12:00:30.000Z",
                "breaker": {"state": "closed", "until": null},
                "not_counted": null,
            })
        );
        stage.clock.advance_ms(HOUR_MS);
        let later = stage.get(&format!("{path}/usage")).await.body;
        assert_eq!((&later["hour"]["used"], &later["day"]["used"]), (&json!(0), &json!(247)));
        assert_eq!(later["paused_until"], Value::Null);
    }

    #[tokio::test]
    async fn the_breaker_is_shown_as_its_senders_see_it() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let id = stage.stored().await[0].id.clone();
        let open = RateState::default().with_breaker(Breaker::Closed.opened(START).unwrap());
        stage.store.save_rate(&acme(), &id, &open).await.unwrap();
        let breaker = async || stage.get(&format!("{path}/usage")).await.body["breaker"].clone();
        assert_eq!(breaker().await, json!({"state": "open", "until": "2025-11-20T12:00:30.000Z"}));
        stage.clock.advance_ms(OPEN_MS);
        assert_eq!(breaker().await, json!({"state": "half_open", "until": null}));
    }

    #[tokio::test]
    async fn without_limits_nothing_is_counted_and_that_is_said() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let usage = stage.get(&format!("{path}/usage")).await.body;
        assert_eq!((&usage["hour"], &usage["day"]), (&Value::Null, &Value::Null));
        assert!(usage["not_counted"]["reason"].as_str().unwrap().contains("Set a limit"));
        assert_eq!(stage.store.calls("save_rate"), 0);
    }
}
