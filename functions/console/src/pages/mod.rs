//! The pages, a file for what a person looks at or does.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod campaigns;
pub(crate) mod dashboard;
pub(crate) mod hooks;
pub(crate) mod integrations;
pub(crate) mod keys;
