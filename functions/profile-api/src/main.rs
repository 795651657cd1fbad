//! Starts the HTTP Lambda: configuration once, then one request after another.

use lambda_http::{Error, Request, service_fn};
use wiring::{Environment, Time};

fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    wiring::telemetry::init(&environment);
    wiring::runtime(&environment)?.block_on(serve(&environment))
}

async fn serve(environment: &Environment) -> Result<(), Error> {
    let api = wiring::Api::start(environment, Time::system()).await.inspect_err(|error| {
        // Lambda shows only what is logged before it ends the environment.
        tracing::error!(event = "start.failed", error = %error);
    })?;
    let router = profile_api::router(api);
    lambda_http::run_concurrent(service_fn(move |request: Request| {
        profile_api::answer(router.clone(), request)
    }))
    .await
}
