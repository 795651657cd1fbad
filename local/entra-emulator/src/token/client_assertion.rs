//! A signed JWT as the client's proof (RFC 7523 §2.2): signed with a certificate of the application, or issued by another
//! identity provider that the application trusts.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>,
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>
//!
//! As at Entra ID, an assertion may be used again until it expires: MSAL caches its assertions.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use time::OffsetDateTime;

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::credentials::Credentials;
use crate::directory::Application;
use crate::emulator::Shared;
use crate::entra_error::{EntraError, timestamp};

/// How far the clocks of both sides may differ, in seconds.
const SKEW_SECONDS: i64 = 300;

/// An assertion as it was sent, not yet believed.
struct Unverified<'t> {
    header: Value,
    claims: Value,
    signed: &'t str,
    signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| -> Option<Value> {
            let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
            value.is_object().then_some(value)
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { header: object(header)?, claims: object(claims)?, signed, signature })
    }

    fn claim(&self, name: &str) -> &str {
        self.claims[name].as_str().unwrap_or_default()
    }
}

/// Finds `text` to be a proof of `client` for this token endpoint.
pub(super) fn check(
    shared: &Shared,
    authority: Authority,
    client: &Application,
    credentials: &Credentials,
    text: &str,
) -> Result<(), EntraError> {
    let assertion = Unverified::parse(text)
        .ok_or_else(|| EntraError::invalid_request(50_027, "JWT token is invalid or malformed."))?;
    if assertion.claim("iss").eq_ignore_ascii_case(&client.client_id.to_string()) {
        by_certificate(shared, authority, client, &credentials.certificates, &assertion)
    } else {
        by_federation(shared, credentials, text, &assertion)
    }
}

fn by_certificate(
    shared: &Shared,
    authority: Authority,
    client: &Application,
    certificates: &[Certificate],
    assertion: &Unverified<'_>,
) -> Result<(), EntraError> {
    let client_id = client.client_id.to_string();
    let header = |name: &str| assertion.header[name].as_str();
    let named = header("x5t#S256").or(header("x5t")).unwrap_or_default();
    let refused = |reason: &str| {
        let shown: String = named.chars().take(64).collect();
        EntraError::invalid_client(
            700_027,
            format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. \
                 [Reason - {reason}, Thumbprint of key used by client: '{shown}', Please visit the Azure Portal to see \
                 the configured keys of app Id '{client_id}'.]"
            ),
        )
    };
    let certificate = certificates
        .iter()
        .find(|certificate| match header("x5t#S256") {
            Some(thumbprint) => certificate.sha256 == thumbprint,
            None => header("x5t") == Some(certificate.sha1.as_str()),
        })
        .ok_or_else(|| refused("The key was not found."))?;
    let algorithm: &dyn VerificationAlgorithm = match header("alg") {
        Some("PS256") => &RSA_PSS_2048_8192_SHA256,
        Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(refused("The algorithm is not supported.")),
    };
    UnparsedPublicKey::new(algorithm, &certificate.public_key)
        .verify(assertion.signed.as_bytes(), &assertion.signature)
        .map_err(|_| refused("The provided signature value did not match the expected signature value."))?;
    let now = shared.clock.now();
    if now < certificate.not_before || now > certificate.not_after {
        return Err(EntraError::invalid_client(
            1_000_502,
            "The provided certificate is not within its specified valid time range.",
        ));
    }
    check_times(&assertion.claims, now)?;
    if !assertion.claim("sub").eq_ignore_ascii_case(&client_id) {
        return Err(EntraError::invalid_client(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    if !is_for(shared, authority, assertion.claim("aud")) {
        return Err(EntraError::invalid_client(
            700_023,
            "Client assertion audience claim does not match Realm issuer.",
        ));
    }
    Ok(())
}

/// Whether `audience` is the token endpoint or the issuer of this authority.
fn is_for(shared: &Shared, authority: Authority, audience: &str) -> bool {
    let Some(path) = audience.strip_prefix(&shared.base).and_then(|rest| rest.strip_prefix('/')) else {
        return false;
    };
    path.split_once('/').is_some_and(|(tenant, rest)| {
        matches!(rest, "oauth2/v2.0/token" | "v2.0") && Authority::resolve(shared, tenant) == Ok(authority)
    })
}

fn by_federation(
    shared: &Shared,
    credentials: &Credentials,
    text: &str,
    assertion: &Unverified<'_>,
) -> Result<(), EntraError> {
    let (issuer, subject) = (assertion.claim("iss"), assertion.claim("sub"));
    let audiences: Vec<&str> = match &assertion.claims["aud"] {
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let own_issuer = shared.web_identity_issuer();
    let mut candidates: Vec<_> = credentials.federated.iter().map(|one| &one.credential).collect();
    let unmatched = |code: u32, what: &str, value: &str| {
        let shown: String = value.chars().take(256).collect();
        EntraError::invalid_client(
            code,
            format!(
                "No matching federated identity record found for presented assertion {what} '{shown}'. Check your \
                 federated identity credential Subject, Audience and Issuer against the presented assertion. \
                 https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
            ),
        )
    };
    candidates.retain(|one| one.issuer.as_deref().unwrap_or(&own_issuer) == issuer);
    if candidates.is_empty() {
        return Err(unmatched(700_211, "issuer", issuer));
    }
    candidates.retain(|one| one.subject == subject);
    if candidates.is_empty() {
        return Err(unmatched(700_213, "subject", subject));
    }
    candidates.retain(|one| audiences.contains(&one.audience.as_str()));
    if candidates.is_empty() {
        return Err(unmatched(700_212, "audience", audiences.first().copied().unwrap_or_default()));
    }
    if issuer != own_issuer {
        return Err(EntraError::invalid_request(50_166, "Request to External OIDC endpoint failed."));
    }
    let claims = shared.verified_web_identity(text).map_err(|fault| {
        EntraError::invalid_client(7_000_274, format!("The federated assertion is not accepted. {fault}"))
    })?;
    check_times(&claims, shared.clock.now())
}

/// `nbf` and `exp`, which must be there.
fn check_times(claims: &Value, now: OffsetDateTime) -> Result<(), EntraError> {
    let seconds = now.unix_timestamp();
    let expires_at = claims["exp"].as_i64();
    let begun = claims["nbf"].as_i64().is_none_or(|from| from.saturating_sub(SKEW_SECONDS) <= seconds);
    if begun && expires_at.is_some_and(|until| seconds < until.saturating_add(SKEW_SECONDS)) {
        return Ok(());
    }
    let shown = expires_at
        .and_then(|until| OffsetDateTime::from_unix_timestamp(until).ok())
        .map_or_else(|| "unknown".to_owned(), timestamp);
    Err(EntraError::invalid_client(
        700_024,
        format!(
            "Client assertion is not within its valid time range. Current time: {}, expiry time of assertion {shown}.",
            timestamp(now)
        ),
    ))
}
