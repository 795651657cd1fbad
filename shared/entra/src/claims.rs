//! The members of a JWT part, in which no name may be ambiguous.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use time::OffsetDateTime;

/// Names that decide who the caller is; none may occur again in another case.
const RELIED_ON: [&str; 16] = [
    "alg", "kid", "crit", "typ", "aud", "iss", "exp", "nbf", "iat", "tid", "oid", "azp", "appid", "scp",
    "ver", "idtyp",
];

/// A JSON object in which no name occurs twice, and no name that is relied on occurs in another case: two readers could
/// otherwise take the same signed token for two different users.
#[derive(Clone)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// Reads one base64url part of a JWT.
    pub(crate) fn from_part(part: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A string that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A `NumericDate` in whole seconds, as Entra writes it (RFC 7519 §2), between 1970 and 3000: sums with it stay in the
    /// range of dates.
    pub(crate) fn instant(&self, name: &str) -> Option<OffsetDateTime> {
        let seconds = self.0.get(name)?.as_i64().filter(|seconds| (0..32_503_680_000).contains(seconds))?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Claims;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if RELIED_ON.iter().any(|known| *known != name && known.eq_ignore_ascii_case(&name)) {
                        return Err(A::Error::custom("a claim is named in another case"));
                    }
                    if claims.insert(name, value).is_some() {
                        return Err(A::Error::custom("a claim occurs twice"));
                    }
                }
                Ok(Claims(claims))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_an_ambiguous_name_is_refused() {
        for text in
            [r#"{"tid":"a","tid":"a"}"#, r#"{"tid":"a","TID":"b"}"#, r#"{"Oid":"a"}"#, "[]", "7", "null", ""]
        {
            assert!(serde_json::from_str::<Claims>(text).is_err(), "{text}");
        }
        let claims: Claims = serde_json::from_str(r#"{"tid":"a","extn.Cost":"1","extn.cost":"2"}"#).unwrap();
        assert_eq!(claims.text("tid"), Some("a"));
    }

    #[test]
    fn values_of_another_type_count_as_absent() {
        let claims: Claims = serde_json::from_str(
            r#"{"tid":7,"oid":"","exp":"1","nbf":1.5,"iat":9e30,"far":32503680000,"before":-1}"#,
        )
        .unwrap();
        assert_eq!((claims.text("tid"), claims.text("oid")), (None, None));
        for name in ["exp", "nbf", "iat", "far", "before", "none"] {
            assert_eq!(claims.instant(name), None, "{name}");
        }
    }
}
