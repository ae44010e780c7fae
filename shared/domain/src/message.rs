//! What a delivery says.

use crate::{
    channel::Channel,
    ids::TemplateId,
    simulation::Order,
    template::{Compiled, Parts, Rendered, TemplateError, literal},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a request says to all its recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A message given in full. Its texts may use variables, as a template's may.
    Message(Message),
    /// A stored template in the version that was current when the request was accepted.
    Template {
        /// The template.
        id: TemplateId,
        /// Its version.
        version: u32,
        /// Values shared by all recipients; a recipient's own win.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        variables: BTreeMap<String, String>,
    },
    /// A phishing simulation, which its provider runs.
    Simulation(Order),
    /// Events, which say for themselves what they are: each stands in its bundle's payload.
    Events,
}

/// A message given in full.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The subject, where the channel has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Plain text.
    pub text: String,
    /// HTML, where the channel can show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// A link that the message leads to; Slack shows it as a button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Message {
    /// One that says exactly this: nothing in it is a variable, whatever it looks like.
    #[must_use]
    pub fn saying(said: &Rendered) -> Self {
        let part = |text: &Option<String>| text.as_deref().map(literal);
        Self { subject: part(&said.subject), text: literal(&said.text), html: part(&said.html), link: part(&said.link) }
    }

    /// Fills in the variables, escaped as the channel's markup needs it.
    pub fn render(&self, channel: Channel, variables: &BTreeMap<String, String>) -> Result<Rendered, TemplateError> {
        self.compile(channel)?.render(variables)
    }

    /// Its texts, ready to make many messages.
    pub fn compile(&self, channel: Channel) -> Result<Compiled<'_>, TemplateError> {
        let parts = Parts {
            subject: self.subject.as_deref(),
            text: &self.text,
            html: self.html.as_deref(),
            link: self.link.as_deref(),
        };
        parts.compile(channel)
    }
}
