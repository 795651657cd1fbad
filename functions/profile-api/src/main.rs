//! Starts the HTTP Lambda: configuration once, then one request after another.

use wiring::{Environment, Time};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    let environment = Environment::of_process();
    wiring::telemetry::init(&environment);
    let api = wiring::Api::start(&environment, Time::system()).await.inspect_err(|error| {
        // Lambda shows only what is logged before it ends the environment.
        tracing::error!(event = "start.failed", error = %error);
    })?;
    lambda_http::run_concurrent(profile_api::router(api)).await
}
