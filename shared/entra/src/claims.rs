//! The members of a JWT part, in which no name may be ambiguous.

use crate::refusal::TokenRefused;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use time::OffsetDateTime;

/// Names that decide who the caller is; none may occur again in another case.
const RELIED_ON: [&str; 17] = [
    "alg", "kid", "crit", "typ", "aud", "iss", "exp", "nbf", "iat", "sub", "tid", "oid", "azp", "appid",
    "scp", "ver", "idtyp",
];

/// A JSON object in which no name occurs twice, and no name that is relied on occurs in another case: two readers could
/// otherwise take the same signed token for two different users.
#[derive(Clone)]
pub(crate) struct Claims(Map<String, Value>);

/// A JSON object of which that is not known yet.
struct UncheckedClaims {
    members: Map<String, Value>,
    ambiguous: bool,
}

impl UncheckedClaims {
    fn checked(self) -> Result<Claims, TokenRefused> {
        if self.ambiguous { Err(TokenRefused::DuplicateClaim) } else { Ok(Claims(self.members)) }
    }
}

impl Claims {
    /// Reads one base64url part of a JWT.
    pub(crate) fn from_part(part: &str) -> Result<Self, TokenRefused> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenRefused::MalformedToken)?;
        let claims: UncheckedClaims =
            serde_json::from_slice(&json).map_err(|_| TokenRefused::MalformedToken)?;
        claims.checked()
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

impl<'de> Deserialize<'de> for UncheckedClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UncheckedClaims;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<UncheckedClaims, A::Error> {
                let mut claims = UncheckedClaims { members: Map::new(), ambiguous: false };
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    let in_another_case =
                        RELIED_ON.iter().any(|known| *known != name && known.eq_ignore_ascii_case(&name));
                    let again = claims.members.insert(name, value).is_some();
                    claims.ambiguous |= in_another_case || again;
                }
                Ok(claims)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Claims, &'static str> {
        Claims::from_part(&BASE64_URL_SAFE_NO_PAD.encode(json)).map_err(|refused| refused.code())
    }

    #[test]
    fn an_object_with_an_ambiguous_name_is_refused() {
        for json in [
            r#"{"tid":"a","tid":"a"}"#,
            r#"{"tid":"a","\u0074id":"b"}"#,
            r#"{"tid":"a","TID":"b"}"#,
            r#"{"Oid":"a"}"#,
        ] {
            assert_eq!(read(json).err(), Some("duplicate_claim"), "{json}");
        }
        let claims = read(r#"{"tid":"a","extn.Cost":"1","extn.cost":"2"}"#).unwrap();
        assert_eq!(claims.text("tid"), Some("a"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(500), "]".repeat(500));
        for json in ["[]", "7", "null", "", "{", r#"{"tid":"a"} {}"#, deep.as_str()] {
            assert_eq!(read(json).err(), Some("malformed_token"), "{json}");
        }
    }

    #[test]
    fn values_of_another_type_count_as_absent() {
        let claims =
            read(r#"{"tid":7,"oid":"","exp":"1","nbf":1.5,"iat":9e30,"far":32503680000,"before":-1}"#)
                .unwrap();
        assert_eq!((claims.text("tid"), claims.text("oid")), (None, None));
        for name in ["exp", "nbf", "iat", "far", "before", "none"] {
            assert_eq!(claims.instant(name), None, "{name}");
        }
    }
}
