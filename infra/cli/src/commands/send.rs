//! `trunkline send`

use super::{
    Outcome,
    api::{self, Api, read_file, read_json},
};
use ::api::campaigns::{RECIPIENTS_MAX, RecipientBody, SendAccepted, SendRequest, TemplateUse};
use domain::{
    channel::Channel,
    ids::{CampaignId, IntegrationId, TemplateId},
    message::Message,
    template::Locale,
};
use std::{collections::BTreeMap, path::Path};
use trunkline::recipients;

#[derive(clap::Args)]
#[group(id = "content", multiple = false, args = ["template", "text", "file"])]
pub(crate) struct Args {
    /// The campaign, named by you.
    campaign: CampaignId,
    /// `email` or `slack`.
    #[arg(long, required_unless_present = "file", conflicts_with = "file")]
    channel: Option<Channel>,
    /// The integration; the channel's preferred one when left out.
    #[arg(long, conflicts_with = "file", value_name = "ID")]
    integration: Option<IntegrationId>,
    /// A template, e.g. trunkline.email.invitation.
    #[arg(long, required_unless_present_any = ["text", "file"], value_name = "ID")]
    template: Option<TemplateId>,
    /// A message given in full; it may use variables: `Hello {{ name }}`.
    #[arg(long)]
    text: Option<String>,
    /// The subject of `--text`, for e-mail.
    #[arg(long, requires = "text")]
    subject: Option<String>,
    /// The link of `--text`; Slack shows it as a button.
    #[arg(long, requires = "text", value_name = "URL")]
    link: Option<String>,
    /// A value that all recipients share, e.g. `campaign=Spring`.
    #[arg(long = "set", conflicts_with = "file", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// Who receives it: a CSV file (address, `user_id`, locale, and a column for each variable) or an address; repeatable.
    #[arg(long = "to", required_unless_present = "file", conflicts_with = "file", value_name = "FILE|ADDRESS")]
    to: Vec<String>,
    /// The language of the addresses given by `--to`.
    #[arg(long, conflicts_with = "file")]
    locale: Option<Locale>,
    /// Send to the tenant's test recipients instead.
    #[arg(long, conflicts_with = "file")]
    sandbox: bool,
    /// The request in JSON, as POST /v1/campaigns/{id}/deliveries takes it; `-` for standard input.
    #[arg(long)]
    file: Option<String>,
    /// Makes it safe to repeat: the same key sends the same request once.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    api: Api,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

pub(crate) async fn run(args: Args) -> Outcome {
    api::ended(args.api.json, carry_out(&args).await)
}

/// More recipients than a request takes go in several, each with a key of its own.
async fn carry_out(args: &Args) -> Outcome {
    let client = args.api.tenant()?;
    let (request, recipients) = match &args.file {
        Some(file) => {
            let mut request: SendRequest = read_json(file)?;
            let recipients = std::mem::take(&mut request.recipients);
            (request, recipients)
        }
        None => (request(args)?, recipients(args)?),
    };
    let mut accepted = SendAccepted { campaign_id: args.campaign.clone(), accepted: 0, deliveries: Vec::new() };
    for (number, chunk) in chunks(&recipients).enumerate() {
        let request = SendRequest { recipients: chunk.to_vec(), ..request.clone() };
        let key = args.idempotency_key.as_ref();
        let key = key.map(|key| if number == 0 { key.clone() } else { format!("{key}.{number}") });
        let answer = client.send(&args.campaign, &request, key.as_deref()).await.inspect_err(|_| {
            if accepted.accepted > 0 {
                eprintln!("the first {} recipients were accepted; then:", accepted.accepted);
            }
        })?;
        accepted.accepted += answer.accepted;
        accepted.deliveries.extend(answer.deliveries);
    }
    args.api.show(&accepted, |accepted| {
        let SendAccepted { campaign_id, accepted, .. } = accepted;
        format!("{accepted} accepted\nfollow them with: trunkline campaign show {campaign_id} --watch")
    })
}

/// An empty request is sent as it is, for the API to say what it lacks.
fn chunks(recipients: &[RecipientBody]) -> impl Iterator<Item = &[RecipientBody]> {
    let empty = recipients.is_empty().then_some(recipients);
    empty.into_iter().chain(recipients.chunks(RECIPIENTS_MAX))
}

fn request(args: &Args) -> Result<SendRequest, Box<dyn std::error::Error>> {
    let variables: BTreeMap<_, _> = args.variables.iter().cloned().collect();
    let message = args.text.clone().map(|text| Message {
        subject: args.subject.clone(),
        text,
        html: None,
        link: args.link.clone(),
    });
    Ok(SendRequest {
        channel: args.channel.ok_or("give --channel")?,
        integration_id: args.integration.clone(),
        message,
        template: args.template.clone().map(|id| TemplateUse { id, variables }),
        recipients: Vec::new(),
        simulation: None,
        sandbox: args.sandbox,
    })
}

fn recipients(args: &Args) -> Result<Vec<RecipientBody>, Box<dyn std::error::Error>> {
    let mut all = Vec::new();
    for to in &args.to {
        if Path::new(to).is_file() || to == "-" {
            all.extend(recipients::from_csv(&read_file(to)?).map_err(|error| format!("{to}: {error}"))?);
        } else {
            let recipient = recipients::from_address(to)?;
            all.push(RecipientBody { locale: args.locale, ..recipient });
        }
    }
    if args.text.is_some() {
        // A message of one's own has no values shared by all: each recipient gets them.
        for recipient in &mut all {
            for (name, value) in &args.variables {
                recipient.variables.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    Ok(all)
}
