//! Tenants and API keys: in the table of what is looked up before the tenant is known. A tenant's own partition has a
//! pointer to each of its keys.

use super::{
    DynamoStore,
    attributes::{Item, get_text, item_of, number, record_of, text, value_of},
    audit::parse_cursor,
    calls::{Query, Table, Transacted, Write, corrupt, pause},
    keys::{self, Kind, Look, Named},
};
use crate::{Access, Page, Result, StoreError};
use domain::{
    audit::AuditEntry,
    ids::{KeyId, TenantId},
    key::{KeyMac, KeyNotice, KeyRecord},
    tenant::{Tenant, TenantScope},
    time::Timestamp,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

/// Keys looked up at a time.
const AT_ONCE: usize = 8;

/// How often a key is revoked anew while others change it.
const ATTEMPTS: u32 = 5;

/// What stands among the tenant's own of a key: where it is, what others are told, and when it is to be looked at.
fn pointer(scope: &TenantScope, key: &KeyRecord) -> Result<Item> {
    let name = keys::key_pointer(scope, &key.id);
    let look = key.next_reminder().map(|at| Look::at(Kind::Key, &name, at));
    let mut item = name.item();
    item.extend(item_of(&KeyNotice::from(key))?);
    if let Some(look) = look {
        look.put_into(&mut item);
    }
    Ok(item)
}

fn record(key: &KeyRecord) -> Result<Item> {
    let mut item = keys::api_key(&key.prefix).item();
    item.extend(item_of(key)?);
    Ok(item)
}

impl DynamoStore {
    /// The key that a pointer points to.
    async fn pointed(&self, scope: &TenantScope, pointer: Item) -> Result<KeyRecord> {
        let prefix = get_text(&pointer, "prefix").ok_or_else(|| corrupt(&pointer, "`prefix` is missing"))?;
        // Consistent: a list shown after a revocation must show it.
        let item = self.get(Table::Auth, keys::api_key(prefix), true).await?;
        let record: KeyRecord = record_of(item.ok_or_else(|| corrupt(&pointer, "points to nothing"))?)?;
        if record.tenant == *scope.tenant() { Ok(record) } else { Err(corrupt(&pointer, "points to another tenant")) }
    }
}

impl Access for DynamoStore {
    async fn create_tenant(&self, tenant: &Tenant, audit: &AuditEntry) -> Result<()> {
        #[expect(clippy::disallowed_methods, reason = "whoever may create a tenant may write its first audit record")]
        let scope = TenantScope::established(tenant.id.clone());
        let mut item = keys::tenant(&tenant.id).item();
        item.extend(item_of(tenant)?);
        let put = Write::put(item).on(Table::Auth).only_if("attribute_not_exists(pk)");
        match self.audited_or_conflict(&scope, vec![put], audit).await {
            // An identifier is given once: the chain of whoever had it stays.
            Err(StoreError::Erased) => Err(StoreError::Conflict),
            outcome => outcome,
        }
    }

    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>> {
        // Consistent: whether it is being erased is to be known at once.
        self.get(Table::Auth, keys::tenant(id), true).await?.map(record_of).transpose()
    }

    async fn tenants(&self, cursor: Option<&str>, limit: usize) -> Result<Page<Tenant>> {
        let after: Option<TenantId> = parse_cursor(cursor)?;
        let query =
            Query::of(keys::TENANTS.to_owned(), "pk = :pk").on(Table::Auth).after(after.as_ref().map(keys::tenant));
        self.page(query, limit, |_| true, record_of, |tenant: &Tenant| tenant.id.to_string()).await
    }

    async fn key_by_prefix(&self, prefix: &str) -> Result<Option<KeyRecord>> {
        // A new key may be used at once, and one that is not found is rare: junk fails its checksum first.
        self.get_unchanging(Table::Auth, keys::api_key(prefix)).await?.map(record_of).transpose()
    }

    async fn create_key(&self, scope: &TenantScope, key: &KeyRecord, audit: &AuditEntry) -> Result<()> {
        let writes = vec![
            Write::put(record(key)?).on(Table::Auth).only_if("attribute_not_exists(pk)"),
            Write::put(pointer(scope, key)?).only_if("attribute_not_exists(pk)"),
        ];
        self.audited_or_conflict(scope, writes, audit).await
    }

    async fn keys(&self, scope: &TenantScope) -> Result<Vec<KeyRecord>> {
        // Consistent: whoever has just made a key looks for it here.
        let query = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::KEYS))
            .consistent();
        let pointers = self.query(query, usize::MAX, |_| true).await?;
        let mut keys: Vec<KeyRecord> = stream::iter(pointers)
            .map(|pointer| self.pointed(scope, pointer))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(keys)
    }

    async fn key(&self, scope: &TenantScope, id: &KeyId) -> Result<Option<KeyRecord>> {
        match self.get_unchanging(Table::Tenant, keys::key_pointer(scope, id)).await? {
            Some(pointer) => self.pointed(scope, pointer).await.map(Some),
            None => Ok(None),
        }
    }

    async fn revoke_key(&self, scope: &TenantScope, id: &KeyId, at: Timestamp, audit: &AuditEntry) -> Result<bool> {
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let Some(key) = self.key(scope, id).await? else { return Ok(false) };
            if key.revoked_at.is_some() {
                return Ok(true);
            }
            let revoked = KeyRecord { revoked_at: Some(at), rev: key.rev + 1, ..key };
            match self.save_key(scope, &revoked, Some(audit)).await {
                Err(StoreError::Conflict) => {}
                outcome => return outcome.map(|()| true),
            }
        }
        Err(StoreError::Conflict)
    }

    async fn save_key(&self, scope: &TenantScope, key: &KeyRecord, audit: Option<&AuditEntry>) -> Result<()> {
        let writes = vec![
            // One from before keys had revisions is of revision 0.
            Write::put(record(key)?)
                .on(Table::Auth)
                .only_if("attribute_exists(pk) AND (attribute_not_exists(#rev) OR #rev = :before)")
                .value(":before", number(key.rev.saturating_sub(1))),
            Write::put(pointer(scope, key)?).only_if("attribute_exists(pk)"),
        ];
        match audit {
            Some(audit) => self.audited_or_conflict(scope, writes, audit).await,
            None => match self.transact(&writes).await? {
                Transacted::Done => Ok(()),
                Transacted::Refused(..) => Err(StoreError::Conflict),
            },
        }
    }

    async fn keys_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, KeyId)>> {
        let due = self.index(&[Kind::Key], now, limit).await?;
        Ok(due
            .into_iter()
            .filter_map(|(_, scope, named)| match named {
                Named::Key(id) => Some((scope, id)),
                _ => None,
            })
            .collect())
    }

    async fn remember_mac(&self, prefix: &str, bcrypt: &str, mac: &KeyMac) -> Result<()> {
        let remember = Write::update(keys::api_key(prefix), "SET mac = :mac")
            .on(Table::Auth)
            .only_if("attribute_exists(pk) AND #bcrypt = :bcrypt")
            .value(":bcrypt", text(bcrypt))
            .value(":mac", value_of(mac)?);
        self.write(remember).await.map(|_| ())
    }
}
