//! Starts the scheduled Lambda: configuration once, then one event after another.

use lambda_runtime::{LambdaEvent, service_fn};
use wiring::{Environment, Time};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    wiring::telemetry::init(&environment);
    let services = wiring::sweep_services(&environment, Time::system()).await.inspect_err(|error| {
        // Lambda shows only what is logged before it ends the environment.
        tracing::error!(event = "start.failed", error = %error);
    })?;
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<serde_json::Value>| {
        let services = services.clone();
        async move { background_sweep::handle(&services, event).await }
    }))
    .await
}
