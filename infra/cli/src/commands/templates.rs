//! `trunkline templates`

use super::{
    Outcome,
    api::{self, Api, read_json, table, table_or},
};
use ::api::templates::{TemplateBody, TemplateView};
use clap::Subcommand;
use domain::{ids::TemplateId, template::TemplateText};
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// List the templates, the ready-made ones included.
    List,
    /// Show one with its texts.
    Show {
        /// Which, e.g. trunkline.email.invitation.
        id: TemplateId,
    },
    /// Create one.
    Create {
        /// The template in JSON, as POST /v1/templates takes it; `-` for standard input.
        #[arg(long)]
        file: String,
    },
    /// Make a new version of one; accepted deliveries keep theirs.
    Change {
        /// Which.
        id: TemplateId,
        /// The template in JSON, as PUT /v1/templates/{id} takes it; `-` for standard input.
        #[arg(long)]
        file: String,
    },
    /// Delete one; accepted deliveries keep their version.
    Remove {
        /// Which.
        id: TemplateId,
    },
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::List => api.show(&client.templates().await?, |all| listed(all)),
        Verb::Show { id } => api.show(&client.template(&id).await?, shown),
        Verb::Create { file } => {
            let made = client.create_template(&read_json::<TemplateBody>(&file)?).await?;
            api.show(&made, |made| format!("created {} ({})", made.id, made.name))
        }
        Verb::Change { id, file } => {
            let made = client.change_template(&id, &read_json::<TemplateBody>(&file)?).await?;
            api.show(&made, |made| format!("{} is version {} now", made.id, made.version))
        }
        Verb::Remove { id } => {
            client.delete_template(&id).await?;
            api.show(&json!({ "removed": id }), |_| format!("removed {id}"))
        }
    }
}

fn listed(all: &[TemplateView]) -> String {
    let mut shown = table(["TEMPLATE", "CHANNEL", "NAME", "LANGUAGES", "VARIABLES", "VERSION"]);
    for it in all {
        let languages: Vec<_> = it.texts.keys().map(|it| it.as_str()).collect();
        let variables: Vec<_> = it.variables.iter().map(String::as_str).collect();
        let version = if it.ready_made { "ready-made".to_owned() } else { it.version.to_string() };
        let (languages, variables) = (languages.join(","), variables.join(","));
        shown.add_row([it.id.as_str(), it.channel.as_str(), &it.name, &languages, &variables, &version]);
    }
    table_or(&shown, "There is no template.")
}

fn shown(it: &TemplateView) -> String {
    let mut lines = vec![format!("{} version {}: {} ({})", it.id, it.version, it.name, it.channel.as_str())];
    for (locale, TemplateText { subject, text, html, link }) in &it.texts {
        lines.push(format!("\n{}", locale.as_str()));
        lines.extend(subject.iter().map(|subject| format!("  subject: {subject}")));
        lines.extend(link.iter().map(|link| format!("  link: {link}")));
        lines.extend(text.lines().map(|line| format!("  {line}")));
        lines.extend(html.iter().map(|html| format!("  HTML of {} characters", html.chars().count())));
    }
    lines.join("\n")
}
