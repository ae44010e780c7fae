//! See the library beside this.

use runtime::{function::Function, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("preflight")?;
    let router = preflight::wired(&function);
    http::run(function, router).await
}
