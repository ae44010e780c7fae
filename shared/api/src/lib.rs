//! The contract of the HTTP API: what is sent, what comes back, which routes there are and what each asks of its
//! caller. Functions and the CLI both use these types, and the OpenAPI document is made from them.
//!
//! [`routes::ROUTES`] is the one list of routes: the template, the functions' routers and the OpenAPI document are
//! tested against it.

pub mod audit;
pub mod campaigns;
pub mod dry_run;
pub mod endpoints;
pub mod events;
pub mod fault;
pub mod hooks;
pub mod integrations;
pub mod jobs;
pub mod keys;
pub mod logs;
pub mod openapi;
pub mod page;
pub mod preflight;
pub mod problem;
pub mod routes;
pub mod rules;
pub mod settings;
pub mod sign_in;
pub mod suppressions;
pub mod templates;
pub mod tenants;
