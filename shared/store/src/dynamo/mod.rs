//! The store on DynamoDB. [`keys`] has every key, each entity's module its expressions, [`calls`] the way to the SDK.
//!
//! A read is eventually consistent unless the place says why not.

mod access;
mod answers;
mod attributes;
mod audit;
mod bundle_item;
mod bundles;
mod calls;
mod campaigns;
mod dead_letters;
mod directly;
mod erasure;
mod event_requests;
mod event_types;
mod feedbacks;
mod hooks;
mod integrations;
mod jobs;
mod key_uses;
mod keys;
mod logs;
mod order_tails;
mod rates;
mod retention;
mod rules;
mod sessions;
mod settings;
mod sign_ins;
mod simulations;
mod stream;
mod suppressions;

pub(crate) use hooks::{parse_rejection_cursor, rejection_cursor};
pub use stream::{Committed, StreamItem, committed};

use crate::Meter;
use direct::Direct;
use directly::Directly;
use std::sync::Arc;

/// The names of the two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Everything that belongs to a tenant.
    pub tenant: String,
    /// What is looked up before the tenant is known.
    pub auth: String,
}

/// The store on DynamoDB. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: aws_sdk_dynamodb::Client,
    tables: Arc<Tables>,
    /// Where the first attempt of what is called most is made without the SDK's orchestrator.
    directly: Option<Arc<Directly>>,
    meter: Arc<Meter>,
    /// Held while an audit record is appended. A process that tests all of a tenant's integrations at once would contend
    /// for one head with itself, and each append would cost several.
    appending: Arc<tokio::sync::Mutex<()>>,
}

impl DynamoStore {
    /// A store on these tables.
    pub fn new(client: aws_sdk_dynamodb::Client, tables: Tables) -> Self {
        Self { client, tables: Arc::new(tables), directly: None, meter: Arc::default(), appending: Arc::default() }
    }

    /// The same, which makes first attempts of frequent operations directly.
    #[must_use]
    pub fn directly(self, direct: Direct) -> Self {
        Self { directly: Some(Arc::new(Directly::new(direct))), ..self }
    }

    /// What its calls cost.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }
}
