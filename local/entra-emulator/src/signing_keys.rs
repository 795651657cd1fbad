//! The keys tokens are signed with, their publication (JWKS) and the check of a token against them.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use aws_lc_rs::{digest, error};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::der::public_numbers;

/// How many keys stay published: the one in use and its predecessor.
const PUBLISHED_KEYS: usize = 2;

pub(crate) struct SigningKey {
    kid: String,
    pair: RsaKeyPair,
    created_at: OffsetDateTime,
}

/// A key as it lies in the state file.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredKey {
    pkcs8: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl SigningKey {
    fn generate(now: OffsetDateTime) -> Result<Self, error::Unspecified> {
        Ok(Self::from_pair(RsaKeyPair::generate(KeySize::Rsa2048)?, now))
    }

    fn from_pair(pair: RsaKeyPair, created_at: OffsetDateTime) -> Self {
        let thumbprint = digest::digest(&digest::SHA256, pair.public_key().as_ref());
        // Entra ID's key ids are as long as a SHA-1 thumbprint: 20 bytes.
        Self { kid: URL_SAFE_NO_PAD.encode(&thumbprint.as_ref()[..20]), pair, created_at }
    }
}

/// Newest first; the newest signs.
pub(crate) struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    pub(crate) fn generate(now: OffsetDateTime) -> Result<Self, error::Unspecified> {
        Ok(Self(vec![SigningKey::generate(now)?]))
    }

    pub(crate) fn restore(stored: &[StoredKey]) -> Option<Self> {
        let keys = stored
            .iter()
            .map(|key| {
                let pkcs8 = STANDARD.decode(&key.pkcs8).ok()?;
                Some(SigningKey::from_pair(RsaKeyPair::from_pkcs8(&pkcs8).ok()?, key.created_at))
            })
            .collect::<Option<Vec<_>>>()?;
        (!keys.is_empty()).then_some(Self(keys))
    }

    pub(crate) fn to_stored(&self) -> Vec<StoredKey> {
        self.0
            .iter()
            .map(|key| StoredKey {
                pkcs8: STANDARD
                    .encode(key.pair.as_der().expect("a key that was made can be written").as_ref()),
                created_at: key.created_at,
            })
            .collect()
    }

    /// Signs with a new key from now on. The previous key stays published, unless `drop_previous`.
    pub(crate) fn rotate(
        &mut self,
        now: OffsetDateTime,
        drop_previous: bool,
    ) -> Result<(), error::Unspecified> {
        self.0.insert(0, SigningKey::generate(now)?);
        self.0.truncate(if drop_previous { 1 } else { PUBLISHED_KEYS });
        Ok(())
    }

    pub(crate) fn kids(&self) -> Vec<String> {
        self.0.iter().map(|key| key.kid.clone()).collect()
    }

    /// The JWK set. `issuer` is the issuer the keys may sign for, `{tenantid}` in it standing for any tenant.
    /// There is no `alg` member, as at Entra ID.
    pub(crate) fn jwks(&self, issuer: &str) -> Value {
        self.jwk_set(|key, jwk| {
            jwk["x5t"] = json!(key.kid);
            jwk["cloud_instance_name"] = json!("microsoftonline.com");
            jwk["issuer"] = json!(issuer);
        })
    }

    /// The JWK set as AWS STS publishes its own.
    pub(crate) fn plain_jwks(&self) -> Value {
        self.jwk_set(|_, jwk| jwk["alg"] = json!("RS256"))
    }

    fn jwk_set(&self, complete: impl Fn(&SigningKey, &mut Value)) -> Value {
        let keys: Vec<Value> = self
            .0
            .iter()
            .map(|key| {
                let (modulus, exponent) = public_numbers(key.pair.public_key().as_ref())
                    .expect("the key was made or read by aws-lc, which writes RFC 8017 DER");
                let mut jwk = json!({
                    "kty": "RSA",
                    "use": "sig",
                    "kid": key.kid,
                    "n": URL_SAFE_NO_PAD.encode(modulus),
                    "e": URL_SAFE_NO_PAD.encode(exponent),
                });
                complete(key, &mut jwk);
                jwk
            })
            .collect();
        json!({ "keys": keys })
    }

    /// A compact JWS (RFC 7515 §3.1), RS256.
    pub(crate) fn sign(&self, claims: &Value, kind: TokenKind) -> String {
        let key = &self.0[0];
        let mut header = json!({ "typ": "JWT", "alg": "RS256", "kid": key.kid });
        if matches!(kind, TokenKind::V1 | TokenKind::Graph) {
            header["x5t"] = json!(key.kid);
        }
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        if matches!(kind, TokenKind::Graph) {
            let nonce = crate::sealed::random_text::<32>();
            header["nonce"] = json!(hashed_nonce(&nonce));
            let signature = sign_text(&key.pair, &format!("{}.{payload}", encode(&header)));
            header["nonce"] = json!(nonce);
            return format!("{}.{payload}.{signature}", encode(&header));
        }
        let signing_input = format!("{}.{payload}", encode(&header));
        let signature = sign_text(&key.pair, &signing_input);
        format!("{signing_input}.{signature}")
    }

    /// The claims of a token that one of the published keys signed. Times, issuer and audience are not looked at.
    pub(crate) fn verify(&self, token: &str) -> Result<Value, SignatureFault> {
        let mut parts = token.split('.');
        let (Some(header_text), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SignatureFault::Malformed);
        };
        let mut header: Value = decode_json(header_text).ok_or(SignatureFault::Malformed)?;
        if header["alg"] != "RS256" {
            return Err(SignatureFault::Algorithm);
        }
        let key =
            self.0.iter().find(|key| header["kid"] == key.kid.as_str()).ok_or(SignatureFault::UnknownKey)?;
        let signed_header = match header["nonce"].as_str().map(hashed_nonce) {
            Some(hashed) => {
                header["nonce"] = json!(hashed);
                encode(&header)
            }
            None => header_text.to_owned(),
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| SignatureFault::Malformed)?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key().as_ref())
            .verify(format!("{signed_header}.{payload}").as_bytes(), &signature)
            .map_err(|_| SignatureFault::Signature)?;
        decode_json(payload).filter(Value::is_object).ok_or(SignatureFault::Malformed)
    }
}

/// Which header a token gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    V1,
    V2,
    /// Signed over a hash of the header's `nonce`, so that only Graph can verify it: an API that accepts Graph
    /// tokens by mistake finds a bad signature, as with the real ones.
    Graph,
}

/// Why a token's signature was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureFault {
    #[error("The token is not a well-formed JWT.")]
    Malformed,
    #[error("The algorithm is not RS256.")]
    Algorithm,
    #[error("The key was not found.")]
    UnknownKey,
    #[error("The provided signature value did not match the expected signature value.")]
    Signature,
}

fn hashed_nonce(nonce: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, nonce.as_bytes()))
}

fn encode(header: &Value) -> String {
    URL_SAFE_NO_PAD.encode(header.to_string())
}

fn decode_json(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn sign_text(pair: &RsaKeyPair, text: &str) -> String {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("the buffer has the length of the modulus");
    URL_SAFE_NO_PAD.encode(signature)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;

    use super::{SignatureFault, SigningKeys, TokenKind, encode};

    #[test]
    fn every_kind_of_token_verifies_and_a_changed_one_does_not() {
        let keys = SigningKeys::generate(OffsetDateTime::UNIX_EPOCH).unwrap();
        for kind in [TokenKind::V1, TokenKind::V2, TokenKind::Graph] {
            let token = keys.sign(&json!({ "sub": "x" }), kind);
            assert_eq!(keys.verify(&token).unwrap()["sub"], "x");
            let (head, signature) = token.rsplit_once('.').unwrap();
            let (header, _) = head.split_once('.').unwrap();
            let forged = format!("{header}.{}.{signature}", encode(&json!({ "sub": "y" })));
            assert_eq!(keys.verify(&forged), Err(SignatureFault::Signature));
        }
    }

    #[test]
    fn unsigned_and_foreign_tokens_are_refused() {
        let keys = SigningKeys::generate(OffsetDateTime::UNIX_EPOCH).unwrap();
        let others = SigningKeys::generate(OffsetDateTime::UNIX_EPOCH).unwrap();
        let foreign = others.sign(&json!({}), TokenKind::V2);
        assert_eq!(keys.verify(&foreign), Err(SignatureFault::UnknownKey));
        let unsigned = format!("{}.{}.", encode(&json!({ "alg": "none" })), encode(&json!({})));
        assert_eq!(keys.verify(&unsigned), Err(SignatureFault::Algorithm));
        assert_eq!(keys.verify("nonsense"), Err(SignatureFault::Malformed));
    }

    #[test]
    fn rotation_keeps_one_predecessor_and_storage_keeps_the_key_ids() {
        let mut keys = SigningKeys::generate(OffsetDateTime::UNIX_EPOCH).unwrap();
        let old = keys.sign(&json!({ "n": 1 }), TokenKind::V2);
        keys.rotate(OffsetDateTime::UNIX_EPOCH, false).unwrap();
        assert!(keys.verify(&old).is_ok());
        let restored = SigningKeys::restore(&keys.to_stored()).unwrap();
        assert_eq!(restored.kids(), keys.kids());
        keys.rotate(OffsetDateTime::UNIX_EPOCH, false).unwrap();
        assert_eq!(keys.verify(&old), Err(SignatureFault::UnknownKey));
        keys.rotate(OffsetDateTime::UNIX_EPOCH, true).unwrap();
        assert_eq!(keys.kids().len(), 1);
    }
}
