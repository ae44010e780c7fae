//! Message templates with variables, in English and Arabic.
//!
//! Templates are logic-poor on purpose: minijinja without loops over files, includes or user functions, with a limit
//! on work (fuel) and on size, strict about missing variables, and auto-escaping in HTML.

use crate::{channel::Channel, ids::TemplateId, time::Timestamp};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::LazyLock,
};

mod markdown;
mod ready_made;
pub use markdown::escape_markdown;
pub use ready_made::{RESERVED_PREFIX, ready_made};

/// Steps a template may take; the ready-made ones take fewer than 200.
const FUEL: u64 = 20_000;
/// The longest template source, in bytes.
pub const SOURCE_MAX_BYTES: usize = 64 * 1024;
/// The longest rendered text, in bytes.
pub const RENDERED_MAX_BYTES: usize = 256 * 1024;
/// The longest subject, in characters.
pub const SUBJECT_MAX_CHARS: usize = 250;

/// A language of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Arabic, right to left.
    Ar,
}

impl Locale {
    /// The BCP 47 tag.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ar => "ar",
        }
    }
}

impl FromStr for Locale {
    type Err = crate::channel::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "en" => Ok(Self::En),
            "ar" => Ok(Self::Ar),
            _ => Err(crate::channel::UnknownName),
        }
    }
}

/// A template of one channel in one or more languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its identifier.
    pub id: TemplateId,
    /// Its version; a change makes a new version, so what was accepted is sent as it was.
    pub version: u32,
    /// Its name for people.
    pub name: String,
    /// The channel it is written for.
    pub channel: Channel,
    /// Its texts by language; at least one.
    pub texts: BTreeMap<Locale, TemplateText>,
    /// The language of a recipient who has none or an unknown one.
    pub default_locale: Locale,
    /// When this version was made.
    pub created_at: Timestamp,
}

/// A template in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateText {
    /// The subject, where the channel has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Plain text; on Slack its mrkdwn, on Teams the Markdown of Adaptive Cards.
    pub text: String,
    /// HTML, where the channel can show it. Variables are escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The link it leads to, itself a template, usually `{{ link }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A message ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, one line.
    pub subject: Option<String>,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: Option<String>,
    /// The link it leads to.
    pub link: Option<String>,
}

/// Why a template cannot be used, in words that name the part and the cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A variable has no value.
    #[error("{part}: the variable `{variable}` has no value")]
    MissingVariable {
        /// `subject`, `text`, `html` or `link`.
        part: &'static str,
        /// The variable.
        variable: String,
    },
    /// The source is not a template, does too much, or makes too much.
    #[error("{part}: {reason}")]
    Invalid {
        /// `subject`, `text`, `html` or `link`.
        part: &'static str,
        /// Why, with the line where it is known.
        reason: String,
    },
}

impl Template {
    /// The texts for a recipient's language.
    #[must_use]
    pub fn text_for(&self, locale: Option<Locale>) -> Option<&TemplateText> {
        locale.and_then(|wanted| self.texts.get(&wanted)).or_else(|| self.texts.get(&self.default_locale))
    }

    /// The message for one recipient.
    pub fn render(
        &self,
        locale: Option<Locale>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Rendered, TemplateError> {
        self.compile(locale)?.render(variables)
    }

    /// The texts for a recipient's language, ready to make many messages.
    pub fn compile(&self, locale: Option<Locale>) -> Result<Compiled<'_>, TemplateError> {
        let text = self.text_for(locale).ok_or_else(|| TemplateError::Invalid {
            part: "texts",
            reason: format!("there is no text in the default language `{}`", self.default_locale.as_str()),
        })?;
        let parts = Parts {
            subject: text.subject.as_deref(),
            text: &text.text,
            html: text.html.as_deref(),
            link: text.link.as_deref(),
        };
        parts.compile(self.channel)
    }

    /// The variables that some language of this template uses.
    pub fn variables(&self) -> Result<BTreeSet<String>, TemplateError> {
        let mut names = BTreeSet::new();
        for text in self.texts.values() {
            names.extend(text.variables()?);
        }
        Ok(names)
    }
}

/// The sources of one message.
pub(crate) struct Parts<'a> {
    pub(crate) subject: Option<&'a str>,
    pub(crate) text: &'a str,
    pub(crate) html: Option<&'a str>,
    pub(crate) link: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Reads the texts; values will be escaped as the channel's markup needs it.
    pub(crate) fn compile(&self, channel: Channel) -> Result<Compiled<'a>, TemplateError> {
        let part = |part, markup, source: Option<&'a str>| {
            source.map(|source| Text::compile(part, markup, source)).transpose()
        };
        let text_markup = match channel {
            Channel::Email | Channel::M365 | Channel::Webhook => Markup::Plain,
            Channel::Slack => Markup::Mrkdwn,
            Channel::Teams => Markup::Markdown,
        };
        Ok(Compiled {
            subject: part("subject", Markup::Plain, self.subject)?,
            text: Text::compile("text", text_markup, self.text)?,
            html: part("html", Markup::Html, self.html)?,
            link: part("link", Markup::Plain, self.link)?,
        })
    }
}

/// A message whose texts were read once. Reading them takes several times as long as filling in a recipient's values.
pub struct Compiled<'a> {
    subject: Option<Text<'a>>,
    text: Text<'a>,
    html: Option<Text<'a>>,
    link: Option<Text<'a>>,
}

impl Compiled<'_> {
    /// The message for one recipient.
    pub fn render(&self, variables: &BTreeMap<String, String>) -> Result<Rendered, TemplateError> {
        self.fill(&Values::Flat(variables))
    }

    /// The message about something that happened: its variables may lead into objects, as in `{{ detail.order.id }}`.
    pub fn render_from(&self, values: &serde_json::Value) -> Result<Rendered, TemplateError> {
        self.fill(&Values::Nested(values))
    }

    fn fill(&self, values: &Values<'_>) -> Result<Rendered, TemplateError> {
        let part = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.render(values)).transpose();
        let subject = part(&self.subject)?;
        Ok(Rendered {
            subject: subject.map(|subject| one_line(&subject).chars().take(SUBJECT_MAX_CHARS).collect()),
            text: self.text.render(values)?,
            html: part(&self.html)?,
            link: part(&self.link)?,
        })
    }
}

/// What variables stand for.
enum Values<'v> {
    /// Texts by name.
    Flat(&'v BTreeMap<String, String>),
    /// JSON, into which names with dots lead.
    Nested(&'v serde_json::Value),
}

impl Values<'_> {
    fn render(&self, template: &minijinja::Template<'_, '_>) -> Result<String, minijinja::Error> {
        match self {
            Self::Flat(values) => template.render(*values),
            Self::Nested(values) => template.render(minijinja::value::Serde(*values)),
        }
    }

    /// The first variable of a template that stands for nothing.
    fn missing(&self, template: &minijinja::Template<'_, '_>) -> Option<String> {
        let unknown = |name: &String| match self {
            Self::Flat(values) => !values.contains_key(name),
            Self::Nested(values) => crate::webhook::filter::field(values, name).is_none(),
        };
        template.undeclared_variables(matches!(self, Self::Nested(_))).into_iter().filter(unknown).min()
    }
}

/// A text as the source of a template that makes exactly it: what a message about an event says was written by whoever
/// caused the event, and is no template of ours.
#[must_use]
pub fn literal(text: &str) -> String {
    if !["{{", "{%", "{#"].iter().any(|begin| text.contains(begin)) {
        return text.to_owned();
    }
    let mut source = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let end = rest[start..].find(|c| c != '{').map_or(rest.len(), |length| start + length);
        source.push_str(&rest[..start]);
        source.push_str("{% raw %}");
        source.push_str(&rest[start..end]);
        source.push_str("{% endraw %}");
        rest = &rest[end..];
    }
    source.push_str(rest);
    // The last line break of a template is not its text's.
    if source.ends_with('\n') {
        source.push('\n');
    }
    source
}

/// How a value is written into a text, so that it stays a value: a recipient's name is no tag and no mention.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Markup {
    Plain,
    Html,
    /// Slack's: `&`, `<` and `>` are special (Slack, "Formatting text for app surfaces").
    Mrkdwn,
    /// That of Adaptive Cards.
    Markdown,
}

const MRKDWN: &str = "mrkdwn";
const MARKDOWN: &str = "markdown";

impl Markup {
    /// minijinja chooses the escaping by the template's name.
    const fn template_name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Html => "html",
            Self::Mrkdwn => MRKDWN,
            Self::Markdown => MARKDOWN,
        }
    }
}

impl TemplateText {
    fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("subject", self.subject.as_deref()),
            ("text", Some(self.text.as_str())),
            ("html", self.html.as_deref()),
            ("link", self.link.as_deref()),
        ]
        .into_iter()
        .filter_map(|(part, source)| source.map(|source| (part, source)))
    }

    /// The variables it uses. Also the check that every part is a template.
    pub fn variables(&self) -> Result<BTreeSet<String>, TemplateError> {
        let mut names = BTreeSet::new();
        for (part, source) in self.parts() {
            if source.len() > SOURCE_MAX_BYTES {
                return Err(TemplateError::Invalid { part, reason: format!("longer than {SOURCE_MAX_BYTES} bytes") });
            }
            let template = ENVIRONMENT
                .template_from_named_str(Markup::Plain.template_name(), source)
                .map_err(|error| invalid(part, &error))?;
            names.extend(template.undeclared_variables(false));
        }
        Ok(names)
    }
}

/// Removes line breaks, which a header must not have.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The rules are the same for every text.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("title", minijinja::filters::title);
    environment.add_filter("capitalize", minijinja::filters::capitalize);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(8);
    environment.set_auto_escape_callback(|name| match name {
        "html" => AutoEscape::Html,
        MRKDWN => AutoEscape::Custom(MRKDWN.into()),
        MARKDOWN => AutoEscape::Custom(MARKDOWN.into()),
        _ => AutoEscape::None,
    });
    environment.set_formatter(|out, state, value| match state.auto_escape() {
        AutoEscape::Custom(markup) if markup == MARKDOWN => {
            out.write_str(&escape_markdown(&value.to_string())).map_err(Into::into)
        }
        AutoEscape::Custom(_) => {
            let escaped = value.to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            out.write_str(&escaped).map_err(Into::into)
        }
        _ => minijinja::escape_formatter(out, state, value),
    });
    environment
}

/// One text of a message.
enum Text<'a> {
    /// Without variables, as most subjects and links of a given message.
    Fixed(&'a str),
    Filled {
        part: &'static str,
        template: minijinja::Template<'a, 'a>,
    },
}

impl<'a> Text<'a> {
    fn compile(part: &'static str, markup: Markup, source: &'a str) -> Result<Self, TemplateError> {
        if !source.contains("{{") && !source.contains("{%") && !source.contains("{#") {
            return Ok(Self::Fixed(source));
        }
        let template = ENVIRONMENT.template_from_named_str(markup.template_name(), source);
        Ok(Self::Filled { part, template: template.map_err(|error| invalid(part, &error))? })
    }

    fn render(&self, values: &Values<'_>) -> Result<String, TemplateError> {
        let (part, template) = match self {
            Self::Fixed(source) => return Ok((*source).to_owned()),
            Self::Filled { part, template } => (*part, template),
        };
        let rendered = values.render(template).map_err(|error| {
            let missing = (error.kind() == ErrorKind::UndefinedError).then(|| values.missing(template));
            match missing.flatten() {
                Some(variable) => TemplateError::MissingVariable { part, variable },
                None => invalid(part, &error),
            }
        })?;
        if rendered.len() > RENDERED_MAX_BYTES {
            return Err(TemplateError::Invalid { part, reason: format!("makes more than {RENDERED_MAX_BYTES} bytes") });
        }
        Ok(rendered)
    }
}

fn invalid(part: &'static str, error: &minijinja::Error) -> TemplateError {
    let reason = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    let reason = match error.line() {
        Some(line) => format!("{reason} (line {line})"),
        None => reason,
    };
    TemplateError::Invalid { part, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn template(text: TemplateText) -> Template {
        Template {
            id: "t".parse().unwrap(),
            version: 1,
            name: "T".into(),
            channel: Channel::Email,
            texts: BTreeMap::from([(Locale::En, text)]),
            default_locale: Locale::En,
            created_at: Timestamp(0),
        }
    }

    fn text(source: &str) -> TemplateText {
        TemplateText { subject: None, text: source.into(), html: None, link: None }
    }

    #[test]
    fn html_is_escaped_and_text_is_not() {
        let template = template(TemplateText {
            subject: Some("Hi {{ name }}".into()),
            html: Some("<p>{{ name }}</p>".into()),
            ..text("Hi {{ name }}")
        });
        let rendered = template.render(None, &vars(&[("name", "<b>\r\nBcc: x")])).unwrap();
        assert_eq!(rendered.html.unwrap(), "<p>&lt;b&gt;\r\nBcc: x</p>");
        assert_eq!(rendered.text, "Hi <b>\r\nBcc: x");
        assert_eq!(rendered.subject.unwrap(), "Hi <b> Bcc: x", "a subject stays one line");
    }

    #[test]
    fn on_slack_a_value_is_no_mention_and_no_link() {
        let template = Template { channel: Channel::Slack, ..template(text("<https://a.example|Hi> {{ name }}")) };
        let rendered = template.render(None, &vars(&[("name", "<!channel> & co")])).unwrap();
        assert_eq!(rendered.text, "<https://a.example|Hi> &lt;!channel&gt; &amp; co");
    }

    #[test]
    fn on_teams_a_value_is_no_markdown_and_the_authors_own_is() {
        let template =
            Template { channel: Channel::Teams, ..template(text("**Hi** {{ name }}\n- {{ name | upper }}")) };
        let rendered = template.render(None, &vars(&[("name", "*x*\n[a](b)")])).unwrap();
        assert_eq!(rendered.text, r"**Hi** \*x\* \[a\]\(b)".to_owned() + "\n" + r"- \*X\* \[A\]\(B)");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = template(text("Hi {{ name }} {{ link }}")).render(None, &vars(&[("link", "x")])).unwrap_err();
        assert_eq!(error, TemplateError::MissingVariable { part: "text", variable: "name".into() });
    }

    #[test]
    fn variables_lead_into_what_happened() {
        let source = text("{{ detail.body.user | upper }} {{ detail.list[0].n }} {{ event }}");
        let parts = Parts { subject: None, text: &source.text, html: None, link: None };
        let compiled = parts.compile(Channel::Slack).unwrap();
        let values = serde_json::json!({"event": "x", "detail": {"body": {"user": "<b>"}, "list": [{"n": 1}]}});
        assert_eq!(compiled.render_from(&values).unwrap().text, "&lt;B&gt; 1 x");
        let values = serde_json::json!({"event": "x", "detail": {"body": {}, "list": [{"n": 1}]}});
        let error = compiled.render_from(&values).unwrap_err();
        assert_eq!(error, TemplateError::MissingVariable { part: "text", variable: "detail.body.user".into() });
    }

    proptest::proptest! {
        #[test]
        fn a_literal_is_what_it_says(words in r"[{}%#a \n<*'\-]{0,24}(raw|endraw)?[{}%#a \n-]{0,9}") {
            for channel in [Channel::Email, Channel::Slack, Channel::Teams] {
                let template = Template { channel, ..template(TemplateText { html: Some(literal(&words)), ..text(&literal(&words)) }) };
                let rendered = template.render(None, &vars(&[])).unwrap();
                proptest::prop_assert_eq!(&rendered.text, &words);
                proptest::prop_assert_eq!(rendered.html.as_ref(), Some(&words));
            }
        }
    }

    #[test]
    fn an_unknown_language_falls_back_to_the_default() {
        let rendered = template(text("Hello")).render(Some(Locale::Ar), &vars(&[])).unwrap();
        assert_eq!(rendered.text, "Hello");
    }

    #[test]
    fn work_and_size_are_limited() {
        let endless = "{% for a in 'xxxxxxxxxxxxxxxxxxxxxxxx' %}{% for b in 'xxxxxxxxxxxxxxxxxxxxxxxx' %}\
                       {% for c in 'xxxxxxxxxxxxxxxxxxxxxxxx' %}{{ c }}{% endfor %}{% endfor %}{% endfor %}";
        assert!(template(text(endless)).render(None, &vars(&[])).is_err());
        assert!(text(&"x".repeat(SOURCE_MAX_BYTES + 1)).variables().is_err());
    }

    #[test]
    fn a_broken_template_says_where() {
        let error = template(text("a\n{{ name")).render(None, &vars(&[])).unwrap_err().to_string();
        assert!(error.starts_with("text: ") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn the_variables_of_a_template_are_known() {
        let names = template(text("{{ b }} {{ a | upper }}")).variables().unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn every_ready_made_template_renders_in_both_languages() {
        let all = ready_made();
        assert!(all.len() >= 4);
        for template in all {
            let values: BTreeMap<_, _> = template
                .variables()
                .unwrap()
                .into_iter()
                .map(|name| (name, "https://e.example/x".to_owned()))
                .collect();
            for locale in [Locale::En, Locale::Ar] {
                assert!(template.texts.contains_key(&locale), "{}", template.id);
                template.render(Some(locale), &values).unwrap();
            }
        }
    }
}
