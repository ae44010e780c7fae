//! See the library beside this.

use runtime::{function::Function, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("sign-in")?;
    let router = sign_in::wired(&function)?;
    http::run(function, router).await
}
