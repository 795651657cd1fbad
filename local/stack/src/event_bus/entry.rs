//! One entry of a `PutEvents` request, and the event that becomes of it.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// An AWS account that does not exist, as in Amazon's own examples.
pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const REGION: &str = "us-east-1";

/// An event on the bus. <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>
#[derive(Debug, Clone)]
pub(super) struct BusEvent {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) detail_type: String,
    time: OffsetDateTime,
    resources: Vec<String>,
    detail: Value,
}

/// Why an entry was not taken, in the words of
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryFailure {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl EntryFailure {
    fn invalid(message: impl Into<String>) -> Self {
        Self { code: "InvalidArgument", message: message.into() }
    }

    pub(super) fn throttled() -> Self {
        Self { code: "ThrottlingException", message: "Rate exceeded. Send this entry again.".to_owned() }
    }
}

impl BusEvent {
    /// Reads an entry for the bus `local`; `now` is its time if it has none.
    pub(super) fn read(entry: &Value, now: OffsetDateTime) -> Result<Self, EntryFailure> {
        let required = |name: &str| match entry.get(name).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(EntryFailure::invalid(format!(
                "Parameter {name} is not valid. Reason: {name} is a required argument."
            ))),
        };
        let (source, detail_type) = (required("Source")?, required("DetailType")?);
        if source.starts_with("aws.") {
            return Err(EntryFailure {
                code: "NotAuthorizedForSourceException",
                message: "Not authorized for the source.".to_owned(),
            });
        }
        let detail = required("Detail")?;
        let detail = match serde_json::from_str::<Value>(&detail) {
            Ok(detail) if detail.is_object() => detail,
            _ => {
                let message = "Detail is malformed: expected a JSON object.".to_owned();
                return Err(EntryFailure { code: "MalformedDetail", message });
            }
        };
        let bus = entry.get("EventBusName").and_then(Value::as_str).unwrap_or(super::LOCAL_BUS);
        if bus.rsplit('/').next() != Some(super::LOCAL_BUS) {
            let expected = super::LOCAL_BUS;
            return Err(EntryFailure::invalid(format!(
                "Event bus {bus} does not exist: expected {expected}."
            )));
        }
        let time = match entry.get("Time") {
            None | Some(Value::Null) => now,
            Some(time) => epoch_seconds(time).ok_or_else(|| {
                EntryFailure::invalid("Parameter Time is not valid: expected seconds since 1970.")
            })?,
        };
        let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
        let resources = resources.filter_map(|name| Some(name.as_str()?.to_owned())).collect();
        Ok(Self { id: Uuid::new_v4().to_string(), source, detail_type, time, resources, detail })
    }

    /// As rules, targets and subscribers see it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": ACCOUNT,
            "time": self.time.format(&Rfc3339).unwrap_or_default(),
            "region": REGION,
            "resources": self.resources,
            "detail": self.detail,
        })
    }
}

/// AWS JSON 1.1 writes times as numbers; events have whole seconds.
fn epoch_seconds(time: &Value) -> Option<OffsetDateTime> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "fractions are dropped; what is out of range is refused below"
    )]
    let seconds = time.as_i64().or_else(|| time.as_f64().map(|seconds| seconds as i64))?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// The size that counts against the limit of a request, in bytes.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size>
pub(super) fn size(entry: &Value) -> usize {
    let bytes = |name: &str| entry.get(name).and_then(Value::as_str).map_or(0, str::len);
    let time = if entry.get("Time").is_some_and(|time| !time.is_null()) { 14 } else { 0 };
    let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let resources: usize = resources.filter_map(Value::as_str).map(str::len).sum();
    time + bytes("Source") + bytes("DetailType") + bytes("Detail") + resources
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn entry() -> Value {
        json!({ "Source": "s", "DetailType": "d", "Detail": "{\"a\":1}", "EventBusName": "local" })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut entry = entry();
        entry[name] = value;
        entry
    }

    #[test]
    fn an_event_has_the_fields_of_eventbridge() {
        let entry = with("Time", json!(1_795_392_000));
        let event = BusEvent::read(&entry, NOW).unwrap();
        assert_eq!(
            event.to_json(),
            json!({
                "version": "0", "id": event.id, "detail-type": "d", "source": "s", "account": "123456789012",
                "time": "2026-11-23T00:00:00Z", "region": "us-east-1", "resources": [], "detail": { "a": 1 },
            })
        );
        assert_ne!(BusEvent::read(&entry, NOW).unwrap().id, event.id);
        assert_eq!(
            BusEvent::read(&with("Time", json!(90.75)), NOW).unwrap().to_json()["time"],
            "1970-01-01T00:01:30Z"
        );
    }

    #[test]
    fn an_entry_that_lacks_something_is_refused_with_the_reason() {
        for (name, value, code, reason) in [
            ("Source", json!(null), "InvalidArgument", "Source"),
            ("Source", json!(""), "InvalidArgument", "Source"),
            ("DetailType", json!(7), "InvalidArgument", "DetailType"),
            ("Detail", json!(null), "InvalidArgument", "Detail"),
            ("Detail", json!("{"), "MalformedDetail", "JSON object"),
            ("Detail", json!("[]"), "MalformedDetail", "JSON object"),
            ("Time", json!("yesterday"), "InvalidArgument", "Time"),
            ("Time", json!(f64::MAX), "InvalidArgument", "Time"),
            ("EventBusName", json!("elsewhere"), "InvalidArgument", "elsewhere"),
            ("Source", json!("aws.events"), "NotAuthorizedForSourceException", "source"),
        ] {
            let failure = BusEvent::read(&with(name, value.clone()), NOW).unwrap_err();
            assert_eq!(failure.code, code, "{name}: {value}");
            assert!(failure.message.contains(reason), "{name}: {}", failure.message);
        }
    }

    #[test]
    fn the_bus_may_be_named_by_its_arn() {
        let arn = "arn:aws:events:us-east-1:123456789012:event-bus/local";
        assert!(BusEvent::read(&with("EventBusName", json!(arn)), NOW).is_ok());
        assert!(BusEvent::read(&with("EventBusName", json!(null)), NOW).is_ok());
    }

    #[test]
    fn the_size_counts_what_amazon_counts() {
        assert_eq!(size(&entry()), 9);
        assert_eq!(size(&with("Time", json!(1))), 9 + 14);
        assert_eq!(size(&with("Resources", json!(["ab", "c"]))), 9 + 3);
        assert_eq!(size(&with("Detail", json!("é"))), 4);
    }
}
