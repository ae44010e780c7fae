//! The command line of Trunkline: a client of any deployment, and the local stack that it and the end-to-end tests bring
//! up.

pub mod budget;
pub mod client;
pub mod cost;
pub mod inbox;
pub mod invocations;
pub mod judges;
pub mod kpi;
pub mod mail_api;
pub mod receivers;
pub mod recipients;
pub mod slack;
pub mod stack;
pub mod tail;
