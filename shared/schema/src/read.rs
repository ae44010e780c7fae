//! From a schema as it is written to what is judged by.

use crate::{
    number::{self, Decimal},
    pattern::{self, Pattern},
};
use serde_json::{Map, Number, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The draft that is read.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The most patterns of a schema: a short one may stand for a large machine.
const PATTERNS_MAX: usize = 100;

/// The place of a schema among all that one holds.
pub(crate) type Id = usize;

/// One schema: the whole, or one inside of it.
#[derive(Debug)]
pub(crate) enum Node {
    /// `false`.
    Never,
    /// All of these hold; `true` has none.
    All(Vec<Rule>),
}

/// What a keyword asks for, or some that say something together.
#[derive(Debug)]
pub(crate) enum Rule {
    Types(Vec<Type>),
    Enum(Vec<Value>),
    Const(Value),
    MultipleOf(Number, Decimal),
    Minimum(Number),
    Maximum(Number),
    ExclusiveMinimum(Number),
    ExclusiveMaximum(Number),
    MinLength(u64),
    MaxLength(u64),
    Pattern(String, Pattern),
    MinItems(u64),
    MaxItems(u64),
    UniqueItems,
    Items {
        first: Vec<Id>,
        rest: Option<Id>,
    },
    Contains {
        item: Id,
        min: u64,
        max: Option<u64>,
    },
    MinProperties(u64),
    MaxProperties(u64),
    Required(Vec<String>),
    /// Each name, if the object has it, asks for others.
    DependentRequired(Vec<(String, Vec<String>)>),
    /// Each name, if the object has it, asks for a schema.
    DependentSchemas(Vec<(String, Id)>),
    Properties {
        named: BTreeMap<String, Id>,
        matching: Vec<(Pattern, Id)>,
        other: Option<Id>,
    },
    PropertyNames(Id),
    AllOf(Vec<Id>),
    AnyOf(Vec<Id>),
    OneOf(Vec<Id>),
    Not(Id),
    If {
        condition: Id,
        then: Option<Id>,
        otherwise: Option<Id>,
    },
    Ref(Id),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    const ALL: [Self; 7] =
        [Self::Null, Self::Boolean, Self::Integer, Self::Number, Self::String, Self::Array, Self::Object];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// All schemas in `root` that can be reached, itself first.
pub(crate) fn nodes(root: &Value) -> Result<Vec<Node>, String> {
    let mut reader = Reader { root, places: BTreeMap::new(), waiting: VecDeque::new(), patterns: 0 };
    reader.place(String::new(), root);
    let mut nodes = Vec::new();
    while let Some((place, schema)) = reader.waiting.pop_front() {
        let at = |why: String| {
            if place.is_empty() { why } else { format!("{why} (at `{place}`)") }
        };
        nodes.push(reader.node(&place, schema).map_err(at)?);
    }
    if leads_back(&nodes) {
        return Err("a schema leads back to itself without looking at anything of the data in between".to_owned());
    }
    Ok(nodes)
}

struct Reader<'s> {
    root: &'s Value,
    places: BTreeMap<String, Id>,
    /// In the order of their ids.
    waiting: VecDeque<(String, &'s Value)>,
    patterns: usize,
}

impl<'s> Reader<'s> {
    /// The id of the schema at a JSON pointer, which is read once.
    fn place(&mut self, place: String, schema: &'s Value) -> Id {
        let next = self.places.len();
        *self.places.entry(place.clone()).or_insert_with(|| {
            self.waiting.push_back((place, schema));
            next
        })
    }

    fn node(&mut self, place: &str, schema: &'s Value) -> Result<Node, String> {
        match schema {
            Value::Bool(true) => Ok(Node::All(Vec::new())),
            Value::Bool(false) => Ok(Node::Never),
            Value::Object(fields) => Keywords { reader: self, place, fields }.rules().map(Node::All),
            _ => Err("a schema must be an object, `true` or `false`".to_owned()),
        }
    }

    fn pattern(&mut self, text: &str) -> Result<Pattern, String> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(format!("there are more than {PATTERNS_MAX} patterns"));
        }
        pattern::read(text)
    }

    /// What a `$ref` points to.
    fn target(&mut self, target: &str) -> Result<Id, String> {
        let refused = || format!("`$ref` may only point into the schema itself (`#/...`), not to `{target}`");
        let pointer = percent_decoded(target.strip_prefix('#').ok_or_else(refused)?).ok_or_else(refused)?;
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(refused());
        }
        let schema =
            self.root.pointer(&pointer).ok_or_else(|| format!("`$ref` points to `{target}`, where nothing is"))?;
        Ok(self.place(pointer, schema))
    }
}

/// One schema that is an object.
struct Keywords<'r, 's, 'p> {
    reader: &'r mut Reader<'s>,
    place: &'p str,
    fields: &'s Map<String, Value>,
}

impl<'s> Keywords<'_, 's, '_> {
    fn rules(mut self) -> Result<Vec<Rule>, String> {
        self.words()?;
        let mut rules = Vec::new();
        self.values(&mut rules)?;
        self.numbers(&mut rules)?;
        self.texts(&mut rules)?;
        self.arrays(&mut rules)?;
        self.objects(&mut rules)?;
        self.others(&mut rules)?;
        Ok(rules)
    }

    /// Keywords that only tell, and those that are not taken. Any other name tells too, says the draft.
    fn words(&mut self) -> Result<(), String> {
        for (name, value) in self.fields {
            let expected = match name.as_str() {
                "$schema" if value.as_str().is_none_or(|draft| draft.trim_end_matches('#') != DRAFT) => {
                    return Err(format!("`$schema` must be `{DRAFT}`"));
                }
                "$id" if !self.place.is_empty() => {
                    return Err("`$id` is only taken at the root".to_owned());
                }
                "$dynamicRef" | "$dynamicAnchor" | "unevaluatedItems" | "unevaluatedProperties" => {
                    return Err(format!("`{name}` is not taken"));
                }
                "$id" | "$anchor" | "$comment" | "title" | "description" | "format" | "contentEncoding"
                | "contentMediaType" => value.is_string().then_some(()).ok_or("a text"),
                "deprecated" | "readOnly" | "writeOnly" | "uniqueItems" => {
                    value.is_boolean().then_some(()).ok_or("`true` or `false`")
                }
                "examples" => value.is_array().then_some(()).ok_or("a list"),
                _ => Ok(()),
            };
            expected.map_err(|what| must_be(name, what))?;
        }
        self.one("contentSchema")?;
        // Judged wherever they are pointed to; read here, so that they are valid even if nobody does.
        self.by_name("$defs")?;
        Ok(())
    }

    fn values(&mut self, rules: &mut Vec<Rule>) -> Result<(), String> {
        if let Some(types) = self.fields.get("type") {
            rules.push(Rule::Types(types_of(types)?));
        }
        if let Some(values) = self.fields.get("enum") {
            rules.push(Rule::Enum(values.as_array().ok_or_else(|| must_be("enum", "a list"))?.clone()));
        }
        rules.extend(self.fields.get("const").cloned().map(Rule::Const));
        Ok(())
    }

    fn numbers(&mut self, rules: &mut Vec<Rule>) -> Result<(), String> {
        if let Some(number) = self.number("multipleOf")? {
            let decimal = Decimal::of(&number).filter(|it| !it.is_zero() && number.as_f64().is_some_and(|it| it > 0.0));
            let decimal = decimal.ok_or_else(|| must_be("multipleOf", "greater than 0"))?;
            rules.push(Rule::MultipleOf(number, decimal));
        }
        rules.extend(self.number("minimum")?.map(Rule::Minimum));
        rules.extend(self.number("maximum")?.map(Rule::Maximum));
        rules.extend(self.number("exclusiveMinimum")?.map(Rule::ExclusiveMinimum));
        rules.extend(self.number("exclusiveMaximum")?.map(Rule::ExclusiveMaximum));
        Ok(())
    }

    fn texts(&mut self, rules: &mut Vec<Rule>) -> Result<(), String> {
        rules.extend(self.count("minLength")?.map(Rule::MinLength));
        rules.extend(self.count("maxLength")?.map(Rule::MaxLength));
        if let Some(value) = self.fields.get("pattern") {
            let text = value.as_str().ok_or_else(|| must_be("pattern", "a text"))?;
            rules.push(Rule::Pattern(text.to_owned(), self.reader.pattern(text)?));
        }
        Ok(())
    }

    fn arrays(&mut self, rules: &mut Vec<Rule>) -> Result<(), String> {
        rules.extend(self.count("minItems")?.map(Rule::MinItems));
        rules.extend(self.count("maxItems")?.map(Rule::MaxItems));
        if self.fields.get("uniqueItems") == Some(&Value::Bool(true)) {
            rules.push(Rule::UniqueItems);
        }
        let first = self.several("prefixItems")?.unwrap_or_default();
        if self.fields.get("items").is_some_and(Value::is_array) {
            return Err("`items` must be one schema; those of the first items are in `prefixItems`".to_owned());
        }
        let rest = self.one("items")?;
        if !first.is_empty() || rest.is_some() {
            rules.push(Rule::Items { first, rest });
        }
        let (min, max) = (self.count("minContains")?.unwrap_or(1), self.count("maxContains")?);
        rules.extend(self.one("contains")?.map(|item| Rule::Contains { item, min, max }));
        Ok(())
    }

    fn objects(&mut self, rules: &mut Vec<Rule>) -> Result<(), String> {
        rules.extend(self.count("minProperties")?.map(Rule::MinProperties));
        rules.extend(self.count("maxProperties")?.map(Rule::MaxProperties));
        if let Some(required) = self.fields.get("required") {
            rules.push(Rule::Required(names("required", required)?));
        }
        if let Some(dependent) = self.fields.get("dependentRequired") {
            let fields = dependent.as_object().ok_or_else(|| must_be("dependentRequired", "an object"))?;
            let needs = fields.iter().map(|(name, value)| Ok((name.clone(), names("dependentRequired", value)?)));
            rules.push(Rule::DependentRequired(needs.collect::<Result<_, String>>()?));
        }
        let dependent = self.by_name("dependentSchemas")?;
        rules.extend(dependent.map(|it| Rule::DependentSchemas(it.into_iter().collect())));
        let named = self.by_name("properties")?;
        let matching = self.by_name("patternProperties")?;
        let other = self.one("additionalProperties")?;
        if named.is_some() || matching.is_some() || other.is_some() {
            let matching = matching.unwrap_or_default().into_iter();
            let matching =
                matching.map(|(text, id)| Ok((self.reader.pattern(&text)?, id))).collect::<Result<_, String>>()?;
            rules.push(Rule::Properties { named: named.unwrap_or_default(), matching, other });
        }
        rules.extend(self.one("propertyNames")?.map(Rule::PropertyNames));
        Ok(())
    }

    fn others(&mut self, rules: &mut Vec<Rule>) -> Result<(), String> {
        if let Some(target) = self.fields.get("$ref") {
            let target = target.as_str().ok_or_else(|| must_be("$ref", "a text"))?;
            rules.push(Rule::Ref(self.reader.target(target)?));
        }
        rules.extend(self.several("allOf")?.map(Rule::AllOf));
        rules.extend(self.several("anyOf")?.map(Rule::AnyOf));
        rules.extend(self.several("oneOf")?.map(Rule::OneOf));
        rules.extend(self.one("not")?.map(Rule::Not));
        let (then, otherwise) = (self.one("then")?, self.one("else")?);
        rules.extend(self.one("if")?.map(|condition| Rule::If { condition, then, otherwise }));
        Ok(())
    }

    fn number(&self, name: &str) -> Result<Option<Number>, String> {
        let Some(value) = self.fields.get(name) else {
            return Ok(None);
        };
        let Value::Number(number) = value else {
            return Err(must_be(name, "a number"));
        };
        Ok(Some(number.clone()))
    }

    fn count(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(number) = self.number(name)? else {
            return Ok(None);
        };
        let count = number::integer(&number).filter(|count| *count >= 0);
        let count = count.ok_or_else(|| must_be(name, "an integer of at least 0"))?;
        Ok(Some(u64::try_from(count).unwrap_or(u64::MAX)))
    }

    /// A schema under a keyword.
    fn one(&mut self, name: &str) -> Result<Option<Id>, String> {
        let Some(schema) = self.fields.get(name) else {
            return Ok(None);
        };
        if !is_schema(schema) {
            return Err(must_be(name, "a schema: an object, `true` or `false`"));
        }
        Ok(Some(self.reader.place(format!("{}/{}", self.place, escaped(name)), schema)))
    }

    /// A list of schemas under a keyword.
    fn several(&mut self, name: &str) -> Result<Option<Vec<Id>>, String> {
        let Some(schemas) = self.fields.get(name) else {
            return Ok(None);
        };
        let schemas = schemas.as_array().filter(|it| !it.is_empty() && it.iter().all(is_schema));
        let schemas = schemas.ok_or_else(|| must_be(name, "a list of at least one schema"))?;
        let place = |(number, schema)| self.reader.place(format!("{}/{name}/{number}", self.place), schema);
        Ok(Some(schemas.iter().enumerate().map(place).collect()))
    }

    /// Schemas by their names under a keyword.
    fn by_name(&mut self, name: &str) -> Result<Option<BTreeMap<String, Id>>, String> {
        let Some(schemas) = self.fields.get(name) else {
            return Ok(None);
        };
        let schemas = schemas.as_object().filter(|it| it.values().all(is_schema));
        let schemas = schemas.ok_or_else(|| must_be(name, "an object of schemas"))?;
        let place = |(key, schema): (&String, &'s Value)| {
            (key.clone(), self.reader.place(format!("{}/{name}/{}", self.place, escaped(key)), schema))
        };
        Ok(Some(schemas.iter().map(place).collect()))
    }
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

fn types_of(value: &Value) -> Result<Vec<Type>, String> {
    let wrong =
        || must_be("type", "one of null, boolean, integer, number, string, array and object, or a list of them");
    let one = |value: &Value| {
        let name = value.as_str().ok_or_else(wrong)?;
        Type::ALL.into_iter().find(|it| it.name() == name).ok_or_else(wrong)
    };
    let Some(values) = value.as_array() else {
        return Ok(vec![one(value)?]);
    };
    let types: Vec<_> = values.iter().map(one).collect::<Result<_, _>>()?;
    let unique = types.iter().enumerate().all(|(number, it)| types.iter().skip(number + 1).all(|other| other != it));
    if types.is_empty() || !unique { Err(wrong()) } else { Ok(types) }
}

fn names(keyword: &str, value: &Value) -> Result<Vec<String>, String> {
    let wrong = || must_be(keyword, "a list of names, none of them twice");
    let values = value.as_array().ok_or_else(wrong)?;
    let names: Vec<_> =
        values.iter().map(|it| it.as_str().map(str::to_owned).ok_or_else(wrong)).collect::<Result<_, _>>()?;
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() { Err(wrong()) } else { Ok(names) }
}

fn must_be(name: &str, what: &str) -> String {
    format!("`{name}` must be {what}")
}

/// A name as a part of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// `None` if it is no UTF-8 then, or a percent sign is followed by something else than two digits.
fn percent_decoded(text: &str) -> Option<String> {
    let (mut bytes, mut decoded) = (text.bytes(), Vec::with_capacity(text.len()));
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

/// Whether judging a value by some schema would have the same value judged by the same schema again, for ever.
fn leads_back(nodes: &[Node]) -> bool {
    // How many lead to each: those that nothing leads to are taken away until there are none. What remains goes in circles.
    let mut led_to = vec![0_usize; nodes.len()];
    for target in nodes.iter().flat_map(same_value) {
        led_to[target] += 1;
    }
    let mut free: Vec<Id> = (0..nodes.len()).filter(|id| led_to[*id] == 0).collect();
    let mut taken = 0;
    while let Some(id) = free.pop() {
        taken += 1;
        for target in same_value(&nodes[id]) {
            led_to[target] -= 1;
            if led_to[target] == 0 {
                free.push(target);
            }
        }
    }
    taken < nodes.len()
}

/// The schemas that a schema has the same value judged by.
fn same_value(node: &Node) -> Vec<Id> {
    let Node::All(rules) = node else {
        return Vec::new();
    };
    let of = |rule: &Rule| match rule {
        Rule::AllOf(ids) | Rule::AnyOf(ids) | Rule::OneOf(ids) => ids.clone(),
        Rule::Not(id) | Rule::Ref(id) => vec![*id],
        Rule::If { condition, then, otherwise } => {
            [Some(*condition), *then, *otherwise].into_iter().flatten().collect()
        }
        Rule::DependentSchemas(schemas) => schemas.iter().map(|(_, id)| *id).collect(),
        _ => Vec::new(),
    };
    rules.iter().flat_map(of).collect()
}
