//! The admin console: pages for people, made on the server.
//!
//! It is a skin over the API. What it shows and does, it asks of the very handlers that answer `/v1/...`, in this process
//! and as the person who is signed in ([`api`]); so no rule stands twice, and nobody can do here what their key or roles do
//! not permit there. Its own are sessions ([`visit`], [`sign_in`]) and the pages. See `docs/console.md`.

mod api;
mod assets;
mod charts;
mod checklist;
mod cookies;
mod faults;
mod field;
mod flash;
mod form;
mod language;
mod literal;
mod organisation;
mod origin;
mod pace;
mod page;
mod pages;
mod parts;
mod query;
mod retries;
mod router;
mod sign_in;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod tests;
mod verbatim;
mod view;
mod visit;

use authorize::key_check::KeyCheck;
use runtime::{
    clock::SystemClock,
    env,
    function::Function,
    http,
    secrets::{AwsSecret, Rotating},
};
use std::sync::Arc;
use visit::Console;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("console")?;
    let [pepper] = env::required(["PEPPER_SECRET_ARN"])?;
    let clock = Arc::new(SystemClock);
    let pepper = Rotating::new(AwsSecret::new(function.aws.clone(), pepper), clock.clone());
    let api = configure::wired(&function)?
        .merge(deliveries::wired(&function)?)
        .merge(endpoints::wired(&function)?)
        .merge(event_types::wired(&function))
        .merge(hooks::wired(&function)?)
        .merge(keys::wired(&function)?)
        .merge(logs::wired(&function))
        .merge(preflight::wired(&function))
        .merge(rules::wired(&function))
        .merge(::sign_in::wired(&function)?)
        .merge(suppressions::wired(&function));
    let api = http::App::new(api).recording(function.aws.lazy_store());
    let keys = KeyCheck::new(function.aws.lazy_store(), pepper)?;
    let console = Console::new(keys, api, clock, env::optional("PUBLIC_URL"));
    let flow = ::sign_in::flow(&function)?;
    http::run(function, router::router(Arc::new(console), flow)).await
}
