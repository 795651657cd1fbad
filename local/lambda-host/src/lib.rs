//! Runs a Lambda function's program as Lambda does: one process per execution environment, one invocation at a time in each,
//! spoken to over the runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>). Never deployed.
//!
//! The program is the very one that is deployed, or any other built on `lambda_runtime`.

mod environment;
mod memory;
mod runtime_api;

pub use environment::{ExecutionEnvironment, Invocation, InvokeError, Killer, Program, StartError};
pub use memory::Memory;
