//! The pages, a file for what a person looks at or does.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod campaigns;
pub(crate) mod dashboard;
pub(crate) mod endpoints;
pub(crate) mod event_types;
pub(crate) mod hooks;
pub(crate) mod integrations;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod preflight;
pub(crate) mod rules;
pub(crate) mod settings;
pub(crate) mod suppressions;
pub(crate) mod templates;
