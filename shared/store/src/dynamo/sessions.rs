//! Sessions at the console, in the table of what is looked up before the tenant is known: each under the hash of its id,
//! and once more in a list of those of its owner, by which all of them are ended.

use super::{
    DynamoStore,
    attributes::{get_text, item_of, number, record_of, text},
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

/// How many sessions of one owner are ended by one call at most. Others are over within [`SESSION_MS`].
const ENDED_AT_ONCE: usize = 200;

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

    async fn end_session(&self, id_hash: &str) -> Result<()> {
        // Its place in the list says nothing without it, and goes with its time.
        self.write(Write::delete(keys::session(id_hash)).on(Table::Auth)).await?;
        Ok(())
    }

    async fn end_sessions(&self, scope: &TenantScope, of: &Principal) -> Result<usize> {
        let query = Query::of(keys::sessions_of(scope, of), "pk = :pk").on(Table::Auth).consistent().keys_only();
        let listed = self.query(query, ENDED_AT_ONCE, |_| true).await?;
        let ended = listed.iter().filter_map(|item| Some((get_text(item, "sk")?, Key::of(item)?)));
        let ended = ended.map(|(id_hash, listed)| async move {
            self.end_session(id_hash).await?;
            self.write(Write::delete(listed).on(Table::Auth)).await
        });
        Ok(try_join_all(ended).await?.len())
    }
}
