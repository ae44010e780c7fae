//! A JSON value as a person enters it in one line: what reads as JSON is that (`100`, `true`, `"100"`, `[1, 2]`),
//! everything else is a text.

use serde_json::Value;

/// What was entered.
pub(crate) fn read(text: &str) -> Value {
    let text = text.trim();
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// Several values with commas between them, or a JSON list.
pub(crate) fn read_list(text: &str) -> Value {
    match read(text) {
        list @ Value::Array(_) => list,
        _ => text.split(',').map(read).collect(),
    }
}

/// As it is entered: a text without quotation marks, unless it would read as something else.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && read(text) == *value => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_shown_reads_as_what_it_was() {
        for (value, text) in [
            (json!("SA"), "SA"),
            (json!("two words"), "two words"),
            (json!("100"), "\"100\""),
            (json!(" "), "\" \""),
            (json!(""), "\"\""),
            (json!("true"), "\"true\""),
            (json!(100), "100"),
            (json!(2.5), "2.5"),
            (json!(false), "false"),
            (json!(["SA", 1]), "[\"SA\",1]"),
            (json!({"a": 1}), "{\"a\":1}"),
        ] {
            assert_eq!(show(&value), text);
            assert_eq!(read(text), value, "{text}");
        }
    }

    #[test]
    fn a_list_is_entered_with_commas_or_as_json() {
        assert_eq!(read_list("SA, AE,100"), json!(["SA", "AE", 100]));
        assert_eq!(read_list("[\"a,b\", 2]"), json!(["a,b", 2]));
    }
}
