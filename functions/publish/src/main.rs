//! Turns what was committed into events on the bus. Senders write no events: an event tells of a change that is durable,
//! and there is no second write that could be lost.

mod bus;
mod entries;
mod handler;
mod records;

use bus::EventBridge;
use domain::time::Clock;
use runtime::{
    clock::SystemClock,
    env,
    function::{self, Function},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("publish")?;
    let [name] = env::required(["EVENT_BUS"])?;
    let bus = EventBridge::new(function.aws.clone(), name);
    let log = function.log.clone();
    let (bus, log) = (&bus, &log);
    function::run(function, move |batch, _| handler::publish(bus, log, batch, SystemClock.now())).await
}
