//! Sample data for an event of a registered type, made from its schema.

use serde_json::{Map, Value, json};

/// How deep references and objects within each other are followed.
const DEPTH: usize = 8;

/// Data that looks like what the schema describes: its own example if it has one.
pub(super) fn of(schema: &Value) -> Value {
    made(schema, schema, DEPTH)
}

fn made(root: &Value, schema: &Value, depth: usize) -> Value {
    let first = |name: &str| schema.get(name).and_then(Value::as_array).and_then(|list| list.first());
    let stated = first("examples").or(schema.get("default")).or(schema.get("const")).or(first("enum"));
    if let Some(stated) = stated {
        return stated.clone();
    }
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    let referred = schema.get("$ref").and_then(Value::as_str).and_then(|to| root.pointer(to.strip_prefix('#')?));
    if let Some(other) = referred.or_else(|| first("anyOf")).or_else(|| first("oneOf")) {
        return made(root, other, depth);
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let one = |(name, schema): (&String, &Value)| (name.clone(), made(root, schema, depth));
        return Value::Object(properties.iter().map(one).collect());
    }
    match kind(schema) {
        "object" => Value::Object(Map::new()),
        "array" => schema.get("items").map_or_else(|| json!([]), |items| json!([made(root, items, depth)])),
        "integer" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1.5)),
        "boolean" => json!(true),
        "string" => json!(text(schema.get("format").and_then(Value::as_str))),
        _ => Value::Null,
    }
}

/// The type that a schema names, the first one of several.
fn kind(schema: &Value) -> &str {
    let named = schema.get("type");
    let first = |kinds: &'_ Value| kinds.as_array().and_then(|kinds| kinds.first()?.as_str().map(str::to_owned));
    match named {
        Some(Value::String(kind)) => kind,
        Some(list) => match first(list).as_deref() {
            Some("object") => "object",
            Some("array") => "array",
            Some("integer") => "integer",
            Some("number") => "number",
            Some("boolean") => "boolean",
            Some("string") => "string",
            _ => "",
        },
        None => "",
    }
}

fn text(format: Option<&str>) -> &'static str {
    match format {
        Some("date-time") => "2026-11-20T10:00:00Z",
        Some("date") => "2026-11-20",
        Some("email") => "someone@example.com",
        Some("uri") => "https://example.com/",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_made_from_a_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "id": {"type": "string", "examples": ["A-1"]},
                "total": {"type": "number", "minimum": 10},
                "paid": {"type": ["boolean", "null"]},
                "state": {"enum": ["new", "done"]},
                "at": {"type": "string", "format": "date-time"},
                "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            },
            "$defs": {"item": {"type": "object", "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}}}},
        });
        let expected = json!({
            "id": "A-1", "total": 10, "paid": true, "state": "new", "at": "2026-11-20T10:00:00Z",
            "items": [{"sku": "text", "count": 1}],
        });
        assert_eq!(of(&schema), expected);
        assert_eq!(of(&json!({"examples": [{"id": 7}], "type": "object"})), json!({"id": 7}));
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_has_an_end() {
        let schema = json!({"type": "object", "properties": {"child": {"$ref": "#"}}});
        assert!(of(&schema).to_string().len() < 200);
        assert_eq!(of(&json!(true)), Value::Null);
    }
}
