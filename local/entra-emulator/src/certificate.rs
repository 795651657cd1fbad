//! Certificates of application registrations: what Entra ID keeps of them, and new ones for those who have none.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use crate::der::{der_value, public_numbers};

/// How long a new certificate is good for.
const LIFETIME: Duration = Duration::days(365);

/// A registered certificate: its public key, when it is good, and the names that assertions call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// `x5t#S256` (RFC 7515 §4.1.8).
    pub(crate) sha256: String,
    /// `x5t` (RFC 7515 §4.1.7).
    pub(crate) sha1: String,
    /// The whole certificate.
    pub(crate) der: Vec<u8>,
    /// DER `RSAPublicKey` (RFC 8017 §A.1.1).
    pub(crate) public_key: Vec<u8>,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
}

impl Certificate {
    /// The first certificate in a PEM text, if it is one with an RSA key. Who signed it does not matter to Entra ID.
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
        let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
        let packed: String = body.split_ascii_whitespace().collect();
        Self::from_der(&STANDARD.decode(packed).ok()?)
    }

    /// RFC 5280 §4.1.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let (certificate, _) = der_value(der, 0x30)?;
        let (to_be_signed, _) = der_value(certificate, 0x30)?;
        let version = der_value(to_be_signed, 0xa0);
        let (_serial, rest) = der_value(version.map_or(to_be_signed, |(_, rest)| rest), 0x02)?;
        let (_algorithm, rest) = der_value(rest, 0x30)?;
        let (_issuer, rest) = der_value(rest, 0x30)?;
        let (validity, rest) = der_value(rest, 0x30)?;
        let (_subject, rest) = der_value(rest, 0x30)?;
        let (key_info, _) = der_value(rest, 0x30)?;
        let (_algorithm, key) = der_value(key_info, 0x30)?;
        let (bits, _) = der_value(key, 0x03)?;
        let public_key = bits.strip_prefix(&[0])?;
        public_numbers(public_key)?;
        let (not_before, rest) = instant(validity)?;
        let (not_after, _) = instant(rest)?;
        let thumbprint = |algorithm: &'static Algorithm| URL_SAFE_NO_PAD.encode(digest(algorithm, der));
        Some(Self {
            sha256: thumbprint(&SHA256),
            sha1: thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
            der: der.to_vec(),
            public_key: public_key.to_vec(),
            not_before,
            not_after,
        })
    }
}

/// `UTCTime` or `GeneralizedTime` as certificates have them, and what follows.
fn instant(der: &[u8]) -> Option<(OffsetDateTime, &[u8])> {
    let (text, rest) = if let Some((short, rest)) = der_value(der, 0x17) {
        let short = str::from_utf8(short).ok()?;
        // RFC 5280 §4.1.2.5.1: two digits mean 1950 to 2049.
        let century = if short < "50" { "20" } else { "19" };
        (format!("{century}{short}"), rest)
    } else {
        let (long, rest) = der_value(der, 0x18)?;
        (str::from_utf8(long).ok()?.to_owned(), rest)
    };
    let form = format_description!("[year][month][day][hour][minute][second]Z");
    Some((PrimitiveDateTime::parse(&text, form).ok()?.assume_utc(), rest))
}

/// A new RSA key with its certificate, good from a day ago for a year: PEM, the key first.
pub(crate) fn generate(name: &str, now: OffsetDateTime) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = now - Duration::DAY;
    parameters.not_after = now + LIFETIME;
    let certificate = parameters.self_signed(&key)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn what_is_generated_is_read_also_beyond_2049() {
        for moment in [datetime!(2026-11-22 12:00 UTC), datetime!(2126-03-04 9:00 UTC)] {
            let pem = generate("Profile API", moment).unwrap();
            let certificate = Certificate::from_pem(&pem).unwrap();
            assert_eq!(certificate.not_before, moment - Duration::DAY);
            assert_eq!(certificate.not_after, moment + LIFETIME);
            assert_eq!((certificate.sha256.len(), certificate.sha1.len()), (43, 27));
        }
    }

    #[test]
    fn other_texts_are_no_certificates() {
        let pem = generate("x", datetime!(2026-11-22 12:00 UTC)).unwrap();
        let (key, certificate) = pem.split_at(pem.find("-----BEGIN CERTIFICATE").unwrap());
        let elliptic = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let cut_off = certificate[..certificate.len() / 2].to_owned();
        let damaged = certificate.replacen("MII", "MIJ", 1);
        for other in ["", key, &cut_off, &damaged, &elliptic.pem()] {
            assert_eq!(Certificate::from_pem(other), None, "{other}");
        }
    }
}
