//! Doubles of the providers for tests: servers on loopback that are as strict as the real ones, or stricter, and
//! answer with the documented errors. What they do is chosen by the recipient, so that a test reads like its case.

pub mod graph;
pub mod mail_api;
pub mod oidc;
pub mod process;
pub mod slack;
pub mod teams;
pub mod webhook;
