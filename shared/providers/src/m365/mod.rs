//! Phishing simulations by Attack simulation training of Microsoft 365, through Microsoft Graph.
//!
//! Contracts (learn.microsoft.com, Microsoft Graph v1.0): "Create simulation", "List simulations", "Get simulation",
//! "Delete simulation", "Get payload", "Get landingPage", "Get loginPage", "List simulationUsers", "Get
//! attackSimulationOperation", "Microsoft Graph throttling guidance", "Microsoft Graph error responses".
//!
//! This provider is handed the targets of a whole request at once: they become one simulation, under a name that ends with
//! the bundle's. Before one is created it is looked for under that name, so an answer that was lost creates no second one.

mod assertion;
mod classify;
mod dry_run;
mod graph;
mod recipe;
mod send;
pub(crate) mod settings;
#[cfg(test)]
mod tests;
mod token;
mod track;

pub use dry_run::{DryRun, Step};
pub use track::{TargetReport, Tracked};

use crate::{Endpoints, exchange::malformed};
use domain::{failure::Failure, integration::Config, secret::Secrets, simulation::Look, time::Timestamp};
use graph::Graph;
use guard::Guard;
use settings::Settings;
use std::{fmt, sync::Arc};

/// A simulation to be created.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The name by which it is found again.
    pub label: &'a str,
    /// The addresses of its targets, each once.
    pub targets: &'a [String],
    /// When its messages begin to go out; at once when left out.
    pub launch_at: Option<Timestamp>,
    /// How long it runs; as the settings say when left out.
    pub duration_days: Option<u16>,
    /// What its targets receive; as the settings say when left out.
    pub payload_id: Option<&'a str>,
    /// Whether it is created if it is not there; otherwise it is only looked for.
    pub may_create: bool,
}

/// A simulation that was created, now or by an earlier try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// Its id, where it is known already.
    pub simulation: Option<String>,
    /// The id of its creation, where Microsoft tells that one instead.
    pub operation: Option<String>,
    /// How long it runs.
    pub duration_days: u16,
}

/// A Microsoft 365 tenant, as one app of it may use it.
pub struct M365 {
    settings: Settings,
    graph: Graph,
}

impl M365 {
    pub(crate) fn open(
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        let settings = Settings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let graph = Graph::new(&settings, secrets, guard, endpoints)?;
        Ok(Self { settings, graph })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        recipe::test(self).await
    }

    /// Schedules a simulation, unless one of that name is there already. People receive it: nothing but a confirmed
    /// request may lead here.
    pub(crate) async fn simulate(&self, launch: &Launch<'_>) -> Result<Option<Launched>, Failure> {
        send::simulate(self, launch).await
    }

    /// Tries out all that a simulation needs, without any being scheduled.
    pub async fn dry_run(&self, dry_run: &DryRun<'_>) -> Vec<Step> {
        dry_run::run(self, dry_run).await
    }

    /// Where a simulation stands.
    pub async fn look(&self, tracked: &Tracked<'_>) -> Result<Look, Failure> {
        track::look(self, tracked).await
    }

    /// What its targets did so far. Empty while there is no report.
    pub async fn report(&self, simulation: &str) -> Result<Vec<TargetReport>, Failure> {
        track::report(self, simulation).await
    }
}

impl fmt::Debug for M365 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("M365").field("settings", &self.settings).finish_non_exhaustive()
    }
}
