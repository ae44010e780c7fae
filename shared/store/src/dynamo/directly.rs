//! The operations that deliveries are made of, each tried directly before the SDK does it with all its retries.

use aws_sdk_dynamodb::operation::{
    batch_write_item::BatchWriteItem, get_item::GetItem, put_item::PutItem, query::Query, update_item::UpdateItem,
};
use direct::{Direct, Operation};
use futures::future::BoxFuture;

/// The operations, read once from the SDK's descriptions.
#[derive(Debug)]
pub(super) struct Directly {
    pub(super) to: Direct,
    pub(super) batch_write_item: Operation,
    pub(super) get_item: Operation,
    pub(super) put_item: Operation,
    pub(super) query: Operation,
    pub(super) update_item: Operation,
}

impl Directly {
    pub(super) fn new(to: Direct) -> Self {
        Self {
            to,
            batch_write_item: Operation::of("BatchWriteItem", &BatchWriteItem::new()),
            get_item: Operation::of("GetItem", &GetItem::new()),
            put_item: Operation::of("PutItem", &PutItem::new()),
            query: Operation::of("Query", &Query::new()),
            update_item: Operation::of("UpdateItem", &UpdateItem::new()),
        }
    }
}

/// What the SDK does, in a box of no type: it is large, seldom needed, and the compiler would look through it everywhere.
pub(super) fn boxed<'a, T>(sent: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(sent)
}

/// Makes a call of the SDK, the first attempt directly. `$is_final` says which of the operation's errors are the
/// service's last word; all others, and whatever else goes wrong, are the SDK's to try again.
macro_rules! call {
    ($store:expr, $operation:ident, $call:expr, $is_final:expr) => {{
        let call = $call;
        let attempt = match (&$store.directly, call.as_input().clone().build()) {
            (Some(directly), Ok(input)) => directly.to.attempt(&directly.$operation, input, $is_final).await,
            _ => None,
        };
        match attempt {
            Some(answer) => answer,
            None => boxed(call.send()).await,
        }
    }};
}
pub(super) use call;
