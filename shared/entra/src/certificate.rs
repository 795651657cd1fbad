//! A certificate of the app registration with its private key, read from PEM, and the assertions that it signs.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use domain::identity::ClientId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use zeroize::Zeroizing;

/// How long an assertion is good for: 10 minutes, as MSAL makes them.
pub(crate) const ASSERTION_LIFETIME: Duration = Duration::minutes(10);

/// Why a PEM text gives no credential. Nothing of the text is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificate {
    #[error("expected PEM with `PRIVATE KEY` and `CERTIFICATE`, got a section that is cut off or not base64")]
    Malformed,
    #[error(
        "expected an RSA private key in PEM (PKCS#8 `PRIVATE KEY` or PKCS#1 `RSA PRIVATE KEY`), got none"
    )]
    NoKey,
    #[error(
        "expected a private key without a passphrase, got an encrypted one; decrypt it with `openssl rsa`"
    )]
    Encrypted,
    #[error("expected an RSA private key of 2048 to 8192 bits, got another kind or size")]
    UnsupportedKey,
    #[error("expected one private key, got several")]
    ManyKeys,
    #[error("expected the certificate beside its private key, got none that belongs to it")]
    NoCertificate,
}

/// Key and thumbprint. Has no `Debug`; the key lies in memory that is wiped when it is freed.
pub(crate) struct Certificate {
    key: KeyPair,
    /// `x5t#S256` (RFC 7515 §4.1.8).
    thumbprint: String,
}

impl Certificate {
    /// Reads one private key and the certificate that belongs to it, in any order, possibly among those of a chain.
    pub(crate) fn from_pem(text: &SecretString) -> Result<Self, InvalidCertificate> {
        let mut key = None;
        let mut certificates = Vec::new();
        for section in Sections(text.expose_secret()) {
            let (label, der) = section?;
            let read = match label {
                "PRIVATE KEY" => KeyPair::from_pkcs8(&der),
                "RSA PRIVATE KEY" => KeyPair::from_der(&der),
                "ENCRYPTED PRIVATE KEY" => return Err(InvalidCertificate::Encrypted),
                "EC PRIVATE KEY" => return Err(InvalidCertificate::UnsupportedKey),
                "CERTIFICATE" => {
                    certificates.push(der);
                    continue;
                }
                _ => continue,
            };
            if key.is_some() {
                return Err(InvalidCertificate::ManyKeys);
            }
            key = Some(read.map_err(|_| InvalidCertificate::UnsupportedKey)?);
        }
        let key = key.ok_or(InvalidCertificate::NoKey)?;
        // A certificate holds its subject's RSAPublicKey (RFC 8017 §A.1.1) to the byte, so finding ours in it says that they
        // belong together; a chain's other certificates have other keys.
        let public = key.public_key().as_ref();
        let certificate = certificates
            .iter()
            .find(|der| der.windows(public.len()).any(|part| part == public))
            .ok_or(InvalidCertificate::NoCertificate)?;
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate));
        Ok(Self { key, thumbprint })
    }

    /// An assertion for `audience`, good from `now` for [`ASSERTION_LIFETIME`]
    /// (<https://learn.microsoft.com/entra/identity-platform/certificate-credentials>).
    pub(crate) fn sign(&self, client_id: ClientId, audience: &str, now: OffsetDateTime) -> SecretString {
        let client_id = client_id.to_string();
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": Uuid::new_v4().to_string(),
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp(),
            "exp": (now + ASSERTION_LIFETIME).unix_timestamp(),
        });
        let message = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("the buffer has the length of the modulus");
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)).into()
    }
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The sections of a PEM text (RFC 7468) with their labels; what stands between them is passed over.
struct Sections<'t>(&'t str);

impl<'t> Iterator for Sections<'t> {
    type Item = Result<(&'t str, Zeroizing<Vec<u8>>), InvalidCertificate>;

    fn next(&mut self) -> Option<Self::Item> {
        let (_, rest) = self.0.split_once("-----BEGIN ")?;
        let section = section(rest);
        // After a fault nothing more can be told apart.
        self.0 = section.as_ref().map_or("", |(_, _, rest)| rest);
        Some(section.map(|(label, der, _)| (label, der)))
    }
}

/// Label and content of the section whose label `text` begins with, and what follows it.
fn section(text: &str) -> Result<(&str, Zeroizing<Vec<u8>>, &str), InvalidCertificate> {
    let malformed = InvalidCertificate::Malformed;
    let (label, text) = text.split_once("-----").ok_or(malformed)?;
    let (body, rest) = text.split_once("-----END ").ok_or(malformed)?;
    let rest = rest.strip_prefix(label).and_then(|rest| rest.strip_prefix("-----")).ok_or(malformed)?;
    // RFC 1421 headers, which only the old form of encrypted keys has.
    if body.contains("Proc-Type:") {
        return Err(InvalidCertificate::Encrypted);
    }
    let mut packed = Zeroizing::new(Vec::with_capacity(body.len()));
    packed.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let der = BASE64_STANDARD.decode(&*packed).map_err(|_| malformed)?;
    Ok((label, Zeroizing::new(der), rest))
}
