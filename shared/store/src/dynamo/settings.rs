//! Templates and settings. `TPL#<id>` is a template's newest version whole, so a list is one query; `TPV#<id>#<version>`
//! keeps every version for what was accepted with it.

use super::{
    DynamoStore,
    attributes::{Item, get_number, item_of, number, record_of, text},
    audit::put_revision,
    calls::{Query, Table, Transacted, Write},
    keys,
};
use crate::{Result, Settings};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{audit::AuditEntry, ids::TemplateId, settings::TenantSettings, template::Template, tenant::TenantScope};

fn is_listed(item: &Item) -> bool {
    !item.contains_key("deleted")
}

impl Settings for DynamoStore {
    async fn template(&self, scope: &TenantScope, id: &TemplateId, version: Option<u32>) -> Result<Option<Template>> {
        let item = match version {
            // Consistent: whoever has just saved it sees what was saved.
            None => self.get(Table::Tenant, keys::template(scope, id), true).await?.filter(is_listed),
            Some(version) => self.get_unchanging(Table::Tenant, keys::template_version(scope, id, version)).await?,
        };
        item.map(record_of).transpose()
    }

    async fn template_version(&self, scope: &TenantScope, id: &TemplateId) -> Result<u32> {
        // Consistent: the next version is counted from it.
        let item = self.get(Table::Tenant, keys::template(scope, id), true).await?;
        Ok(item.and_then(|item| get_number(&item, "version")).unwrap_or(0))
    }

    async fn templates(&self, scope: &TenantScope) -> Result<Vec<Template>> {
        // Consistent: a list after a change shows the change.
        let query = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::TEMPLATES))
            .consistent();
        self.query(query, usize::MAX, is_listed).await?.into_iter().map(record_of).collect()
    }

    async fn save_template(&self, scope: &TenantScope, template: &Template, audit: &AuditEntry) -> Result<()> {
        let content = item_of(template)?;
        let mut newest = keys::template(scope, &template.id).item();
        newest.extend(content.clone());
        let mut version = keys::template_version(scope, &template.id, template.version).item();
        version.extend(content);
        let newest = match template.version.checked_sub(1) {
            None | Some(0) => Write::put(newest).only_if("attribute_not_exists(pk)"),
            Some(before) => Write::put(newest).only_if("#version = :before").value(":before", number(before)),
        };
        self.audited_or_conflict(scope, vec![newest, Write::put(version)], audit).await
    }

    async fn delete_template(&self, scope: &TenantScope, id: &TemplateId, audit: &AuditEntry) -> Result<bool> {
        let delete = Write::update(keys::template(scope, id), "SET deleted = :yes")
            .only_if("attribute_exists(pk) AND attribute_not_exists(deleted)")
            .value(":yes", AttributeValue::Bool(true));
        Ok(matches!(self.audited(scope, vec![delete], audit).await?, Transacted::Done))
    }

    async fn settings(&self, scope: &TenantScope) -> Result<TenantSettings> {
        // Consistent: whoever has just saved them sees what was saved.
        let item = self.get(Table::Tenant, keys::settings(scope), true).await?;
        item.map_or_else(|| Ok(TenantSettings::default()), record_of)
    }

    async fn save_settings(&self, scope: &TenantScope, settings: &TenantSettings, audit: &AuditEntry) -> Result<()> {
        let mut item = keys::settings(scope).item();
        item.extend(item_of(settings)?);
        self.audited_or_conflict(scope, vec![put_revision(item, settings.rev)], audit).await
    }
}
