//! The `claims` parameter of a token request (OpenID Connect Core §5.5): what our application is capable of, and what an
//! API asked for.

use serde_json::{Map, Value};

/// Says that our clients understand claims challenges (`cp1`): tokens then live up to 28 hours and can be revoked at any
/// time, which Graph tells by 401 `insufficient_claims`
/// (<https://learn.microsoft.com/entra/identity-platform/claims-challenge>).
pub const CLIENT_CLAIMS: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

/// Our capability, with the challenge merged in. A challenge that is not a JSON object is left out: the request is then
/// refused as it would have been without it.
pub(crate) fn requested_claims(challenge: Option<&str>) -> String {
    let challenge = challenge.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    match (challenge, serde_json::from_str(CLIENT_CLAIMS)) {
        (Some(mut claims), Ok(Value::Object(own))) => {
            merge(&mut claims, own);
            Value::Object(claims).to_string()
        }
        _ => CLIENT_CLAIMS.to_owned(),
    }
}

/// Objects are merged member by member; of anything else `from` counts.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(present)), Value::Object(value)) => merge(present, value),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn requested(challenge: &str) -> Value {
        serde_json::from_str(&requested_claims(Some(challenge))).unwrap()
    }

    #[test]
    fn without_a_challenge_only_the_capability_is_named() {
        assert_eq!(requested_claims(None), CLIENT_CLAIMS);
    }

    #[test]
    fn a_challenge_and_the_capability_stand_side_by_side() {
        let own = json!({ "values": ["cp1"] });
        let nbf = json!({ "essential": true, "value": "1792800000" });
        for (challenge, expected) in [
            (
                json!({ "access_token": { "nbf": nbf } }),
                json!({ "access_token": { "nbf": nbf, "xms_cc": own } }),
            ),
            (json!({}), json!({ "access_token": { "xms_cc": own } })),
            (
                json!({ "id_token": { "acrs": null } }),
                json!({ "id_token": { "acrs": null }, "access_token": { "xms_cc": own } }),
            ),
            (json!({ "access_token": null }), json!({ "access_token": { "xms_cc": own } })),
            (
                json!({ "access_token": { "xms_cc": { "values": ["other"], "essential": true } } }),
                json!({ "access_token": { "xms_cc": { "values": ["cp1"], "essential": true } } }),
            ),
        ] {
            assert_eq!(requested(&challenge.to_string()), expected, "{challenge}");
        }
    }

    #[test]
    fn what_is_not_a_json_object_is_left_out() {
        for challenge in ["", "null", "[]", "\"x\"", "{", "{}}", "\u{0}"] {
            assert_eq!(requested_claims(Some(challenge)), CLIENT_CLAIMS, "{challenge:?}");
        }
    }
}
