//! `POST /events`, and the types of events: `/event-types`.

use domain::{
    ids::{DeliveryId, EventId, IntegrationId},
    webhook::{EventType, registered::RegisteredType},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// `POST /events`: one event, or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EventsRequest {
    /// Up to 1,000 events.
    Many {
        /// The events, in the order in which they happened.
        events: Vec<EventBody>,
    },
    /// One event.
    One(EventBody),
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventBody {
    /// What happened, in dotted lower case: `order.created`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EventType,
    /// What there is to say about it: any JSON but null, at most 256 KB. It is passed on as it comes.
    #[schema(value_type = Object)]
    pub data: Value,
    /// Events with the same key reach an endpoint that is `ordered` one after another. At most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it happened, RFC 3339; now if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

/// The answer: every event is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventsAccepted {
    /// How many events.
    pub accepted: usize,
    /// The events, in the order of the request.
    pub events: Vec<AcceptedEvent>,
}

/// An event that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedEvent {
    /// Its id, which receivers see as `webhook-id`: the same at every endpoint and with every attempt.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EventType,
    /// Its deliveries, one for each endpoint that wants it. None if nobody does.
    pub deliveries: Vec<AcceptedEventDelivery>,
}

/// A delivery of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedEventDelivery {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// The endpoint.
    #[schema(value_type = String)]
    pub endpoint_id: IntegrationId,
}

/// `PUT /event-types/{type}`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTypeBody {
    /// What its events tell, at most 1,000 characters.
    #[serde(default)]
    pub description: String,
    /// What the data of its events must look like: JSON Schema, draft 2020-12, at most 32 KB, which refers to nothing
    /// outside of itself. Without one, anything goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Value>,
    /// Whether it should be used no more. Its events are taken all the same.
    #[serde(default)]
    pub deprecated: bool,
}

/// A registered type of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventTypeView {
    /// The type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EventType,
    /// What its events tell.
    pub description: String,
    /// What their data must look like.
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Value>,
    /// Whether it should be used no more.
    pub deprecated: bool,
    /// Grows with each change.
    pub rev: u64,
    /// When it was registered.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
    /// Who changed it last: a key's id, or `operator`.
    pub updated_by: String,
}

impl From<&RegisteredType> for EventTypeView {
    fn from(registered: &RegisteredType) -> Self {
        Self {
            kind: registered.kind.clone(),
            description: registered.description.clone(),
            // What is stored was JSON when it was stored.
            schema: registered.schema.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            deprecated: registered.deprecated,
            rev: registered.rev,
            created_at: registered.created_at.to_rfc3339(),
            updated_at: registered.updated_at.to_rfc3339(),
            updated_by: registered.updated_by.to_string(),
        }
    }
}
