//! The words and the rules of Trunkline: what a tenant, an integration, a bundle and a delivery are, and what may
//! happen to them. Nothing in here does I/O, reads a clock or draws a random number: callers pass the time and the
//! jitter in, so every rule is a pure function with a plain test.
//!
//! Read [`bundle`] first: the way a delivery travels is its state machine.

pub mod allow_list;
pub mod audit;
pub mod breaker;
pub mod bundle;
pub mod campaign;
pub mod channel;
pub mod digest;
pub mod event;
pub mod failure;
pub mod feedback;
pub mod health;
pub mod hook;
pub mod ids;
pub mod integration;
pub mod job;
pub mod key;
pub mod log;
pub mod message;
pub mod preflight;
pub mod principal;
pub mod quota;
pub mod rate;
pub mod retry;
pub mod rule;
pub mod secret;
pub mod session;
pub mod settings;
pub mod sign_in;
pub mod simulation;
pub mod suppression;
pub mod template;
pub mod tenant;
pub mod time;
pub mod webhook;
