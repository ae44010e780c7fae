//! Reminders that an API key expires. Only the key is marked here; that its tenant is told follows from the mark, in the
//! table's stream, so a reminder is given once and none is lost.

use crate::handler::{Seen, Sweeper, Swept};
use domain::{ids::KeyId, tenant::TenantScope, time::Timestamp};
use runtime::queue::Queues;
use store::{Store, StoreError};

/// How many keys are looked up at once.
const PAGE: usize = 100;

impl<S: Store, Q: Queues> Sweeper<S, Q> {
    /// Deals with one page of keys. False when there is nothing new, or it cannot be found out.
    pub(crate) async fn reminders(&self, seen: &mut Seen, swept: &mut Swept) -> bool {
        let now = self.clock.now();
        let page = match self.store.keys_due(now, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "whom to remind cannot be found out");
                swept.unreminded += 1;
                return false;
            }
        };
        let mut any = false;
        for due in page.into_iter().filter(|due| seen.is_new(due)) {
            any = true;
            match self.remind(&due.0, &due.1, now).await {
                Ok(reminded) => swept.reminded += usize::from(reminded),
                Err(error) => {
                    tracing::warn!(tenant = %due.0.tenant(), key = %due.1, %error, "a reminder is tried again at the next sweep");
                    swept.unreminded += 1;
                }
            }
        }
        any
    }

    async fn remind(&self, scope: &TenantScope, id: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let Some(mut key) = self.store.key(scope, id).await? else { return Ok(false) };
        let Some(days) = key.reminder(now) else {
            // It has expired, or the index is a moment late.
            if key.next_reminder().is_some_and(|at| at <= now) {
                key.reminded = Some(0);
                key.rev += 1;
                self.store.save_key(scope, &key, None).await?;
            }
            return Ok(false);
        };
        key.reminded = Some(days);
        key.rev += 1;
        self.store.save_key(scope, &key, None).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use crate::{handler::Swept, stage::Stage};
    use domain::time::{DAY_MS, MINUTE_MS};
    use store::StoreError;

    fn reminded() -> Swept {
        Swept { reminded: 1, ..Swept::default() }
    }

    #[tokio::test]
    async fn a_tenant_is_reminded_three_times_and_no_more() {
        let stage = Stage::new();
        let key = stage.key_for_days(40).await;
        assert_eq!(stage.sweep().await, Swept::default());
        for (later_days, days) in [(10, 30), (23, 7), (6, 1)] {
            stage.clock.advance_ms(later_days * DAY_MS);
            assert_eq!(stage.sweep().await, reminded());
            assert_eq!(stage.reminded(&key).await, Some(days));
            assert_eq!(stage.sweep().await, Swept::default());
        }
        stage.clock.advance_ms(DAY_MS);
        assert_eq!(stage.sweep().await, Swept::default());
    }

    #[tokio::test]
    async fn of_a_key_that_has_expired_meanwhile_nobody_is_reminded() {
        let stage = Stage::new();
        let key = stage.key_for_days(40).await;
        stage.clock.advance_ms(41 * DAY_MS);
        assert_eq!(stage.sweep().await, Swept::default());
        assert_eq!(stage.reminded(&key).await, Some(0), "and it is not looked at again");
        assert_eq!(stage.sweep().await, Swept::default());
    }

    #[tokio::test]
    async fn a_reminder_that_cannot_be_marked_is_given_by_the_next_sweep() {
        let stage = Stage::new();
        stage.key_for_days(31).await;
        stage.clock.advance_ms(DAY_MS);
        stage.store.fail_next("save_key", StoreError::Unavailable("throttled".into()));
        assert_eq!(stage.sweep().await, Swept { unreminded: 1, ..Swept::default() });
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await, reminded());
    }
}
