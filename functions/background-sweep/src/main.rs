//! Starts the scheduled Lambda: configuration once, then one event after another.

use lambda_runtime::Error;
use wiring::{Environment, Time};

fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    wiring::telemetry::init(&environment);
    wiring::runtime(&environment)?.block_on(sweep(&environment))
}

async fn sweep(environment: &Environment) -> Result<(), Error> {
    let services = wiring::sweep_services(environment, Time::system()).await.inspect_err(|error| {
        // Lambda shows only what is logged before it ends the environment.
        tracing::error!(event = "start.failed", error = %error);
    })?;
    background_sweep::run(services).await
}
