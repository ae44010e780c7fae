//! Message templates.

use domain::{
    channel::Channel,
    ids::TemplateId,
    template::{Locale, Template, TemplateText},
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
