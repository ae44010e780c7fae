//! The last runs of scheduled jobs, in the table of what belongs to no tenant.

use super::{
    DynamoStore,
    attributes::{item_of, number, record_of},
    calls::{Query, Table, Write},
    keys,
};
use crate::{Jobs, Result};
use domain::job::JobRun;

impl Jobs for DynamoStore {
    async fn record_run(&self, run: &JobRun) -> Result<()> {
        let mut item = keys::job(run.job).item();
        item.extend(item_of(run)?);
        let put = Write::put(item)
            .on(Table::Auth)
            .only_if("attribute_not_exists(pk) OR started_at <= :began")
            .value(":began", number(run.started_at.0));
        // Refused: a later run ended before this one, which is what is to be shown.
        self.write(put).await.map(drop)
    }

    async fn job_runs(&self) -> Result<Vec<JobRun>> {
        let query = Query::of(keys::JOBS.to_owned(), "pk = :pk").on(Table::Auth);
        self.query(query, usize::MAX, |_| true).await?.into_iter().map(record_of).collect()
    }
}
