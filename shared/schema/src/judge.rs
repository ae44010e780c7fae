//! Data, held against what was read.

use crate::{
    FAULTS_MAX, Fault,
    number::{self, Decimal},
    order::{are_unique, compare},
    pattern::Pattern,
    read::{Id, Node, Rule, Type, escaped},
};
use serde_json::{Map, Number, Value};
use std::{cmp::Ordering, collections::BTreeMap};

/// The most steps for some data. A schema that has the same judged again and again, two ways each time, would take for ever;
/// the largest events with ordinary schemas need a quarter.
const STEPS_MAX: usize = 1_000_000;
/// How much of a text is counted or compared in a step, in bytes.
const BYTES_A_STEP: usize = 64;
/// The most schemas inside of each other, so that the stack suffices.
const DEPTH_MAX: usize = 512;

/// Where in the data.
#[derive(Clone, Copy)]
enum Place<'p> {
    Whole,
    Field(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Whole => String::new(),
            Self::Field(of, name) => format!("{}/{}", of.pointer(), escaped(name)),
            Self::Item(of, number) => format!("{}/{number}", of.pointer()),
        }
    }
}

/// Goes through data once.
pub(crate) struct Judge<'s> {
    nodes: &'s [Node],
    faults: Vec<Fault>,
    /// Faults are named; else it is enough to know that there is one.
    aloud: bool,
    steps: usize,
    depth: usize,
    /// It was too much.
    given_up: bool,
}

impl<'s> Judge<'s> {
    pub(crate) const fn new(nodes: &'s [Node]) -> Self {
        Self { nodes, faults: Vec::new(), aloud: true, steps: 0, depth: 0, given_up: false }
    }

    pub(crate) fn faults(mut self, data: &Value) -> Vec<Fault> {
        self.fits(0, data, &Place::Whole);
        if self.given_up {
            return vec![(String::new(), "takes too long to be held against its schema".to_owned())];
        }
        self.faults
    }

    fn fits(&mut self, id: Id, data: &Value, place: &Place<'_>) -> bool {
        if self.depth >= DEPTH_MAX || !self.may_spend(1) {
            self.given_up = true;
            return false;
        }
        // Borrowed from what outlives the judge.
        let nodes: &'s [Node] = self.nodes;
        match nodes.get(id) {
            Some(Node::Never) => self.fault(place, || "is not allowed here".to_owned()),
            Some(Node::All(rules)) => {
                self.depth += 1;
                let fit = self.all(rules, |judge, rule| judge.obeys(rule, data, place));
                self.depth -= 1;
                fit
            }
            None => false,
        }
    }

    /// Whether all hold. Those after the first that does not are only looked at for their faults.
    fn all<T>(&mut self, all: impl IntoIterator<Item = T>, mut holds: impl FnMut(&mut Self, T) -> bool) -> bool {
        let mut fit = true;
        for one in all {
            fit &= holds(self, one);
            if !fit && (self.given_up || !self.aloud || self.faults.len() >= FAULTS_MAX) {
                return false;
            }
        }
        fit
    }

    /// Whether it fits, without a word about it.
    fn quietly(&mut self, id: Id, data: &Value, place: &Place<'_>) -> bool {
        let aloud = std::mem::replace(&mut self.aloud, false);
        let fits = self.fits(id, data, place);
        self.aloud = aloud;
        fits
    }

    fn fault(&mut self, place: &Place<'_>, why: impl FnOnce() -> String) -> bool {
        if self.aloud && self.faults.len() < FAULTS_MAX {
            self.faults.push((place.pointer(), why()));
        }
        false
    }

    fn expect(&mut self, holds: bool, place: &Place<'_>, why: impl FnOnce() -> String) -> bool {
        holds || self.fault(place, why)
    }

    const fn may_spend(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > STEPS_MAX {
            self.given_up = true;
        }
        !self.given_up
    }

    fn obeys(&mut self, rule: &'s Rule, data: &Value, place: &Place<'_>) -> bool {
        match rule {
            Rule::Types(types) => self.expect(types.iter().any(|it| is_of(*it, data)), place, || of_types(types)),
            Rule::Enum(values) => {
                let one = self.may_spend(values.iter().map(weight).sum())
                    && values.iter().any(|it| compare(it, data).is_eq());
                self.expect(one, place, || "must be one of the values of `enum`".to_owned())
            }
            Rule::Const(value) => {
                let same = self.may_spend(weight(value)) && compare(value, data).is_eq();
                self.expect(same, place, || "must be the value of `const`".to_owned())
            }
            Rule::AllOf(ids) => self.all(ids, |judge, id| judge.fits(*id, data, place)),
            Rule::AnyOf(ids) => {
                let any = ids.iter().any(|id| self.quietly(*id, data, place));
                self.expect(any, place, || "fits none of the schemas of `anyOf`".to_owned())
            }
            Rule::OneOf(ids) => {
                let mut fitting = 0;
                for id in ids {
                    fitting += u32::from(self.quietly(*id, data, place));
                    if fitting > 1 {
                        break;
                    }
                }
                let many = if fitting == 0 { "none" } else { "more than one" };
                self.expect(fitting == 1, place, || format!("fits {many} of the schemas of `oneOf`"))
            }
            Rule::Not(id) => {
                let fits = self.quietly(*id, data, place);
                self.expect(!fits, place, || "must not fit the schema of `not`".to_owned())
            }
            Rule::If { condition, then, otherwise } => {
                let next = if self.quietly(*condition, data, place) { then } else { otherwise };
                next.is_none_or(|id| self.fits(id, data, place))
            }
            Rule::Ref(id) => self.fits(*id, data, place),
            _ => match data {
                Value::Number(number) => self.number(rule, number, place),
                Value::String(text) => self.text(rule, text, place),
                Value::Array(items) => self.array(rule, items, place),
                Value::Object(fields) => self.object(rule, fields, data, place),
                Value::Null | Value::Bool(_) => true,
            },
        }
    }

    fn number(&mut self, rule: &Rule, number: &Number, place: &Place<'_>) -> bool {
        let compared = |to: &Number| number::compare(number, to);
        match rule {
            Rule::MultipleOf(of, step) => {
                let is = Decimal::of(number).is_some_and(|it| it.is_multiple_of(*step));
                self.expect(is, place, || format!("must be a multiple of {of}"))
            }
            Rule::Minimum(least) => {
                self.expect(compared(least) != Ordering::Less, place, || format!("must be at least {least}"))
            }
            Rule::Maximum(most) => {
                self.expect(compared(most) != Ordering::Greater, place, || format!("must be at most {most}"))
            }
            Rule::ExclusiveMinimum(bound) => {
                self.expect(compared(bound) == Ordering::Greater, place, || format!("must be more than {bound}"))
            }
            Rule::ExclusiveMaximum(bound) => {
                self.expect(compared(bound) == Ordering::Less, place, || format!("must be less than {bound}"))
            }
            _ => true,
        }
    }

    fn text(&mut self, rule: &Rule, text: &str, place: &Place<'_>) -> bool {
        let chars = || text.chars().count() as u64;
        match rule {
            Rule::MinLength(least) => {
                let fits = self.may_spend(text.len() / BYTES_A_STEP) && chars() >= *least;
                self.expect(fits, place, || format!("must have at least {least} characters"))
            }
            Rule::MaxLength(most) => {
                let fits = self.may_spend(text.len() / BYTES_A_STEP) && chars() <= *most;
                self.expect(fits, place, || format!("must have at most {most} characters"))
            }
            Rule::Pattern(pattern, regex) => {
                let matches = self.may_spend(regex.steps(text.len())) && regex.is_match(text);
                self.expect(matches, place, || format!("must match the pattern `{pattern}`"))
            }
            _ => true,
        }
    }

    fn array(&mut self, rule: &'s Rule, items: &[Value], place: &Place<'_>) -> bool {
        let length = items.len() as u64;
        match rule {
            Rule::MinItems(least) => {
                self.expect(length >= *least, place, || format!("must have at least {least} items"))
            }
            Rule::MaxItems(most) => self.expect(length <= *most, place, || format!("must have at most {most} items")),
            Rule::UniqueItems => {
                let unique = self.may_spend(items.iter().map(weight).sum()) && are_unique(items);
                self.expect(unique, place, || "must have no item twice".to_owned())
            }
            Rule::Items { first, rest } => self.all(items.iter().enumerate(), |judge, (number, item)| {
                let id = first.get(number).copied().or(*rest);
                id.is_none_or(|id| judge.fits(id, item, &Place::Item(place, number)))
            }),
            Rule::Contains { item: id, min, max } => {
                // One more than is allowed is enough to know.
                let enough = max.map_or(*min, |max| max.saturating_add(1).max(*min));
                let mut count = 0;
                for (number, item) in items.iter().enumerate() {
                    if count >= enough {
                        break;
                    }
                    count += u64::from(self.quietly(*id, item, &Place::Item(place, number)));
                }
                self.expect(count >= *min, place, || format!("must have at least {min} items that fit `contains`"))
                    && self.expect(max.is_none_or(|max| count <= max), place, || {
                        format!("must have at most {} items that fit `contains`", max.unwrap_or_default())
                    })
            }
            _ => true,
        }
    }

    fn object(&mut self, rule: &'s Rule, fields: &Map<String, Value>, data: &Value, place: &Place<'_>) -> bool {
        let count = fields.len() as u64;
        match rule {
            Rule::MinProperties(least) => {
                self.expect(count >= *least, place, || format!("must have at least {least} fields"))
            }
            Rule::MaxProperties(most) => {
                self.expect(count <= *most, place, || format!("must have at most {most} fields"))
            }
            Rule::Required(names) => self.has(names, fields, place),
            Rule::DependentRequired(needs) => {
                let asked = needs.iter().filter(|(name, _)| fields.contains_key(name));
                self.all(asked, |judge, (_, names)| judge.has(names, fields, place))
            }
            Rule::DependentSchemas(needs) => {
                let asked = needs.iter().filter(|(name, _)| fields.contains_key(name));
                self.all(asked, |judge, (_, id)| judge.fits(*id, data, place))
            }
            Rule::Properties { named, matching, other } => self.all(fields, |judge, (name, value)| {
                judge.property(Properties { named, matching, other: *other }, name, value, place)
            }),
            Rule::PropertyNames(id) => self.all(fields.keys(), |judge, name| {
                let fits = judge.quietly(*id, &Value::String(name.clone()), place);
                judge.expect(fits, place, || format!("must have no field that is named `{name}`"))
            }),
            _ => true,
        }
    }

    fn has(&mut self, names: &[String], fields: &Map<String, Value>, place: &Place<'_>) -> bool {
        let missing = names.iter().filter(|name| !fields.contains_key(*name));
        self.all(missing, |judge, name| judge.fault(place, || format!("lacks `{name}`")))
    }

    fn property(&mut self, rules: Properties<'s>, name: &str, value: &Value, place: &Place<'_>) -> bool {
        let place = Place::Field(place, name);
        if !self.may_spend(rules.matching.iter().map(|(pattern, _)| pattern.steps(name.len())).sum()) {
            return false;
        }
        let matching = rules.matching.iter().filter(|(regex, _)| regex.is_match(name)).map(|(_, id)| *id);
        let mut asked: Vec<Id> = rules.named.get(name).copied().into_iter().chain(matching).collect();
        if asked.is_empty() {
            asked.extend(rules.other);
        }
        self.all(asked, |judge, id| judge.fits(id, value, &place))
    }
}

/// How many steps it is to compare a value.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / BYTES_A_STEP,
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(fields) => {
            fields.iter().fold(1, |sum, (name, value)| sum + 1 + name.len() / BYTES_A_STEP + weight(value))
        }
        _ => 1,
    }
}

#[derive(Clone, Copy)]
struct Properties<'s> {
    named: &'s BTreeMap<String, Id>,
    matching: &'s [(Pattern, Id)],
    other: Option<Id>,
}

fn is_of(kind: Type, data: &Value) -> bool {
    match kind {
        Type::Null => data.is_null(),
        Type::Boolean => data.is_boolean(),
        Type::Integer => matches!(data, Value::Number(number) if number::is_integer(number)),
        Type::Number => data.is_number(),
        Type::String => data.is_string(),
        Type::Array => data.is_array(),
        Type::Object => data.is_object(),
    }
}

fn of_types(types: &[Type]) -> String {
    let names: Vec<_> = types.iter().map(|it| it.name()).collect();
    format!("must be of type {}", names.join(" or "))
}
