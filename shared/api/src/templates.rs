//! Message templates.

use crate::{campaigns::scalars_as_text, problem::FieldProblem};
use domain::{
    channel::Channel,
    ids::TemplateId,
    template::{Locale, Rendered, Template, TemplateText},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// A tenant's own template, or a new version of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateBody {
    /// Its identifier; not beginning with `trunkline.`. In a change it may be left out.
    #[schema(value_type = Option<String>, example = "welcome")]
    pub id: Option<TemplateId>,
    /// Its name for people.
    pub name: String,
    /// The channel it is written for.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// Its texts by language, `en` and `ar`; at least one.
    #[schema(value_type = std::collections::BTreeMap<String, TemplateTextBody>)]
    pub texts: BTreeMap<Locale, TemplateText>,
    /// The language of a recipient who has none; `en` unless said otherwise.
    #[serde(default)]
    #[schema(value_type = String)]
    pub default_locale: Locale,
}

/// A template in one language; variables are written `{{ name }}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TemplateTextBody {
    /// The subject, for e-mail.
    pub subject: Option<String>,
    /// Plain text; on Slack its mrkdwn, on Teams the Markdown of Adaptive Cards.
    pub text: String,
    /// HTML, for e-mail; variables are escaped.
    pub html: Option<String>,
    /// The link it leads to, itself a template.
    pub link: Option<String>,
}

/// A template as shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: TemplateId,
    /// Its newest version.
    pub version: u32,
    /// Its name for people.
    pub name: String,
    /// The channel it is written for.
    #[schema(value_type = String)]
    pub channel: Channel,
    /// Whether it came with the hub, in which case it cannot be changed.
    pub ready_made: bool,
    /// The variables it uses.
    pub variables: BTreeSet<String>,
    /// The language of a recipient who has none.
    #[schema(value_type = String)]
    pub default_locale: Locale,
    /// Its texts by language.
    #[schema(value_type = std::collections::BTreeMap<String, TemplateTextBody>)]
    pub texts: BTreeMap<Locale, TemplateText>,
    /// When this version was made, RFC 3339.
    pub created_at: String,
}

impl From<Template> for TemplateView {
    fn from(template: Template) -> Self {
        Self {
            // A stored template was checked when it was saved.
            variables: template.variables().unwrap_or_default(),
            ready_made: template.id.as_str().starts_with(domain::template::RESERVED_PREFIX),
            id: template.id,
            version: template.version,
            name: template.name,
            channel: template.channel,
            default_locale: template.default_locale,
            texts: template.texts,
            created_at: template.created_at.to_rfc3339(),
        }
    }
}

/// A template that need not be saved, and the values to look at it with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The channel, by whose markup values are escaped.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// The texts by language, `en` and `ar`.
    #[schema(value_type = std::collections::BTreeMap<String, TemplateTextBody>)]
    pub texts: BTreeMap<Locale, TemplateText>,
    /// Values for its variables: texts, numbers or booleans.
    #[serde(default, deserialize_with = "scalars_as_text", skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// What a recipient with these values would get, and what keeps others from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PreviewAnswer {
    /// The variables that the texts use, as far as they can be read.
    pub variables: BTreeSet<String>,
    /// The messages by language; one that cannot be made is left out.
    #[schema(value_type = std::collections::BTreeMap<String, PreviewView>)]
    pub previews: BTreeMap<Locale, PreviewView>,
    /// Why messages are left out: `texts.en.html` is no template, or `variables.name` has no value.
    pub errors: Vec<FieldProblem>,
}

/// One message as it would be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewView {
    /// The subject, one line.
    pub subject: Option<String>,
    /// The plain text.
    pub text: String,
    /// The HTML, with the values escaped in it.
    pub html: Option<String>,
    /// The link it leads to.
    pub link: Option<String>,
}

impl From<Rendered> for PreviewView {
    fn from(rendered: Rendered) -> Self {
        let Rendered { subject, text, html, link } = rendered;
        Self { subject, text, html, link }
    }
}
