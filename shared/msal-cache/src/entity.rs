//! One entity of a section: a JSON object of which only the known fields are looked at.

use serde_json::{Map, Value};
use std::fmt;

/// A credential, account or application record. All its fields are kept; `Debug` shows their names only.
#[derive(Clone, PartialEq)]
pub(crate) struct Entity(pub(crate) Map<String, Value>);

/// Our own field on access tokens: the hash of the bearer token that they were obtained for.
///
/// MSAL's `user_assertion_hash` cannot hold it, because .NET hides entries in which it is not the home account id.
pub(crate) const OBTAINED_FOR: &str = "obtained_for_assertion";

/// Times beyond this, in the year 5138, are no seconds but milliseconds or garbage. Taken at its word, one such expiry
/// would outlive every real token.
pub(crate) const LAST_SECOND: i64 = 99_999_999_999;

/// Scopes that ask for parts of the answer and give a token no access to anything. Only some libraries keep them.
const RESERVED_SCOPES: [&str; 4] = ["openid", "profile", "offline_access", "email"];

/// What a token bound to a key, or isolated by extra parameters of its request, has and a plain one has not. The names are
/// those of .NET, Python, Node and Go.
const ISOLATING: [&str; 7] =
    ["kid", "key_id", "keyid", "ext", "ext_cache_key", "additionalCacheKeyComponents", "resource"];

impl Entity {
    pub(crate) fn new() -> Self {
        Self(Map::new())
    }

    /// A text field; absent, null, empty and non-text are all `None`.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A time in seconds since the epoch, which libraries write as a string or as a number; fractions are cut off.
    pub(crate) fn seconds(&self, field: &str) -> Option<i64> {
        let seconds = match self.0.get(field)? {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?))?,
            Value::String(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| whole(text.parse().ok()?))?
            }
            _ => return None,
        };
        (-LAST_SECOND..=LAST_SECOND).contains(&seconds).then_some(seconds)
    }

    pub(crate) fn set(&mut self, field: &str, value: impl Into<String> + AsRef<str>) {
        match self.0.get_mut(field) {
            Some(Value::String(present)) if present == value.as_ref() => {}
            Some(present) => *present = Value::String(value.into()),
            None => {
                self.0.insert(field.to_owned(), Value::String(value.into()));
            }
        }
    }

    pub(crate) fn set_some(&mut self, field: &str, value: Option<impl Into<String> + AsRef<str>>) {
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

    /// Whether some request could be answered with either of two access tokens.
    pub(crate) fn shares_scope_with(&self, other: &Self) -> bool {
        let theirs = other.scope_set();
        self.scope_set().iter().any(|scope| !is_reserved(scope) && theirs.contains(scope))
    }

    /// The hash of the assertion that obtained this access token, wherever it is kept; `None` for tokens that another
    /// library obtained on its own.
    pub(crate) fn obtained_for(&self) -> Option<&str> {
        self.text(OBTAINED_FOR)
    }

    /// Tokens bound to a key (`PoP`) or isolated by extra request parameters (`ATExt`) answer no plain request.
    pub(crate) fn is_plain_bearer(&self) -> bool {
        let bearer = self.text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("Bearer"));
        let plain = self.text("credential_type").is_none_or(|kind| kind.eq_ignore_ascii_case("AccessToken"));
        bearer
            && plain
            && !ISOLATING.iter().any(|field| self.0.get(*field).is_some_and(|value| !is_blank(value)))
    }

    /// Takes over the fields of a later version of the same entity. What it leaves blank is not taken for a change: some
    /// libraries write all their fields, known or not.
    pub(crate) fn update(&mut self, later: Self) {
        for (field, value) in later.0 {
            if !is_blank(&value) || !self.0.contains_key(&field) {
                self.0.insert(field, value);
            }
        }
    }
}

/// Whether there is nothing in it: null, or an empty text, list or object.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(crate) fn is_reserved(scope: &str) -> bool {
    RESERVED_SCOPES.iter().any(|reserved| reserved.eq_ignore_ascii_case(scope))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "casting a float saturates, and so large a time is refused"
)]
fn whole(seconds: f64) -> Option<i64> {
    seconds.is_finite().then(|| seconds.floor() as i64)
}

impl fmt::Debug for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
