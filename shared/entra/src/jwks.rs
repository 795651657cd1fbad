//! The published signing keys (RFC 7517), with the two members that Entra adds: `issuer` and `cloud_instance_name`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

/// More keys than any authority publishes (Entra: about ten).
const MAX_KEYS: usize = 100;

const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A public key that may sign access tokens: RSA of 2048 to 8192 bits, for RS256.
#[derive(Debug, Clone)]
pub struct SigningKey {
    pub(crate) key_id: String,
    pub(crate) decoding_key: DecodingKey,
    /// For whom the key signs, with `{tenantid}` where any tenant may stand.
    pub(crate) issuer: Option<String>,
    pub(crate) cloud_instance_name: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    // Entra's keys carry no `alg`.
    alg: Option<String>,
    kid: String,
    n: String,
    e: String,
    issuer: Option<String>,
    cloud_instance_name: Option<String>,
}

/// The usable keys of a JWKS document; `None` if it is no such document. Keys of other kinds are passed over.
pub(crate) fn parse(body: &[u8]) -> Option<Vec<SigningKey>> {
    let document: Document = serde_json::from_slice(body).ok()?;
    Some(document.keys.into_iter().take(MAX_KEYS).filter_map(signing_key).collect())
}

fn signing_key(value: Value) -> Option<SigningKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let for_signing = jwk.usage.is_none_or(|usage| usage == "sig");
    let for_rs256 = jwk.alg.is_none_or(|algorithm| algorithm == "RS256");
    if jwk.kty != "RSA" || !for_signing || !for_rs256 || jwk.kid.is_empty() {
        return None;
    }
    let modulus = unsigned(&jwk.n)?;
    let exponent = unsigned(&jwk.e)?;
    if !(256..=1024).contains(&modulus.len()) || !(1..=8).contains(&exponent.len()) {
        return None;
    }
    Some(SigningKey {
        key_id: jwk.kid,
        decoding_key: DecodingKey::from_rsa_raw_components(&modulus, &exponent),
        issuer: jwk.issuer,
        cloud_instance_name: jwk.cloud_instance_name,
    })
}

/// A big-endian number without the zeros that some writers put in front (RFC 7518 §2 forbids them).
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_URL.decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Some(bytes[zeros..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn modulus(bytes: usize) -> String {
        BASE64_URL.encode(vec![0xC5; bytes])
    }

    fn key_ids(keys: &Value) -> Vec<String> {
        let body = json!({ "keys": keys }).to_string();
        parse(body.as_bytes()).expect("a key set").into_iter().map(|key| key.key_id).collect()
    }

    #[test]
    fn only_rsa_signing_keys_of_a_fair_size_are_kept() {
        let n = modulus(256);
        assert_eq!(
            key_ids(&json!([
                {"kty": "RSA", "kid": "plain", "n": n, "e": "AQAB"},
                {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "spelled out", "n": n, "e": "AQAB"},
                {"kty": "RSA", "use": "enc", "kid": "for encryption", "n": n, "e": "AQAB"},
                {"kty": "RSA", "alg": "PS256", "kid": "other algorithm", "n": n, "e": "AQAB"},
                {"kty": "EC", "crv": "P-256", "kid": "curve", "x": "AA", "y": "AA"},
                {"kty": "oct", "kid": "shared secret", "k": "AA"},
                {"kty": "RSA", "kid": "1024 bits", "n": modulus(128), "e": "AQAB"},
                {"kty": "RSA", "kid": "huge", "n": modulus(2000), "e": "AQAB"},
                {"kty": "RSA", "kid": "no exponent", "n": n, "e": ""},
                {"kty": "RSA", "kid": "", "n": n, "e": "AQAB"},
                {"kty": "RSA", "n": n, "e": "AQAB"},
                {"kty": "RSA", "kid": "garbage", "n": "!", "e": "AQAB"},
                "not a key",
                {"kty": "RSA", "kid": "padded and zero-led", "n": BASE64_URL.encode([&[0][..], &[0xC5; 256]].concat()) , "e": "AQAB"},
            ])),
            ["plain", "spelled out", "padded and zero-led"]
        );
    }

    #[test]
    fn what_is_no_key_set_is_told_from_an_empty_one() {
        for body in ["", "{}", "[]", "<html>", r#"{"keys":{}}"#] {
            assert!(parse(body.as_bytes()).is_none(), "{body}");
        }
        assert_eq!(parse(br#"{"keys":[]}"#).map(|keys| keys.len()), Some(0));
    }

    #[test]
    fn a_flood_of_keys_is_cut_off() {
        let keys: Vec<Value> = (0..500)
            .map(|id| json!({"kty": "RSA", "kid": id.to_string(), "n": modulus(256), "e": "AQAB"}))
            .collect();
        assert_eq!(key_ids(&json!(keys)).len(), MAX_KEYS);
    }
}
