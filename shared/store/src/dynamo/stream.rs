//! Committed changes, as the stream of the tenant table tells them.

use super::{
    attributes::{Item, record_of},
    bundle_item::read_bundle,
    keys::{self, Key, Named},
};
use crate::{Result, retention::is_over};
use domain::{bundle::Bundle, integration::Integration, tenant::TenantScope};

/// An item's image in the stream, of the type that `aws_lambda_events` has.
pub type StreamItem = serde_dynamo::Item;

/// What was committed.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// A bundle was created or changed.
    Bundle {
        /// Whose it is.
        scope: TenantScope,
        /// As it was before; `None` for a new one.
        old: Option<Box<Bundle>>,
        /// As it is now.
        new: Box<Bundle>,
    },
    /// An integration was created or changed.
    Integration {
        /// Whose it is.
        scope: TenantScope,
        /// As it was before; `None` for a new one.
        old: Option<Box<Integration>>,
        /// As it is now.
        new: Box<Integration>,
    },
}

/// Reads a change; `None` for what nobody is told of.
pub fn committed(old: Option<StreamItem>, new: StreamItem) -> Result<Option<Committed>> {
    let new = Item::from(new);
    let Some((scope, named)) = Key::of(&new).as_ref().and_then(keys::parse) else { return Ok(None) };
    let old = old.map(Item::from);
    match named {
        Named::Integration(_) => {
            let (old, new): (Option<Integration>, Integration) = (old.map(record_of).transpose()?, record_of(new)?);
            Ok(Some(Committed::Integration { scope, old: old.map(Box::new), new: Box::new(new) }))
        }
        Named::Request(..) | Named::Bundle(..) => {
            let Some((_, new)) = read_bundle(&new)? else { return Ok(None) };
            let old = old.as_ref().map(read_bundle).transpose()?.flatten().map(|(_, old)| old);
            // What was over and not yet deleted is no predecessor.
            let old = old.filter(|old| !is_over(old.created_at, new.created_at));
            Ok(Some(Committed::Bundle { scope, old: old.map(Box::new), new: Box::new(new) }))
        }
        Named::Release(_) => Ok(None),
    }
}
