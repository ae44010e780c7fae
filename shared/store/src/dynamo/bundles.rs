//! Requests, bundles and their recipients. [`super::bundle_item`] says what the short names mean.

use super::{
    DynamoStore,
    attributes::{Item, get_number, get_text, number, text},
    audit::parse_cursor,
    bundle_item::{
        CANCELLED, DONE, HELD, QUEUED, SENDING, bundle_in, interrupted, read_bundle, read_payload, read_request,
        write_answers, write_bundle, write_payload, write_request, write_results,
    },
    calls::{Query, Table, Transacted, Write, Written, present},
    keys::{self, Key, Kind, Look, Named},
};
use crate::{
    Bundles, ClaimError, Claimed, Created, Due, HeldFor, Page, RELEASE_STAYS_MS, REPAIR_AFTER_MS, Request, Result,
    StoreError, retention::delivery_ttl,
};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    bundle::{Bundle, BundleId, BundleState, LEASE_MS, MemberResult, Payload},
    ids::{CampaignId, IntegrationId, RequestId},
    tenant::TenantScope,
    time::Timestamp,
};
use futures::{
    future::try_join_all,
    stream::{self, StreamExt as _, TryStreamExt as _},
};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// Conditional puts at a time, when a request is repeated.
const AT_ONCE: usize = 8;

/// Only where there is nothing, or only what is over: DynamoDB deletes late.
const UNLESS_THERE: &str = "attribute_not_exists(pk) OR #ttl < :now";
/// Only where there is nothing: no generation is ever written over another.
const IF_NEW: &str = "attribute_not_exists(pk)";
/// Only while this claim is the newest.
const WHILE_CLAIMED: &str = "st = :sending AND f = :fence";

/// Asks for what is held to be released.
pub(super) fn ask_release(scope: &TenantScope, held_for: &HeldFor, at: Timestamp) -> Write {
    let key = keys::release(scope, held_for);
    let look = Look::at(Kind::Release, &key, at);
    let mut item = key.item();
    look.put_into(&mut item);
    Write::put(item)
}

/// When the sweeper looks at what waits for `due`.
fn look_at(due: Timestamp, queued_by_caller: bool) -> Timestamp {
    if queued_by_caller { due.plus_ms(REPAIR_AFTER_MS) } else { due }
}

pub(super) fn unless_there(item: Item, now: Timestamp) -> Write {
    Write::put(item).only_if(UNLESS_THERE).value(":now", number(now.as_seconds()))
}

/// A later generation, which somebody must look at.
fn put_next(scope: &TenantScope, next: &Bundle, look: Timestamp) -> Write {
    let key = keys::bundle(scope, &next.campaign, &next.id);
    let look = Look::at(Kind::Bundle, &key, look);
    let mut item = write_bundle(key, next);
    look.put_into(&mut item);
    Write::put(item).only_if(IF_NEW)
}

/// A change of a claimed bundle.
fn while_claimed(scope: &TenantScope, bundle: &Bundle, expression: impl Into<Cow<'static, str>>, state: &str) -> Write {
    Write::update(keys::bundle(scope, &bundle.campaign, &bundle.id), expression)
        .only_if(WHILE_CLAIMED)
        .value(":sending", text(SENDING))
        .value(":fence", number(bundle.fence))
        .value(":to", text(state))
}

/// Judges a refused change: when what is stored is what was to be written, an earlier try succeeded and only its answer
/// was lost. Only the holder of the claim can have written that, because the fence is its own.
fn already(stored: Option<&Item>, claimed: &Bundle, change: impl FnOnce(&mut Bundle)) -> Result<()> {
    let Some(stored) = stored else { return Err(StoreError::Conflict) };
    let stored = bundle_in(stored)?;
    let mut wanted = stored.clone();
    change(&mut wanted);
    if stored.fence == claimed.fence && stored == wanted { Ok(()) } else { Err(StoreError::Conflict) }
}

impl DynamoStore {
    async fn settle(&self, write: Write, claimed: &Bundle, change: impl FnOnce(&mut Bundle) + Send) -> Result<()> {
        match self.write(write).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(stored) => already(stored.as_ref(), claimed, change),
        }
    }

    /// What of these kinds is due, the longest overdue first.
    pub(super) async fn index(
        &self,
        kinds: &[Kind],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, TenantScope, Named)>> {
        let shards = kinds.iter().flat_map(|kind| kind.shards()).map(|shard| {
            let query = Query::of(shard, "dk = :pk AND da <= :now").index("due").value(":now", number(now.0));
            self.query(query, limit, |_| true)
        });
        let items = try_join_all(shards).await?;
        let mut due: Vec<_> = items
            .iter()
            .flatten()
            .filter_map(|item| {
                let key = Key::of(item)?;
                let parsed = keys::parse(&key);
                if parsed.is_none() {
                    // One defect must not stop the sweeper for everybody.
                    tracing::error!(%key, "the index names what cannot be due");
                }
                let (scope, named) = parsed?;
                let named = match named {
                    // A single bundle and a header have keys alike; what is to be done with them tells them apart.
                    Named::Request(campaign, request)
                        if get_text(item, "dk").is_some_and(|dk| Kind::Bundle.has(dk)) =>
                    {
                        Named::Bundle(campaign, BundleId { request, number: None, generation: 0 })
                    }
                    named => named,
                };
                Some((Timestamp(get_number(item, "da")?), scope, named))
            })
            .collect();
        due.sort_by_key(|(at, ..)| *at);
        due.truncate(limit);
        Ok(due)
    }
}

impl Bundles for DynamoStore {
    async fn create_request(
        &self,
        scope: &TenantScope,
        request: &Request,
        single: Option<(&Bundle, &Payload)>,
    ) -> Result<Created> {
        let key = keys::request(scope, &request.campaign, &request.id);
        let kind = if single.is_some() { Kind::Bundle } else { Kind::Request };
        let look = Look::at(kind, &key, request.created_at.plus_ms(REPAIR_AFTER_MS));
        let mut item = write_request(key, request, single)?;
        look.put_into(&mut item);
        match self.write(unless_there(item, request.created_at)).await? {
            Written::Done(_) => Ok(Created::Fresh),
            Written::Refused(stored) => {
                let stored = read_request(present(stored, "PutItem")?, &request.campaign, &request.id)?;
                Ok(Created::Exists(Box::new(stored)))
            }
        }
    }

    async fn request(&self, scope: &TenantScope, campaign: &CampaignId, id: &RequestId) -> Result<Option<Request>> {
        // What its bundles have in common never changes; whether it is dispatched may be told a moment late.
        let item = self.get_unchanging(Table::Tenant, keys::request(scope, campaign, id)).await?;
        item.map(|item| read_request(item, campaign, id)).transpose()
    }

    async fn write_bundles(&self, scope: &TenantScope, bundles: &[(Bundle, Payload)], repeat: bool) -> Result<()> {
        let mut items = Vec::with_capacity(2 * bundles.len());
        for (bundle, payload) in bundles {
            let key = keys::payload(scope, &bundle.campaign, &bundle.id);
            items.push((bundle.created_at, write_payload(key, bundle.created_at, payload)?));
            let key = keys::bundle(scope, &bundle.campaign, &bundle.id);
            items.push((bundle.created_at, write_bundle(key, bundle)));
        }
        if !repeat {
            return self.batch_put(items.into_iter().map(|(_, item)| item).collect()).await;
        }
        stream::iter(items)
            .map(|(now, item)| self.write(unless_there(item, now)))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    async fn mark_dispatched(&self, scope: &TenantScope, campaign: &CampaignId, id: &RequestId) -> Result<()> {
        // Of a single one that was claimed, the index entry is another one by now.
        let mark = Write::update(keys::request(scope, campaign, id), "SET q = :yes REMOVE dk, da")
            .only_if("attribute_exists(pk) AND (attribute_not_exists(f) OR f = :none)")
            .value(":yes", AttributeValue::Bool(true))
            .value(":none", number(0));
        self.write(mark).await.map(|_| ())
    }

    async fn claim(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
        now: Timestamp,
    ) -> std::result::Result<Claimed, ClaimError> {
        // `Bundle::claim` as one conditional write. The right-hand side sees the state before, so `w` tells what it was.
        let claim = Write::update(
            keys::bundle(scope, campaign, id),
            "SET w = st, st = :sending, l = :lease, f = f + :one REMOVE dk, da",
        )
        .only_if("#ttl >= :today AND ((st = :queued AND d <= :now) OR (st = :sending AND l < :now))")
        .value(":sending", text(SENDING))
        .value(":queued", text(QUEUED))
        .value(":lease", number(now.plus_ms(LEASE_MS).0))
        .value(":one", number(1))
        .value(":now", number(now.0))
        .value(":today", number(now.as_seconds()));
        let item = match self.write_returning(claim, true).await? {
            Written::Done(item) => present(item, "UpdateItem")?,
            Written::Refused(stored) => return Err(refused(stored, now)),
        };
        let bundle = bundle_in(&item)?;
        let interrupted = interrupted(&item);
        let inline = if id.number.is_none() && id.generation == 0 {
            let envelope = read_request(item.clone(), campaign, &id.request)?.envelope;
            read_payload(item)?.map(|payload| (envelope, payload))
        } else {
            None
        };
        Ok(Claimed { bundle, inline, interrupted })
    }

    async fn payload(&self, scope: &TenantScope, campaign: &CampaignId, id: &BundleId) -> Result<Option<Payload>> {
        let item = self.get_unchanging(Table::Tenant, keys::payload(scope, campaign, id)).await?;
        item.map_or(Ok(None), read_payload)
    }

    async fn finish(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        next: &[Bundle],
        queued_by_caller: bool,
    ) -> Result<()> {
        let change = |stored: &mut Bundle| {
            stored.state = BundleState::Done;
            stored.uncertain = bundle.uncertain;
            stored.results.clone_from(&bundle.results);
            stored.answers.clone_from(&bundle.answers);
            stored.finished_at = bundle.finished_at;
        };
        let finished_at = bundle.finished_at.unwrap_or_default();
        // Put together from what there is to say, so that what is usual says no more than it must.
        let mut set = "SET st = :to, r = :results, e = :end".to_owned();
        let mut values = Vec::new();
        let mut also = |says: &str, more: Vec<(&'static str, AttributeValue)>| {
            set.push_str(says);
            values.extend(more);
        };
        if bundle.uncertain {
            also(", u = :yes", vec![(":yes", AttributeValue::Bool(true))]);
        }
        if !bundle.answers.is_empty() {
            also(", y = :answers", vec![(":answers", write_answers(&bundle.answers))]);
        }
        if bundle.is_dead_letter() {
            let look = Look::dead(scope, &bundle.integration, finished_at);
            also(", dk = :dk, da = :da", vec![(":dk", text(look.dk)), (":da", number(look.da.0))]);
        }
        set.push_str(" REMOVE w");
        let finish = while_claimed(scope, bundle, set, DONE);
        let finish = values.into_iter().fold(finish, |finish, (name, value)| finish.value(name, value));
        let finish = finish.value(":results", write_results(&bundle.results)).value(":end", number(finished_at.0));
        if next.is_empty() {
            return self.settle(finish, bundle, change).await;
        }
        let mut writes = vec![finish];
        writes.extend(next.iter().map(|next| put_next(scope, next, look_at(next.due, queued_by_caller))));
        match self.transact(&writes).await? {
            Transacted::Done => Ok(()),
            // Of a repeat nothing is as it was: the first write, that of the finished bundle, tells whose work it is.
            Transacted::Refused(0, stored) => already(stored.as_ref(), bundle, change),
            Transacted::Refused(..) => {
                tracing::error!(bundle = %bundle.id, "a generation that should follow is there already");
                Err(StoreError::Conflict)
            }
        }
    }

    async fn move_to(&self, scope: &TenantScope, bundle: &Bundle, integration: &IntegrationId) -> Result<()> {
        let write = while_claimed(scope, bundle, "SET st = :to, i = :integration", SENDING)
            .value(":integration", text(integration.as_str()));
        self.settle(write, bundle, |stored| stored.integration.clone_from(integration)).await
    }

    async fn put_back(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        due: Timestamp,
        queued_by_caller: bool,
    ) -> Result<()> {
        let key = keys::bundle(scope, &bundle.campaign, &bundle.id);
        let look = Look::at(Kind::Bundle, &key, look_at(due, queued_by_caller));
        let write = if bundle.uncertain {
            while_claimed(scope, bundle, "SET st = :to, d = :due, dk = :dk, da = :da, u = :yes REMOVE w", QUEUED)
                .value(":yes", AttributeValue::Bool(true))
        } else {
            while_claimed(scope, bundle, "SET st = :to, d = :due, dk = :dk, da = :da REMOVE w", QUEUED)
        };
        let write = write.value(":due", number(due.0)).value(":dk", text(look.dk)).value(":da", number(look.da.0));
        self.settle(write, bundle, |stored| {
            stored.state = BundleState::Queued;
            stored.uncertain = bundle.uncertain;
            stored.due = due;
        })
        .await
    }

    async fn hold(&self, scope: &TenantScope, bundle: &Bundle, held_for: &HeldFor) -> Result<()> {
        let look = Look::held(scope, held_for, bundle.created_at);
        let write = if bundle.uncertain {
            while_claimed(scope, bundle, "SET st = :to, dk = :dk, da = :da, u = :yes REMOVE w", HELD)
                .value(":yes", AttributeValue::Bool(true))
        } else {
            while_claimed(scope, bundle, "SET st = :to, dk = :dk, da = :da REMOVE w", HELD)
        };
        let write = write.value(":dk", text(look.dk)).value(":da", number(look.da.0));
        self.settle(write, bundle, |stored| {
            stored.state = BundleState::Held;
            stored.uncertain = bundle.uncertain;
        })
        .await
    }

    async fn cancel(&self, scope: &TenantScope, bundle: &Bundle) -> Result<()> {
        let write = while_claimed(scope, bundle, "SET st = :to REMOVE w, dk, da", CANCELLED);
        self.settle(write, bundle, |stored| stored.state = BundleState::Cancelled).await
    }

    async fn resend(&self, scope: &TenantScope, bundle: &Bundle, next: &Bundle) -> Result<()> {
        let key = keys::bundle(scope, &bundle.campaign, &bundle.id);
        // With the last of its dead letters, it leaves the index.
        let stays = bundle.is_dead_letter();
        let update =
            if stays { "SET r = :results, n = :resends" } else { "SET r = :results, n = :resends REMOVE dk, da" };
        let update = Write::update(key, update)
            .value(":results", write_results(&bundle.results))
            .value(":resends", number(bundle.resends))
            .value(":done", text(DONE))
            .value(":today", number(next.created_at.as_seconds()));
        let update = match bundle.resends.checked_sub(1) {
            None | Some(0) => update.only_if("st = :done AND attribute_not_exists(n) AND #ttl >= :today"),
            Some(before) => {
                update.only_if("st = :done AND n = :before AND #ttl >= :today").value(":before", number(before))
            }
        };
        match self.transact(&[update, put_next(scope, next, look_at(next.due, true))]).await? {
            Transacted::Done => Ok(()),
            Transacted::Refused(..) => Err(StoreError::Conflict),
        }
    }

    async fn held(&self, scope: &TenantScope, held_for: &HeldFor, limit: usize) -> Result<Vec<(CampaignId, BundleId)>> {
        let query = Query::of(keys::held(scope, held_for), "dk = :pk").index("due");
        let items = self.query(query, limit, |_| true).await?;
        let bundle = |item: &Item| match keys::parse(&Key::of(item)?)?.1 {
            Named::Bundle(campaign, id) => Some((campaign, id)),
            Named::Request(campaign, request) => Some((campaign, BundleId { request, number: None, generation: 0 })),
            _ => None,
        };
        Ok(items.iter().filter_map(bundle).collect())
    }

    async fn release(&self, scope: &TenantScope, campaign: &CampaignId, id: &BundleId, now: Timestamp) -> Result<()> {
        let key = keys::bundle(scope, campaign, id);
        let look = Look::at(Kind::Bundle, &key, look_at(now, true));
        let release = Write::update(key, "SET st = :queued, d = :now, dk = :dk, da = :da")
            .only_if("st = :held")
            .value(":queued", text(QUEUED))
            .value(":held", text(HELD))
            .value(":now", number(now.0))
            .value(":dk", text(look.dk))
            .value(":da", number(look.da.0));
        match self.write(release).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => Err(StoreError::Conflict),
        }
    }

    async fn releases_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, HeldFor)>> {
        let due = self.index(&[Kind::Release], now, limit).await?;
        Ok(due
            .into_iter()
            .filter_map(|(_, scope, named)| match named {
                Named::Release(held_for) => Some((scope, held_for)),
                _ => None,
            })
            .collect())
    }

    async fn release_done(&self, scope: &TenantScope, held_for: &HeldFor, now: Timestamp) -> Result<()> {
        let delete = Write::delete(keys::release(scope, held_for))
            .only_if("da <= :old")
            .value(":old", number(now.plus_ms(-RELEASE_STAYS_MS).0));
        self.write(delete).await.map(|_| ())
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Due>> {
        let due = self.index(&[Kind::Bundle, Kind::Request], now, limit).await?;
        Ok(due.into_iter().filter_map(|(_, scope, named)| as_due(scope, named)).collect())
    }

    async fn postpone(&self, due: &Due, until: Timestamp) -> Result<()> {
        let (key, kind) = match due {
            Due::Bundle(scope, campaign, id) => (keys::bundle(scope, campaign, id), Kind::Bundle),
            Due::Request(scope, campaign, id) => (keys::request(scope, campaign, id), Kind::Request),
        };
        let postpone = Write::update(key, "SET da = :until")
            .only_if("begins_with(dk, :kind)")
            .value(":until", number(until.0))
            .value(":kind", text(kind.prefix()));
        self.write(postpone).await.map(|_| ())
    }

    async fn generations(&self, scope: &TenantScope, campaign: &CampaignId, origin: &BundleId) -> Result<Vec<Bundle>> {
        let mut found = Vec::new();
        if origin.number.is_none() {
            let single = self.get(Table::Tenant, keys::request(scope, campaign, &origin.request), true).await?;
            let single = single.as_ref().map(read_bundle).transpose()?.flatten();
            let Some((_, single)) = single else { return Ok(found) };
            // Most are the only generation: then that was the whole answer.
            let went_on = single.results.iter().any(|result| {
                matches!(result, MemberResult::Retrying(_) | MemberResult::Waiting | MemberResult::Resent(_))
            });
            found.push(single);
            if !went_on {
                return Ok(found);
            }
        }
        let (first, last) = keys::generations(origin);
        let query = Query::of(keys::deliveries(scope, campaign), "pk = :pk AND sk BETWEEN :first AND :last")
            .value(":first", text(first))
            .value(":last", text(last))
            .consistent();
        for item in self.query(query, usize::MAX, |_| true).await? {
            found.push(bundle_in(&item)?);
        }
        Ok(found)
    }

    async fn bundles_of(&self, scope: &TenantScope, campaign: &CampaignId, request: &RequestId) -> Result<Vec<Bundle>> {
        let (first, last) = keys::numbered_of(request);
        let query = Query::of(keys::deliveries(scope, campaign), "pk = :pk AND sk BETWEEN :first AND :last")
            .value(":first", text(first))
            .value(":last", text(last));
        let bundles = self.query(query, usize::MAX, |_| true).await?;
        let bundles: Vec<Bundle> = bundles.iter().map(bundle_in).collect::<Result<_>>()?;
        Ok(bundles.into_iter().filter(|bundle| bundle.id.generation == 0).collect())
    }

    async fn bundles(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Bundle>> {
        let after: Option<BundleId> = parse_cursor(cursor)?;
        let query = Query::of(keys::deliveries(scope, campaign), "pk = :pk AND sk BETWEEN :first AND :last")
            .value(":first", text(keys::BUNDLES.0))
            .value(":last", text(keys::BUNDLES.1))
            .after(after.map(|after| keys::bundle(scope, campaign, &after)));
        let is_bundle = |item: &Item| item.contains_key("st");
        self.page(query, limit, is_bundle, |item| bundle_in(&item), |bundle| bundle.id.to_string()).await
    }

    async fn payloads(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        ids: &[BundleId],
    ) -> Result<Vec<Option<Payload>>> {
        // All generations of a bundle share their recipients, and one batch may not ask for an item twice.
        let wanted: Vec<Key> = ids.iter().map(|id| keys::payload(scope, campaign, id)).collect();
        let distinct: HashSet<Key> = wanted.iter().cloned().collect();
        let mut found = HashMap::new();
        for item in self.batch_get(distinct.into_iter().collect()).await? {
            if let (Some(key), Some(payload)) = (Key::of(&item), read_payload(item)?) {
                found.insert(key, payload);
            }
        }
        Ok(wanted.iter().map(|key| found.get(key).cloned()).collect())
    }
}

fn as_due(scope: TenantScope, named: Named) -> Option<Due> {
    match named {
        Named::Bundle(campaign, id) => Some(Due::Bundle(scope, campaign, id)),
        Named::Request(campaign, id) => Some(Due::Request(scope, campaign, id)),
        Named::Integration(_)
        | Named::Release(_)
        | Named::Feedback(..)
        | Named::Simulation(..)
        | Named::HookEvent(..)
        | Named::HookRejection(_)
        | Named::LogPage(_)
        | Named::Run(..)
        | Named::Key(_) => None,
    }
}

/// Why a claim was refused, by the rules of `domain` over what is stored.
fn refused(stored: Option<Item>, now: Timestamp) -> ClaimError {
    let Some(item) = stored else { return ClaimError::Gone };
    let mut bundle = match read_bundle(&item) {
        Ok(Some((_, bundle))) if delivery_ttl(bundle.created_at) >= now.as_seconds() => bundle,
        Ok(_) => return ClaimError::Gone,
        Err(error) => return ClaimError::Store(error),
    };
    match bundle.claim(now) {
        Err(refusal) => ClaimError::Refused(refusal),
        Ok(_) => ClaimError::Store(StoreError::Conflict),
    }
}
