//! Writes the log out of what was committed. Nothing on a delivery's way writes to the log: its entries follow from the
//! changes, many to a page.

mod entries;
mod handler;

use domain::time::Clock;
use runtime::{
    clock::SystemClock,
    function::{self, Function},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("record")?;
    let store = function.aws.lazy_store();
    let log = function.log.clone();
    let (store, log) = (&store, &log);
    function::run(function, move |batch, _| handler::record(&**store, log, batch, SystemClock.now())).await
}
