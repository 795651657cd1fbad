//! A certificate as the credential: what is read from PEM, and what is signed with it.

use crate::support::{CLIENT, FakeEntra, TENANT, assertion, field, success};
use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::ports::TokenExchange as _;
use domain::scope::ScopeSet;
use entra::{
    ClientAuthentication, ClientCertificate, ClientCredential, CredentialError, CredentialSource,
    InvalidCertificate,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rcgen::{CertificateParams, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use test_support::{FixedClock, sample};
use time::Duration;

/// A text that a test may replace, and how often it was read.
pub(crate) struct Shelf {
    text: Mutex<Option<String>>,
    reads: AtomicUsize,
}

impl Shelf {
    pub(crate) fn holding(text: &str) -> Arc<Self> {
        Arc::new(Self { text: Mutex::new(Some(text.to_owned())), reads: AtomicUsize::new(0) })
    }

    /// `None`: nothing can be read any more.
    pub(crate) fn put(&self, text: Option<&str>) {
        *self.text.lock().unwrap() = text.map(str::to_owned);
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl CredentialSource for Shelf {
    async fn read(&self) -> Result<SecretString, CredentialError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let text = self.text.lock().unwrap().clone();
        text.map(SecretString::from).ok_or_else(|| CredentialError::new("the shelf is gone"))
    }
}

/// A certificate of its own with its key.
pub(crate) struct Made {
    key: rcgen::KeyPair,
    certificate: rcgen::Certificate,
}

/// Two for the whole test run: generating keys takes a while.
pub(crate) static FIRST: LazyLock<Made> = LazyLock::new(Made::generate);
pub(crate) static SECOND: LazyLock<Made> = LazyLock::new(Made::generate);

impl Made {
    fn generate() -> Self {
        let key = rcgen::KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        Self { key, certificate }
    }

    /// Key (PKCS#8) and certificate.
    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.key.serialize_pem(), self.certificate.pem())
    }

    /// The same key as PKCS#1: what PKCS#8 wraps (RFC 5958), past its header of fixed length for an RSA key of 2048 bits.
    fn pkcs1_pem(&self) -> String {
        let der = &self.key.serialize_der()[26..];
        let body = base64::prelude::BASE64_STANDARD.encode(der);
        format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n")
    }

    pub(crate) fn thumbprint(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, self.certificate.der()))
    }
}

async fn load(pem: &str, clock: &FixedClock) -> Result<ClientCertificate, CredentialError> {
    ClientCertificate::load(CLIENT, Shelf::holding(pem), Arc::new(clock.clone())).await
}

async fn token(credential: &dyn ClientCredential, audience: &str) -> String {
    match credential.authenticate(audience).await.unwrap() {
        ClientAuthentication::Assertion(token) => token.expose_secret().to_owned(),
        ClientAuthentication::Secret(_) => panic!("expected an assertion"),
    }
}

/// Header and claims, when `by` signed them. Times are the tests' own, not the machine's.
fn verified(token: &str, by: &Made) -> (Value, Value) {
    let mut rules = Validation::new(Algorithm::PS256);
    rules.validate_exp = false;
    rules.validate_aud = false;
    let key = DecodingKey::from_rsa_der(by.key.der_bytes());
    let claims = jsonwebtoken::decode::<Value>(token, &key, &rules).expect("signed by this key").claims;
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    (serde_json::from_slice(&header).unwrap(), claims)
}

#[tokio::test]
async fn the_assertion_names_certificate_application_and_audience_for_ten_minutes() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    let credential = load(&FIRST.pem(), &entra.clock).await.unwrap();
    let exchange = entra.exchange_with(Arc::new(credential));
    exchange.on_behalf_of(TENANT, &assertion(), (&ScopeSet::parse("User.Read")).into()).await.unwrap();
    let requests = entra.requests().await;
    assert_eq!(field(&requests[0], "client_secret"), None);
    assert_eq!(
        field(&requests[0], "client_assertion_type").as_deref(),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    let (header, claims) = verified(&field(&requests[0], "client_assertion").unwrap(), &FIRST);
    assert_eq!((&header["alg"], &header["typ"]), (&"PS256".into(), &"JWT".into()));
    assert_eq!(header["x5t#S256"], FIRST.thumbprint());
    assert_eq!(claims["aud"], format!("{}/{TENANT}/oauth2/v2.0/token", entra.server.uri()));
    assert_eq!((&claims["iss"], &claims["sub"]), (&CLIENT.to_string().into(), &CLIENT.to_string().into()));
    assert_eq!(claims["jti"].as_str().map(str::len), Some(36));
    let now = sample::NOW.unix_timestamp();
    assert_eq!((&claims["nbf"], &claims["exp"]), (&now.into(), &(now + 600).into()));
}

#[tokio::test]
async fn one_assertion_serves_until_shortly_before_its_end_for_one_audience() {
    let clock = FixedClock::default();
    let credential = load(&FIRST.pem(), &clock).await.unwrap();
    let first = token(&credential, "https://one").await;
    assert_ne!(token(&credential, "https://two").await, first, "another audience");
    clock.advance(Duration::minutes(9) - Duration::SECOND);
    assert_eq!(token(&credential, "https://one").await, first);
    clock.advance(Duration::SECOND);
    let second = token(&credential, "https://one").await;
    let ((_, one), (_, other)) = (verified(&first, &FIRST), verified(&second, &FIRST));
    assert_ne!(one["jti"], other["jti"]);
    assert_eq!(other["exp"].as_i64().unwrap() - one["exp"].as_i64().unwrap(), 540);
}

#[tokio::test]
async fn key_and_certificate_are_found_in_any_order_and_form() {
    let (key, own, other) = (FIRST.key.serialize_pem(), FIRST.certificate.pem(), SECOND.certificate.pem());
    let remarks = "Bag Attributes\n    friendlyName: app\n";
    for pem in [
        format!("{own}{key}"),
        format!("{key}{other}{own}"),
        format!("{remarks}{key}{remarks}{own}").replace('\n', "\r\n"),
        format!("{}{own}", FIRST.pkcs1_pem()),
    ] {
        let credential = load(&pem, &FixedClock::default()).await.unwrap();
        let (header, _) = verified(&token(&credential, "https://one").await, &FIRST);
        assert_eq!(header["x5t#S256"], FIRST.thumbprint());
    }
}

#[tokio::test]
async fn what_is_no_credential_is_refused_with_what_was_expected() {
    use InvalidCertificate::{Encrypted, Malformed, ManyKeys, NoCertificate, NoKey, UnsupportedKey};
    let (key, own) = (FIRST.key.serialize_pem(), FIRST.certificate.pem());
    let section =
        |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (pem, expected) in [
        (String::new(), NoKey),
        ("no PEM at all".to_owned(), NoKey),
        (own.clone(), NoKey),
        (key.clone(), NoCertificate),
        (format!("{key}{}", SECOND.certificate.pem()), NoCertificate),
        (format!("{key}{}{own}", SECOND.key.serialize_pem()), ManyKeys),
        (format!("{elliptic}{own}"), UnsupportedKey),
        (section("EC PRIVATE KEY", "AAAA"), UnsupportedKey),
        (section("ENCRYPTED PRIVATE KEY", "AAAA"), Encrypted),
        (section("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n\nAAAA"), Encrypted),
        (section("PRIVATE KEY", "AAAA"), UnsupportedKey),
        (section("PRIVATE KEY", "not base64!"), Malformed),
        (key[..key.len() / 2].to_owned(), Malformed),
        ("-----BEGIN PRIVATE KEY".to_owned(), Malformed),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(), Malformed),
    ] {
        let Err(error) = load(&pem, &FixedClock::default()).await else { panic!("expected {expected:?}") };
        assert_eq!(error.source.downcast_ref(), Some(&expected));
    }
}
