//! The form of an integration, made from the catalog: what a provider wants to know, with help, units and examples. What
//! the API finds wrong is shown beside its field.

use crate::{api::Asked, faults, field::Field, form::Form, language::Language, view::View, visit::Visit};
use ::api::problem::FieldProblem;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One provider of the catalog, as `GET /v1/catalog` has it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) provider: String,
    name: String,
    name_ar: String,
    description: String,
    description_ar: String,
    schema: Schema,
    pub(super) secrets: Vec<SecretEntry>,
    limits: LimitsEntry,
}

#[derive(Clone, Debug, Deserialize)]
struct LimitsEntry {
    note: String,
    note_ar: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Schema {
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    properties: BTreeMap<String, Property>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Property {
    r#type: Value,
    title: String,
    #[serde(rename = "x-title-ar")]
    title_ar: String,
    description: String,
    #[serde(rename = "x-description-ar")]
    description_ar: String,
    r#enum: Vec<Value>,
    #[serde(rename = "x-enum-titles")]
    enum_titles: Vec<String>,
    #[serde(rename = "x-enum-titles-ar")]
    enum_titles_ar: Vec<String>,
    default: Value,
    examples: Vec<Value>,
    minimum: Option<i64>,
    maximum: Option<i64>,
    max_length: Option<u64>,
    format: String,
}

/// A secret field of the catalog.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SecretEntry {
    pub(super) name: String,
    title: String,
    title_ar: String,
    description: String,
    description_ar: String,
    needed: String,
    needed_ar: String,
    required: bool,
}

/// What comes first in a form: how it is connected, then who sends. What is not named follows.
const ORDER: &[&str] = &[
    "mode",
    "auth",
    "directory_id",
    "issuer",
    "client_id",
    "host",
    "port",
    "security",
    "username",
    "region",
    "access_key_id",
    "from_address",
    "from_name",
    "reply_to",
    "server",
    "stream",
];

impl Property {
    /// What its values are called.
    fn choices(&self, view: &View) -> Vec<(String, &str)> {
        let titles = match view.language {
            Language::English => &self.enum_titles,
            Language::Arabic => &self.enum_titles_ar,
        };
        self.r#enum.iter().map(shown).zip(titles.iter().map(String::as_str)).collect()
    }
}

impl SecretEntry {
    /// What to enter, where to find it and when it is needed.
    fn help(&self, view: &View) -> String {
        let help = view.say(&self.description, &self.description_ar);
        if self.required || self.needed == "always" {
            return help.to_owned();
        }
        let (when, needed) = (view.say("Needed:", "متى يلزم:"), view.say(&self.needed, &self.needed_ar));
        format!("{help} {when} {needed}.")
    }
}

/// What a form shows: what was entered, or is saved, and what is wrong with it.
#[derive(Default)]
pub(super) struct Entered<'a> {
    /// What was sent.
    pub(super) form: Option<&'a Form>,
    /// What is saved.
    pub(super) config: Option<&'a Map<String, Value>>,
    pub(super) errors: &'a [FieldProblem],
}

impl Entered<'_> {
    fn value(&self, name: &str, property: &Property) -> String {
        match (self.form, self.config) {
            (Some(form), _) => form.raw(&format!("config.{name}")).unwrap_or_default().to_owned(),
            (None, Some(config)) => config.get(name).map(shown).unwrap_or_default(),
            (None, None) => shown(&property.default),
        }
    }

    /// What is wrong with a field.
    fn fault(&self, field: &str) -> Option<&FieldProblem> {
        faults::of(self.errors, field)
    }
}

/// A JSON value as a person enters it: a list as lines.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}

impl Entry {
    fn properties(&self) -> Vec<(&String, &Property)> {
        let mut all: Vec<_> = self.schema.properties.iter().collect();
        all.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name).unwrap_or(usize::MAX));
        all
    }

    /// Its name.
    pub(super) fn name<'a>(&'a self, view: &View) -> &'a str {
        view.say(&self.name, &self.name_ar)
    }

    /// What it is good for.
    pub(super) fn description<'a>(&'a self, view: &View) -> &'a str {
        view.say(&self.description, &self.description_ar)
    }

    /// Why its limits are as they are when nobody sets any.
    pub(super) fn limits_note<'a>(&'a self, view: &View) -> &'a str {
        view.say(&self.limits.note, &self.limits.note_ar)
    }

    /// What a setting or a secret is called; its own name where the catalog does not know it any more.
    pub(super) fn label<'a>(&'a self, view: &View, name: &'a str) -> &'a str {
        let property = self.schema.properties.get(name).map(|found| (&found.title, &found.title_ar));
        let secret =
            || self.secrets.iter().find(|found| found.name == name).map(|found| (&found.title, &found.title_ar));
        property.or_else(secret).map_or(name, |(title, title_ar)| view.say(title, title_ar))
    }

    /// What a setting's value is called, where it is one of a few.
    pub(super) fn choice(&self, view: &View, name: &str, value: &str) -> Option<&str> {
        let choices = self.schema.properties.get(name)?.choices(view);
        choices.into_iter().find(|(known, _)| known == value).map(|(_, words)| words)
    }

    /// The names of all fields, as the API names them when something is wrong.
    pub(super) fn field_names(&self) -> Vec<String> {
        let config = self.schema.properties.keys().map(|name| format!("config.{name}"));
        let secrets = self.secrets.iter().map(|secret| format!("secrets.{}", secret.name));
        config.chain(secrets).chain(["name".to_owned()]).collect()
    }

    /// The fields of its settings.
    pub(super) fn settings(&self, view: &View, entered: &Entered<'_>) -> Markup {
        html! { @for (name, property) in self.properties() { (self.setting(view, name, property, entered)) } }
    }

    fn setting(&self, view: &View, name: &str, property: &Property, entered: &Entered<'_>) -> Markup {
        let (field_name, value) = (format!("config.{name}"), entered.value(name, property));
        let required = self.schema.required.iter().any(|known| known == name);
        let example = property.examples.first().map(shown).unwrap_or_default();
        let is_long =
            property.r#type == "array" || example.contains('\n') || property.max_length.is_some_and(|max| max > 2_000);
        let field = Field {
            name: &field_name,
            title: (view.say(&property.title, &property.title_ar), view.language.tag()),
            help: (view.say(&property.description, &property.description_ar), view.language.tag()),
            example: example.lines().next().unwrap_or_default(),
            required,
            fault: entered.fault(&field_name),
        };
        let wrong = field.wrong();
        let is_number = property.r#type == "integer";
        field.around(view, |id, described| {
            if property.r#type == "boolean" {
                html! { input id=(id) type="checkbox" name=(field_name) value="true" checked[value == "true"] aria-describedby=[described]; }
            } else if !property.r#enum.is_empty() {
                html! {
                    select id=(id) name=(field_name) aria-describedby=[described] aria-invalid=[wrong] {
                        @if !required { option value="" { "–" } }
                        @for (choice, words) in property.choices(view) {
                            option value=(choice) selected[choice == value] { (words) }
                        }
                    }
                }
            } else if is_long {
                html! {
                    textarea id=(id) name=(field_name) rows="3" dir="ltr" spellcheck="false" required[required]
                        aria-describedby=[described] aria-invalid=[wrong] { (value) }
                }
            } else {
                let kind = if is_number { "number" } else if property.format == "email" { "email" } else { "text" };
                let direction = if name.ends_with("_name") || name == "link_text" { "auto" } else { "ltr" };
                html! {
                    input id=(id) type=(kind) name=(field_name) value=(value) required[required] dir=(direction)
                        min=[property.minimum] max=[property.maximum] maxlength=[property.max_length]
                        autocomplete="off" aria-describedby=[described] aria-invalid=[wrong];
                }
            }
        })
    }

    /// The fields of its secrets. What is saved is never shown; left empty, it stays.
    pub(super) fn secret_fields(
        &self,
        view: &View,
        masks: Option<&BTreeMap<String, String>>,
        entered: &Entered<'_>,
    ) -> Markup {
        html! {
            @for secret in &self.secrets {
                @let name = format!("secrets.{}", secret.name);
                @let mask = masks.and_then(|masks| masks.get(&secret.name));
                @let help = secret.help(view);
                @let required = secret.required && masks.is_none();
                @let field = Field {
                    name: &name, title: (view.say(&secret.title, &secret.title_ar), view.language.tag()),
                    help: (&help, view.language.tag()), example: "", required, fault: entered.fault(&name),
                };
                (field.around(view, |id, described| html! {
                    @if secret.name.contains("private_key") {
                        textarea id=(id) name=(name) rows="3" dir="ltr" spellcheck="false" autocomplete="off" aria-describedby=[described] {}
                    } @else {
                        input id=(id) type="password" name=(name) required[required] dir="ltr" autocomplete="new-password"
                            placeholder=[mask] aria-describedby=[described] aria-invalid=[field.wrong()];
                    }
                }))
            }
        }
    }

    /// The settings of a form that was sent, as the API takes them. What cannot be a number goes as it is: the API says
    /// what is wrong with it.
    pub(super) fn config_of(&self, form: &Form) -> Map<String, Value> {
        let mut config = Map::new();
        for (name, property) in &self.schema.properties {
            let field = format!("config.{name}");
            let value = match form.raw(&field).map(|raw| if raw.contains('\n') { raw } else { raw.trim() }) {
                None if property.r#type == "boolean" => json!(false),
                None | Some("") => continue,
                Some(text) if property.r#type == "boolean" => json!(text == "true"),
                Some(text) if property.r#type == "integer" => {
                    text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
                }
                Some(text) if property.r#type == "array" => {
                    json!(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>())
                }
                Some(text) => json!(text.replace("\r\n", "\n")),
            };
            config.insert(name.clone(), value);
        }
        config
    }

    /// The secrets that were entered.
    pub(super) fn secrets_of(&self, form: &Form) -> BTreeMap<String, String> {
        let entered = self.secrets.iter().filter_map(|secret| {
            let value = form.raw(&format!("secrets.{}", secret.name))?;
            Some((secret.name.clone(), value.replace("\r\n", "\n")))
        });
        entered.collect()
    }
}

/// The providers that can be set up here.
pub(super) async fn catalog(visit: &Visit) -> Asked<Vec<Entry>> {
    let catalog: crate::api::Listed<Entry> = visit.api.get("/v1/catalog").await?;
    // Endpoints have a page of their own.
    Ok(catalog.items.into_iter().filter(|entry| entry.provider != "webhook").collect())
}

/// What several parts of the form share: the limits.
pub(super) const LIMITS: [(&str, &str, &str); 3] = [
    ("per_second", "Messages per second", "رسائل في الثانية"),
    ("per_hour", "Messages per hour", "رسائل في الساعة"),
    ("per_day", "Messages per day", "رسائل في اليوم"),
];

/// The limits that were entered; none where all are empty.
pub(super) fn limits_of(form: &Form) -> Map<String, Value> {
    let entered = LIMITS.iter().filter_map(|(name, ..)| {
        let text = form.entered(&format!("limits.{name}"))?;
        Some(((*name).to_owned(), text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number))))
    });
    entered.collect()
}

/// The fields of the limits.
pub(super) fn limit_fields(view: &View, saved: &Map<String, Value>, entered: &Entered<'_>) -> Markup {
    html! {
        @for (name, english, arabic) in LIMITS {
            @let field_name = format!("limits.{name}");
            @let field = Field::new(view, &field_name, view.say(english, arabic), "").judged(entered.errors);
            @let value = entered.form.map_or_else(|| saved.get(name).map(shown).unwrap_or_default(), |form| form.text(&field_name).to_owned());
            (field.number(view, &value, 1, None))
        }
    }
}
