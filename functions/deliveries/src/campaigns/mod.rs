//! Campaigns with their totals.

pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod simulations;
