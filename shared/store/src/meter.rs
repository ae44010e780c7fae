//! What the store's calls cost, for the budget that tests hold it to.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Counts calls and consumed capacity units of one store.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Usage>);

/// What was used since the meter was last reset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Calls by the name of the DynamoDB operation, e.g. `UpdateItem`. The SDK's own retries are not seen here.
    pub calls: BTreeMap<&'static str, u64>,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units, those of the index included.
    pub write_units: f64,
}

impl Usage {
    /// Calls of all operations.
    pub fn total_calls(&self) -> u64 {
        self.calls.values().sum()
    }
}

impl Meter {
    /// What was used so far.
    pub fn usage(&self) -> Usage {
        self.lock().clone()
    }

    /// What was used so far; begins anew.
    pub fn reset(&self) -> Usage {
        std::mem::take(&mut *self.lock())
    }

    pub(crate) fn add(&self, operation: &'static str, read_units: f64, write_units: f64) {
        tracing::trace!(target: "trunkline::capacity", operation, read_units, write_units);
        let mut usage = self.lock();
        *usage.calls.entry(operation).or_default() += 1;
        usage.read_units += read_units;
        usage.write_units += write_units;
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
