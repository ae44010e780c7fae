//! Where the providers are.

/// `SendGrid`'s API for accounts and subusers without a region.
pub(crate) const SENDGRID: &str = "https://api.sendgrid.com";
/// `SendGrid`'s API for subusers of the EU region ("Create Subuser", base URLs).
pub(crate) const SENDGRID_EU: &str = "https://api.eu.sendgrid.com";
const POSTMARK: &str = "https://api.postmarkapp.com";
/// Amazon SES, API version 2 ("Amazon SES endpoints and quotas"); the region of the integration takes its place in it.
const SES: &str = "https://email.{region}.amazonaws.com";
/// Microsoft's identity platform ("Microsoft Entra authentication & national clouds"); a directory's id follows.
const LOGIN: &str = "https://login.microsoftonline.com";
/// Microsoft Graph's global service. Attack simulation is in no national cloud ("Create simulation").
const GRAPH: &str = "https://graph.microsoft.com";
const SLACK: &str = "https://slack.com/api";
/// What the headers of outbound webhooks begin with, besides those of Standard Webhooks.
const WEBHOOK_HEADER_PREFIX: &str = "X-Trunkline";

/// The providers' base URLs, a setting of the deployment: a test puts a double there. None has a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// `SendGrid`'s API. The EU region is served from here too as soon as this is not the real address.
    pub sendgrid_api: String,
    /// Postmark's API.
    pub postmark_api: String,
    /// Amazon SES. `{region}` in it becomes the integration's region.
    pub ses_api: String,
    /// Slack's Web API.
    pub slack_api: String,
    /// Microsoft Graph, without its version.
    pub graph_api: String,
    /// Where Entra signs users in and gives tokens.
    pub login: String,
    /// What our own headers of outbound webhooks begin with, and after an `X-`, what we call ourselves there. A deployment
    /// under another brand names its own.
    pub webhook_header_prefix: String,
}

impl Endpoints {
    /// Reads the base URLs from variables, e.g. `Endpoints::from_vars(env::optional)`. One that is absent is the real
    /// provider's.
    pub fn from_vars(read: impl Fn(&str) -> Option<String>) -> Self {
        let url = |name, real: &str| {
            let url = read(name);
            url.as_deref().unwrap_or(real).trim_end_matches('/').to_owned()
        };
        Self {
            sendgrid_api: url("SENDGRID_API_URL", SENDGRID),
            postmark_api: url("POSTMARK_API_URL", POSTMARK),
            ses_api: url("SES_API_URL", SES),
            slack_api: url("SLACK_API_URL", SLACK),
            graph_api: url("GRAPH_API_URL", GRAPH),
            login: url("ENTRA_LOGIN_URL", LOGIN),
            webhook_header_prefix: read("WEBHOOK_HEADER_PREFIX").unwrap_or_else(|| WEBHOOK_HEADER_PREFIX.to_owned()),
        }
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::from_vars(|_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_deployment_does_not_name_is_the_real_provider() {
        let read = |name: &str| (name == "POSTMARK_API_URL").then(|| "http://127.0.0.1:1/postmark/".to_owned());
        let endpoints = Endpoints::from_vars(read);
        assert_eq!(endpoints.postmark_api, "http://127.0.0.1:1/postmark");
        assert_eq!(Endpoints { postmark_api: POSTMARK.to_owned(), ..endpoints }, Endpoints::default());
    }
}
