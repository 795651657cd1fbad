//! A function for the tests of its host: it answers with what it was given, fails on request, or never answers.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(echo)).await
}

async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload["do"].as_str() {
        Some("fail") => Err("this was asked for".into()),
        Some("hang") => std::future::pending().await,
        Some("exit") => std::process::exit(7),
        _ => Ok(json!({
            "event": event.payload,
            "deadlineMs": event.context.deadline,
            "custom": event.context.client_context.map(|context| context.custom),
        })),
    }
}
