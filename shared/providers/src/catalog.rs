//! What the catalog of integrations says about a provider.

use domain::{channel::Provider, rate::Limits};
use serde::Serialize;
use serde_json::Value;

/// One provider in the catalog.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CatalogEntry {
    /// The channel it serves, e.g. `email`.
    pub kind: &'static str,
    /// The provider.
    pub provider: Provider,
    /// Its name for people.
    pub name: &'static str,
    /// The name in Arabic.
    pub name_ar: &'static str,
    /// What it is good for, in a sentence.
    pub description: &'static str,
    /// The description in Arabic.
    pub description_ar: &'static str,
    /// The JSON Schema (2020-12) of `config`. Beside each `title` and `description` stand `x-title-ar` and
    /// `x-description-ar`, and beside an `enum` what its values are called: `x-enum-titles` and `x-enum-titles-ar`, in the
    /// order of the values.
    pub schema: Value,
    /// Its secret fields.
    pub secrets: Vec<SecretField>,
    /// The limits of an integration that names none.
    pub limits: LimitDefaults,
    /// Its page in the documentation, relative to the repository.
    pub docs: &'static str,
}

/// One secret field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SecretField {
    /// Its name in `secrets`.
    pub name: &'static str,
    /// Its label.
    pub title: &'static str,
    /// The label in Arabic.
    pub title_ar: &'static str,
    /// What to enter and where to find it.
    pub description: &'static str,
    /// The description in Arabic.
    pub description_ar: &'static str,
    /// When it is needed, in words; `always` or a condition on `config`.
    pub needed: &'static str,
    /// The same in Arabic.
    pub needed_ar: &'static str,
    /// Whether it is needed whatever `config` says.
    pub required: bool,
}

/// The limits of an integration that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LimitDefaults {
    /// As they are applied.
    #[serde(flatten)]
    pub limits: Limits,
    /// Why, and when they differ.
    pub note: &'static str,
    /// The same in Arabic.
    pub note_ar: &'static str,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// Whether a text is Arabic, or a name that is the same everywhere.
    fn is_arabic(text: &str) -> bool {
        let names = ["SMTP", "SendGrid", "Postmark", "Amazon SES", "Slack", "Microsoft Teams", "Microsoft Entra ID"];
        let terms = ["STARTTLS", "TLS"];
        text.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c)) || names.contains(&text) || terms.contains(&text)
    }

    /// Every text for people, wherever it stands, has its Arabic.
    fn check(place: &str, value: &Value) {
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| check(&format!("{place}[{at}]"), item));
            }
            Value::Object(fields) => {
                let is_schema = fields.contains_key("type") || fields.contains_key("x-title-ar");
                for name in ["name", "title", "description", "needed", "note"] {
                    let twin = if is_schema { format!("x-{name}-ar") } else { format!("{name}_ar") };
                    // A secret's name is a key, not a text; and a field may be called `title`.
                    if fields.get(name).is_some_and(Value::is_string)
                        && !(name == "name" && fields.contains_key("needed"))
                    {
                        let arabic = fields.get(&twin).and_then(Value::as_str).unwrap_or_default();
                        assert!(is_arabic(arabic), "{place}.{twin}: {arabic}");
                    }
                }
                if let Some(Value::Array(values)) = fields.get("enum") {
                    for titles in ["x-enum-titles", "x-enum-titles-ar"] {
                        let titles_of =
                            fields.get(titles).and_then(Value::as_array).unwrap_or_else(|| panic!("{place}: {titles}"));
                        assert_eq!(titles_of.len(), values.len(), "{place}: {titles}");
                        assert!(
                            !titles.ends_with("-ar") || titles_of.iter().all(|it| is_arabic(it.as_str().unwrap())),
                            "{place}"
                        );
                    }
                }
                for (name, value) in fields.iter().filter(|(name, _)| !["examples", "default"].contains(&name.as_str()))
                {
                    check(&format!("{place}.{name}"), value);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_text_of_the_catalog_is_there_in_arabic() {
        let catalog = serde_json::to_value(crate::catalog()).unwrap();
        check("catalog", &catalog);
    }
}
