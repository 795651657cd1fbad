//! The process that is killed: the background sweep as its own `main` runs it, but for the clock, which is told with each
//! invocation.

use crate::error::{SoakError, cannot};
use background_sweep::handle;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde_json::{Value, json};
use stack::OffsetClock;
use std::sync::Arc;
use wiring::{Environment, Time};

/// By how many seconds the clock is ahead of the machine's, in the client context.
const AHEAD: &str = "clock-ahead-seconds";

/// Takes invocations until it is killed.
pub(crate) async fn work() -> Result<(), SoakError> {
    let environment = Environment::of_process();
    let clock = OffsetClock::default();
    let time = Time::with_clock(Arc::new(clock.clone()));
    let services = wiring::sweep_services(&environment, time).await.map_err(cannot("start a sweep"))?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        follow(&clock, &event.context);
        let services = services.clone();
        async move { handle(&services, event).await }
    }))
    .await
    .map_err(cannot("take invocations"))
}

/// What an invocation at this time tells the worker of the clock.
pub(super) fn client_context(ahead_seconds: i64) -> Value {
    json!({ "custom": { AHEAD: ahead_seconds.to_string() } })
}

fn follow(clock: &OffsetClock, context: &Context) {
    let told =
        context.client_context.as_ref().and_then(|context| context.custom.get(AHEAD)?.parse::<i64>().ok());
    // A step of nothing tells where the clock is. It never goes back, and neither does the one that it follows.
    if let (Some(told), Ok(ahead)) = (told, clock.advance(0)) {
        let _ = clock.advance(told.saturating_sub(ahead).max(0));
    }
}
