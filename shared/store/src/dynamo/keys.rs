//! Every key, and back. A tenant's partition keys begin with `T#<tenant>#` and are built from a [`TenantScope`] only.
//!
//! ```text
//! T#<tenant>#CFG           INT#<id>  SEC#<id>#<version>  TPL#<id>  TPV#<id>#<version>  KEY#<id>  POL#settings
//!                          REL#INT#<id>  REL#CAMP#<campaign>  GONE#<id>
//! T#<tenant>#CAMP          <campaign>
//! T#<tenant>#C#<campaign>  A#<request>                               a request's header; of one recipient, all of it
//!                          B#<request>#<number>[~<generation>]       a bundle
//!                          B#<request>~<generation>                  a later generation of a request of one recipient
//!                          P#<request>#<number>                      a bundle's recipients
//!                          E#<request>[#<number>]                    what providers reported of its deliveries
//!                          X#<request>[#<number>][~<generation>]#<n> what an endpoint answered at length
//! T#<tenant>#H#<id>        <time>                                    health log
//! T#<tenant>#HR#<id>       <hour>                                    health roll-ups
//! T#<tenant>#RL#<id>       0                                         rate lease
//! T#<tenant>#AUD           <sequence>  #head                         audit chain, and where it ends
//! T#<tenant>#CFG           HK#<id>  HSEC#<id>#<version>               inbound webhooks
//! T#<tenant>#HKE           WE#<hook>#<event>  WP#<hook>#<event>#<n>   what they received
//! T#<tenant>#HKS           <hook>#<fingerprint>                      what tells a repeat
//! T#<tenant>#HKR           <hook>#<minute>#<cause>                   what they turned away
//! T#<tenant>#CFG           AR#<id>                                   automation rules
//! T#<tenant>#ARR           RUN#<rule>#<run>  RUH#<rule>#<hour>        their runs, and what was counted of them
//! T#<tenant>#SIM           S#<campaign>#<request>[#<number>]         a simulation at its provider
//! T#<tenant>#CFG           ETY#<type>                                registered types of events
//! T#<tenant>#EVR           <request>                                 what a request of events came to
//! T#<tenant>#OT#<id>       <hash of a key>                           where the chain of an endpoint's events ends
//! T#<tenant>#SUP           <address>                                 nothing is sent to it any more
//! T#<tenant>#LOG           <page>                                    the log of everything
//! T#<tenant>#LOGH          <hour>                                    and what it counts
//! ```
//! and in the table of what is looked up before the tenant is known: `KEY#<prefix>`/`0`, `TENANT`/`<id>`,
//! `JOB`/`<name>`, `KEY#<prefix>`/`use`, `HOOK#<id>`/`0`,
//! `OIDC#<issuer>`/`<audience>`, `STATE#<hash>`/`0`, `SESS#<hash>`/`0`, `SESSOF#<tenant>#<principal>`/`<hash>`.
//!
//! The sparse index `due` (`dk`, `da`: a moment in ms) tells what somebody must look at:
//!
//! ```text
//! bundle#<shard>  request#<shard>  probe#<shard>  release#<shard>    da: when
//! simulation#<shard>  key#<shard>                                    da: when
//! held#T#<tenant>#INT#<id>  held#T#<tenant>#CAMP#<campaign>          da: since when the bundle exists
//! dead#T#<tenant>#INT#<id>                                           da: when the bundle finished
//! ```

use super::attributes::{Item, number, text};
use crate::{HeldFor, SecretName};
use domain::{
    bundle::BundleId,
    hook::Cause,
    ids::{CampaignId, HookEventId, HookId, IntegrationId, KeyId, RequestId, RuleId, RunId, TemplateId, TenantId},
    job::Job,
    log::PageId,
    principal::Principal,
    sign_in::Authority,
    tenant::TenantScope,
    time::Timestamp,
    webhook::EventType,
};
use std::fmt::Write as _;

/// What names an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    pub(super) fn item(self) -> Item {
        Item::from([("pk".to_owned(), text(self.pk)), ("sk".to_owned(), text(self.sk))])
    }

    pub(super) fn of(item: &Item) -> Option<Self> {
        Some(Self { pk: item.get("pk")?.as_s().ok()?.clone(), sk: item.get("sk")?.as_s().ok()?.clone() })
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.pk, self.sk)
    }
}

macro_rules! partitions {
    ($(#[$doc:meta])* $name:ident { $($part:ident = $tag:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($part,)* }

        impl $name {
            /// Every one of them: what the erasure of a tenant goes through.
            pub(super) const ALL: &[Self] = &[$(Self::$part),*];

            const fn tag(self) -> &'static str {
                match self { $(Self::$part => $tag,)* }
            }
        }
    };
}

partitions! {
    /// Partitions of which a tenant has one.
    OfTenant { Config = "CFG", Campaigns = "CAMP", Suppressions = "SUP", Simulations = "SIM", HookEvents = "HKE", HookSeen = "HKS", HookRejections = "HKR", RuleRuns = "ARR", Log = "LOG", LogHours = "LOGH", EventRequests = "EVR", }
}
partitions! {
    /// Partitions of which each integration has one.
    OfIntegration { HealthLog = "H", HealthHours = "HR", Rate = "RL", EndpointDeliveries = "C", OrderTails = "OT", }
}
partitions! {
    /// Partitions of which each campaign has one.
    OfCampaign { Deliveries = "C", }
}

/// The partitions of a tenant. There are no others: so whoever erases a tenant finds everything, and what is added later
/// is erased like the rest.
#[derive(Clone, Copy, Debug)]
pub(super) enum Partition<'a> {
    Tenant(OfTenant),
    Integration(OfIntegration, &'a IntegrationId),
    Campaign(OfCampaign, &'a CampaignId),
    /// The audit chain, which outlives its tenant.
    Audit,
}

pub(super) fn partition(scope: &TenantScope, partition: Partition<'_>) -> String {
    let tenant = scope.tenant();
    match partition {
        Partition::Tenant(part) => format!("T#{tenant}#{}", part.tag()),
        Partition::Integration(part, id) => format!("T#{tenant}#{}#{id}", part.tag()),
        Partition::Campaign(part, id) => format!("T#{tenant}#{}#{id}", part.tag()),
        Partition::Audit => format!("T#{tenant}#AUD"),
    }
}

/// Integrations, templates, keys and settings.
pub(super) fn config(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::Config))
}

pub(super) const INTEGRATIONS: &str = "INT#";
pub(super) const TEMPLATES: &str = "TPL#";
pub(super) const KEYS: &str = "KEY#";

pub(super) fn integration(scope: &TenantScope, id: &IntegrationId) -> Key {
    Key::new(config(scope), format!("{INTEGRATIONS}{id}"))
}

pub(super) fn secret(scope: &TenantScope, id: &IntegrationId, version: u32) -> Key {
    Key::new(config(scope), format!("{}{version:010}", secrets_of(id)))
}

/// What the sort keys of all secrets begin with.
pub(super) const SECRETS: &str = "SEC#";

/// What the sort keys of an integration's secrets begin with.
pub(super) fn secrets_of(id: &IntegrationId) -> String {
    format!("{SECRETS}{id}#")
}

/// Which secret a sort key names.
pub(super) fn secret_name(sk: &str) -> Option<SecretName> {
    let (owner, version) = sk.strip_prefix(SECRETS).or_else(|| sk.strip_prefix(HOOK_SECRETS))?.split_once('#')?;
    Some(SecretName { owner: owner.parse().ok()?, version: version.parse().ok()? })
}

/// Integrations that are gone, of a tenant that is being erased.
pub(super) const ERASED: &str = "GONE#";

/// Says that there was an integration of this name, until all of its partitions are empty.
pub(super) fn erased_integration(scope: &TenantScope, id: &str) -> Key {
    Key::new(config(scope), format!("{ERASED}{id}"))
}

/// The newest version of a template.
pub(super) fn template(scope: &TenantScope, id: &TemplateId) -> Key {
    Key::new(config(scope), format!("{TEMPLATES}{id}"))
}

pub(super) fn template_version(scope: &TenantScope, id: &TemplateId, version: u32) -> Key {
    Key::new(config(scope), format!("TPV#{id}#{version:010}"))
}

/// Says that the tenant has this key, and its prefix.
pub(super) fn key_pointer(scope: &TenantScope, id: &KeyId) -> Key {
    Key::new(config(scope), format!("{KEYS}{id}"))
}

pub(super) fn settings(scope: &TenantScope) -> Key {
    Key::new(config(scope), "POL#settings")
}

/// Says that something held may go.
pub(super) fn release(scope: &TenantScope, held_for: &HeldFor) -> Key {
    Key::new(config(scope), format!("REL#{}", cause(held_for)))
}

pub(super) fn campaigns(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::Campaigns))
}

pub(super) fn campaign(scope: &TenantScope, id: &CampaignId) -> Key {
    Key::new(campaigns(scope), id.as_str())
}

/// A campaign's requests, bundles and recipients. An endpoint's stand under its own name
/// ([`OfIntegration::EndpointDeliveries`]).
pub(super) fn deliveries(scope: &TenantScope, campaign: &CampaignId) -> String {
    partition(scope, Partition::Campaign(OfCampaign::Deliveries, campaign))
}

/// Between these stand all bundles of a campaign, and the headers of its requests, but no recipients.
pub(super) const BUNDLES: (&str, &str) = ("A#", "B#~");

pub(super) fn request(scope: &TenantScope, campaign: &CampaignId, id: &RequestId) -> Key {
    Key::new(deliveries(scope, campaign), format!("A#{id}"))
}

/// A request of one recipient is one item in its first generation.
pub(super) fn bundle(scope: &TenantScope, campaign: &CampaignId, id: &BundleId) -> Key {
    if id.generation == 0 && id.number.is_none() {
        return request(scope, campaign, &id.request);
    }
    let mut sk = numbered("B", id);
    if id.generation > 0 {
        // Writing to a String cannot fail.
        let _ = write!(sk, "~{:020}", id.generation);
    }
    Key::new(deliveries(scope, campaign), sk)
}

/// Where the bundle's recipients are: those of one alone are in the request itself.
pub(super) fn payload(scope: &TenantScope, campaign: &CampaignId, id: &BundleId) -> Key {
    match id.number {
        None => request(scope, campaign, &id.request),
        Some(_) => Key::new(deliveries(scope, campaign), numbered("P", id)),
    }
}

/// What comes back of a campaign's deliveries. Stands outside of [`BUNDLES`].
pub(super) const FEEDBACK: &str = "E#";

/// What comes back of the deliveries of a bundle, whatever their generation.
pub(super) fn feedback(scope: &TenantScope, campaign: &CampaignId, origin: &BundleId) -> Key {
    Key::new(deliveries(scope, campaign), numbered("E", origin))
}

/// What the sort keys of the long answers to a generation of a bundle begin with. Stands outside of [`BUNDLES`].
pub(super) fn answers_of(id: &BundleId) -> String {
    let mut sk = numbered("X", id);
    if id.generation > 0 {
        // Writing to a String cannot fail.
        let _ = write!(sk, "~{:020}", id.generation);
    }
    sk.push('#');
    sk
}

pub(super) fn answers(scope: &TenantScope, campaign: &CampaignId, id: &BundleId, part: usize) -> Key {
    Key::new(deliveries(scope, campaign), format!("{}{part:02}", answers_of(id)))
}

/// Between these stand all generations of a bundle, except the first of a single one.
pub(super) fn generations(origin: &BundleId) -> (String, String) {
    let first = numbered("B", origin);
    // `~` sorts after everything that ids are made of.
    let last = format!("{first}~~");
    (first, last)
}

fn numbered(kind: &str, id: &BundleId) -> String {
    match id.number {
        None => format!("{kind}#{}", id.request),
        Some(number) => format!("{kind}#{}#{number:05}", id.request),
    }
}

pub(super) fn health_log(scope: &TenantScope, id: &IntegrationId) -> String {
    partition(scope, Partition::Integration(OfIntegration::HealthLog, id))
}

pub(super) fn health_report(scope: &TenantScope, id: &IntegrationId, at: Timestamp) -> Key {
    Key::new(health_log(scope, id), moment(at))
}

pub(super) fn health_hours(scope: &TenantScope, id: &IntegrationId) -> String {
    partition(scope, Partition::Integration(OfIntegration::HealthHours, id))
}

/// The roll-up of the hour that begins then.
pub(super) fn health_hour(scope: &TenantScope, id: &IntegrationId, hour: Timestamp) -> Key {
    Key::new(health_hours(scope, id), moment(hour))
}

/// A moment that sorts as text. Nothing was tested before 1970.
pub(super) fn moment(at: Timestamp) -> String {
    format!("{:015}", at.0.max(0))
}

pub(super) fn rate(scope: &TenantScope, id: &IntegrationId) -> Key {
    Key::new(partition(scope, Partition::Integration(OfIntegration::Rate, id)), "0")
}

pub(super) fn audit_chain(scope: &TenantScope) -> String {
    partition(scope, Partition::Audit)
}

pub(super) fn audit(scope: &TenantScope, seq: u64) -> Key {
    Key::new(audit_chain(scope), format!("{seq:020}"))
}

/// Where the chain ends. Sorts before every record.
pub(super) fn audit_head(scope: &TenantScope) -> Key {
    Key::new(audit_chain(scope), "#head")
}

/// The place that a record's key names; `None` for what is no record.
pub(super) fn audit_place(sk: &str) -> Option<u64> {
    sk.parse().ok().filter(|place| *place > 0 && format!("{place:020}") == sk)
}

/// The tenant's simulations.
pub(super) fn simulations(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::Simulations))
}

/// What the sort keys of a campaign's simulations begin with.
pub(super) fn simulations_of(campaign: &CampaignId) -> String {
    format!("S#{campaign}#")
}

pub(super) fn simulation(scope: &TenantScope, campaign: &CampaignId, origin: &BundleId) -> Key {
    let origin =
        origin.number.map_or_else(|| origin.request.to_string(), |number| format!("{}#{number:05}", origin.request));
    Key::new(simulations(scope), format!("{}{origin}", simulations_of(campaign)))
}

/// The tenant's suppressed addresses.
pub(super) fn suppressions(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::Suppressions))
}

/// Only what has a place in the list has a key.
pub(super) fn suppression(scope: &TenantScope, address: &str) -> Key {
    Key::new(suppressions(scope), address)
}

/// The log of everything. One partition for all of it: pages sort by time, and DynamoDB splits a partition by sort key
/// when it grows.
pub(super) fn log_pages(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::Log))
}

pub(super) fn log_page(scope: &TenantScope, page: PageId) -> Key {
    Key::new(log_pages(scope), page.to_string())
}

/// What the log counts by the hour.
pub(super) fn log_hours(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::LogHours))
}

pub(super) fn log_hour(scope: &TenantScope, hour: Timestamp) -> Key {
    Key::new(log_hours(scope), moment(hour))
}

/// What the sort keys of all registered types of events begin with.
pub(super) const EVENT_TYPES: &str = "ETY#";

pub(super) fn event_type(scope: &TenantScope, kind: &EventType) -> Key {
    Key::new(config(scope), format!("{EVENT_TYPES}{kind}"))
}

pub(super) fn event_request(scope: &TenantScope, id: &RequestId) -> Key {
    Key::new(partition(scope, Partition::Tenant(OfTenant::EventRequests)), id.as_str())
}

/// Where the chain of an endpoint's events of this key ends. The key is its caller's: it may be long, and name somebody.
pub(super) fn order_tail(scope: &TenantScope, endpoint: &IntegrationId, key: &str) -> Key {
    let hash = domain::digest::hex_of_parts([key.as_bytes()]);
    Key::new(partition(scope, Partition::Integration(OfIntegration::OrderTails, endpoint)), hash)
}

/// Between these stand the bundles of a request, of all generations, except the first of a single one.
pub(super) fn numbered_of(request: &RequestId) -> (String, String) {
    (format!("B#{request}#"), format!("B#{request}#~"))
}

/// Who takes the tokens of this authority for this audience, in the auth table.
pub(super) fn sign_in(authority: &Authority, audience: &str) -> Key {
    Key::new(format!("OIDC#{}", authority.name()), audience)
}

/// What the sort keys of all hooks begin with.
pub(super) const HOOKS: &str = "HK#";

pub(super) fn hook(scope: &TenantScope, id: &HookId) -> Key {
    Key::new(config(scope), format!("{HOOKS}{id}"))
}

pub(super) fn hook_secret(scope: &TenantScope, id: &HookId, version: u32) -> Key {
    Key::new(config(scope), format!("{HOOK_SECRETS}{id}#{version:010}"))
}

/// What the sort keys of the secrets of all hooks begin with.
pub(super) const HOOK_SECRETS: &str = "HSEC#";

/// Whose hook it is, in the auth table.
pub(super) fn hook_pointer(id: &HookId) -> Key {
    Key::new(format!("HOOK#{id}"), "0")
}

/// What the tenant's hooks received.
pub(super) fn hook_events(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::HookEvents))
}

/// What the sort keys of a hook's events begin with.
pub(super) fn events_of(hook: &HookId) -> String {
    format!("WE#{hook}#")
}

pub(super) fn hook_event(scope: &TenantScope, hook: &HookId, id: &HookEventId) -> Key {
    Key::new(hook_events(scope), format!("{}{id}", events_of(hook)))
}

/// A part of a body that is too large for its event's own item. Stands outside of what [`events_of`] finds.
pub(super) fn hook_body_part(scope: &TenantScope, hook: &HookId, id: &HookEventId, place: usize) -> Key {
    Key::new(hook_events(scope), format!("WP#{hook}#{id}#{place}"))
}

/// Says that an event of this fingerprint was received.
pub(super) fn hook_seen(scope: &TenantScope, hook: &HookId, fingerprint: &str) -> Key {
    Key::new(partition(scope, Partition::Tenant(OfTenant::HookSeen)), format!("{hook}#{fingerprint}"))
}

/// What the tenant's hooks turned away.
pub(super) fn hook_rejections(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::HookRejections))
}

/// What the sort keys of what a hook turned away begin with.
pub(super) fn rejections_of(hook: &HookId) -> String {
    format!("{hook}#")
}

pub(super) fn hook_rejection(scope: &TenantScope, hook: &HookId, minute: Timestamp, cause: Cause) -> Key {
    Key::new(hook_rejections(scope), format!("{}{}#{cause}", rejections_of(hook), moment(minute)))
}

/// What the sort keys of all automation rules begin with.
pub(super) const RULES: &str = "AR#";

pub(super) fn rule(scope: &TenantScope, id: &RuleId) -> Key {
    Key::new(config(scope), format!("{RULES}{id}"))
}

/// What the tenant's rules did.
pub(super) fn runs(scope: &TenantScope) -> String {
    partition(scope, Partition::Tenant(OfTenant::RuleRuns))
}

/// What the sort keys of a rule's runs begin with.
pub(super) fn runs_of(rule: &RuleId) -> String {
    format!("RUN#{rule}#")
}

pub(super) fn run(scope: &TenantScope, rule: &RuleId, id: &RunId) -> Key {
    Key::new(runs(scope), format!("{}{id}", runs_of(rule)))
}

/// What was counted of a rule in the hour that begins then.
pub(super) fn rule_hour(scope: &TenantScope, rule: &RuleId, hour: Timestamp) -> Key {
    Key::new(runs(scope), format!("RUH#{rule}#{}", moment(hour)))
}

/// A sign-in under way, in the auth table.
pub(super) fn pending_sign_in(state_hash: &str) -> Key {
    Key::new(format!("STATE#{state_hash}"), "0")
}

/// A session at the console, in the auth table.
pub(super) fn session(id_hash: &str) -> Key {
    Key::new(format!("SESS#{id_hash}"), "0")
}

/// The sessions of one owner, in the auth table: the hashes of their ids.
pub(super) fn sessions_of(scope: &TenantScope, owner: &Principal) -> String {
    format!("SESSOF#{}#{owner}", scope.tenant())
}

/// A session in the list of its owner.
pub(super) fn session_of(scope: &TenantScope, owner: &Principal, id_hash: &str) -> Key {
    Key::new(sessions_of(scope, owner), id_hash)
}

/// All tenants, in the auth table.
pub(super) const TENANTS: &str = "TENANT";

pub(super) fn tenant(id: &TenantId) -> Key {
    Key::new(TENANTS.to_owned(), id.as_str())
}

/// The last runs of scheduled jobs, in the auth table.
pub(super) const JOBS: &str = "JOB";

pub(super) fn job(job: Job) -> Key {
    Key::new(JOBS.to_owned(), job.as_str())
}

/// An API key, in the auth table.
pub(super) fn api_key(prefix: &str) -> Key {
    Key::new(format!("KEY#{prefix}"), "0")
}

/// What an API key used of its limits, beside it.
pub(super) fn key_use(prefix: &str) -> Key {
    Key::new(format!("KEY#{prefix}"), "use")
}

/// The kinds of work that wait in the index, spread over [`SHARDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bundle,
    Request,
    Probe,
    Release,
    Simulation,
    /// A key that expires.
    Key,
}

/// More would make each sweep dearer, fewer would make a flood of retries wait for one partition (1,000 writes/s).
pub(super) const SHARDS: u8 = 4;

impl Kind {
    /// What the index keys of this kind begin with.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Bundle => "bundle#",
            Self::Request => "request#",
            Self::Probe => "probe#",
            Self::Release => "release#",
            Self::Simulation => "simulation#",
            Self::Key => "key#",
        }
    }

    pub(super) fn shards(self) -> impl Iterator<Item = String> {
        (0..SHARDS).map(move |shard| format!("{}{shard}", self.prefix()))
    }

    /// Whether an index key is of this kind.
    pub(super) fn has(self, dk: &str) -> bool {
        dk.starts_with(self.prefix())
    }

    /// The index key of the item with this key.
    fn of(self, key: &Key) -> String {
        // Any function that spreads random ids will do, as long as it never changes.
        let sum = key.sk.bytes().fold(0_u8, u8::wrapping_add);
        format!("{}{}", self.prefix(), sum % SHARDS)
    }
}

/// An item's entry in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) dk: String,
    pub(super) da: Timestamp,
}

impl Look {
    pub(super) fn at(kind: Kind, key: &Key, da: Timestamp) -> Self {
        Self { dk: kind.of(key), da }
    }

    pub(super) fn held(scope: &TenantScope, held_for: &HeldFor, since: Timestamp) -> Self {
        Self { dk: held(scope, held_for), da: since }
    }

    pub(super) fn dead(scope: &TenantScope, endpoint: &IntegrationId, finished_at: Timestamp) -> Self {
        Self { dk: dead(scope, endpoint), da: finished_at }
    }

    pub(super) fn put_into(self, item: &mut Item) {
        item.insert("dk".to_owned(), text(self.dk));
        item.insert("da".to_owned(), number(self.da.0));
    }
}

/// The index key of what is held for this.
pub(super) fn held(scope: &TenantScope, held_for: &HeldFor) -> String {
    format!("held#T#{}#{}", scope.tenant(), cause(held_for))
}

/// The index key of the events that an endpoint did not get.
pub(super) fn dead(scope: &TenantScope, endpoint: &IntegrationId) -> String {
    format!("dead#T#{}#INT#{endpoint}", scope.tenant())
}

fn cause(held_for: &HeldFor) -> String {
    match held_for {
        HeldFor::Integration(id) => format!("INT#{id}"),
        HeldFor::Campaign(id) => format!("CAMP#{id}"),
    }
}

/// What a key of the tenant table names, as far as it is found by the index or in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Integration(IntegrationId),
    Release(HeldFor),
    /// What is told of an API key.
    Key(KeyId),
    /// A header, or the first generation of a single bundle.
    Request(CampaignId, RequestId),
    Bundle(CampaignId, BundleId),
    /// A simulation, by the bundle that it was made of.
    Simulation(CampaignId, BundleId),
    /// What was reported of the deliveries of this bundle.
    Feedback(CampaignId, BundleId),
    /// An event that a hook received.
    HookEvent(HookId, HookEventId),
    /// What a hook turned away in a minute.
    HookRejection(HookId),
    /// A page of the log.
    LogPage(PageId),
    /// A run of an automation rule.
    Run(RuleId, RunId),
}

/// Reads a key; `None` for what is none of the above.
pub(super) fn parse(key: &Key) -> Option<(TenantScope, Named)> {
    let (tenant, rest) = key.pk.strip_prefix("T#")?.split_once('#')?;
    let named = if rest == "CFG" {
        let (kind, id) = key.sk.split_once('#')?;
        match kind {
            "INT" => Named::Integration(id.parse().ok()?),
            "KEY" => Named::Key(id.parse().ok()?),
            "REL" => Named::Release(match id.split_once('#')? {
                ("INT", id) => HeldFor::Integration(id.parse().ok()?),
                ("CAMP", id) => HeldFor::Campaign(id.parse().ok()?),
                _ => return None,
            }),
            _ => return None,
        }
    } else if rest == "HKE" {
        let (hook, event) = key.sk.strip_prefix("WE#")?.split_once('#')?;
        Named::HookEvent(hook.parse().ok()?, event.parse().ok()?)
    } else if rest == "HKR" {
        Named::HookRejection(key.sk.split_once('#')?.0.parse().ok()?)
    } else if rest == "LOG" {
        Named::LogPage(key.sk.parse().ok()?)
    } else if rest == "ARR" {
        let (rule, run) = key.sk.strip_prefix("RUN#")?.split_once('#')?;
        Named::Run(rule.parse().ok()?, run.parse().ok()?)
    } else if rest == "SIM" {
        let (campaign, origin) = key.sk.strip_prefix("S#")?.split_once('#')?;
        let origin = parse_bundle(origin).filter(|origin| origin.generation == 0)?;
        Named::Simulation(campaign.parse().ok()?, origin)
    } else {
        let campaign = rest.strip_prefix("C#")?.parse().ok()?;
        match key.sk.split_once('#')? {
            ("A", id) => Named::Request(campaign, id.parse().ok()?),
            ("B", id) => Named::Bundle(campaign, parse_bundle(id)?),
            ("E", id) => Named::Feedback(campaign, parse_bundle(id).filter(|id| id.generation == 0)?),
            _ => return None,
        }
    };
    Some((trusted(tenant)?, named))
}

fn parse_bundle(text: &str) -> Option<BundleId> {
    let (origin, generation) = match text.split_once('~') {
        Some((origin, generation)) => (origin, generation.parse().ok()?),
        None => (text, 0),
    };
    let (request, number) = match origin.split_once('#') {
        Some((request, number)) => (request, Some(number.parse().ok()?)),
        None => (origin, None),
    };
    Some(BundleId { request: request.parse().ok()?, number, generation })
}

#[expect(clippy::disallowed_methods, reason = "our own keys are trusted machinery: only a scope could have made them")]
pub(super) fn trusted(tenant: &str) -> Option<TenantScope> {
    Some(TenantScope::established(tenant.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scopes() -> impl Strategy<Value = TenantScope> {
        "[a-z0-9][a-z0-9-]{0,47}".prop_map(|id| trusted(&id).unwrap())
    }

    fn campaign_ids() -> impl Strategy<Value = CampaignId> {
        "[A-Za-z0-9._-]{1,64}".prop_map(|id| id.parse().unwrap())
    }

    fn request_ids() -> impl Strategy<Value = RequestId> {
        "[0-9A-HJKMNP-TV-Z]{26}".prop_map(|id| id.parse().unwrap())
    }

    fn bundle_ids() -> impl Strategy<Value = BundleId> {
        (request_ids(), any::<Option<u16>>(), prop_oneof![Just(0), any::<u64>()])
            .prop_map(|(request, number, generation)| BundleId { request, number, generation })
    }

    fn integration_ids() -> impl Strategy<Value = IntegrationId> {
        "int_[0-9A-HJKMNP-TV-Z]{26}".prop_map(|id| id.parse().unwrap())
    }

    fn causes() -> impl Strategy<Value = HeldFor> {
        prop_oneof![integration_ids().prop_map(HeldFor::Integration), campaign_ids().prop_map(HeldFor::Campaign)]
    }

    proptest! {
        #[test]
        fn a_bundle_key_is_read_back(scope in scopes(), campaign in campaign_ids(), id in bundle_ids()) {
            let key = bundle(&scope, &campaign, &id);
            let named = if id.number.is_none() && id.generation == 0 {
                Named::Request(campaign, id.request)
            } else {
                Named::Bundle(campaign, id)
            };
            prop_assert_eq!(parse(&key), Some((scope, named)));
        }

        #[test]
        fn a_hook_event_key_is_read_back_and_its_parts_are_not(
            scope in scopes(), hook in "whk_[0-9A-HJKMNP-TV-Z]{26}", event in "evt_[0-9A-HJKMNP-TV-Z]{26}"
        ) {
            let (hook, event): (HookId, HookEventId) = (hook.parse().unwrap(), event.parse().unwrap());
            prop_assert_eq!(parse(&hook_body_part(&scope, &hook, &event, 0)), None);
            prop_assert_eq!(parse(&hook_event(&scope, &hook, &event)), Some((scope, Named::HookEvent(hook, event))));
        }

        #[test]
        fn a_runs_key_is_read_back_and_its_hours_is_not(
            scope in scopes(), rule in "rul_[0-9A-HJKMNP-TV-Z]{26}", id in "run_[0-9A-HJKMNP-TV-Z]{26}"
        ) {
            let (rule, id): (RuleId, RunId) = (rule.parse().unwrap(), id.parse().unwrap());
            prop_assert_eq!(parse(&rule_hour(&scope, &rule, Timestamp(0))), None);
            prop_assert_eq!(parse(&run(&scope, &rule, &id)), Some((scope, Named::Run(rule, id))));
        }

        #[test]
        fn a_simulation_key_is_read_back(scope in scopes(), campaign in campaign_ids(), id in bundle_ids()) {
            let origin = BundleId { generation: 0, ..id };
            let key = simulation(&scope, &campaign, &origin);
            prop_assert_eq!(parse(&key), Some((scope, Named::Simulation(campaign, origin))));
        }

        #[test]
        fn a_feedback_key_is_read_back_and_stands_apart(scope in scopes(), campaign in campaign_ids(), id in bundle_ids()) {
            let key = feedback(&scope, &campaign, &id);
            prop_assert!(key.sk.starts_with(FEEDBACK));
            prop_assert!(key.sk.as_str() > BUNDLES.1);
            let origin = BundleId { generation: 0, ..id };
            prop_assert_eq!(parse(&key), Some((scope, Named::Feedback(campaign, origin))));
        }

        #[test]
        fn config_keys_are_read_back(scope in scopes(), id in integration_ids(), cause in causes()) {
            prop_assert_eq!(parse(&integration(&scope, &id)), Some((scope.clone(), Named::Integration(id))));
            prop_assert_eq!(parse(&release(&scope, &cause)), Some((scope, Named::Release(cause))));
        }

        #[test]
        fn two_tenants_never_share_a_partition(a in scopes(), b in scopes(), one in campaign_ids(), other in campaign_ids()) {
            prop_assume!(a != b);
            prop_assert_ne!(deliveries(&a, &one), deliveries(&b, &other));
            prop_assert_ne!(held(&a, &HeldFor::Campaign(one)), held(&b, &HeldFor::Campaign(other)));
        }

        #[test]
        fn bundles_stand_between_the_bounds_and_recipients_outside(scope in scopes(), campaign in campaign_ids(), id in bundle_ids()) {
            let between = |sk: &str| BUNDLES.0 <= sk && sk <= BUNDLES.1;
            prop_assert!(between(&bundle(&scope, &campaign, &id).sk));
            let payload = payload(&scope, &campaign, &id).sk;
            prop_assert_eq!(between(&payload), id.number.is_none());
        }

        #[test]
        fn generations_stand_between_their_bounds_in_order_and_others_outside(
            scope in scopes(), campaign in campaign_ids(), id in bundle_ids(), other in any::<u16>(), later in any::<u64>()
        ) {
            let (first, last) = generations(&id);
            let between = |id: &BundleId| {
                let sk = bundle(&scope, &campaign, id).sk;
                first <= sk && sk <= last
            };
            prop_assert_eq!(between(&id), id.number.is_some() || id.generation > 0);
            if let Some(number) = id.number && number != other {
                let other = BundleId { number: Some(other), ..id.clone() };
                prop_assert!(!between(&other));
            }
            let later = BundleId { generation: later, ..id.clone() };
            let order = bundle(&scope, &campaign, &id).sk.cmp(&bundle(&scope, &campaign, &later).sk);
            prop_assert_eq!(order, id.generation.cmp(&later.generation));
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        for (pk, sk) in [("", ""), ("T#acme#CFG", "INT#x"), ("T#acme#CFG", "POL#settings"), ("T#Ac me#C#x", "A#y")] {
            assert_eq!(parse(&Key::new(pk.to_owned(), sk)), None);
        }
    }
}
