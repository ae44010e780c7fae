//! What the data of registered types of events has to look like, as a warm function remembers it.

use crate::expiring::Expiring;
use domain::{
    ids::TenantId,
    tenant::TenantScope,
    time::{SECOND_MS, Timestamp},
    webhook::{EventType, registered::SCHEMA_MAX_BYTES},
};
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use runtime::lazy::Lazy;
use serde_json::Value;
use std::sync::Arc;
use store::StoreError;

/// How long a registered type is trusted to be as it was read, in milliseconds.
pub const TRUST_MS: i64 = 10 * SECOND_MS;

/// The most faults that are named of one event.
pub const FAULTS_MAX: usize = 10;

/// The most levels that a schema may be deep.
const DEPTH_MAX: usize = 64;

/// A schema that data is held against: JSON Schema, draft 2020-12, as far as it refers to nothing outside of itself.
pub struct Schema(Validator);

/// Fetches nothing: a schema that asked for another one could have this function call any address.
struct NoRemote;

impl Retrieve for NoRemote {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("`$ref` may only point into the schema itself, not to {uri}").into())
    }
}

/// A fault of some data: where (a JSON pointer, empty for the whole), and why.
pub type Fault = (String, String);

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
        if let Some(why) = refused(schema, DEPTH_MAX) {
            return Err(why);
        }
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_retriever(NoRemote)
            // Linear in what it looks at: no pattern of a tenant's can keep a function busy.
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map(Self)
            .map_err(|error| format!("is no JSON Schema of draft 2020-12: {error}"))
    }

    /// What is wrong with `data`, at most [`FAULTS_MAX`] faults.
    #[must_use]
    pub fn faults(&self, data: &Value) -> Vec<Fault> {
        let faults = self.0.iter_errors(data).take(FAULTS_MAX);
        faults.map(|error| (error.instance_path().to_string(), error.masked().to_string())).collect()
    }
}

/// What we do not take though it may be valid: other drafts, references to elsewhere, bottomless depth.
fn refused(schema: &Value, depth: usize) -> Option<String> {
    if depth == 0 {
        return Some(format!("is more than {DEPTH_MAX} levels deep"));
    }
    match schema {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| match (name.as_str(), value.as_str()) {
            ("$ref" | "$dynamicRef", Some(target)) if !target.starts_with('#') => {
                Some(format!("`{name}` may only point into the schema itself (`#...`), not to `{target}`"))
            }
            ("$schema", Some(draft))
                if draft.trim_end_matches('#') != "https://json-schema.org/draft/2020-12/schema" =>
            {
                Some("`$schema` must be `https://json-schema.org/draft/2020-12/schema`".to_owned())
            }
            _ => refused(value, depth - 1),
        }),
        Value::Array(items) => items.iter().find_map(|value| refused(value, depth - 1)),
        _ => None,
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
        let deep = (0..100).fold(json!(true), |inner, _| json!({"not": inner}));
        let long = json!({"description": "x".repeat(SCHEMA_MAX_BYTES)});
        for (schema, words) in [
            (json!({"$ref": "https://example.com/schema.json"}), "may only point into"),
            (json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}), "may only point into"),
            (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "2020-12"),
            (json!({"type": "objekt"}), "no JSON Schema"),
            (json!({"pattern": "(a+)+\\1"}), "no JSON Schema"),
            (json!([]), "must be an object"),
            (deep, "levels deep"),
            (long, "bytes long"),
        ] {
            let why = read(&schema).err().unwrap_or_else(|| panic!("{schema} was taken"));
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn a_schema_that_only_leads_back_to_itself_ends() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
        ] {
            // Refused or judged, whichever: it must come back.
            let _ = read(&schema).map(|schema| schema.faults(&json!({"a": 1})));
        }
    }

    #[test]
    fn a_schema_may_speak_of_itself() {
        let tree = json!({"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": false});
        let schema = read(&tree).unwrap();
        assert_eq!(schema.faults(&json!({"child": {"child": {}}})), []);
        assert_eq!(schema.faults(&json!({"child": {"child": {"x": 1}}})).len(), 1);
    }
}
