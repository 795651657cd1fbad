//! The background sweep with another job: what `background-sweep` does, and one line more.

use domain::services::Services;
use lambda_runtime::{Error, LambdaEvent, service_fn};
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
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<serde_json::Value>| {
        let services = services.clone();
        async move { background_sweep::handle(&services, event).await }
    }))
    .await
}

async fn services(environment: &Environment) -> Result<Services, Error> {
    let mut services = wiring::sweep_services(environment, Time::system()).await?;
    let receiver = Receiver::from_environment(environment, outbound_http::client()?)?;
    services.job = Arc::new(ReportMoves::new(&services, receiver));
    Ok(services)
}
