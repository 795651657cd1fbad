//! Attributes to values and back.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use time::{Duration, OffsetDateTime};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// An attribute that is not as it should be. Its value is left out: it may be a secret or name a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Defect {
    attribute: &'static str,
    expected: &'static str,
}

impl fmt::Display for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: expected {}", self.attribute, self.expected)
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn binary(value: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// Epoch seconds; what is below a second is cut off.
pub(crate) fn seconds(time: OffsetDateTime) -> AttributeValue {
    number(time.unix_timestamp())
}

/// Epoch seconds, rounded up: for ends that must not come early.
pub(crate) fn seconds_rounded_up(time: OffsetDateTime) -> AttributeValue {
    number(time.unix_timestamp() + i64::from(time.nanosecond() > 0))
}

pub(crate) fn epoch_milliseconds(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1000 + i64::from(time.millisecond())
}

/// A map as other programs and the console show it. Absent options are left out.
pub(crate) fn document(value: &impl Serialize) -> AttributeValue {
    let json =
        serde_json::to_value(value).expect("the domain's types are plain data, which JSON can express");
    from_json(json)
}

fn from_json(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::Number(value) => AttributeValue::N(value.to_string()),
        Value::String(value) => AttributeValue::S(value),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(from_json).collect()),
        Value::Object(fields) => AttributeValue::M(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, from_json(value)))
                .collect(),
        ),
    }
}

/// `None` for binary values and sets, which JSON does not have.
fn to_json(value: &AttributeValue) -> Option<Value> {
    match value {
        AttributeValue::Null(_) => Some(Value::Null),
        AttributeValue::Bool(value) => Some(Value::Bool(*value)),
        AttributeValue::N(value) => value.parse().ok().map(Value::Number),
        AttributeValue::S(value) => Some(Value::String(value.clone())),
        AttributeValue::L(values) => values.iter().map(to_json).collect(),
        AttributeValue::M(fields) => {
            fields.iter().map(|(name, value)| Some((name.clone(), to_json(value)?))).collect()
        }
        _ => None,
    }
}

/// Reads attributes by name.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a Item);

impl<'a> Reader<'a> {
    fn present(self, attribute: &'static str) -> Option<&'a AttributeValue> {
        self.0.get(attribute).filter(|value| !value.is_null())
    }

    /// The string, or `None` if there is none under this name.
    pub(crate) fn optional_text(self, attribute: &'static str) -> Result<Option<&'a str>, Defect> {
        let Some(value) = self.present(attribute) else { return Ok(None) };
        match value.as_s() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Defect { attribute, expected: "a string" }),
        }
    }

    /// A string of a certain form.
    pub(crate) fn parsed<T: FromStr>(
        self,
        attribute: &'static str,
        expected: &'static str,
    ) -> Result<T, Defect> {
        let defect = Defect { attribute, expected };
        self.optional_text(attribute)?.ok_or(defect)?.parse().map_err(|_| defect)
    }

    pub(crate) fn optional_number<T: FromStr>(self, attribute: &'static str) -> Result<Option<T>, Defect> {
        let defect = Defect { attribute, expected: "a whole number in range" };
        let Some(value) = self.present(attribute) else { return Ok(None) };
        value.as_n().ok().and_then(|digits| digits.parse().ok()).map(Some).ok_or(defect)
    }

    pub(crate) fn number<T: FromStr>(self, attribute: &'static str) -> Result<T, Defect> {
        self.optional_number(attribute)?.ok_or(Defect { attribute, expected: "a number" })
    }

    pub(crate) fn optional_seconds(self, attribute: &'static str) -> Result<Option<OffsetDateTime>, Defect> {
        let defect = Defect { attribute, expected: "epoch seconds" };
        let Some(seconds) = self.optional_number(attribute)? else { return Ok(None) };
        OffsetDateTime::from_unix_timestamp(seconds).map(Some).map_err(|_| defect)
    }

    pub(crate) fn seconds(self, attribute: &'static str) -> Result<OffsetDateTime, Defect> {
        self.optional_seconds(attribute)?.ok_or(Defect { attribute, expected: "epoch seconds" })
    }

    pub(crate) fn milliseconds(self, attribute: &'static str) -> Result<OffsetDateTime, Defect> {
        let milliseconds: i64 = self.number(attribute)?;
        OffsetDateTime::UNIX_EPOCH
            .checked_add(Duration::milliseconds(milliseconds))
            .ok_or(Defect { attribute, expected: "epoch milliseconds" })
    }

    pub(crate) fn binary(self, attribute: &'static str) -> Result<Vec<u8>, Defect> {
        let value = self.present(attribute).and_then(|value| value.as_b().ok());
        value.map(|blob| blob.as_ref().to_vec()).ok_or(Defect { attribute, expected: "binary" })
    }

    pub(crate) fn optional_document<T: DeserializeOwned>(
        self,
        attribute: &'static str,
    ) -> Result<Option<T>, Defect> {
        let defect = Defect { attribute, expected: "a map as this program writes it" };
        let Some(value) = self.present(attribute) else { return Ok(None) };
        let json = to_json(value).ok_or(defect)?;
        serde_json::from_value(json).map(Some).map_err(|_| defect)
    }

    pub(crate) fn document<T: DeserializeOwned>(self, attribute: &'static str) -> Result<T, Defect> {
        self.optional_document(attribute)?.ok_or(Defect { attribute, expected: "a map" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::account::{Failure, FailureClass};
    use test_support::sample;

    fn item(attribute: &str, value: AttributeValue) -> Item {
        Item::from([(attribute.to_owned(), value)])
    }

    #[test]
    fn a_document_comes_back_as_it_was() {
        let failure = Failure {
            class: FailureClass::UserNeeded,
            code: Some(50_076),
            suberror: None,
            claims: Some("{}".to_owned()),
            at: sample::NOW,
        };
        let written = document(&failure);
        assert_eq!(written.as_m().unwrap().get("class"), Some(&text("user_needed")));
        assert!(!written.as_m().unwrap().contains_key("suberror"));
        let item = item("failure", written);
        assert_eq!(Reader(&item).document::<Failure>("failure"), Ok(failure));
    }

    #[test]
    fn a_value_of_another_type_is_a_defect_that_names_the_attribute() {
        let item = item("blob", text("not binary"));
        let defect = Reader(&item).binary("blob").unwrap_err();
        assert_eq!(defect.to_string(), "blob: expected binary");
        assert!(Reader(&item).seconds("blob").is_err());
        assert!(Reader(&item).document::<Failure>("blob").is_err());
        assert!(Reader(&item).number::<u32>("absent").is_err());
        assert_eq!(Reader(&item).optional_seconds("absent"), Ok(None));
    }

    #[test]
    fn times_out_of_range_are_defects() {
        let item = item("ttl", number(i64::MAX));
        assert!(Reader(&item).seconds("ttl").is_err());
        assert!(Reader(&item).milliseconds("ttl").is_err());
    }

    #[test]
    fn a_lease_is_rounded_up_and_everything_else_down() {
        let time = sample::NOW + Duration::milliseconds(1500);
        let whole = sample::NOW.unix_timestamp();
        assert_eq!(seconds(time), number(whole + 1));
        assert_eq!(seconds_rounded_up(time), number(whole + 2));
        assert_eq!(seconds_rounded_up(sample::NOW), number(whole));
        assert_eq!(epoch_milliseconds(time), whole * 1000 + 1500);
    }
}
