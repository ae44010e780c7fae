//! The addresses to which a tenant sends nothing any more, by intent.

use crate::{Page, Result};
use domain::{audit::AuditEntry, suppression::Suppression, tenant::TenantScope};
use std::{collections::BTreeSet, future::Future};

/// The suppression list. Addresses are given as [`domain::suppression::listed_as`] writes them.
pub trait Suppressions: Send + Sync {
    /// Lists addresses; one that is listed already stays as it is. After an error some may be listed; the same call may
    /// be repeated.
    fn suppress(&self, scope: &TenantScope, entries: &[Suppression]) -> impl Future<Output = Result<()>> + Send;

    /// Lists one address with its audit record, all or nothing. False if it was listed already: then nothing changes.
    fn add_suppression(
        &self,
        scope: &TenantScope,
        entry: &Suppression,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Takes one address from the list, with the audit record. False if it was not listed.
    fn remove_suppression(
        &self,
        scope: &TenantScope,
        address: &str,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// The entry of one address.
    fn suppression(
        &self,
        scope: &TenantScope,
        address: &str,
    ) -> impl Future<Output = Result<Option<Suppression>>> + Send;

    /// The list in order of the addresses, `limit` (<= 1,000) a page.
    fn suppressions(
        &self,
        scope: &TenantScope,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Suppression>>> + Send;

    /// Which of these addresses are listed; an address may be named twice.
    fn suppressed_among(
        &self,
        scope: &TenantScope,
        addresses: &[String],
    ) -> impl Future<Output = Result<BTreeSet<String>>> + Send;
}
