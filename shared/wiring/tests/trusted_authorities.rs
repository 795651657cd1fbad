//! Whom the functions' clients trust over TLS: the authorities of the system, or those that `SSL_CERT_FILE` names in their place.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::env;
use std::error::Error;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use wiring::{AwsClients, Environment};

/// Tells the test, run once more, where the server is and that it is to be trusted.
const TRUSTED_SERVER: &str = "TEST_TRUSTED_SERVER";

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\n\r\n{}";

/// Answers every request alike, with a certificate of an authority that nobody knows, and returns its address and that
/// authority's certificate in PEM.
async fn server() -> (String, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Whoever does not trust it hangs up.
                let Ok(mut connection) = acceptor.accept(connection).await else { return };
                let mut request = vec![0; 16 * 1024];
                while matches!(connection.read(&mut request).await, Ok(1..)) {
                    if connection.write_all(ANSWER).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, authority_certificate)
}

/// What comes of asking with the client for Entra ID and Graph, and with that for AWS.
async fn ask(url: &str) -> [Result<(), Box<dyn Error>>; 2] {
    let environment: Environment = [
        ("AWS_ENDPOINT_URL_DYNAMODB", url),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]
    .into_iter()
    .collect();
    let http = outbound_http::client().unwrap();
    let answered = http.get(url).timeout(Duration::from_secs(10)).send().await;
    let table = AwsClients::new(&environment).await.dynamodb;
    let described = table.describe_endpoints().send().await;
    [answered.map(drop).map_err(Into::into), described.map(drop).map_err(Into::into)]
}

fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_trusted_when_ssl_cert_file_names_its_authority_and_else_not() {
    if let Some(url) = env::var_os(TRUSTED_SERVER) {
        for outcome in ask(url.to_str().unwrap()).await {
            outcome.unwrap();
        }
        return;
    }
    let (url, authority) = server().await;
    for outcome in ask(&url).await {
        let error = with_causes(outcome.unwrap_err().as_ref());
        assert!(error.contains("UnknownIssuer"), "{error}");
    }
    let file = env::temp_dir().join(format!("trusted-authorities-{}.pem", std::process::id()));
    fs::write(&file, authority).unwrap();
    let name = "a_server_is_trusted_when_ssl_cert_file_names_its_authority_and_else_not";
    let mut once_more = Command::new(env::current_exe().unwrap());
    once_more.args(["--exact", name, "--nocapture"]).env(TRUSTED_SERVER, &url).env("SSL_CERT_FILE", &file);
    once_more.env_remove("SSL_CERT_DIR");
    let outcome = tokio::task::spawn_blocking(move || once_more.output()).await.unwrap().unwrap();
    fs::remove_file(&file).unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status.success(), "{said}{}", String::from_utf8_lossy(&outcome.stderr));
    assert!(said.contains("1 passed"), "{said}");
}
