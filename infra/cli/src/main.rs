//! `trunkline`: the local stack, and a client of any deployment.

mod commands;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Trunkline, a multi-tenant integrations hub.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring up a stack on this machine: emulated AWS, a mail server, doubles of the providers, all functions.
    Up(commands::up::Args),
    /// End a local stack.
    Down(commands::down::Args),
    /// Show the local stacks, what runs of them, and the last run of each scheduled job.
    Status(commands::status::Args),
    /// Show what functions and processes of a local stack print.
    Output(commands::output::Args),
    /// Do the hub's main job once, on a stack of its own, and show what came of it.
    Demo(commands::demo::Args),
    /// Measure what a delivery costs, beside what it may cost.
    Budget(commands::budget::Args),
    /// Measure the indicators that the specification promises, beside their targets.
    Kpi(commands::kpi::Args),
    /// Take the pictures of the console that the README shows.
    Screenshots(commands::screenshots::Args),
    /// Tenants, for the operator.
    Tenant(commands::tenant::Args),
    /// API keys.
    Key(commands::key::Args),
    /// Integrations: what is connected, and how it does.
    Integrations(commands::integrations::Args),
    /// Secrets, for the operator: encrypt them anew when the key was rotated or replaced.
    Secrets(commands::secrets::Args),
    /// Endpoints of outbound webhooks: what they want, what they got, what they missed.
    Endpoints(commands::endpoints::Args),
    /// Events: hand them over, and say what they look like.
    Events(commands::events::Args),
    /// Inbound webhooks: what providers tell, what was turned away, replays.
    Hooks(commands::hooks::Args),
    /// Automation rules: what is done when something happens, tried, and watched.
    Rules(commands::rules::Args),
    /// The tenant's settings: who receives what a sandbox campaign sends.
    Settings(commands::settings::Args),
    /// Message templates, the ready-made ones and the tenant's own.
    Templates(commands::templates::Args),
    /// Ask whether a campaign may go; every reason against it is told.
    Preflight(commands::preflight::Args),
    /// Send to recipients.
    Send(commands::send::Args),
    /// Campaigns: how far they are, what failed, pause and resume.
    Campaign(commands::campaign::Args),
    /// The addresses to which nothing is sent any more.
    Suppressions(commands::suppressions::Args),
    /// The log of everything: calls, deliveries, webhooks, tests; looked through, followed, counted, as a file.
    Logs(commands::logs::Args),
    /// The audit trail: who changed what, and whether any record was altered.
    Audit(commands::audit::Args),
    /// Build the functions for AWS and deploy them to your account.
    Deploy(commands::deploy::Args),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Up(args) => commands::up::run(args).await,
        Command::Down(args) => commands::down::run(args).await,
        Command::Status(args) => commands::status::run(args).await,
        Command::Output(args) => commands::output::run(args).await,
        Command::Demo(args) => commands::demo::run(args).await,
        Command::Budget(args) => commands::budget::run(args).await,
        Command::Kpi(args) => commands::kpi::run(args).await,
        Command::Screenshots(args) => commands::screenshots::run(args).await,
        Command::Tenant(args) => commands::tenant::run(args).await,
        Command::Key(args) => commands::key::run(args).await,
        Command::Integrations(args) => commands::integrations::run(args).await,
        Command::Secrets(args) => commands::secrets::run(args).await,
        Command::Endpoints(args) => commands::endpoints::run(args).await,
        Command::Events(args) => commands::events::run(args).await,
        Command::Hooks(args) => commands::hooks::run(args).await,
        Command::Rules(args) => commands::rules::run(args).await,
        Command::Settings(args) => commands::settings::run(args).await,
        Command::Templates(args) => commands::templates::run(args).await,
        Command::Preflight(args) => commands::preflight::run(args).await,
        Command::Send(args) => commands::send::run(args).await,
        Command::Campaign(args) => commands::campaign::run(args).await,
        Command::Suppressions(args) => commands::suppressions::run(args).await,
        Command::Logs(args) => commands::logs::run(args).await,
        Command::Audit(args) => commands::audit::run(args).await,
        Command::Deploy(args) => commands::deploy::run(args).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
