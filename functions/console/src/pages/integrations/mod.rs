//! Integrations: the list, one in detail, its form, what is done with it.

pub(crate) mod actions;
pub(crate) mod create;
pub(crate) mod detail;
pub(crate) mod edit;
mod fields;
pub(crate) mod list;
