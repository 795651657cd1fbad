//! The published signing keys (RFC 7517), with the two members that Entra adds: `issuer` and `cloud_instance_name`.

use crate::authority::{Authority, TokenVersion};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::identity::TenantId;
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// More keys than any authority publishes (Entra: about ten).
const MAX_KEYS: usize = 100;

const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A public key that may sign access tokens: RSA of 2048 to 8192 bits, for RS256.
#[derive(Debug, Clone)]
pub struct SigningKey {
    pub(crate) decoding_key: DecodingKey,
    jwk: Jwk,
}

/// What counts of a key; the rest of it (`x5c` above all) is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Jwk {
    kid: String,
    kty: String,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    // Entra's keys carry no `alg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    n: String,
    e: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_instance_name: Option<String>,
}

impl SigningKey {
    pub(crate) fn key_id(&self) -> &str {
        &self.jwk.kid
    }

    /// Whether the key is published for this tenant in the authority's cloud. One document lists keys of several issuers, so
    /// that a good signature alone does not mean that the issuer in the token signed it.
    pub(crate) fn may_sign_for(&self, tenant: TenantId, authority: &Authority) -> bool {
        // With `{tenantid}` where any tenant may stand.
        let right_issuer = self.jwk.issuer.as_deref().is_none_or(|template| {
            let issuer = template.replace("{tenantid}", &tenant.to_string());
            [TokenVersion::V2, TokenVersion::V1]
                .into_iter()
                .any(|version| issuer == authority.issuer(version, tenant))
        });
        let right_cloud = match (self.jwk.cloud_instance_name.as_deref(), authority.cloud_instance_name()) {
            (Some(of_key), Some(ours)) => of_key == ours,
            _ => true,
        };
        right_issuer && right_cloud
    }

    pub(crate) fn jwk(&self) -> &Jwk {
        &self.jwk
    }
}

/// What a key document has to offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDocument {
    /// Keys that may sign access tokens at all.
    pub signing_keys: usize,
    /// Those of them that are published for the tenant, in the authority's cloud.
    pub for_tenant: usize,
}

impl KeyDocument {
    /// Without a tenant only keys for all tenants count as published for it. `None` for what is no key document.
    pub fn read(body: &[u8], tenant: Option<TenantId>, authority: &Authority) -> Option<Self> {
        let keys = parse(body)?;
        // Nobody's, for which no document lists a key of its own.
        let tenant = tenant.unwrap_or(TenantId::from_uuid(uuid::Uuid::nil()));
        let for_tenant = keys.iter().filter(|key| key.may_sign_for(tenant, authority)).count();
        Some(Self { signing_keys: keys.len(), for_tenant })
    }
}

/// The usable keys of a JWKS document; `None` if it is no such document. Keys of other kinds are passed over.
pub(crate) fn parse(body: &[u8]) -> Option<Vec<SigningKey>> {
    let mut document: Map<String, Value> = serde_json::from_slice(body).ok()?;
    match document.remove("keys") {
        Some(Value::Array(keys)) => Some(usable(keys)),
        _ => None,
    }
}

/// The usable ones of these keys.
pub(crate) fn usable(keys: Vec<Value>) -> Vec<SigningKey> {
    keys.into_iter().take(MAX_KEYS).filter_map(signing_key).collect()
}

fn signing_key(value: Value) -> Option<SigningKey> {
    let jwk: Jwk = serde_json::from_value(Some(value).filter(Value::is_object)?).ok()?;
    let for_signing = jwk.usage.as_ref().is_none_or(|usage| usage == "sig");
    let for_rs256 = jwk.alg.as_ref().is_none_or(|algorithm| algorithm == "RS256");
    if jwk.kty != "RSA" || !for_signing || !for_rs256 || jwk.kid.is_empty() {
        return None;
    }
    let modulus = unsigned(&jwk.n)?;
    let exponent = unsigned(&jwk.e)?;
    // With an exponent of 1 whoever knows the key could sign.
    let odd = exponent.last().is_some_and(|byte| byte % 2 == 1) && exponent != [1];
    if !(256..=1024).contains(&modulus.len()) || !(1..=8).contains(&exponent.len()) || !odd {
        return None;
    }
    Some(SigningKey { decoding_key: DecodingKey::from_rsa_raw_components(&modulus, &exponent), jwk })
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
        parse(body.as_bytes()).expect("a key set").into_iter().map(|key| key.key_id().to_owned()).collect()
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
                {"kty": "RSA", "kid": "exponent of one", "n": n, "e": "AQ"},
                {"kty": "RSA", "kid": "even exponent", "n": n, "e": "AQAA"},
                {"kty": "RSA", "kid": "", "n": n, "e": "AQAB"},
                {"kty": "RSA", "n": n, "e": "AQAB"},
                {"kty": "RSA", "kid": "garbage", "n": "!", "e": "AQAB"},
                "not a key",
                ["list", "RSA", "sig", "RS256", n, "AQAB", null, null],
                {"kty": "RSA", "kid": "padded and zero-led", "n": BASE64_URL.encode([&[0][..], &[0xC5; 256]].concat()) , "e": "AQAB"},
            ])),
            ["plain", "spelled out", "padded and zero-led"]
        );
    }

    #[test]
    fn keys_of_the_tenant_are_told_from_those_of_others() {
        let tenant: TenantId = "7f3a9c12-4d5e-4b6a-9c8d-0e1f2a3b4c5d".parse().unwrap();
        let host = "https://login.microsoftonline.com".parse().unwrap();
        let authority = Authority::new(&host, crate::TenantSetting::Single(tenant)).unwrap();
        let n = modulus(256);
        let key = |issuer: &str, cloud: &str| {
            let mut key = json!({"kty": "RSA", "kid": "key", "n": n, "e": "AQAB"});
            key["issuer"] = issuer.into();
            key["cloud_instance_name"] = cloud.into();
            key
        };
        let body = json!({"keys": [
            key("https://login.microsoftonline.com/{tenantid}/v2.0", "microsoftonline.com"),
            key("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", "microsoftonline.com"),
            key("https://login.microsoftonline.com/{tenantid}/v2.0", "microsoftonline.us"),
            {"kty": "EC", "kid": "curve"},
        ]});
        let read = KeyDocument::read(body.to_string().as_bytes(), Some(tenant), &authority);
        assert_eq!(read, Some(KeyDocument { signing_keys: 3, for_tenant: 1 }));
        assert_eq!(KeyDocument::read(b"<html>", None, &authority), None);
    }

    #[test]
    fn what_is_no_key_set_is_told_from_an_empty_one() {
        for body in ["", "{}", "[]", "[[]]", "<html>", r#"{"keys":{}}"#] {
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
