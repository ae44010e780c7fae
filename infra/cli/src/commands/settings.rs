//! `trunkline settings`

use super::{
    Outcome,
    api::{self, Api, table},
};
use ::api::settings::{SandboxBody, SandboxPatch, SettingsPatch, SettingsView};
use clap::Subcommand;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// Show the settings.
    Show,
    /// Say who receives what a sandbox campaign sends; a channel that is left out keeps its own.
    Sandbox(Sandbox),
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
struct Sandbox {
    /// E-mail addresses, separated by commas; empty for nobody.
    #[arg(long, value_name = "ADDRESSES")]
    email: Option<String>,
    /// Slack channel or member ids; `default` is the integration's own channel.
    #[arg(long, value_name = "IDS")]
    slack: Option<String>,
    /// `default`, the Teams channel that the integration posts to.
    #[arg(long, value_name = "CHANNELS")]
    teams: Option<String>,
    /// Sign-in names of Microsoft 365 users who may be targets of a trial.
    #[arg(long, value_name = "NAMES")]
    m365: Option<String>,
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::Show => api.show(&client.settings().await?, shown),
        Verb::Sandbox(Sandbox { email, slack, teams, m365 }) => {
            let names = |text: Option<String>| text.as_deref().map(names);
            let sandbox =
                SandboxPatch { email: names(email), slack: names(slack), teams: names(teams), m365: names(m365) };
            api.show(&client.change_settings(&SettingsPatch { sandbox: Some(sandbox) }).await?, shown)
        }
    }
}

/// What stands between commas; nothing in an empty text, by which a list is emptied.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn shown(settings: &SettingsView) -> String {
    let SandboxBody { email, slack, teams, m365 } = &settings.sandbox;
    let mut shown = table(["CHANNEL", "A SANDBOX CAMPAIGN GOES TO"]);
    for (channel, names) in [("email", email), ("slack", slack), ("teams", teams), ("m365", m365)] {
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        shown.add_row([channel, &names]);
    }
    shown.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_given_with_commas_and_emptied_by_an_empty_text() {
        assert_eq!(names("a@acme.example, b@acme.example"), ["a@acme.example", "b@acme.example"]);
        assert!(names("").is_empty());
    }
}
