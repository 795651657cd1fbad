//! The event bus.

use super::finding::Finding;
use crate::causes::with_causes;
use wiring::{BusError, Probe};

const BUS: &str = "event-bus";

/// Looks whether the bus is there. Only with `send_event` is an event put on it, because whoever subscribes gets it.
pub(super) async fn check(probe: &Probe, send_event: bool) -> Vec<Finding> {
    let Some(name) = &probe.config().event_bus_name else {
        let why = "EVENT_BUS_NAME is empty: events are only logged, and each tick sweeps everything itself";
        return vec![Finding::skipped(BUS, why)];
    };
    let there = match probe.find_bus(name).await {
        Ok(_) => Finding::ok(BUS, format!("{name:?} is there")),
        Err(error @ BusError::NotThere { .. }) => {
            let fix = "set EVENT_BUS_NAME to the stack's output EventBusName, and the region to the stack's";
            return vec![Finding::failed(BUS, error.to_string(), fix)];
        }
        Err(error) => Finding::warning(
            BUS,
            format!("not told whether {name:?} is there: {}", with_causes(&error)),
            "allow events:DescribeEventBus to whoever runs this, or try with --send-event",
        ),
    };
    if !send_event {
        return vec![there];
    }
    let sent = match probe.send_event(name).await {
        Ok(()) => Finding::ok("event-bus-put", "took one event `Probe`"),
        Err(error) => Finding::failed(
            "event-bus-put",
            with_causes(&error),
            "allow events:PutEvents on the bus to the function's role, as template.yaml does",
        ),
    };
    vec![there, sent]
}
