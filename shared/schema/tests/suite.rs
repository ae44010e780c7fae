//! The official test suite (github.com/json-schema-org/JSON-Schema-Test-Suite, its licence is beside it), those files of
//! draft 2020-12 that are about what is taken. A schema that is not taken is refused, and listed here; of no schema that is
//! taken may the verdict differ.

use serde_json::Value;
use std::{fs, path::Path};
use trunkline_schema::Schema;

/// The schemas that are refused, and a word of why.
const REFUSED: &[(&str, &str, &str)] = &[
    ("ecmascript-regex", "patterns always use unicode semantics with pattern", "Unicode's properties"),
    ("ecmascript-regex", "pattern with non-ASCII digits", "Unicode's properties"),
    ("ecmascript-regex", "patterns always use unicode semantics with patternProperties", "Unicode's properties"),
    ("ecmascript-regex", "patternProperties with non-ASCII digits", "Unicode's properties"),
    ("not", "collect annotations inside a 'not', even if collection is disabled", "`unevaluatedProperties`"),
    ("pattern", "pattern with Unicode property escape requires unicode mode", "Unicode's properties"),
    ("patternProperties", "patternProperties with Unicode property escape", "Unicode's properties"),
    ("ref", "remote ref, containing refs itself", "`$ref` may only point"),
    ("ref", "Recursive references between schemas", "`$id`"),
    ("ref", "ref creates new scope when adjacent to keywords", "`unevaluatedProperties`"),
    ("ref", "refs with relative uris and defs", "`$ref` may only point"),
    ("ref", "relative refs with absolute uris and defs", "`$ref` may only point"),
    ("ref", "$id must be resolved against nearest parent, not just immediate parent", "`$id`"),
    ("ref", "order of evaluation: $id and $ref", "`$ref` may only point"),
    ("ref", "order of evaluation: $id and $anchor and $ref", "`$ref` may only point"),
    ("ref", "order of evaluation: $id and $ref on nested schema", "`$ref` may only point"),
    ("ref", "simple URN base URI with $ref via the URN", "`$ref` may only point"),
    ("ref", "URN base URI with URN and JSON pointer ref", "`$ref` may only point"),
    ("ref", "URN base URI with URN and anchor ref", "`$ref` may only point"),
    ("ref", "URN ref with nested pointer ref", "`$ref` may only point"),
    ("ref", "ref to if", "`$ref` may only point"),
    ("ref", "ref to then", "`$ref` may only point"),
    ("ref", "ref to else", "`$ref` may only point"),
    ("ref", "ref with absolute-path-reference", "`$ref` may only point"),
];

#[test]
fn verdicts_are_those_of_the_official_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/draft2020-12");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let (mut judged, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for path in &files {
        let file = path.file_stem().unwrap().to_str().unwrap();
        let groups: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for group in groups {
            let about = group["description"].as_str().unwrap();
            let schema = match Schema::read(&group["schema"]) {
                Ok(schema) => schema,
                Err(why) => {
                    refused.push((file.to_owned(), about.to_owned(), why));
                    continue;
                }
            };
            for test in group["tests"].as_array().unwrap() {
                judged += 1;
                let faults = schema.faults(&test["data"]);
                if faults.is_empty() != test["valid"].as_bool().unwrap() {
                    wrong.push(format!("{file}: {about}: {}: {faults:?}", test["description"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(judged > 900, "only {judged} were judged");
    let unexpected: Vec<_> = refused
        .iter()
        .filter(|(file, about, why)| !REFUSED.iter().any(|it| it.0 == file && it.1 == about && why.contains(it.2)))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert_eq!(refused.len(), REFUSED.len(), "some are taken now: leave them out of the list");
}
