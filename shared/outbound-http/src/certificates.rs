//! The certificates of the authorities by which servers are trusted: the system's, read once for all clients of a process.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{CertificateResult, load_native_certs};
use std::sync::LazyLock;

static OF_SYSTEM: LazyLock<Certificates> = LazyLock::new(|| Certificates::usable(load()));

/// Certificates of authorities, all of them usable.
pub struct Certificates(Vec<CertificateDer<'static>>);

/// Those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as they do for OpenSSL, else those that the system keeps.
pub fn system_certificates() -> &'static Certificates {
    &OF_SYSTEM
}

impl Certificates {
    /// Leaves out what cannot be parsed: it would let nobody be trusted, and clients refuse to be made with it.
    fn usable(loaded: CertificateResult) -> Self {
        for error in &loaded.errors {
            tracing::warn!(event = "certificates.unreadable", error = %error);
        }
        let mut store = RootCertStore::empty();
        let usable: Vec<_> =
            loaded.certs.into_iter().filter(|certificate| store.add(certificate.clone()).is_ok()).collect();
        if usable.is_empty() {
            tracing::warn!(
                event = "certificates.none",
                "the system has no certificates of authorities, so no server can be trusted; install them (`ca-certificates`), or \
                 name a file of them in SSL_CERT_FILE"
            );
        }
        Self(usable)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// DER, one after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// For clients that take PEM only (RFC 7468).
    pub fn to_pem(&self) -> Vec<u8> {
        let mut pem = String::new();
        for certificate in self.iter() {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            BASE64_STANDARD.encode_string(certificate, &mut pem);
            pem.push_str("\n-----END CERTIFICATE-----\n");
        }
        pem.into_bytes()
    }
}

/// Linux systems keep them all in one file, and once more in folders that take four times as long to read.
#[cfg(target_os = "linux")]
fn load() -> CertificateResult {
    // As for the settings, empty is unset.
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(is_set);
    let file = if named { None } else { openssl_probe::probe().cert_file };
    let loaded = file.map(|file| rustls_native_certs::load_certs_from_paths(Some(&file), None));
    loaded.filter(|loaded| !loaded.certs.is_empty()).unwrap_or_else(load_native_certs)
}

#[cfg(not(target_os = "linux"))]
fn load() -> CertificateResult {
    load_native_certs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject as _;

    fn certificate() -> CertificateDer<'static> {
        rcgen::generate_simple_self_signed(vec!["authority.example".to_owned()]).unwrap().cert.der().clone()
    }

    fn loaded(certs: Vec<CertificateDer<'static>>) -> CertificateResult {
        let mut loaded = CertificateResult::default();
        loaded.certs = certs;
        loaded
    }

    #[test]
    fn what_is_no_certificate_is_left_out() {
        let good = certificate();
        let certificates =
            Certificates::usable(loaded(vec![CertificateDer::from(b"nonsense".to_vec()), good.clone()]));
        assert_eq!(certificates.iter().collect::<Vec<_>>(), [good.as_ref()]);
        assert!(Certificates::usable(loaded(vec![CertificateDer::from(vec![])])).is_empty());
    }

    #[test]
    fn in_pem_they_are_the_same() {
        let certificates = Certificates::usable(loaded(vec![certificate(), certificate()]));
        let pem = certificates.to_pem();
        let read: Vec<_> = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect();
        assert_eq!(read, certificates.0);
    }

    #[test]
    fn the_system_has_some_and_they_are_read_once() {
        assert!(!system_certificates().is_empty());
        assert!(std::ptr::eq(system_certificates(), system_certificates()));
    }
}
