//! One event: read it, find whose message it is about, have it proven, store it.
//!
//! | What it is | What becomes of it |
//! |---|---|
//! | about a message of ours, proven | stored |
//! | of a kind that no delivery keeps | passed over |
//! | not ours, not proven, not understood | dropped: one line, one count, never again |
//! | our store or key service is away | an error, so that Lambda tries again and then puts it into the dead-letter queue |

use domain::{channel::Provider, integration::Integration, tenant::TenantScope, time::Clock};
use hub::feedback::{Report, take_in};
use providers::ses_event::{self, Claim, Nothing};
use runtime::{
    lazy::Lazy,
    log::Log,
    vault::{Kms, Vault, VaultError},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Campaigns, Feedbacks, Integrations, Suppressions};

/// What the handler works with.
pub(crate) struct TrackSes<S, K> {
    pub(crate) store: Lazy<S>,
    pub(crate) vault: Vault<K>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Log,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It is stored.
    Stored,
    /// It tells nothing that a delivery keeps.
    PassedOver,
    /// It is not believed or not understood.
    Dropped,
}

impl<S: Campaigns + Integrations + Feedbacks + Suppressions, K: Kms> TrackSes<S, K> {
    /// Takes one event in.
    pub(crate) async fn take(&self, event: &Value) -> Result<Outcome, runtime::Error> {
        let claim = match ses_event::read(event) {
            Ok(claim) => claim,
            Err(Nothing::Untold) => return Ok(Outcome::PassedOver),
            Err(nothing) => return Ok(self.dropped(nothing.as_str())),
        };
        let scope = claimed(&claim);
        let integration = self.store.integration(&scope, claim.integration()).await?;
        let sends = |it: &Integration| it.provider == Provider::Ses && it.deleted_at.is_none();
        let Some(integration) = integration.filter(sends) else { return Ok(self.dropped("unknown")) };
        if !self.is_proven(&scope, &integration, &claim).await? {
            return Ok(self.dropped("unproven"));
        }
        self.log.tenant(scope.tenant());
        self.log.note("feedback", claim.feedback.kind.as_str());
        let report = Report { feedback: claim.feedback, address: claim.address };
        take_in(&*self.store, &scope, &integration, vec![report], self.clock.now()).await?;
        Ok(Outcome::Stored)
    }

    /// Whether the integration sent the message, under the secret that serves or the one before it: a bounce may come days
    /// after the message.
    async fn is_proven(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        claim: &Claim,
    ) -> Result<bool, runtime::Error> {
        let newest = integration.secret_version;
        for version in [newest, newest.saturating_sub(1)].into_iter().filter(|version| *version > 0) {
            let Some(sealed) = self.store.secret(scope, &integration.id, version).await? else { continue };
            match self.vault.open(scope, &integration.id, version, &sealed).await {
                Ok(secrets) if claim.is_proven_by(&secrets) => return Ok(true),
                Ok(_) => {}
                Err(error @ VaultError::Unavailable(_)) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(integration = %integration.id, version, %error, "no proof can be checked");
                }
            }
        }
        Ok(false)
    }

    /// Puts the reason into the invocation's line, which counts the event as a metric besides (`CloudWatch` embedded
    /// metric format).
    fn dropped(&self, reason: &'static str) -> Outcome {
        self.log.note("dropped", 1);
        self.log.note("reason", reason);
        let metric = json!({
            "Namespace": "Trunkline", "Dimensions": [["service"]], "Metrics": [{"Name": "dropped", "Unit": "Count"}]
        });
        self.log.note("_aws", json!({"Timestamp": self.clock.now().0, "CloudWatchMetrics": [metric]}));
        Outcome::Dropped
    }
}

/// The scope of the tenant that the event names. Until the event is proven, it serves to read the one integration and the
/// secret that the proof needs, and nothing of either is shown; only after it, to write.
#[expect(clippy::disallowed_methods, reason = "the proof in the event, checked before anything is written")]
fn claimed(claim: &Claim) -> TenantScope {
    TenantScope::established(claim.tenant().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        audit::AuditEntry,
        bundle::BundleId,
        feedback::{Feedback, FeedbackKind},
        ids::{CampaignId, DeliveryId, IntegrationId, RequestId, TenantId},
        principal::Principal,
        secret::{Secret, Secrets},
        template::Rendered,
        time::ManualClock,
    };
    use doubles::mail_api::{MailApiDouble, SES_SECRET_ACCESS_KEY, SesEvent};
    use guard::{Egress, Guard};
    use providers::{Carry as _, Connect as _, Email, Endpoints, Outgoing, Tags};
    use runtime::testing::{MemoryKms, START};
    use store::{StoreError, memory::MemoryStore};

    const CAMPAIGN: &str = "spring_2026.1";

    struct Stage {
        track: TrackSes<MemoryStore, MemoryKms>,
        double: MailApiDouble,
        integration: Integration,
        delivery: DeliveryId,
    }

    #[expect(clippy::disallowed_methods, reason = "a test looks into the store behind the API's back")]
    fn acme() -> TenantScope {
        TenantScope::established("acme".parse().unwrap())
    }

    fn secrets(text: &str) -> Secrets {
        [("secret_access_key".to_owned(), Secret::new(text.to_owned()))].into()
    }

    impl Stage {
        async fn new() -> Self {
            let clock = Arc::new(ManualClock::at(START));
            let integration: Integration = serde_json::from_value(json!({
                "id": IntegrationId::generate(), "provider": "ses", "name": "SES", "masks": {}, "secret_version": 1,
                "config": {
                    "from_address": "news@example.com", "region": "eu-central-1", "access_key_id": "AKIAGOOD00000001",
                    "configuration_set": "trunkline"
                },
                "enabled": true, "priority": 100, "limits": {}, "retry_policy": "exponential",
                "on_unknown": "retry", "probe_interval_minutes": 5, "last_test": null, "created_at": START,
                "updated_at": START, "updated_by": "system", "rev": 1, "deleted_at": null,
            }))
            .unwrap();
            let track = TrackSes {
                store: Lazy::ready(MemoryStore::default()),
                vault: Vault::new(MemoryKms::default(), clock.clone()),
                clock,
                log: Log::in_memory("track-ses"),
            };
            let double = MailApiDouble::start(0).await.unwrap();
            let delivery = DeliveryId { request: RequestId::generate(), place: None };
            let mut stage = Self { track, double, integration, delivery };
            stage.save(Some(SES_SECRET_ACCESS_KEY)).await;
            let launch = AuditEntry {
                principal: Principal::System,
                action: "campaign.launched",
                target: CAMPAIGN.into(),
                detail: String::new(),
                at: START,
            };
            stage.track.store.ensure_campaign(&acme(), &CAMPAIGN.parse().unwrap(), &launch).await.unwrap();
            stage
        }

        /// Saves the integration, under a new version of its secret where one is given.
        async fn save(&mut self, secret: Option<&str>) {
            let entry = AuditEntry {
                principal: Principal::System,
                action: "integration.created",
                target: String::new(),
                detail: String::new(),
                at: START,
            };
            let (id, version) = (&self.integration.id, self.integration.secret_version);
            let sealed = match secret {
                Some(secret) => Some(self.track.vault.seal(&acme(), id, version, &secrets(secret)).await.unwrap()),
                None => None,
            };
            let store = &self.track.store;
            store.save_integration(&acme(), &self.integration, sealed.as_ref(), false, &entry).await.unwrap();
        }

        async fn rotate(&mut self, secret: &str) {
            self.integration.rev += 1;
            self.integration.secret_version += 1;
            self.save(Some(secret)).await;
        }

        /// What SES tells of a message that `tenant` sent with this secret.
        async fn event(&self, tenant: &str, what: SesEvent) -> Value {
            let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()));
            let endpoints = Endpoints { ses_api: self.double.ses_url(), ..Endpoints::default() };
            let secrets = secrets(SES_SECRET_ACCESS_KEY);
            let ses = Email::open(Provider::Ses, &self.integration.config, &secrets, guard, &endpoints).unwrap();
            let (tenant, campaign): (TenantId, CampaignId) = (tenant.parse().unwrap(), CAMPAIGN.parse().unwrap());
            let message = Rendered { subject: None, text: "Go".into(), html: None, link: None };
            let tags = Tags {
                tenant: &tenant,
                integration: &self.integration.id,
                campaign: &campaign,
                delivery: &self.delivery,
            };
            let out = Outgoing { tags, address: "sara@example.org", locale: None, message: &message };
            let id = ses.send(&out).await.unwrap().unwrap();
            self.double.ses_event(&id, what).unwrap()
        }

        async fn stored(&self) -> Vec<Feedback> {
            let bundles = [BundleId::origin_of(&self.delivery)];
            self.track.store.feedback_of(&acme(), &CAMPAIGN.parse().unwrap(), &bundles).await.unwrap()
        }
    }

    #[tokio::test]
    async fn what_is_proven_is_stored_and_suppresses() {
        let stage = Stage::new().await;
        for (what, kinds) in [
            (SesEvent::Delivery, &[FeedbackKind::Delivered][..]),
            (SesEvent::Bounce, &[FeedbackKind::Delivered, FeedbackKind::Bounced][..]),
        ] {
            let event = stage.event("acme", what).await;
            // What comes twice changes nothing.
            for _ in 0..2 {
                assert_eq!(stage.track.take(&event).await.unwrap(), Outcome::Stored);
            }
            let stored = stage.stored().await;
            assert_eq!(stored.iter().map(|feedback| feedback.kind).collect::<Vec<_>>(), kinds);
            assert!(stored.iter().all(|feedback| feedback.campaign.as_str() == CAMPAIGN));
        }
        let address = "sara@example.org".to_owned();
        let suppressed = stage.track.store.suppressed_among(&acme(), std::slice::from_ref(&address)).await.unwrap();
        assert!(suppressed.contains(&address), "{suppressed:?}");
    }

    #[tokio::test]
    async fn what_is_not_proven_is_dropped_with_a_line_and_a_count() {
        let mut stage = Stage::new().await;
        let mut forged = stage.event("acme", SesEvent::Bounce).await;
        forged["detail"]["mail"]["tags"]["trunkline_proof"] = json!(["0123456789abcdef0123456789abcdef"]);
        let mut elsewhere = stage.event("acme", SesEvent::Bounce).await;
        elsewhere["detail"]["mail"]["tags"]["trunkline_tenant"] = json!(["another"]);
        let mut garbled = stage.event("acme", SesEvent::Bounce).await;
        garbled["detail"]["bounce"] = json!(null);
        let gone = stage.event("acme", SesEvent::Bounce).await;
        for (event, reason) in [(&forged, "unproven"), (&elsewhere, "unknown"), (&garbled, "malformed")] {
            stage.track.log = Log::in_memory("track-ses");
            assert_eq!(stage.track.take(event).await.unwrap(), Outcome::Dropped, "{reason}");
            let line = stage.track.log.noted();
            assert_eq!((&line["dropped"], &line["reason"]), (&json!(1), &json!(reason)));
            assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "dropped");
        }
        stage.integration.rev += 1;
        stage.integration.deleted_at = Some(START);
        stage.save(None).await;
        assert_eq!(stage.track.take(&gone).await.unwrap(), Outcome::Dropped);
        assert_eq!(stage.stored().await, []);
    }

    #[tokio::test]
    async fn a_kind_that_no_delivery_keeps_is_passed_over() {
        let stage = Stage::new().await;
        let event = stage.event("acme", SesEvent::Send).await;
        assert_eq!(stage.track.take(&event).await.unwrap(), Outcome::PassedOver);
        assert_eq!(stage.stored().await, []);
    }

    #[tokio::test]
    async fn a_message_sent_before_the_newest_rotation_is_still_proven_and_one_before_that_is_not() {
        let mut stage = Stage::new().await;
        let event = stage.event("acme", SesEvent::Open).await;
        stage.rotate("another/secret/of/the/same/length/000001").await;
        assert_eq!(stage.track.take(&event).await.unwrap(), Outcome::Stored);
        stage.rotate("another/secret/of/the/same/length/000002").await;
        assert_eq!(stage.track.take(&event).await.unwrap(), Outcome::Dropped);
    }

    #[tokio::test]
    async fn what_is_away_of_ours_is_an_error_so_that_it_is_tried_again() {
        let stage = Stage::new().await;
        let event = stage.event("acme", SesEvent::Bounce).await;
        for op in ["integration", "secret", "suppress", "record_feedback"] {
            stage.track.store.fail_next(op, StoreError::Unavailable("throttled".into()));
            assert!(stage.track.take(&event).await.is_err(), "{op}");
        }
        assert_eq!(stage.track.take(&event).await.unwrap(), Outcome::Stored);
    }
}
