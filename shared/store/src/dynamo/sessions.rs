//! Sessions at the console, in the table of what is looked up before the tenant is known: each under the hash of its id,
//! and once more in a list of those of its owner, by which all of them are ended.

use super::{
    DynamoStore,
    attributes::{Item, get_text, item_of, number, record_of, text},
    calls::{Query, Table, Write, Written},
    keys::{self, Key},
};
use crate::{Result, Sessions};
use domain::{
    audit::AuditEntry,
    principal::Principal,
    session::{SESSION_MS, Session},
    tenant::TenantScope,
    time::Timestamp,
};
use futures::future::try_join_all;
use std::cmp::Reverse;

/// How many sessions of one owner are shown or ended by one call at most. Others are over within [`SESSION_MS`].
const AT_ONCE: usize = 200;

impl DynamoStore {
    /// The list of somebody's sessions; some may be over.
    async fn listed_sessions(&self, scope: &TenantScope, of: &Principal) -> Result<Vec<Item>> {
        let query = Query::of(keys::sessions_of(scope, of), "pk = :pk").on(Table::Auth).consistent().keys_only();
        self.query(query, AT_ONCE, |_| true).await
    }
}

impl Sessions for DynamoStore {
    async fn begin_session(
        &self,
        scope: &TenantScope,
        id_hash: &str,
        session: &Session,
        audit: &AuditEntry,
    ) -> Result<()> {
        let ttl = number(session.created_at.plus_ms(SESSION_MS).as_seconds());
        let mut item = keys::session(id_hash).item();
        item.extend(item_of(session)?);
        item.insert("ttl".to_owned(), ttl.clone());
        let mut listed = keys::session_of(scope, &session.principal, id_hash).item();
        // By this, the erasure of the tenant finds it.
        listed.insert("tenant".to_owned(), text(scope.tenant().as_str()));
        listed.insert("ttl".to_owned(), ttl);
        let writes = vec![
            Write::put(item).on(Table::Auth).only_if("attribute_not_exists(pk)"),
            Write::put(listed).on(Table::Auth),
        ];
        self.audited_or_conflict(scope, writes, audit).await
    }

    async fn session(&self, id_hash: &str, now: Timestamp) -> Result<Option<Session>> {
        // Consistent: whoever was signed out must be out with the next request.
        let item = self.get(Table::Auth, keys::session(id_hash), true).await?;
        let session: Option<Session> = item.map(record_of).transpose()?;
        Ok(session.filter(|session| !session.is_over(now)))
    }

    async fn see_session(&self, id_hash: &str, now: Timestamp) -> Result<()> {
        let write = Write::update(keys::session(id_hash), "SET seen_at = :now")
            .on(Table::Auth)
            .only_if("attribute_exists(pk)")
            .value(":now", number(now.0));
        match self.write(write).await? {
            Written::Done(_) | Written::Refused(_) => Ok(()),
        }
    }

    async fn sessions_of(&self, scope: &TenantScope, of: &Principal, now: Timestamp) -> Result<Vec<(String, Session)>> {
        let listed = self.listed_sessions(scope, of).await?;
        let found = listed.iter().filter_map(|item| get_text(item, "sk")).map(|id_hash| async move {
            let session = self.session(id_hash, now).await?;
            Ok(session.map(|session| (id_hash.to_owned(), session)))
        });
        let mut found: Vec<_> = try_join_all(found).await?.into_iter().flatten().collect();
        found.sort_by_key(|(_, session)| Reverse(session.created_at));
        Ok(found)
    }

    async fn end_session(&self, id_hash: &str) -> Result<()> {
        // Its place in the list says nothing without it, and goes with its time.
        self.write(Write::delete(keys::session(id_hash)).on(Table::Auth)).await?;
        Ok(())
    }

    async fn end_sessions(&self, scope: &TenantScope, of: &Principal) -> Result<usize> {
        let listed = self.listed_sessions(scope, of).await?;
        let ended = listed.iter().filter_map(|item| Some((get_text(item, "sk")?, Key::of(item)?)));
        let ended = ended.map(|(id_hash, listed)| async move {
            self.end_session(id_hash).await?;
            self.write(Write::delete(listed).on(Table::Auth)).await
        });
        Ok(try_join_all(ended).await?.len())
    }
}
