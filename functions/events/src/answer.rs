//! The answer. It grows out of the request and who wants what of it, so a repeat gets the very same.

use crate::fan_out::FanOut;
use api::events::{AcceptedEvent, AcceptedEventDelivery, EventsAccepted};

pub(crate) fn accepted(fan_out: &FanOut<'_>) -> EventsAccepted {
    let mut events: Vec<AcceptedEvent> = fan_out
        .events()
        .map(|(id, event)| AcceptedEvent { id, kind: event.kind.clone(), deliveries: Vec::new() })
        .collect();
    for (endpoint, pieces) in fan_out.endpoints() {
        for piece in pieces {
            let bundle = fan_out.bundle_id(piece);
            for (member, event) in (0..).zip(&piece.events) {
                let delivery = AcceptedEventDelivery { id: bundle.delivery(member), endpoint_id: endpoint.clone() };
                events[*event].deliveries.push(delivery);
            }
        }
    }
    EventsAccepted { accepted: events.len(), events }
}
