//! Requests of events with an idempotency key: one item each.

use super::{
    DynamoStore,
    attributes::{item_of, number, record_of},
    bundles::unless_there,
    calls::{Written, present},
    keys,
};
use crate::{EventRequest, EventRequests, Result, retention::delivery_ttl};
use domain::tenant::TenantScope;

impl EventRequests for DynamoStore {
    async fn begin_event_request(&self, scope: &TenantScope, request: &EventRequest) -> Result<Option<EventRequest>> {
        let mut item = keys::event_request(scope, &request.id).item();
        item.extend(item_of(request)?);
        item.insert("ttl".to_owned(), number(delivery_ttl(request.at)));
        match self.write(unless_there(item, request.at)).await? {
            Written::Done(_) => Ok(None),
            Written::Refused(stored) => record_of(present(stored, "PutItem")?).map(Some),
        }
    }
}
