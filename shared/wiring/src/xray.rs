//! The stages of an invocation as subsegments of its X-Ray trace, sent to the daemon that Lambda runs beside the function
//! (<https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html>): one datagram each, and nobody waits.
//!
//! An OpenTelemetry exporter would do the same by way of a collector in a layer of its own, for a large part of the size of
//! the function. A subsegment says which stage it was, when, and whether it failed; nothing about anybody.

use domain::ports::Clock;
use domain::stage::{FAILED_FIELD, STAGE_FIELD, STAGE_TARGET};
use serde::Serialize;
use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// The field with the trace header, on the span that the runtime opens for each invocation.
const TRACE_FIELD: &str = "xrayTraceId";

/// What each datagram begins with.
const HEADER: &[u8] = b"{\"format\":\"json\",\"version\":1}\n";

/// Sends a subsegment for each stage of an invocation that is traced.
pub struct XRay {
    socket: UdpSocket,
    clock: Arc<dyn Clock>,
}

impl XRay {
    /// `daemon` is the value of `AWS_XRAY_DAEMON_ADDRESS`: `host:port`, or `tcp:host:port udp:host:port`. `None` where nothing
    /// can be sent there.
    pub fn to(daemon: &str, clock: Arc<dyn Clock>) -> Option<Self> {
        let udp = daemon.split_whitespace().find_map(|part| part.strip_prefix("udp:"));
        let address: SocketAddr = udp.unwrap_or(daemon).trim().parse().ok()?;
        let here = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(here).ok()?;
        socket.connect(address).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, clock })
    }

    /// Seconds since 1970.
    fn now(&self) -> f64 {
        (self.clock.now() - time::OffsetDateTime::UNIX_EPOCH).as_seconds_f64()
    }
}

/// The spans that matter here: those of stages, and the runtime's.
pub(crate) fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && (is_stage(metadata) || metadata.fields().field(TRACE_FIELD).is_some())
}

pub(crate) fn is_stage(metadata: &Metadata<'_>) -> bool {
    metadata.target() == STAGE_TARGET
}

/// What a subsegment belongs to, from `Root=…;Parent=…;Sampled=1`; kept on the span of the invocation.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    id: String,
    parent: String,
}

impl Trace {
    /// `None` where the trace is not sampled: nobody wants to know.
    fn parse(header: &str) -> Option<Self> {
        let part = |name: &str| {
            header.split(';').filter_map(|part| part.split_once('=')).find(|(known, _)| known.trim() == name)
        };
        part("Sampled").filter(|(_, sampled)| sampled.trim() == "1")?;
        let (_, id) = part("Root")?;
        let (_, parent) = part("Parent")?;
        Some(Self { id: id.trim().to_owned(), parent: parent.trim().to_owned() })
    }
}

/// A stage under way; kept on its span.
struct Begun {
    name: String,
    at: f64,
    failed: bool,
}

#[derive(Serialize)]
struct Subsegment<'a> {
    name: &'a str,
    id: String,
    trace_id: &'a str,
    parent_id: &'a str,
    r#type: &'static str,
    start_time: f64,
    end_time: f64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fault: bool,
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for XRay {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if is_stage(attributes.metadata()) {
            let name = fields.stage.unwrap_or_default();
            span.extensions_mut().insert(Begun { name, at: self.now(), failed: fields.failed });
        } else if let Some(trace) = fields.trace.as_deref().and_then(Trace::parse) {
            span.extensions_mut().insert(trace);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        record.record(&mut fields);
        if let Some(begun) = span.extensions_mut().get_mut::<Begun>() {
            begun.failed |= fields.failed;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(begun) = span.extensions_mut().remove::<Begun>() else { return };
        for ancestor in span.scope().skip(1) {
            let extensions = ancestor.extensions();
            let Some(trace) = extensions.get::<Trace>() else { continue };
            let subsegment = Subsegment {
                name: &begun.name,
                id: format!("{:016x}", fastrand::u64(..)),
                trace_id: &trace.id,
                parent_id: &trace.parent,
                r#type: "subsegment",
                start_time: begun.at,
                end_time: self.now().max(begun.at),
                fault: begun.failed,
            };
            let mut datagram = HEADER.to_vec();
            if serde_json::to_writer(&mut datagram, &subsegment).is_ok() {
                // A trace with a gap is better than a request that waits.
                let _ = self.socket.send(&datagram);
            }
            return;
        }
    }
}

/// The fields that matter here.
#[derive(Default)]
struct Fields {
    trace: Option<String>,
    stage: Option<String>,
    failed: bool,
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.failed |= value && field.name() == FAILED_FIELD;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            TRACE_FIELD => self.trace = Some(value.to_owned()),
            STAGE_FIELD => self.stage = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sampled_trace_with_root_and_parent_is_one() {
        let trace = Trace::parse(
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0",
        );
        let expected = Trace {
            id: "1-5759e988-bd862e3fe1be46a994272793".to_owned(),
            parent: "53995c3f42cd8ad8".to_owned(),
        };
        assert_eq!(trace, Some(expected));
        for header in [
            "",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            "Parent=53995c3f42cd8ad8;Sampled=1",
        ] {
            assert_eq!(Trace::parse(header), None, "{header}");
        }
    }

    #[test]
    fn the_daemons_address_is_read_in_both_forms() {
        let clock = Arc::new(crate::SystemClock);
        for address in ["127.0.0.1:2000", "tcp:127.0.0.1:2001 udp:127.0.0.1:2000"] {
            let xray = XRay::to(address, clock.clone()).unwrap();
            assert_eq!(xray.socket.peer_addr().unwrap().port(), 2000, "{address}");
        }
        for address in ["", "xray", "tcp:127.0.0.1:2000"] {
            assert!(XRay::to(address, clock.clone()).is_none(), "{address}");
        }
    }
}
