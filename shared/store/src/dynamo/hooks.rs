//! Inbound webhooks. The hook and its secrets stand with the tenant's configuration, a pointer to the tenant in the table
//! of what is looked up before it is known.
//!
//! An event is one item with its body (`b`), which the stream hands to `publish`. A body that is too large for that
//! (`parts`) is written beside it first, in parts that nobody finds until the event is there.

use super::{
    DynamoStore,
    attributes::{Item, get_number, get_text, item_of, number, record_of, text, value_of},
    audit::put_revision,
    calls::{Query, Table, Transacted, Write, Written, corrupt},
    keys::{self, Key},
};
use crate::{Captured, Hooks, Page, Result, SealedSecret, StoreError};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    audit::AuditEntry,
    hook::{EVENT_KEEP_MS, Hook, HookEvent, INLINE_MAX_BYTES, Rejection, SEEN_KEEP_MS, TALLY_KEEP_MS},
    ids::{HookEventId, HookId},
    tenant::TenantScope,
};

/// A part of a large body: an item may have 400 KB.
const PART_BYTES: usize = 350 << 10;

fn bytes(part: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(part))
}

/// The body that is in an item.
pub(super) fn inline_body(item: &Item) -> Option<Vec<u8>> {
    Some(item.get("b")?.as_b().ok()?.clone().into_inner())
}

impl DynamoStore {
    /// Puts an event that is not there yet.
    async fn put_event(&self, scope: &TenantScope, event: &HookEvent, body: &[u8]) -> Result<bool> {
        let ttl = number(event.received_at.plus_ms(EVENT_KEEP_MS).as_seconds());
        let mut item = keys::hook_event(scope, &event.hook, &event.id).item();
        item.extend(item_of(event)?);
        item.insert("ttl".to_owned(), ttl.clone());
        if body.len() <= INLINE_MAX_BYTES {
            item.insert("b".to_owned(), bytes(body));
        } else {
            let parts: Vec<&[u8]> = body.chunks(PART_BYTES).collect();
            item.insert("parts".to_owned(), number(parts.len() as u64));
            for (place, part) in parts.into_iter().enumerate() {
                let mut item = keys::hook_body_part(scope, &event.hook, &event.id, place).item();
                item.insert("b".to_owned(), bytes(part));
                item.insert("ttl".to_owned(), ttl.clone());
                self.write(Write::put(item)).await?;
            }
        }
        let put = Write::put(item).only_if("attribute_not_exists(pk)");
        Ok(matches!(self.write(put).await?, Written::Done(_)))
    }

    /// The body of an event's item.
    async fn body_of(&self, scope: &TenantScope, event: &HookEvent, item: &Item) -> Result<Vec<u8>> {
        let Some(parts) = get_number::<usize>(item, "parts") else {
            return inline_body(item).ok_or_else(|| corrupt(item, "it has no body"));
        };
        let wanted = (0..parts).map(|place| keys::hook_body_part(scope, &event.hook, &event.id, place)).collect();
        let mut found = self.batch_get(wanted).await?;
        found.sort_by(|a, b| get_text(a, "sk").cmp(&get_text(b, "sk")));
        if found.len() != parts {
            return Err(corrupt(item, "a part of its body is missing"));
        }
        Ok(found.iter().filter_map(inline_body).flatten().collect())
    }
}

impl Hooks for DynamoStore {
    async fn hook_owner(&self, id: &HookId) -> Result<Option<TenantScope>> {
        // A new hook may be called at once; ids that nobody has are not worth a second look.
        let Some(item) = self.get(Table::Auth, keys::hook_pointer(id), true).await? else { return Ok(None) };
        let scope = get_text(&item, "tenant").and_then(keys::trusted);
        scope.map(Some).ok_or_else(|| corrupt(&item, "it names no tenant"))
    }

    async fn hook(&self, scope: &TenantScope, id: &HookId) -> Result<Option<Hook>> {
        // Consistent: after a change is confirmed, nothing is taken by what was before.
        self.get(Table::Tenant, keys::hook(scope, id), true).await?.map(record_of).transpose()
    }

    async fn hooks(&self, scope: &TenantScope) -> Result<Vec<Hook>> {
        // Consistent: a list after a change shows the change.
        let query = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::HOOKS))
            .consistent();
        let items = self.query(query, usize::MAX, |_| true).await?;
        let mut hooks: Vec<Hook> = items.into_iter().map(record_of).collect::<Result<_>>()?;
        hooks.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(hooks)
    }

    async fn save_hook(
        &self,
        scope: &TenantScope,
        hook: &Hook,
        secret: Option<&SealedSecret>,
        audit: &AuditEntry,
    ) -> Result<()> {
        let mut item = keys::hook(scope, &hook.id).item();
        item.extend(item_of(hook)?);
        let mut writes = vec![put_revision(item, hook.rev)];
        if let Some(secret) = secret {
            let mut item = keys::hook_secret(scope, &hook.id, hook.secret_version).item();
            item.extend(item_of(secret)?);
            writes.push(Write::put(item));
        }
        if hook.rev == 1 {
            let mut pointer = keys::hook_pointer(&hook.id).item();
            pointer.insert("tenant".to_owned(), text(scope.tenant().as_str()));
            writes.push(Write::put(pointer).on(Table::Auth).only_if("attribute_not_exists(pk)"));
        }
        self.audited_or_conflict(scope, writes, audit).await
    }

    async fn delete_hook(&self, scope: &TenantScope, hook: &Hook, audit: &AuditEntry) -> Result<()> {
        let delete = Write::delete(keys::hook(scope, &hook.id)).only_if("#rev = :rev").value(":rev", number(hook.rev));
        let versions = [Some(hook.secret_version), hook.previous.map(|previous| previous.version)];
        let secrets =
            versions.into_iter().flatten().map(|version| Write::delete(keys::hook_secret(scope, &hook.id, version)));
        let pointer = Write::delete(keys::hook_pointer(&hook.id)).on(Table::Auth);
        let writes = [delete, pointer].into_iter().chain(secrets).collect();
        self.audited_or_conflict(scope, writes, audit).await
    }

    async fn hook_secret(&self, scope: &TenantScope, id: &HookId, version: u32) -> Result<Option<SealedSecret>> {
        self.get_unchanging(Table::Tenant, keys::hook_secret(scope, id, version)).await?.map(record_of).transpose()
    }

    async fn capture(
        &self,
        scope: &TenantScope,
        event: &HookEvent,
        body: &[u8],
        fingerprint: Option<&str>,
    ) -> Result<Captured> {
        let fresh = || Captured::Fresh(event.id.clone());
        let Some(fingerprint) = fingerprint else {
            self.put_event(scope, event, body).await?;
            return Ok(fresh());
        };
        // Two calls and no transaction, which would cost twice as much. Whoever is interrupted in between has promised
        // the sender nothing, and the next try goes on from the mark.
        let key = keys::hook_seen(scope, &event.hook, fingerprint);
        let mut mark = key.clone().item();
        mark.insert("event".to_owned(), text(event.id.as_str()));
        mark.insert("ttl".to_owned(), number(event.received_at.plus_ms(SEEN_KEEP_MS).as_seconds()));
        let mark = Write::put(mark)
            .only_if("attribute_not_exists(pk) OR #ttl < :now")
            .value(":now", number(event.received_at.as_seconds()));
        match self.write(mark).await? {
            Written::Done(_) => {
                self.put_event(scope, event, body).await?;
                Ok(fresh())
            }
            Written::Refused(seen) => {
                let first = seen.as_ref().and_then(|seen| get_text(seen, "event")?.parse::<HookEventId>().ok());
                let first = first.ok_or_else(|| StoreError::Corrupt {
                    key: key.to_string(),
                    reason: "it names no event".to_owned(),
                })?;
                let stored = self.get(Table::Tenant, keys::hook_event(scope, &event.hook, &first), true).await?;
                let completed = HookEvent { id: first.clone(), ..event.clone() };
                if stored.is_none() && self.put_event(scope, &completed, body).await? {
                    return Ok(Captured::Fresh(first));
                }
                Ok(Captured::Duplicate(first))
            }
        }
    }

    async fn hook_events(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<HookEvent>> {
        let after: Option<HookEventId> = super::audit::parse_cursor(cursor)?;
        let query = Query::of(keys::hook_events(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::events_of(hook)))
            .after(after.as_ref().map(|id| keys::hook_event(scope, hook, id)))
            .backward();
        self.page(query, limit, |_| true, record_of, |event: &HookEvent| event.id.to_string()).await
    }

    async fn hook_event(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        id: &HookEventId,
    ) -> Result<Option<(HookEvent, Vec<u8>)>> {
        let key = keys::hook_event(scope, hook, id);
        let Some(item) = self.get(Table::Tenant, key, true).await? else { return Ok(None) };
        let event: HookEvent = record_of(item.clone())?;
        let body = self.body_of(scope, &event, &item).await?;
        Ok(Some((event, body)))
    }

    async fn replay_hook_event(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        id: &HookEventId,
        audit: &AuditEntry,
    ) -> Result<Option<HookEvent>> {
        let key = keys::hook_event(scope, hook, id);
        let count =
            Write::update(key.clone(), "ADD replays :one").only_if("attribute_exists(pk)").value(":one", number(1));
        match self.audited(scope, vec![count], audit).await? {
            Transacted::Refused(..) => Ok(None),
            Transacted::Done => self.get(Table::Tenant, key, true).await?.map(record_of).transpose(),
        }
    }

    async fn count_rejection(&self, scope: &TenantScope, hook: &HookId, rejection: &Rejection) -> Result<()> {
        let key = keys::hook_rejection(scope, hook, rejection.minute, rejection.cause);
        let count = Write::update(
            key,
            "SET cause = :cause, #minute = :minute, last_at = :at, source_ip = :ip, user_agent = :agent, \
             body_bytes = :bytes, body_sha256 = :sha, #event = :event, #ttl = :ttl ADD #count :count",
        )
        .value(":cause", value_of(&rejection.cause)?)
        .value(":minute", number(rejection.minute.0))
        .value(":at", number(rejection.last_at.0))
        .value(":ip", text(&rejection.source_ip))
        .value(":agent", text(&rejection.user_agent))
        .value(":bytes", number(rejection.body_bytes))
        .value(":sha", text(&rejection.body_sha256))
        .value(":event", value_of(&rejection.event)?)
        .value(":ttl", number(rejection.minute.plus_ms(TALLY_KEEP_MS).as_seconds()))
        .value(":count", number(rejection.count));
        self.write(count).await.map(|_| ())
    }

    async fn rejections(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Rejection>> {
        let after: Option<Key> = match cursor {
            None => None,
            Some(cursor) => {
                let (minute, cause) = parse_rejection_cursor(cursor).ok_or(StoreError::InvalidCursor)?;
                Some(keys::hook_rejection(scope, hook, minute, cause))
            }
        };
        let query = Query::of(keys::hook_rejections(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::rejections_of(hook)))
            .after(after)
            .backward();
        self.page(query, limit, |_| true, record_of, rejection_cursor).await
    }
}

/// Where a list of rejections goes on.
pub(crate) fn rejection_cursor(rejection: &Rejection) -> String {
    format!("{}.{}", rejection.minute.0, rejection.cause)
}

/// Reads it.
pub(crate) fn parse_rejection_cursor(cursor: &str) -> Option<(domain::time::Timestamp, domain::hook::Cause)> {
    let (minute, cause) = cursor.split_once('.')?;
    Some((domain::time::Timestamp(minute.parse().ok()?), cause.parse().ok()?))
}
