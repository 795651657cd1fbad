//! One entity of a section: a JSON object of which only the known fields are looked at.

use serde_json::{Map, Value};
use std::fmt;

/// A credential, account or application record. All its fields are kept; `Debug` shows their names only.
#[derive(Clone, PartialEq)]
pub(crate) struct Entity(pub(crate) Map<String, Value>);

impl Entity {
    pub(crate) fn new() -> Self {
        Self(Map::new())
    }

    /// A text field; absent, null, empty and non-text are all `None`.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A time in seconds since the epoch, which libraries write as a string or as a number.
    pub(crate) fn seconds(&self, field: &str) -> Option<i64> {
        match self.0.get(field)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn set(&mut self, field: &str, value: impl Into<String>) {
        self.0.insert(field.to_owned(), Value::String(value.into()));
    }

    pub(crate) fn set_some(&mut self, field: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.set(field, value);
        }
    }

    pub(crate) fn is(&self, field: &str, expected: &str) -> bool {
        self.text(field).is_some_and(|value| value.eq_ignore_ascii_case(expected))
    }

    /// The scopes of `target`, lower-cased and sorted, so that two spellings of one set compare equal.
    pub(crate) fn scope_set(&self) -> Vec<String> {
        let mut scopes: Vec<String> =
            self.text("target").unwrap_or_default().split_whitespace().map(str::to_ascii_lowercase).collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }

    /// The hash of the assertion that obtained this access token, wherever it is kept; `None` for tokens that another
    /// library obtained on its own.
    pub(crate) fn obtained_for(&self) -> Option<&str> {
        self.text(OBTAINED_FOR)
    }
}

/// Our own field on access tokens: the hash of the bearer token that they were obtained for.
///
/// MSAL's `user_assertion_hash` cannot hold it, because .NET hides entries in which it is not the home account id.
pub(crate) const OBTAINED_FOR: &str = "obtained_for_assertion";

impl fmt::Debug for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
