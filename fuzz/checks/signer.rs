//! An authority's key pair, made anew in each process, and tokens that it signs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra::{AccessPolicy, Allowed, Authority, TenantSetting};
use serde_json::{Value, json};
use test_support::sample;

/// The id that the key is published under.
pub(crate) const KEY_ID: &str = "ours";

/// What the key document says of the key.
pub(crate) const KEY_ISSUER: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
pub(crate) const CLOUD: &str = "microsoftonline.com";

pub(crate) struct Signer(KeyPair);

impl Signer {
    pub(crate) fn generate() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).expect("a key pair"))
    }

    /// SEQUENCE { INTEGER modulus, INTEGER exponent } (RFC 8017 A.1.1), of fixed length for 2048 bits and 65537.
    pub(crate) fn modulus(&self) -> &[u8] {
        let public = self.0.public_key().as_ref();
        assert_eq!(public.len(), 270, "a public key of 2048 bits");
        &public[9..265]
    }

    /// The key as Entra publishes it.
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": KEY_ID,
            "n": BASE64_URL_SAFE_NO_PAD.encode(self.modulus()),
            "e": "AQAB",
            "issuer": KEY_ISSUER,
            "cloud_instance_name": CLOUD,
        })
    }

    /// A token of these parts, signed whatever the header says.
    pub(crate) fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let [header, payload] = [header, payload].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        let message = format!("{header}.{payload}");
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("an RSA key signs any message");
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The authority of the tenant that the API serves.
pub(crate) fn authority() -> Authority {
    let host = "https://login.microsoftonline.com".parse().expect("a URL");
    Authority::new(&host, TenantSetting::Single(sample::TENANT)).expect("Microsoft's public cloud")
}

/// Users of one tenant, by way of one application.
pub(crate) fn policy() -> AccessPolicy {
    AccessPolicy {
        client_id: sample::CLIENT,
        app_id_uri: None,
        tenants: Allowed::Only([sample::TENANT].into()),
        clients: Allowed::Only([sample::SPA_CLIENT].into()),
    }
}
