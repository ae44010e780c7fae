//! What every function needs around its one job: settings from the environment, lazily built AWS clients, sealed
//! secrets, the caller of a request, problem responses, the queue, the loop over a batch, one log line per invocation.
//!
//! A function's `main.rs` reads like this:
//!
//! ```ignore
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), runtime::Error> {
//!     let function = Function::start("keys")?;
//!     let state = State { store: function.aws.lazy_store(), clock: Arc::new(SystemClock) };
//!     http::run(function, handler::router(state)).await
//! }
//! ```

pub mod aws;
pub mod caller;
pub mod clock;
pub mod entropy;
pub mod env;
pub mod function;
pub mod http;
pub mod lazy;
pub mod log;
pub mod queue;
pub mod secrets;
pub mod sqs;
pub mod stream;
pub mod testing;
pub mod vault;

pub use lambda_runtime::Error;

/// Functions make many small things and drop them soon: glibc's allocator takes a sixth of an invocation's CPU time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
