//! What the form of an endpoint holds: read from what is saved or from what was entered, and as the API takes it.

use crate::{form::Form, literal};
use api::{endpoints::EndpointView, problem::FieldProblem};
use domain::webhook::{
    Signing,
    filter::{Combine, Filter},
    transform::Transform,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The most rows of a kind that are read: more than the API takes, so that it says when there are too many.
const ROWS_MAX: usize = 60;

/// The three limits, by the names of their fields.
pub(super) const LIMITS: [&str; 3] = ["limits.per_second", "limits.per_hour", "limits.per_day"];

/// Which conditions compare with nothing.
const ALONE: [&str; 2] = ["exists", "absent"];

/// One condition of the filter, as it is entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ConditionRow {
    pub(super) field: String,
    pub(super) op: String,
    pub(super) value: String,
}

/// What the form of an endpoint holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) description: String,
    /// The registered types that are ticked.
    pub(super) ticked: Vec<String>,
    /// Other types, one a line.
    pub(super) others: String,
    /// `all` or `any` of the conditions.
    pub(super) combine: String,
    pub(super) conditions: Vec<ConditionRow>,
    /// Fields that stay, one a line.
    pub(super) pick: String,
    /// Old names and new ones.
    pub(super) renames: Vec<(String, String)>,
    /// Fields and what they are set to.
    pub(super) constants: Vec<(String, String)>,
    /// Headers that are saved: their names and masks, and whether they are to be taken away.
    pub(super) kept: Vec<(String, String, bool)>,
    /// Headers to be added, or given another value. Values are never shown again.
    pub(super) headers: Vec<(String, String)>,
    pub(super) signing: String,
    pub(super) secret: String,
    pub(super) ordered: bool,
    pub(super) limits: [String; 3],
    pub(super) retry_policy: String,
    pub(super) paused: bool,
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The rows of a pair of fields. Those in which nothing was entered are left out.
fn pairs(form: &Form, name: &str, [first, second]: [&str; 2]) -> Vec<(String, String)> {
    let row = |at: usize| {
        let text = |part: &str| form.text(&format!("{name}.{at}.{part}")).to_owned();
        (text(first), text(second))
    };
    (0..ROWS_MAX).map(row).filter(|(first, second)| !first.is_empty() || !second.is_empty()).collect()
}

fn stored<T: DeserializeOwned + Default>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

impl Draft {
    /// What an endpoint begins with.
    pub(super) fn fresh() -> Self {
        Self {
            combine: "all".to_owned(),
            signing: "hmac".to_owned(),
            retry_policy: "standard".to_owned(),
            ..Self::default()
        }
    }

    /// What is saved. Types that are in `registered` have a box to be ticked.
    pub(super) fn saved(endpoint: &EndpointView, registered: &[String]) -> Self {
        let filter: Option<Filter> = stored(&endpoint.filter);
        let transform: Transform = stored(&endpoint.transform);
        let (ticked, others): (Vec<_>, Vec<_>) =
            endpoint.events.iter().map(ToString::to_string).partition(|kind| registered.contains(kind));
        let condition = |condition: &domain::webhook::filter::Condition| ConditionRow {
            field: condition.field.clone(),
            op: json!(condition.op).as_str().unwrap_or_default().to_owned(),
            value: compared(&condition.value),
        };
        let any = filter.as_ref().is_some_and(|filter| filter.combine == Combine::Any);
        let limit = |limit: Option<u32>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        let limits = endpoint.limits;
        Self {
            name: endpoint.name.clone(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone().unwrap_or_default(),
            ticked,
            others: others.join("\n"),
            combine: if any { "any" } else { "all" }.to_owned(),
            conditions: filter.iter().flat_map(|filter| &filter.conditions).map(condition).collect(),
            pick: transform.pick.join("\n"),
            renames: transform.rename.into_iter().collect(),
            constants: transform.constant.iter().map(|(name, value)| (name.clone(), literal::show(value))).collect(),
            kept: kept(endpoint, |_| false),
            headers: Vec::new(),
            signing: match endpoint.signing {
                Signing::Hmac => "hmac",
                Signing::Ed25519 => "ed25519",
            }
            .to_owned(),
            secret: String::new(),
            ordered: endpoint.ordered,
            limits: [limit(limits.per_second), limit(limits.per_hour), limit(limits.per_day)],
            retry_policy: endpoint.retry_policy.as_str().to_owned(),
            paused: false,
        }
    }

    /// What was entered, for an endpoint that is saved or a new one.
    pub(super) fn entered(form: &Form, endpoint: Option<&EndpointView>) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        let condition = |at: usize| {
            let part = |part: &str| form.text(&format!("filter.conditions.{at}.{part}")).to_owned();
            ConditionRow { field: part("field"), op: part("op"), value: part("value") }
        };
        let removed = |name: &str| form.all("headers.remove").any(|removed| removed == name);
        Self {
            name: text("name"),
            url: text("url"),
            description: text("description"),
            ticked: form.all("event").map(str::to_owned).collect(),
            others: text("events"),
            combine: text("filter.match"),
            conditions: (0..ROWS_MAX)
                .map(condition)
                .filter(|row| !row.field.is_empty() || !row.value.is_empty())
                .collect(),
            pick: text("transform.pick"),
            renames: pairs(form, "transform.rename", ["old", "new"]),
            constants: pairs(form, "transform.constant", ["field", "value"]),
            kept: endpoint.map(|endpoint| kept(endpoint, removed)).unwrap_or_default(),
            headers: pairs(form, "headers", ["name", "value"]),
            signing: text("signing"),
            secret: text("secret"),
            ordered: form.has("ordered"),
            limits: LIMITS.map(text),
            retry_policy: text("retry_policy"),
            paused: form.has("paused"),
        }
    }

    /// The types of events that it names: those that are ticked, then the others.
    pub(super) fn events(&self) -> Vec<&str> {
        self.ticked.iter().map(String::as_str).chain(lines(&self.others)).collect()
    }

    /// As the API takes what it has in common for a new endpoint and a change. What only this form can find wrong is in
    /// `faults`: a header without a value, a name that stands there twice.
    pub(super) fn body(&self, faults: &mut Vec<FieldProblem>) -> Map<String, Value> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        set("name", json!(self.name));
        set("url", json!(self.url));
        set("description", json!(self.description));
        set("events", json!(self.events()));
        set("filter", self.filter());
        set("transform", self.transform(faults));
        set("headers", self.header_values(faults));
        set("ordered", json!(self.ordered));
        set("limits", self.limit_values());
        set("retry_policy", json!(self.retry_policy));
        body
    }

    fn filter(&self) -> Value {
        if self.conditions.is_empty() {
            return Value::Null;
        }
        let condition = |row: &ConditionRow| {
            let mut condition = json!({"field": row.field, "op": row.op});
            let value = match row.op.as_str() {
                "in" => literal::read_list(&row.value),
                // A text, be it one that looks like a number.
                "prefix" => literal::read(&row.value).as_str().map_or_else(|| json!(row.value), |text| json!(text)),
                _ => literal::read(&row.value),
            };
            // What is entered where nothing is compared is the API's to refuse.
            if !row.value.is_empty() || !ALONE.contains(&row.op.as_str()) {
                condition["value"] = value;
            }
            condition
        };
        json!({"match": self.combine, "conditions": self.conditions.iter().map(condition).collect::<Vec<_>>()})
    }

    fn transform(&self, faults: &mut Vec<FieldProblem>) -> Value {
        let rename = once(&self.renames, "transform.rename", |new| json!(new), faults);
        let constant = once(&self.constants, "transform.constant", literal::read, faults);
        let pick = lines(&self.pick);
        if pick.is_empty() && rename.is_empty() && constant.is_empty() {
            return Value::Null;
        }
        json!({"pick": pick, "rename": rename, "constant": constant})
    }

    /// Headers by name. An empty value takes one away.
    fn header_values(&self, faults: &mut Vec<FieldProblem>) -> Value {
        let removed = self.kept.iter().filter(|(.., removed)| *removed);
        let mut headers: BTreeMap<&str, &str> = removed.map(|(name, ..)| (name.as_str(), "")).collect();
        for (name, value) in &self.headers {
            if value.is_empty() {
                let message = "Enter the value of this header. It is not shown again.";
                faults.push(fault(format!("headers.{name}"), "required", message));
            } else if headers.insert(name, value).is_some_and(|before| !before.is_empty()) {
                faults.push(fault(format!("headers.{name}"), "conflict", "There is a header of this name already."));
            }
        }
        json!(headers)
    }

    /// What cannot be a number goes as it is: the API says what is wrong with it.
    fn limit_values(&self) -> Value {
        let named = LIMITS.iter().zip(&self.limits).filter(|(_, limit)| !limit.is_empty());
        let value = |text: &String| text.parse::<u32>().map_or_else(|_| json!(text), |number| json!(number));
        let short = |name: &str| name.trim_start_matches("limits.").to_owned();
        Value::Object(named.map(|(name, limit)| (short(name), value(limit))).collect())
    }
}

/// What a condition compares with, as it is entered: a list with commas, unless that would read as another one.
fn compared(value: &Value) -> String {
    let list = value.as_array().map(|list| list.iter().map(literal::show).collect::<Vec<_>>().join(", "));
    match list.filter(|list| literal::read_list(list) == *value) {
        Some(list) => list,
        None if value.is_null() => String::new(),
        None => literal::show(value),
    }
}

fn kept(endpoint: &EndpointView, removed: impl Fn(&str) -> bool) -> Vec<(String, String, bool)> {
    endpoint.headers.iter().map(|(name, mask)| (name.clone(), mask.clone(), removed(name))).collect()
}

fn fault(field: String, code: &str, message: &str) -> FieldProblem {
    FieldProblem { field, code: code.to_owned(), message: message.to_owned() }
}

/// The pairs by their first part, each once.
fn once(
    pairs: &[(String, String)],
    name: &str,
    value: impl Fn(&str) -> Value,
    faults: &mut Vec<FieldProblem>,
) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, text) in pairs {
        if map.insert(key.clone(), value(text)).is_some() {
            faults.push(fault(format!("{name}.{key}"), "conflict", "This field stands here twice."));
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Form {
        Form::parse(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().as_bytes())
    }

    #[test]
    fn rows_become_what_the_api_takes() {
        let entered = form(&[
            ("name", " Orders "),
            ("url", "https://example.com/in"),
            ("event", "order.created"),
            ("events", "order.paid\r\n\r\n invoice.* "),
            ("filter.match", "any"),
            ("filter.conditions.0.field", "total"),
            ("filter.conditions.0.op", "gte"),
            ("filter.conditions.0.value", "100"),
            ("filter.conditions.1.field", ""),
            ("filter.conditions.1.op", "eq"),
            ("filter.conditions.2.field", "country"),
            ("filter.conditions.2.op", "in"),
            ("filter.conditions.2.value", "SA, AE"),
            ("filter.conditions.3.field", "zip"),
            ("filter.conditions.3.op", "prefix"),
            ("filter.conditions.3.value", "12"),
            ("filter.conditions.4.field", "coupon"),
            ("filter.conditions.4.op", "exists"),
            ("transform.pick", "id\ntotal"),
            ("transform.rename.0.old", "total"),
            ("transform.rename.0.new", "amount"),
            ("transform.constant.0.field", "shop"),
            ("transform.constant.0.value", "eu"),
            ("headers.0.name", "X-Key"),
            ("headers.0.value", "s3cret"),
            ("ordered", "on"),
            ("limits.per_second", "5"),
            ("limits.per_hour", "many"),
            ("retry_policy", "manual"),
        ]);
        let mut faults = Vec::new();
        let body = Value::Object(Draft::entered(&entered, None).body(&mut faults));
        let conditions = json!([
            {"field": "total", "op": "gte", "value": 100},
            {"field": "country", "op": "in", "value": ["SA", "AE"]},
            {"field": "zip", "op": "prefix", "value": "12"},
            {"field": "coupon", "op": "exists"},
        ]);
        let expected = json!({
            "name": "Orders", "url": "https://example.com/in", "description": "",
            "events": ["order.created", "order.paid", "invoice.*"],
            "filter": {"match": "any", "conditions": conditions},
            "transform": {"pick": ["id", "total"], "rename": {"total": "amount"}, "constant": {"shop": "eu"}},
            "headers": {"X-Key": "s3cret"}, "ordered": true,
            "limits": {"per_second": 5, "per_hour": "many"}, "retry_policy": "manual",
        });
        assert_eq!((body, faults), (expected, vec![]));
    }

    #[test]
    fn what_is_compared_with_is_shown_as_it_is_entered() {
        for (value, text) in [
            (json!(["SA", "AE", 1]), "SA, AE, 1"),
            (json!(["a,b"]), "[\"a,b\"]"),
            (json!("100"), "\"100\""),
            (Value::Null, ""),
        ] {
            assert_eq!(compared(&value), text);
        }
    }

    #[test]
    fn what_would_be_lost_is_told() {
        let entered = form(&[
            ("headers.0.name", "X-Key"),
            ("headers.1.name", "X-Two"),
            ("headers.1.value", "a"),
            ("headers.2.name", "X-Two"),
            ("headers.2.value", "b"),
            ("transform.rename.0.old", "a"),
            ("transform.rename.0.new", "b"),
            ("transform.rename.1.old", "a"),
            ("transform.rename.1.new", "c"),
        ]);
        let mut faults = Vec::new();
        Draft::entered(&entered, None).body(&mut faults);
        let named: Vec<_> = faults.iter().map(|fault| (fault.field.as_str(), fault.code.as_str())).collect();
        let expected =
            [("transform.rename.a", "conflict"), ("headers.X-Key", "required"), ("headers.X-Two", "conflict")];
        assert_eq!(named, expected);
    }
}
