//! Small changes of an event's data before it is posted: no code, only pick, rename and constant.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is made of an event's data, in this order: pick, rename, constants. Fields are named as in
/// [`filter::field`](super::filter::field).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transform {
    /// The fields that stay; all of them where this is empty. Each stays where it was; of a list only the named elements
    /// stay, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pick: Vec<String>,
    /// Old names to new ones. All are taken away before the first is put down, so that two may change places; in a list,
    /// what is taken away leaves null.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// Fields that are set to a constant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub constant: BTreeMap<String, Value>,
}

impl Transform {
    /// Whether it leaves everything as it is.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.pick.is_empty() && self.rename.is_empty() && self.constant.is_empty()
    }

    /// What becomes of `data`. What a field's name leads through and is no object becomes one, except for elements that a
    /// list has.
    #[must_use]
    pub fn apply(&self, mut data: Value) -> Value {
        if !self.pick.is_empty() {
            let paths = self.pick.iter().map(|path| path.split('.').collect()).collect();
            data = pick(data, paths).unwrap_or_else(|| Value::Object(Map::new()));
        }
        // Backwards, so that `a.b` is taken before `a`.
        let moved: Vec<(&str, Value)> =
            self.rename.iter().rev().filter_map(|(old, new)| Some((new.as_str(), take(&mut data, old)?))).collect();
        for (new, value) in moved.into_iter().rev() {
            put(&mut data, new, value);
        }
        for (name, value) in &self.constant {
            put(&mut data, name, value.clone());
        }
        data
    }
}

/// Keeps what the paths lead to. An empty path keeps all.
fn pick(value: Value, paths: Vec<Vec<&str>>) -> Option<Value> {
    if paths.iter().any(Vec::is_empty) {
        return Some(value);
    }
    let mut below: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for mut path in paths {
        let name = path.remove(0);
        below.entry(name).or_default().push(path);
    }
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(name, value)| {
                let value = pick(value, below.remove(name.as_str())?)?;
                Some((name, value))
            });
            Some(kept.collect::<Map<_, _>>()).filter(|kept| !kept.is_empty()).map(Value::Object)
        }
        Value::Array(list) => {
            let kept = list.into_iter().enumerate().filter_map(|(at, value)| {
                let paths = below.remove(at.to_string().as_str())?;
                pick(value, paths)
            });
            Some(kept.collect::<Vec<_>>()).filter(|kept| !kept.is_empty()).map(Value::Array)
        }
        _ => None,
    }
}

/// Takes a field away.
fn take(value: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = match path.rsplit_once('.') {
        Some((parents, name)) => (parents.split('.').try_fold(value, step)?, name),
        None => (value, path),
    };
    match parent {
        Value::Object(map) => map.remove(name),
        other => step(other, name).map(Value::take),
    }
}

/// Into an object, or into a list's element.
fn step<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(map) => map.get_mut(name),
        Value::Array(list) => list.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Sets a field, with all that leads there.
fn put(value: &mut Value, path: &str, new: Value) {
    let mut place = value;
    for name in path.split('.') {
        let is_element = matches!(&*place, Value::Array(list) if name.parse().is_ok_and(|at: usize| at < list.len()));
        if !is_element && !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(map) => map.entry(name).or_insert(Value::Null),
            Value::Array(list) => match name.parse::<usize>().ok().and_then(|at| list.get_mut(at)) {
                Some(element) => element,
                None => return,
            },
            _ => return,
        };
    }
    *place = new;
}

#[cfg(test)]
mod tests {
    use super::{super::filter::field, *};
    use proptest::prelude::*;
    use serde_json::json;

    fn transform(spec: Value) -> Transform {
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn fields_are_picked_where_they_are() {
        let data = json!({"id": 1, "customer": {"name": "Sara", "country": "AE"}, "items": [{"sku": "a", "n": 1}, {"sku": "b"}]});
        let picked = |paths: &[&str]| transform(json!({"pick": paths})).apply(data.clone());
        assert_eq!(picked(&["id", "customer.country"]), json!({"id": 1, "customer": {"country": "AE"}}));
        assert_eq!(picked(&["items.1", "items.0.sku"]), json!({"items": [{"sku": "a"}, {"sku": "b"}]}));
        assert_eq!(picked(&["customer", "customer.name"]), json!({"customer": data["customer"]}));
        assert_eq!(picked(&["missing", "id.deeper", "items.7", "items.x"]), json!({}));
        assert_eq!(transform(json!({"pick": ["a"]})).apply(json!("text")), json!({}));
    }

    #[test]
    fn fields_are_renamed_all_at_once() {
        let renamed = |names: Value, data: Value| transform(json!({"rename": names})).apply(data);
        assert_eq!(renamed(json!({"a": "b", "b": "a"}), json!({"a": 1, "b": 2})), json!({"a": 2, "b": 1}));
        assert_eq!(
            renamed(json!({"a.b": "x", "a": "y.z"}), json!({"a": {"b": 1, "c": 2}})),
            json!({"x": 1, "y": {"z": {"c": 2}}})
        );
        assert_eq!(
            renamed(json!({"a.0": "x", "a.1": "y"}), json!({"a": [1, 2, 3]})),
            json!({"a": [null, null, 3], "x": 1, "y": 2})
        );
        assert_eq!(renamed(json!({"missing": "x"}), json!({"a": 1})), json!({"a": 1}));
    }

    #[test]
    fn constants_win_and_make_their_way() {
        let set = |spec: Value, data: Value| transform(json!({"constant": spec})).apply(data);
        assert_eq!(set(json!({"a.b": 1}), json!({"a": 7})), json!({"a": {"b": 1}}));
        assert_eq!(set(json!({"a.0.b": 1, "a.5": 2}), json!({"a": [{}, 2]})), json!({"a": {"5": 2}}));
        assert_eq!(set(json!({"a.1": 9}), json!({"a": [1, 2]})), json!({"a": [1, 9]}));
        assert_eq!(set(json!({"source": "shop"}), json!([])), json!({"source": "shop"}));
        let all = transform(json!({"pick": ["id"], "rename": {"id": "order"}, "constant": {"id": 0}}));
        assert_eq!(all.apply(json!({"id": 5, "x": 1})), json!({"order": 5, "id": 0}));
    }

    #[test]
    fn nothing_to_do_is_known() {
        assert!(transform(json!({})).is_nothing() && !transform(json!({"constant": {"a": null}})).is_nothing());
    }

    fn json_values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c0-2.]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]|[0-2]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn paths() -> impl Strategy<Value = String> {
        prop::collection::vec("[a-c]|[0-2]", 1..4).prop_map(|words| words.join("."))
    }

    proptest! {
        #[test]
        fn whatever_comes_it_answers_and_constants_are_there(
            data in json_values(), pick in prop::collection::vec(paths(), 0..4),
            rename in prop::collection::btree_map(paths(), paths(), 0..4), name in paths(), value in json_values(),
        ) {
            let transform = Transform { pick, rename, constant: BTreeMap::from([(name.clone(), value.clone())]) };
            let changed = transform.apply(data);
            prop_assert_eq!(field(&changed, &name), Some(&value));
        }

        #[test]
        fn picking_twice_is_picking_once_where_no_list_is(data in json_values(), pick in prop::collection::vec("[a-c](\\.[a-c])?", 1..4)) {
            let transform = Transform { pick, ..Transform::default() };
            let once = transform.apply(data);
            prop_assert_eq!(transform.apply(once.clone()), once);
        }

        #[test]
        fn what_is_picked_is_what_was_there(data in json_values(), path in "[a-c](\\.[a-c])?") {
            let picked = Transform { pick: vec![path.clone()], ..Transform::default() }.apply(data.clone());
            prop_assert_eq!(field(&picked, &path), field(&data, &path));
        }

        #[test]
        fn a_rename_there_and_back_changes_nothing(data in json_values(), name in "[a-c]") {
            prop_assume!(data.is_object());
            let to = |old: &str, new: &str| Transform { rename: BTreeMap::from([(old.to_owned(), new.to_owned())]), ..Transform::default() };
            let there = to(&name, "elsewhere").apply(data.clone());
            prop_assert_eq!(field(&there, "elsewhere"), field(&data, &name));
            prop_assert_eq!(to("elsewhere", &name).apply(there), data);
        }
    }
}
