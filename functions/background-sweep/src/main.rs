//! Starts the scheduled Lambda: configuration once, then one event after another.

use wiring::{Environment, Time};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::of_process();
    wiring::telemetry::init(&environment);
    let services = wiring::sweep_services(&environment, Time::system()).await.inspect_err(|error| {
        // Lambda shows only what is logged before it ends the environment.
        tracing::error!(event = "start.failed", error = %error);
    })?;
    background_sweep::run(services).await
}
