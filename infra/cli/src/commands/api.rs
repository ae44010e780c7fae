//! What the commands that call the API share: which deployment, which credential, and how results are shown.

use super::Outcome;
use clap::Args;
use comfy_table::{Cell, Color, Table, presets::NOTHING};
use domain::health::HealthStatus;
use serde::Serialize;
use std::{fmt::Display, io, process::ExitCode};
use trunkline::{
    client::{self, Client},
    stack::{self, StackState},
};

/// Which deployment, and as whom. Every option may stand anywhere behind the command's name.
#[derive(Args)]
#[command(next_help_heading = "Deployment")]
pub(crate) struct Api {
    /// Where the API is: the part before /v1. A running local stack when left out.
    #[arg(long, global = true, env = "TRUNKLINE_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// An API key of the tenant, or a token of one of its users.
    #[arg(long, global = true, env = "TRUNKLINE_KEY", hide_env_values = true)]
    key: Option<String>,
    /// The operator's credential, for tenants and their keys.
    #[arg(long, global = true, env = "TRUNKLINE_OPERATOR_KEY", hide_env_values = true)]
    operator_key: Option<String>,
    /// Which local stack, where no endpoint is given.
    #[arg(long, global = true, default_value = stack::DEFAULT_NAME, value_name = "NAME")]
    stack: String,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Api {
    /// A client of the tenant.
    pub(crate) fn tenant(&self) -> Result<Client, Box<dyn std::error::Error>> {
        self.client(self.key.as_deref(), |stack| &stack.key, "--key (or TRUNKLINE_KEY)")
    }

    /// The deployment that was named, if it is not a local stack.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// A client of the operator.
    pub(crate) fn operator(&self) -> Result<Client, Box<dyn std::error::Error>> {
        let option = "--operator-key (or TRUNKLINE_OPERATOR_KEY)";
        self.client(self.operator_key.as_deref(), |stack| &stack.operator_key, option)
    }

    /// A given endpoint never meets a local stack's credential: that would hand it to a stranger.
    fn client(
        &self,
        credential: Option<&str>,
        of_stack: fn(&StackState) -> &String,
        option: &str,
    ) -> Result<Client, Box<dyn std::error::Error>> {
        let Some(endpoint) = &self.endpoint else {
            let up = stack::load(&self.stack)?.ok_or_else(|| {
                format!(
                    "which deployment? Give --endpoint (or TRUNKLINE_ENDPOINT), or start a local one with `cargo \
                     trunkline up`; the stack `{}` is not up",
                    self.stack
                )
            })?;
            return Ok(Client::new(&up.api_url, credential.unwrap_or_else(|| of_stack(&up)))?);
        };
        let credential = credential.ok_or_else(|| format!("as whom? Give {option}"))?;
        Ok(Client::new(endpoint, credential)?)
    }

    /// Shows a result: as JSON if asked, for people otherwise.
    pub(crate) fn show<T: Serialize + ?Sized, D: Display>(&self, result: &T, shown: impl FnOnce(&T) -> D) -> Outcome {
        if self.json {
            println!("{}", serde_json::to_string(result)?);
        } else {
            println!("{}", shown(result));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Ends a command: what the API refused is the result, too, where a program asked for it.
pub(crate) fn ended(json: bool, outcome: Outcome) -> Outcome {
    match outcome {
        Err(error) if json => {
            let told = error.downcast_ref::<client::Error>().map_or_else(
                || serde_json::json!({"title": "The command was not carried out", "detail": error.to_string()}),
                client::Error::to_json,
            );
            println!("{told}");
            Ok(ExitCode::FAILURE)
        }
        outcome => outcome,
    }
}

/// A table in the manner of the other commands.
pub(crate) fn table<const N: usize>(heading: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(heading);
    table
}

/// A table, or a sentence where it would be empty.
pub(crate) fn table_or(table: &Table, empty: &str) -> String {
    if table.is_empty() { empty.to_owned() } else { table.trim_fmt() }
}

/// Green, yellow, red; the colour shows on a terminal only.
pub(crate) fn health(status: HealthStatus) -> Cell {
    let colour = match status {
        HealthStatus::Ok => Color::Green,
        HealthStatus::Warn => Color::Yellow,
        HealthStatus::Fail => Color::Red,
    };
    Cell::new(status.as_str()).fg(colour)
}

/// A file as text, `-` being standard input.
pub(crate) fn read_file(path: &str) -> Result<String, Box<dyn std::error::Error>> {
    let text = if path == "-" { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(path) };
    text.map_err(|error| format!("{path}: {error}").into())
}

/// A secret that was given, or stands on standard input.
pub(crate) fn given(secret: Option<String>) -> Result<Option<String>, Box<dyn std::error::Error>> {
    match secret.as_deref() {
        Some("-") => Ok(Some(read_file("-")?.trim().to_owned())),
        _ => Ok(secret),
    }
}

/// A value that is typed in JSON.
pub(crate) fn in_json(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

/// A request in a JSON file.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &str) -> Result<T, Box<dyn std::error::Error>> {
    serde_json::from_str(&read_file(path)?).map_err(|error| format!("{path}: {error}").into())
}
