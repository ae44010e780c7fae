//! What the data of registered types of events has to look like, as a warm function remembers it.

use crate::expiring::Expiring;
use domain::{
    ids::TenantId,
    tenant::TenantScope,
    time::{SECOND_MS, Timestamp},
    webhook::{EventType, registered::SCHEMA_MAX_BYTES},
};
use runtime::lazy::Lazy;
use schema::Fault;
use serde_json::Value;
use std::sync::Arc;
use store::StoreError;

/// How long a registered type is trusted to be as it was read, in milliseconds.
pub const TRUST_MS: i64 = 10 * SECOND_MS;

/// A schema that data is held against: JSON Schema, draft 2020-12, as far as it is taken (see the crate).
pub struct Schema(schema::Schema);

impl Schema {
    /// Reads a schema. The error says what is wrong with it, in words for whoever wrote it.
    pub fn read(schema: &Value) -> Result<Self, String> {
        let bytes = serde_json::to_vec(schema).map_or(usize::MAX, |text| text.len());
        if bytes > SCHEMA_MAX_BYTES {
            return Err(format!("is {bytes} bytes long; at most {SCHEMA_MAX_BYTES} are taken"));
        }
        if !schema.is_object() {
            return Err("must be an object".to_owned());
        }
        let why = |why| format!("is no JSON Schema of draft 2020-12 that can be taken: {why}");
        schema::Schema::read(schema).map(Self).map_err(why)
    }

    /// What is wrong with `data`, at most [`schema::FAULTS_MAX`] faults.
    #[must_use]
    pub fn faults(&self, data: &Value) -> Vec<Fault> {
        self.0.faults(data)
    }
}

/// Remembers the schemas of registered types.
pub struct Schemas<S> {
    store: Lazy<S>,
    known: Expiring<(TenantId, EventType), Option<Arc<Schema>>>,
}

impl<S: store::EventTypes> Schemas<S> {
    /// Types in `store`.
    pub fn new(store: Lazy<S>) -> Self {
        Self { store, known: Expiring::new(TRUST_MS) }
    }

    /// The schema of a type; `None` where it is not registered, or has none.
    pub async fn of(
        &self,
        scope: &TenantScope,
        kind: &EventType,
        now: Timestamp,
    ) -> Result<Option<Arc<Schema>>, StoreError> {
        let load = async { self.load(scope, kind).await.map(Some) };
        Ok(self.known.get_or_load((scope.tenant().clone(), kind.clone()), now, load).await?.flatten())
    }

    async fn load(&self, scope: &TenantScope, kind: &EventType) -> Result<Option<Arc<Schema>>, StoreError> {
        let Some(text) = self.store.event_type(scope, kind).await?.and_then(|it| it.schema) else { return Ok(None) };
        let read = serde_json::from_str(&text).map_err(|error| error.to_string());
        match read.and_then(|schema| Schema::read(&schema)) {
            Ok(schema) => Ok(Some(Arc::new(schema))),
            Err(error) => {
                // It was read when it was saved. Events do not wait for us to mend it.
                tracing::error!(tenant = %scope.tenant(), %kind, %error, "a stored schema cannot be read");
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(schema: &Value) -> Result<Schema, String> {
        Schema::read(schema)
    }

    #[test]
    fn data_is_held_against_a_schema_and_every_fault_is_named_without_its_value() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "id": {"type": "string", "pattern": "^ord_[0-9]+$"},
                "total": {"type": "number", "minimum": 0},
                "items": {"type": "array", "items": {"$ref": "#/$defs/item"}}
            },
            "required": ["id"],
            "$defs": {"item": {"type": "object", "required": ["sku"]}}
        });
        let schema = read(&schema).unwrap();
        assert_eq!(schema.faults(&json!({"id": "ord_1", "total": 3, "items": [{"sku": "a"}]})), []);
        let faults = schema.faults(&json!({"id": "s3cret", "total": -1, "items": [{"sku": "a"}, {}]}));
        let paths: Vec<_> = faults.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/id", "/items/1", "/total"]);
        assert!(faults.iter().all(|(_, why)| !why.contains("s3cret")), "{faults:?}");
    }

    #[test]
    fn no_schema_reaches_out_or_runs_away() {
        let long = json!({"description": "x".repeat(SCHEMA_MAX_BYTES)});
        for (schema, words) in [
            (json!({"$ref": "https://example.com/schema.json"}), "may only point into"),
            (json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}), "may only point into"),
            (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "2020-12"),
            (json!({"type": "objekt"}), "no JSON Schema"),
            (json!({"pattern": "(a+)+\\1"}), "no JSON Schema"),
            (json!([]), "must be an object"),
            (long, "bytes long"),
        ] {
            let why = read(&schema).err().unwrap_or_else(|| panic!("{schema} was taken"));
            assert!(why.contains(words), "{why}");
        }
    }
}
