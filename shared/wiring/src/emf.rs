//! Metrics as lines of `CloudWatch`'s embedded metric format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! Written here and not by a library: it is one JSON object, and what the libraries add (macros, registries, background
//! queues) would be most of what is deployed for it. A frozen Lambda empties no queue.

use domain::metrics::{Measured, Metric, MetricsSink};
use domain::ports::Clock;
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where alarms and dashboards look for the metrics.
const NAMESPACE: &str = "SharedTokenCache";

/// The one dimension.
const DIMENSION: &str = "FunctionName";

/// Writes each publication as one line, at once.
pub struct EmfLines<W> {
    /// Of the dimension.
    function_name: String,
    /// The level that the line claims. Lambda drops lines below the function's log level and takes one that claims none for
    /// `INFO`; without metrics no alarm would go off.
    level: String,
    clock: Arc<dyn Clock>,
    output: Mutex<W>,
}

impl<W: Write + Send> EmfLines<W> {
    /// `level` is that of the function's log.
    pub fn new(function_name: &str, level: &str, clock: Arc<dyn Clock>, output: W) -> Self {
        let level = match level.to_ascii_uppercase().as_str() {
            above @ ("WARN" | "ERROR" | "FATAL") => above.to_owned(),
            _ => "INFO".to_owned(),
        };
        Self { function_name: function_name.to_owned(), level, clock, output: Mutex::new(output) }
    }

    fn write(&self, measured: &Measured) -> std::io::Result<()> {
        let line =
            Line { function_name: &self.function_name, level: &self.level, now: self.clock.now(), measured };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(&bytes)?;
        output.flush()
    }
}

impl<W: Write + Send> MetricsSink for EmfLines<W> {
    fn publish(&self, measured: &Measured) {
        if let Err(error) = self.write(measured) {
            tracing::warn!(event = "metrics.unwritten", error = %error);
        }
    }
}

/// For hosts that collect no metrics: the same line, in the log at its most talkative.
pub(crate) struct TracedMetrics {
    pub(crate) clock: Arc<dyn Clock>,
}

impl MetricsSink for TracedMetrics {
    fn publish(&self, measured: &Measured) {
        if tracing::enabled!(tracing::Level::TRACE) {
            let line = Line { function_name: "local", level: "TRACE", now: self.clock.now(), measured };
            tracing::trace!(event = "metrics", line = serde_json::to_string(&line).unwrap_or_default());
        }
    }
}

/// One line, as it is serialized: numbers and our own names.
struct Line<'a> {
    function_name: &'a str,
    level: &'a str,
    now: OffsetDateTime,
    measured: &'a Measured,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (sums, values) = (self.measured.sums(), &self.measured.values);
        let names = || sums.keys().chain(values.keys()).copied();
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("timestamp", &self.now.format(&Rfc3339).unwrap_or_default())?;
        line.serialize_entry("level", self.level)?;
        if names().next().is_some() {
            let milliseconds = i64::try_from(self.now.unix_timestamp_nanos() / 1_000_000);
            let directive = Directive {
                namespace: NAMESPACE,
                dimensions: [[DIMENSION]],
                metrics: Definitions(names().collect()),
            };
            line.serialize_entry(
                "_aws",
                &Aws { timestamp: milliseconds.unwrap_or_default(), cloud_watch_metrics: [directive] },
            )?;
        }
        line.serialize_entry(DIMENSION, self.function_name)?;
        for (metric, sum) in &sums {
            line.serialize_entry(metric.name(), sum)?;
        }
        for (metric, values) in values {
            line.serialize_entry(metric.name(), values)?;
        }
        line.serialize_entry("counts", &Counts(self.measured))?;
        line.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aws {
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Definitions,
}

struct Definitions(Vec<Metric>);

impl Serialize for Definitions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Definition {
            name: &'static str,
            unit: &'static str,
        }
        let mut definitions = serializer.serialize_seq(Some(self.0.len()))?;
        for metric in &self.0 {
            definitions.serialize_element(&Definition { name: metric.name(), unit: metric.unit().name() })?;
        }
        definitions.end()
    }
}

/// The details, for searches in the log; `CloudWatch` makes no metrics of them.
struct Counts<'a>(&'a Measured);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.counts.iter().map(|(count, number)| (count.name(), number)))
    }
}
