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
use std::{collections::BTreeMap, sync::Arc};
use store::StoreError;

/// How long a registered type is trusted to be as it was read, in milliseconds.
pub const TRUST_MS: i64 = 10 * SECOND_MS;

/// The most faults that are named of one event.
pub const FAULTS_MAX: usize = 10;

/// The most levels that a schema may be deep.
const DEPTH_MAX: usize = 64;

/// The most parts that a schema may have once what it refers to stands in place of each `$ref`. A few lines that refer to
/// each other twice would otherwise be more work than anybody has time for. One without any `$ref` is never near.
const PARTS_MAX: usize = 10_000;

/// The most patterns of a schema, and how large each may become, in bytes: a short one may stand for a huge machine.
const PATTERNS_MAX: usize = 50;
const PATTERN_MAX_BYTES: usize = 2 << 20;

/// How many faults there may be of one event at worst for them to be named: they are found all at once.
const FOUND_MAX: usize = 100_000;

/// A schema that data is held against: JSON Schema, draft 2020-12, as far as it refers to nothing outside of itself.
pub struct Schema {
    validator: Validator,
    size: Size,
}

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
        let size = Size::of(schema)?;
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_retriever(NoRemote)
            // Linear in what it looks at: no pattern of a tenant's can keep a function busy.
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_MAX_BYTES))
            .build(schema)
            .map(|validator| Self { validator, size })
            .map_err(|error| format!("is no JSON Schema of draft 2020-12: {error}"))
    }

    /// What is wrong with `data`, at most [`FAULTS_MAX`] faults. Where there may be more than anybody can hold, only that
    /// something is.
    #[must_use]
    pub fn faults(&self, data: &Value) -> Vec<Fault> {
        if self.validator.is_valid(data) {
            return Vec::new();
        }
        if self.size.faults_of(data) > FOUND_MAX {
            let why = "does not fit the schema of its type, and is too large to say where";
            return vec![(String::new(), why.to_owned())];
        }
        let faults = self.validator.iter_errors(data).take(FAULTS_MAX);
        faults.map(|error| (error.instance_path().to_string(), error.masked().to_string())).collect()
    }
}

/// How much work a schema is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    /// Its parts, with what it refers to in place of each `$ref`.
    parts: usize,
    /// Of these references, those that lead back to where they are part of: each level of data goes through them anew.
    back: usize,
}

impl Size {
    fn of(schema: &Value) -> Result<Self, String> {
        let patterns = count_patterns(schema);
        if patterns > PATTERNS_MAX {
            return Err(format!("has {patterns} patterns; at most {PATTERNS_MAX} are taken"));
        }
        let mut walk = Walk { root: schema, anchors: BTreeMap::new(), within: vec![schema], size: Self::default() };
        walk.gather_anchors(schema);
        let Value::Object(fields) = schema else { return Ok(walk.size) };
        // What is only defined is no work until something refers to it.
        let taken = fields.iter().filter(|(name, _)| *name != "$defs").all(|(name, value)| walk.take(name, value));
        if taken {
            Ok(walk.size)
        } else {
            Err(format!("has more than {PARTS_MAX} parts once every `$ref` is followed"))
        }
    }

    /// How many faults some data may have at worst.
    fn faults_of(self, data: &Value) -> usize {
        let (values, depth) = extent(data);
        let again = u32::try_from(depth).map_or(usize::MAX, |depth| self.back.max(1).saturating_pow(depth));
        self.parts.saturating_mul(values).saturating_mul(again)
    }
}

/// Goes through a schema as whoever holds data against it does.
struct Walk<'s> {
    root: &'s Value,
    anchors: BTreeMap<&'s str, &'s Value>,
    /// What is being gone through because something refers to it.
    within: Vec<&'s Value>,
    size: Size,
}

impl<'s> Walk<'s> {
    fn gather_anchors(&mut self, part: &'s Value) {
        match part {
            Value::Object(fields) => {
                let named = ["$anchor", "$dynamicAnchor"].into_iter().filter_map(|name| fields.get(name)?.as_str());
                self.anchors.extend(named.map(|anchor| (anchor, part)));
                fields.values().for_each(|value| self.gather_anchors(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.gather_anchors(value)),
            _ => {}
        }
    }

    /// Counts a field and all that it leads to. False once it is too much.
    fn take(&mut self, name: &str, value: &'s Value) -> bool {
        let target = value.as_str().filter(|_| matches!(name, "$ref" | "$dynamicRef")).and_then(|to| self.target(to));
        let Some(target) = target else { return self.take_part(value) };
        if self.within.iter().any(|it| std::ptr::eq(*it, target)) {
            self.size.back += 1;
            return self.count();
        }
        self.within.push(target);
        let taken = self.take_part(target);
        self.within.pop();
        taken
    }

    fn take_part(&mut self, part: &'s Value) -> bool {
        self.count()
            && match part {
                Value::Object(fields) => fields.iter().all(|(name, value)| self.take(name, value)),
                Value::Array(items) => items.iter().all(|value| self.take_part(value)),
                _ => true,
            }
    }

    const fn count(&mut self) -> bool {
        self.size.parts += 1;
        self.size.parts <= PARTS_MAX
    }

    /// What `#`, `#/...` or `#anchor` is. What leads nowhere is for the compiler to refuse.
    fn target(&self, to: &str) -> Option<&'s Value> {
        let place = to.strip_prefix('#')?;
        if place.is_empty() || place.starts_with('/') {
            self.root.pointer(place)
        } else {
            self.anchors.get(place).copied()
        }
    }
}

fn count_patterns(part: &Value) -> usize {
    match part {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                ("pattern", Value::String(_)) => 1,
                ("patternProperties", Value::Object(patterns)) => patterns.len() + count_patterns(value),
                _ => count_patterns(value),
            })
            .sum(),
        Value::Array(items) => items.iter().map(count_patterns).sum(),
        _ => 0,
    }
}

/// How many values some data has, and how many levels.
fn extent(data: &Value) -> (usize, usize) {
    let sum = |(values, depth): (usize, usize), inner: &Value| {
        let (more, deep) = extent(inner);
        (values + more, depth.max(deep + 1))
    };
    match data {
        Value::Object(fields) => fields.values().fold((1, 0), sum),
        Value::Array(items) => items.iter().fold((1, 0), sum),
        _ => (1, 0),
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
            // By these, one place would have several names.
            ("$ref" | "$dynamicRef", Some(target)) if target.contains('%') => {
                Some(format!("`{name}` may not hold `%`: name what it points to without"))
            }
            ("$id", Some(_)) if depth < DEPTH_MAX => Some("`$id` may only stand at the top".to_owned()),
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

    /// Each refers twice to the next: 80 lines that would be looked at 2^40 times.
    fn doubled(last: &Value) -> Value {
        let mut defs: serde_json::Map<String, Value> = (0..40)
            .map(|n| {
                let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
                (format!("a{n}"), json!({"allOf": [next, next]}))
            })
            .collect();
        defs.insert("a40".to_owned(), last.clone());
        json!({"$ref": "#/$defs/a0", "$defs": defs})
    }

    #[test]
    fn no_short_schema_is_endless_work() {
        let anchored = json!({
            "$ref": "#a", "$defs": {"a": {"$anchor": "a", "anyOf": vec![json!({"$ref": "#b"}); 200]},
            "b": {"$anchor": "b", "anyOf": vec![json!({"$dynamicRef": "#c"}); 200]}, "c": {"$dynamicAnchor": "c"}},
        });
        let hidden = json!({"properties": {"$defs": doubled(&json!(true))["$defs"]}, "$ref": "#/properties/$defs/a0"});
        let hidden = serde_json::from_str(&hidden.to_string().replace("#/$defs/", "#/properties/$defs/")).unwrap();
        let patterns: Vec<Value> = (0..=PATTERNS_MAX).map(|n| json!({"pattern": format!("a{n}")})).collect();
        for (schema, words) in [
            (doubled(&json!(true)), "once every `$ref` is followed"),
            (doubled(&json!(false)), "once every `$ref` is followed"),
            (anchored, "once every `$ref` is followed"),
            (hidden, "once every `$ref` is followed"),
            (json!({"allOf": patterns}), "51 patterns"),
            (json!({"pattern": "(a{1000}){1000}"}), "no JSON Schema"),
            (json!({"$ref": "#/%24defs/a", "$defs": {"a": {}}}), "may not hold `%`"),
            (json!({"properties": {"a": {"$id": "https://example.com/b"}}}), "at the top"),
        ] {
            let why = read(&schema).err().unwrap_or_else(|| panic!("{schema} was taken"));
            assert!(why.contains(words), "{why}");
        }
        assert!(read(&json!({"$id": "https://example.com/a", "pattern": r"^\w{1,64}$"})).is_ok());
    }

    #[test]
    fn where_there_may_be_too_many_faults_none_is_named() {
        let many = read(&json!({"items": {"allOf": vec![false; 3_000]}})).unwrap();
        let told = |data: &Value| many.faults(data).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        // Three hundred million faults, which no function has the memory for.
        assert_eq!(told(&json!(vec![0; 100_000])), [""]);
        assert_eq!(told(&json!([0])).len(), FAULTS_MAX);
        assert_eq!(told(&json!([])).len(), 0);
        // Each level looks twice at the next.
        let twice = json!({"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"required": ["b"], "properties": {"a": {"$ref": "#"}}}], "minProperties": 1});
        let twice = read(&twice).unwrap();
        let deep = (0..100).fold(json!({}), |inner, _| json!({"a": inner}));
        assert_eq!(twice.faults(&deep).len(), 1);
        assert_eq!(twice.faults(&json!({"a": {"a": 1}})), []);
    }

    #[test]
    fn a_schema_may_speak_of_itself() {
        let tree = json!({"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": false});
        let schema = read(&tree).unwrap();
        assert_eq!(schema.faults(&json!({"child": {"child": {}}})), []);
        assert_eq!(schema.faults(&json!({"child": {"child": {"x": 1}}})).len(), 1);
    }
}
