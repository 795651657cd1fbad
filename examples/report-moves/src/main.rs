//! The background sweep with another job: what `background-sweep` does, and one line more.

use domain::services::Services;
use lambda_runtime::Error;
use report_moves::{Receiver, ReportMoves};
use std::sync::Arc;
use wiring::{Environment, Time};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    wiring::telemetry::init(&environment);
    let services = services(&environment).await.inspect_err(|error| {
        // Lambda shows only what is logged before it ends the environment.
        tracing::error!(event = "start.failed", error = %error);
    })?;
    background_sweep::run(services).await
}

async fn services(environment: &Environment) -> Result<Services, Error> {
    let mut services = wiring::sweep_services(environment, Time::system()).await?;
    let receiver = Receiver::from_environment(environment, outbound_http::client()?)?;
    services.job = Arc::new(ReportMoves::new(&services, receiver));
    Ok(services)
}
