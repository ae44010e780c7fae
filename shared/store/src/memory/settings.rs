//! Templates and settings.

use super::{MemoryStore, erasure::Eraser};
use crate::{Result, Settings, StoreError};
use domain::{
    audit::AuditEntry,
    ids::{TemplateId, TenantId},
    settings::TenantSettings,
    template::Template,
    tenant::TenantScope,
};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Default)]
pub(super) struct Tables {
    templates: BTreeMap<(TenantId, TemplateId), Versions>,
    settings: HashMap<TenantId, TenantSettings>,
}

/// Version 1 first; none is ever forgotten.
#[derive(Debug, Default)]
struct Versions {
    all: Vec<Template>,
    deleted: bool,
}

impl Tables {
    pub(super) fn erase(&mut self, eraser: &mut Eraser<'_>) {
        eraser.take(&mut self.templates);
        eraser.take(&mut self.settings);
    }
}

impl Versions {
    fn current(&self) -> Option<&Template> {
        self.all.last().filter(|_| !self.deleted)
    }
}

impl Settings for MemoryStore {
    async fn template(&self, scope: &TenantScope, id: &TemplateId, version: Option<u32>) -> Result<Option<Template>> {
        self.call("template", |state| {
            let versions = state.settings.templates.get(&(scope.tenant().clone(), id.clone()));
            Ok(versions.and_then(|versions| match version {
                None => versions.current().cloned(),
                Some(version) => versions.all.iter().find(|template| template.version == version).cloned(),
            }))
        })
        .await
    }

    async fn template_version(&self, scope: &TenantScope, id: &TemplateId) -> Result<u32> {
        self.call("template_version", |state| {
            let versions = state.settings.templates.get(&(scope.tenant().clone(), id.clone()));
            Ok(versions.and_then(|versions| versions.all.last()).map_or(0, |newest| newest.version))
        })
        .await
    }

    async fn templates(&self, scope: &TenantScope) -> Result<Vec<Template>> {
        self.call("templates", |state| {
            let own = state.settings.templates.iter().filter(|((tenant, _), _)| tenant == scope.tenant());
            Ok(own.filter_map(|(_, versions)| versions.current().cloned()).collect())
        })
        .await
    }

    async fn save_template(&self, scope: &TenantScope, template: &Template, audit: &AuditEntry) -> Result<()> {
        self.call("save_template", |state| {
            state.still_open(scope.tenant())?;
            let key = (scope.tenant().clone(), template.id.clone());
            let versions = state.settings.templates.entry(key).or_default();
            let newest = versions.all.last().map_or(0, |newest| newest.version);
            if template.version != newest + 1 {
                return Err(StoreError::Conflict);
            }
            versions.all.push(template.clone());
            versions.deleted = false;
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn delete_template(&self, scope: &TenantScope, id: &TemplateId, audit: &AuditEntry) -> Result<bool> {
        self.call("delete_template", |state| {
            state.still_open(scope.tenant())?;
            let versions = state.settings.templates.get_mut(&(scope.tenant().clone(), id.clone()));
            let Some(versions) = versions.filter(|versions| versions.current().is_some()) else { return Ok(false) };
            versions.deleted = true;
            state.append_audit(scope.tenant(), audit);
            Ok(true)
        })
        .await
    }

    async fn settings(&self, scope: &TenantScope) -> Result<TenantSettings> {
        self.call("settings", |state| Ok(state.settings.settings.get(scope.tenant()).cloned().unwrap_or_default()))
            .await
    }

    async fn save_settings(&self, scope: &TenantScope, settings: &TenantSettings, audit: &AuditEntry) -> Result<()> {
        self.call("save_settings", |state| {
            state.still_open(scope.tenant())?;
            let stored = state.settings.settings.get(scope.tenant()).map_or(0, |stored| stored.rev);
            if settings.rev != stored + 1 {
                return Err(StoreError::Conflict);
            }
            state.settings.settings.insert(scope.tenant().clone(), settings.clone());
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }
}
