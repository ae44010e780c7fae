//! See the library beside this.

use runtime::{function::Function, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("event-types")?;
    let router = event_types::wired(&function);
    http::run(function, router).await
}
