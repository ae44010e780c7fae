//! What may be asked of a store. Every method that touches a tenant's data takes its [`TenantScope`].

use domain::{
    audit::{AuditEntry, AuditRecord, Head},
    bundle::{Bundle, BundleId, ClaimRefusal, Envelope, Payload},
    campaign::{Campaign, CampaignState},
    health::{HealthHour, TestReport},
    ids::{CampaignId, IntegrationId, KeyId, RequestId, TemplateId, TenantId},
    integration::Integration,
    key::{KeyMac, KeyRecord},
    log::ApiCall,
    principal::Principal,
    rate::RateState,
    secret::SecretOwner,
    settings::TenantSettings,
    template::Template,
    tenant::{Tenant, TenantScope},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, future::Future};

/// Why a call did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the same thing first, or it exists already.
    #[error("the record was changed by somebody else in the meantime")]
    Conflict,
    /// The tenant is being erased, or was: nothing of it changes any more.
    #[error("the tenant is erased")]
    Erased,
    /// Another integration, of this or another tenant, takes the tokens of the same issuer for the same audience.
    #[error("another integration signs users in with the same issuer and audience")]
    Taken,
    /// The table is slow, throttled or away. Nothing was half-written; try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The cursor of a list is none that this store gave.
    #[error("the cursor is not valid")]
    InvalidCursor,
    /// A stored record cannot be understood: a defect of ours. Names the key, never the content.
    #[error("the record {key} cannot be read: {reason}")]
    Corrupt {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// One page of a list and where the next begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Opaque; give it back for the next page. `None` at the end.
    pub next: Option<String>,
}

/// A sealed secret version: ciphertext that only `runtime::vault` can open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// The KMS-encrypted data key, base 64.
    pub data_key: String,
    /// Nonce and AES-256-GCM ciphertext of the secret fields as JSON, base 64.
    pub ciphertext: String,
    /// When it was sealed.
    pub created_at: Timestamp,
    /// Who gave it; nobody knows of versions from before this was kept.
    #[serde(default)]
    pub by: Option<Principal>,
    /// The fields it holds, each with when its value was given. Those of `created_at` are new in this version.
    #[serde(default)]
    pub fields: BTreeMap<String, Timestamp>,
    /// When its data key was last encrypted anew, under the key of that time.
    #[serde(default)]
    pub re_encrypted_at: Option<Timestamp>,
}

impl SealedSecret {
    /// Since when its data key is encrypted as it is.
    #[must_use]
    pub fn wrapped_at(&self) -> Timestamp {
        self.re_encrypted_at.unwrap_or(self.created_at)
    }
}

/// Which version of whose secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretName {
    /// The integration, or the inbound webhook.
    pub owner: SecretOwner,
    /// The version.
    pub version: u32,
}

/// Integrations, their secrets and their health.
pub trait Integrations: Send + Sync {
    /// One integration, deleted or not.
    fn integration(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> impl Future<Output = Result<Option<Integration>>> + Send;

    /// All integrations that are not deleted, oldest first.
    fn integrations(&self, scope: &TenantScope) -> impl Future<Output = Result<Vec<Integration>>> + Send;

    /// Writes an integration (new when `rev` is 1), its new secret version where there is one, and the audit record, all
    /// or nothing. `Conflict` unless the stored revision is `integration.rev - 1`. Also keeps the probe schedule: the
    /// `due` index entry follows `Integration::next_probe_at`. What it says of sign-in
    /// ([`domain::sign_in::SignIn::of`]) is written, moved or removed with it: `Taken` if that belongs to another one. When `release` is set, a release marker for what is held
    /// on this integration is written in the same transaction (see [`Bundles::releases_due`]).
    fn save_integration(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        secret: Option<&SealedSecret>,
        release: bool,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The sealed secrets in one version.
    fn secret(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        version: u32,
    ) -> impl Future<Output = Result<Option<SealedSecret>>> + Send;

    /// The versions of an integration's secrets that are kept, the newest first. A new version lets go of those that
    /// [`crate::is_outdated`] tells, in its transaction.
    fn secrets(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> impl Future<Output = Result<Vec<(u32, SealedSecret)>>> + Send;

    /// Every version of the secrets of every integration and inbound webhook that is kept, in the order of their names: of
    /// deleted integrations too.
    fn all_secrets(&self, scope: &TenantScope) -> impl Future<Output = Result<Vec<(SecretName, SealedSecret)>>> + Send;

    /// Puts a data key that was encrypted anew in the place of the one that it was made of. False when that is not there
    /// any more: the version was let go of, or somebody else was faster.
    fn rewrap_secret(
        &self,
        scope: &TenantScope,
        name: &SecretName,
        old: &SealedSecret,
        data_key: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Appends a test to the health log and counts it in the roll-up of its hour (both kept 90 days), makes it the integration's newest if the settings are still
    /// those of `rev`, and moves the next probe. Leaves `rev` as it is. Where that changes the stored status, the audit
    /// record of [`AuditEntry::health_changed`] is written with it, all or nothing.
    fn record_test(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        report: &TestReport,
        by: &Principal,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The health log of one integration from `since`, newest first, at most `limit` (<= 1,000) entries.
    fn health_log(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        since: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<TestReport>>> + Send;

    /// The roll-ups of one integration's tests from the clock hour that begins at `since`, oldest first. Hours without a
    /// test are left out.
    fn health_hours(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        since: Timestamp,
    ) -> impl Future<Output = Result<Vec<HealthHour>>> + Send;

    /// Integrations of all tenants whose probe is due at `now`, at most `limit`.
    fn probes_due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(TenantScope, IntegrationId)>>> + Send;
}

/// A request for deliveries that was accepted: the header of its bundles and the proof against doing it twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its identifier.
    pub id: RequestId,
    /// The campaign.
    pub campaign: CampaignId,
    /// SHA-256 of the request's body, hex: the same idempotency key with another body is refused.
    pub body_hash: String,
    /// How many bundles it has. 0 in a request of one recipient: that one item is header, state and payload.
    pub bundles: u16,
    /// Whether all bundles are queued.
    pub dispatched: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// What all recipients have in common.
    pub envelope: Envelope,
    /// The API call that it came with.
    #[serde(default)]
    pub call: Option<ApiCall>,
}

/// What became of an attempt to create a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    Fresh,
    /// It exists already, as given here.
    Exists(Box<Request>),
}

/// A claimed bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The bundle as it stands after the claim; `fence` is the proof of this claim.
    pub bundle: Bundle,
    /// Header and recipients, where the item held them (a request of one recipient in its first generation).
    pub inline: Option<(Envelope, Payload)>,
    /// An earlier claim ran out: what became of its attempt is unknown.
    pub interrupted: bool,
}

/// Why a claim failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimError {
    /// There is no such bundle.
    Gone,
    /// There is, but it may not be claimed.
    Refused(ClaimRefusal),
    /// Infrastructure.
    Store(StoreError),
}

impl From<StoreError> for ClaimError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Something the sweeper must look at, found in the `due` index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A bundle that should be queued by now: a retry whose time came, or one whose queueing failed.
    Bundle(TenantScope, CampaignId, BundleId),
    /// A request that was not marked dispatched within a minute.
    Request(TenantScope, CampaignId, RequestId),
}

/// What held bundles wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldFor {
    /// The integration to be enabled (or deleted).
    Integration(IntegrationId),
    /// The campaign to be resumed (or cancelled).
    Campaign(CampaignId),
}

/// How long after its creation or due time something not yet queued is looked at by the sweeper, in milliseconds.
pub const REPAIR_AFTER_MS: i64 = 60_000;

/// How long a release stays due after it was asked for, in milliseconds. A sender that saw the integration disabled a
/// moment before it was enabled may hold one more bundle, and what is held shows in an index that is a moment late:
/// within this time, both are found by the next sweep.
pub const RELEASE_STAYS_MS: i64 = 180_000;

/// Requests, bundles and their recipients.
pub trait Bundles: Send + Sync {
    /// Writes a request header if there is none with this id, or only one whose time (`KEEP_MS`) is over. With `single` (the only bundle and its recipient), header,
    /// state and payload become one item, `request.bundles` being 0. Puts it into the `due` index at `created_at` +
    /// [`REPAIR_AFTER_MS`], from which marking it dispatched (or, of a single one, claiming it) removes it.
    fn create_request(
        &self,
        scope: &TenantScope,
        request: &Request,
        single: Option<(&Bundle, &Payload)>,
    ) -> impl Future<Output = Result<Created>> + Send;

    /// One request header.
    fn request(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &RequestId,
    ) -> impl Future<Output = Result<Option<Request>>> + Send;

    /// Writes first-generation bundles with their payloads. `repeat` says that they may exist already: then each is
    /// written only if it does not.
    fn write_bundles(
        &self,
        scope: &TenantScope,
        bundles: &[(Bundle, Payload)],
        repeat: bool,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Marks a request's bundles as queued and takes it out of the `due` index. A single one that was claimed already is
    /// left as it is, because what became of it since decides what the index says.
    fn mark_dispatched(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &RequestId,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Claims a bundle by the rules of [`Bundle::claim`] in one conditional write, and takes it out of the `due` index.
    /// One that is kept no longer is `Gone`.
    fn claim(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
        now: Timestamp,
    ) -> impl Future<Output = std::result::Result<Claimed, ClaimError>> + Send;

    /// The recipients of a bundle of any generation.
    fn payload(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
    ) -> impl Future<Output = Result<Option<Payload>>> + Send;

    /// Writes the results of a claimed bundle and, where members go on, their next generations, all or nothing.
    /// `Conflict` when the claim is no longer the newest (`bundle.fence`); the same results written twice are fine, so a
    /// lost answer may be asked for again. (So with [`Bundles::put_back`], [`Bundles::hold`] and [`Bundles::cancel`].) Each of `next` enters the `due` index at its due time
    /// + [`REPAIR_AFTER_MS`] if `queued_by_caller`, else at its due time.
    fn finish(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        next: &[Bundle],
        queued_by_caller: bool,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Gives a claimed bundle to another integration, before that one is handed anything: so whoever finds the claim
    /// interrupted knows who may have taken it. `Conflict` when the claim is no longer the newest.
    fn move_to(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        integration: &IntegrationId,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Gives a claimed bundle back unsent: queued again, not before `due` (no attempt is counted). `Conflict` when the
    /// claim is no longer the newest. It enters the `due` index like `next` in [`Bundles::finish`].
    fn put_back(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        due: Timestamp,
        queued_by_caller: bool,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Holds a claimed bundle until what it waits for happens. `Conflict` when the claim is no longer the newest.
    fn hold(&self, scope: &TenantScope, bundle: &Bundle, held_for: &HeldFor)
    -> impl Future<Output = Result<()>> + Send;

    /// Cancels a claimed bundle. `Conflict` when the claim is no longer the newest.
    fn cancel(&self, scope: &TenantScope, bundle: &Bundle) -> impl Future<Output = Result<()>> + Send;

    /// Moves members of a finished bundle into a new generation (see [`Bundle::resend`]), all or nothing. `Conflict` when
    /// the stored bundle changed since it was read (its `resends`). `next` enters the `due` index at its due time +
    /// [`REPAIR_AFTER_MS`].
    fn resend(&self, scope: &TenantScope, bundle: &Bundle, next: &Bundle) -> impl Future<Output = Result<()>> + Send;

    /// Bundles held for this, at most `limit`.
    fn held(
        &self,
        scope: &TenantScope,
        held_for: &HeldFor,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(CampaignId, BundleId)>>> + Send;

    /// Queues a held bundle again, due at `now`; it enters the `due` index at `now` + [`REPAIR_AFTER_MS`]. `Conflict` when
    /// it is no longer held.
    fn release(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
        now: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Releases that were asked for (by enabling, deleting, resuming or cancelling) and are not done, at most `limit`.
    fn releases_due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(TenantScope, HeldFor)>>> + Send;

    /// Forgets a release when nothing is held for it any more: one that was asked for (or asked for again) less than
    /// [`RELEASE_STAYS_MS`] before `now` stays due.
    fn release_done(
        &self,
        scope: &TenantScope,
        held_for: &HeldFor,
        now: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Bundles and requests of all tenants that are due at `now`, at most `limit`, the longest overdue first.
    fn due(&self, now: Timestamp, limit: usize) -> impl Future<Output = Result<Vec<Due>>> + Send;

    /// Moves a due bundle's or request's next look to `until`, so that one that was just queued is not queued again by
    /// the next sweep. A no-op when it is no longer in the index.
    fn postpone(&self, due: &Due, until: Timestamp) -> impl Future<Output = Result<()>> + Send;

    /// All generations of one first-generation bundle, by their number, the first one first, as they are now: who waits for
    /// one that is not seen yet would not wait.
    fn generations(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        origin: &BundleId,
    ) -> impl Future<Output = Result<Vec<Bundle>>> + Send;

    /// The first generations of a request's bundles, by their number. Of a request of one recipient there is none: it is
    /// the bundle itself.
    fn bundles_of(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        request: &RequestId,
    ) -> impl Future<Output = Result<Vec<Bundle>>> + Send;

    /// A campaign's bundles of all generations, in key order, `limit` (<= 1,000) a page. Headers and payloads are not
    /// among them.
    fn bundles(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Bundle>>> + Send;

    /// The payloads of several bundles, in their order; `None` where one is missing.
    fn payloads(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        ids: &[BundleId],
    ) -> impl Future<Output = Result<Vec<Option<Payload>>>> + Send;
}

/// Campaigns and their switch.
pub trait Campaigns: Send + Sync {
    /// One campaign.
    fn campaign(&self, scope: &TenantScope, id: &CampaignId) -> impl Future<Output = Result<Option<Campaign>>> + Send;

    /// Creates it, with its audit record and at that one's time, if there is none; returns it as it stands.
    fn ensure_campaign(
        &self,
        scope: &TenantScope,
        id: &CampaignId,
        launch: &AuditEntry,
    ) -> impl Future<Output = Result<Campaign>> + Send;

    /// Changes its state, with the audit record and, when leaving `paused` or on cancelling, a release marker, all or
    /// nothing. `Conflict` when it is not in `from`.
    fn set_campaign_state(
        &self,
        scope: &TenantScope,
        id: &CampaignId,
        from: CampaignState,
        to: CampaignState,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Campaigns in order of their ids, `limit` (<= 200) a page.
    fn campaigns(
        &self,
        scope: &TenantScope,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Campaign>>> + Send;
}

/// Whether such a change of a campaign's state lets go what was held for it.
pub(crate) fn releases_held(from: CampaignState, to: CampaignState) -> bool {
    from == CampaignState::Paused || to == CampaignState::Cancelled
}

/// Rate leases.
pub trait Rates: Send + Sync {
    /// The record of an integration; the default where there is none.
    fn rate(&self, scope: &TenantScope, id: &IntegrationId) -> impl Future<Output = Result<RateState>> + Send;

    /// Writes it back if the stored revision is `state.rev - 1`; otherwise returns what is stored as `Err(Ok(stored))`.
    fn save_rate(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        state: &RateState,
    ) -> impl Future<Output = std::result::Result<(), RateConflict>> + Send;
}

/// Why a rate record was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateConflict {
    /// Somebody else leased first; this is what is stored now.
    Newer(RateState),
    /// Infrastructure.
    Store(StoreError),
}

impl From<StoreError> for RateConflict {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Templates and settings.
pub trait Settings: Send + Sync {
    /// A template's newest version, or the given one. Ready-made templates are not stored: the caller asks
    /// `domain::template::ready_made` first.
    fn template(
        &self,
        scope: &TenantScope,
        id: &TemplateId,
        version: Option<u32>,
    ) -> impl Future<Output = Result<Option<Template>>> + Send;

    /// The number of a template's newest version, deleted or not; 0 where there never was one.
    fn template_version(&self, scope: &TenantScope, id: &TemplateId) -> impl Future<Output = Result<u32>> + Send;

    /// The newest versions of the tenant's own templates, by id.
    fn templates(&self, scope: &TenantScope) -> impl Future<Output = Result<Vec<Template>>> + Send;

    /// Writes a version and makes it the newest. `Conflict` unless the newest stored one is `template.version - 1` (a
    /// deleted template keeps counting).
    fn save_template(
        &self,
        scope: &TenantScope,
        template: &Template,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Takes a template out of the list; its versions stay for what was accepted with them. False if there was none.
    fn delete_template(
        &self,
        scope: &TenantScope,
        id: &TemplateId,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// The tenant's settings; the default where none were made.
    fn settings(&self, scope: &TenantScope) -> impl Future<Output = Result<TenantSettings>> + Send;

    /// Writes them. `Conflict` unless the stored revision is `settings.rev - 1`.
    fn save_settings(
        &self,
        scope: &TenantScope,
        settings: &TenantSettings,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Tenants and API keys. Look-ups by prefix are the only ones made before a tenant is known.
pub trait Access: Send + Sync {
    /// Creates a tenant. `Conflict` if it exists.
    fn create_tenant(&self, tenant: &Tenant, audit: &AuditEntry) -> impl Future<Output = Result<()>> + Send;

    /// One tenant.
    fn tenant(&self, id: &TenantId) -> impl Future<Output = Result<Option<Tenant>>> + Send;

    /// All tenants by id, `limit` (<= 200) a page.
    fn tenants(&self, cursor: Option<&str>, limit: usize) -> impl Future<Output = Result<Page<Tenant>>> + Send;

    /// The key whose prefix this is.
    fn key_by_prefix(&self, prefix: &str) -> impl Future<Output = Result<Option<KeyRecord>>> + Send;

    /// Stores a new key with its audit record, all or nothing. `Conflict` if the prefix is taken.
    fn create_key(
        &self,
        scope: &TenantScope,
        key: &KeyRecord,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The tenant's keys, oldest first, revoked ones included.
    fn keys(&self, scope: &TenantScope) -> impl Future<Output = Result<Vec<KeyRecord>>> + Send;

    /// One of the tenant's keys.
    fn key(&self, scope: &TenantScope, id: &KeyId) -> impl Future<Output = Result<Option<KeyRecord>>> + Send;

    /// Revokes a key with its audit record. False if the tenant has no such key; revoking twice is fine.
    fn revoke_key(
        &self,
        scope: &TenantScope,
        id: &KeyId,
        at: Timestamp,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Writes a key that was changed, with its audit record where a person or a rule decided it. `Conflict` unless the
    /// stored revision is `key.rev - 1`. What others are told of it ([`domain::key::KeyNotice`]) and its entry in the
    /// `due` index ([`KeyRecord::next_reminder`]) follow in the same transaction.
    fn save_key(
        &self,
        scope: &TenantScope,
        key: &KeyRecord,
        audit: Option<&AuditEntry>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Keys of all tenants that are to be reminded of by `now`, at most `limit`, the longest overdue first.
    fn keys_due(&self, now: Timestamp, limit: usize) -> impl Future<Output = Result<Vec<(TenantScope, KeyId)>>> + Send;

    /// Remembers the keyed hash of a key that bcrypt has verified, if its secret is still the one with this bcrypt hash.
    fn remember_mac(&self, prefix: &str, bcrypt: &str, mac: &KeyMac) -> impl Future<Output = Result<()>> + Send;
}

/// The audit chain. Records are appended by the calls above, in the same transaction as the change they tell of.
pub trait Audit: Send + Sync {
    /// Appends one record for something that changed nothing else in the store.
    fn append_audit(&self, scope: &TenantScope, entry: &AuditEntry) -> impl Future<Output = Result<()>> + Send;

    /// Records after `cursor` (a sequence number as text), oldest first, `limit` (<= 200) a page.
    fn audit(
        &self,
        scope: &TenantScope,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<AuditRecord>>> + Send;

    /// Records before the place `before`, or to the end of the chain, newest first, at most `limit`.
    fn audit_back(
        &self,
        scope: &TenantScope,
        before: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<AuditRecord>>> + Send;

    /// What is stored after the place `after`, in order, at most `limit` entries, for a check of the chain: places and
    /// records. The record is `None` where it cannot be read, the place 0 where something is stored that has none.
    fn audit_places(
        &self,
        scope: &TenantScope,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(u64, Option<AuditRecord>)>>> + Send;

    /// The head of the chain, which is written with each of its records; `None` where there is none to be read.
    fn audit_head(&self, scope: &TenantScope) -> impl Future<Output = Result<Option<Head>>> + Send;
}

/// Everything at once, for functions that need several.
pub trait Store:
    Integrations
    + Bundles
    + Campaigns
    + Rates
    + Settings
    + Access
    + Audit
    + crate::Answers
    + crate::DeadLetters
    + crate::Erasure
    + crate::EventRequests
    + crate::EventTypes
    + crate::Feedbacks
    + crate::Hooks
    + crate::Jobs
    + crate::KeyUses
    + crate::Logs
    + crate::OrderTails
    + crate::Rules
    + crate::Sessions
    + crate::Retention
    + crate::Simulations
    + crate::SignIns
    + crate::Suppressions
{
}
impl<
    T: Integrations
        + Bundles
        + Campaigns
        + Rates
        + Settings
        + Access
        + Audit
        + crate::Answers
        + crate::DeadLetters
        + crate::Erasure
        + crate::EventRequests
        + crate::EventTypes
        + crate::Feedbacks
        + crate::Hooks
        + crate::Jobs
        + crate::KeyUses
        + crate::Logs
        + crate::OrderTails
        + crate::Rules
        + crate::Sessions
        + crate::Retention
        + crate::Simulations
        + crate::SignIns
        + crate::Suppressions,
> Store for T
{
}
