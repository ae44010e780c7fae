//! No schema keeps a function busy, however short it is, and no data fills its memory or its stack.

use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};
use trunkline_schema::{FAULTS_MAX, Schema};

const TOO_LONG: &str = "takes too long to be held against its schema";

fn read(schema: &Value) -> Schema {
    Schema::read(schema).unwrap_or_else(|why| panic!("{schema}: {why}"))
}

/// Each refers twice to the next: 80 lines that would be looked at 2^40 times.
fn doubled(how: &str, last: &Value) -> Value {
    let mut defs: Map<String, Value> = (0..40)
        .map(|number| {
            let next = json!({"$ref": format!("#/$defs/a{}", number + 1)});
            (format!("a{number}"), json!({how: [next, next]}))
        })
        .collect();
    defs.insert("a40".to_owned(), last.clone());
    json!({"$ref": "#/$defs/a0", "$defs": defs})
}

#[test]
fn what_doubles_at_every_step_is_given_up() {
    let begin = Instant::now();
    for (how, last) in [("allOf", true), ("allOf", false), ("anyOf", false), ("oneOf", true), ("oneOf", false)] {
        let faults = read(&doubled(how, &json!(last))).faults(&json!(1));
        if how == "allOf" && !last {
            // Ten faults are enough to know.
            assert_eq!(faults.len(), FAULTS_MAX);
        } else if how == "oneOf" && last {
            assert_eq!(faults.len(), 1);
        } else {
            assert_eq!(faults, [(String::new(), TOO_LONG.to_owned())], "{how} {last}");
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_stack_suffices_for_the_deepest_data_and_the_longest_chain() {
    let deep = (0..120).fold(json!({}), |inner, _| json!({"a": inner}));
    let tree = read(&json!({"properties": {"a": {"$ref": "#"}}, "additionalProperties": false}));
    assert_eq!(tree.faults(&deep), []);
    let mut defs: Map<String, Value> =
        (0..900).map(|number| (format!("a{number}"), json!({"$ref": format!("#/$defs/a{}", number + 1)}))).collect();
    defs.insert("a900".to_owned(), json!(true));
    let chain = read(&json!({"$ref": "#/$defs/a0", "$defs": defs}));
    assert_eq!(chain.faults(&json!(1)), [(String::new(), TOO_LONG.to_owned())]);
}

#[test]
fn only_some_faults_are_named_of_many() {
    let schema = read(&json!({"items": {"allOf": vec![false; 3_000]}}));
    assert_eq!(schema.faults(&json!(vec![0; 100_000])).len(), FAULTS_MAX);
    assert_eq!(schema.faults(&json!([])), []);
}

#[test]
fn large_events_with_ordinary_schemas_are_judged() {
    let line = json!({
        "type": "object", "required": ["sku", "quantity"], "additionalProperties": false,
        "properties": {
            "sku": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"}, "quantity": {"type": "integer", "minimum": 1},
            "price": {"anyOf": [{"type": "null"}, {"type": "number", "multipleOf": 0.01}]},
        },
    });
    let schema = read(&json!({"type": "array", "uniqueItems": true, "items": line}));
    let lines: Vec<_> = (1..6_000).map(|n| json!({"sku": format!("A-{n}"), "quantity": n, "price": 19.90})).collect();
    let lines = json!(lines);
    assert!(lines.to_string().len() > 250_000);
    assert_eq!(schema.faults(&lines), []);
}

#[test]
fn patterns_are_bounded_in_number_and_size() {
    let many: Vec<_> = (0..=100).map(|number| json!({"pattern": format!("a{number}")})).collect();
    assert!(Schema::read(&json!({"allOf": many})).is_err_and(|why| why.contains("100 patterns")));
    assert!(Schema::read(&json!({"pattern": "(a{1000}){1000}"})).is_err_and(|why| why.contains("the pattern")));
}

#[test]
fn a_schema_that_only_leads_back_to_itself_is_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"not": {"if": {"$ref": "#"}}}),
        json!({"dependentSchemas": {"a": {"$ref": "#"}}}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
    ] {
        assert!(Schema::read(&schema).is_err_and(|why| why.contains("leads back")), "{schema}");
    }
}

/// What looks at all of a text, or a list, costs as much as there is of it, however few schemas ask for it.
#[test]
fn large_data_is_not_looked_at_again_and_again() {
    let long = "a".repeat(256 << 10);
    let objects = json!([{"a": vec![0; 60_000]}, {"a": vec![0; 60_000]}]);
    for (rule, data) in [
        (json!({"maxLength": 1_000_000}), json!(long)),
        (json!({"minLength": 1}), json!(long)),
        (json!({"const": long[..20_000]}), json!(long[..20_000])),
        (json!({"pattern": "^(?:a?){300}b"}), json!(long)),
        (json!({"not": {"uniqueItems": true}}), objects),
    ] {
        let schema = json!({"allOf": vec![json!({"$ref": "#/$defs/a"}); 100], "$defs": {"a": {"allOf": vec![json!({"$ref": "#/$defs/b"}); 100]}, "b": rule}});
        let (schema, began) = (read(&schema), Instant::now());
        let faults = schema.faults(&data);
        assert_eq!(faults, [(String::new(), TOO_LONG.to_owned())], "{rule}");
        assert!(began.elapsed() < Duration::from_secs(3), "{rule}: {:?}", began.elapsed());
    }
}
