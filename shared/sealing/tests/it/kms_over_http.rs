//! What is asked of KMS, and what its answers mean.

use crate::deployment::TABLE;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sealing::{KeyError, KeyWrapping, KmsKeyWrapping, WrappingContext};
use serde_json::{Value, json};
use test_support::NobodyThere;
use wiremock::matchers::header;
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY_ARN: &str = "arn:aws:kms:eu-north-1:123456789012:key/aaaabbbb-0000-4000-8000-000000000001";

/// A client of this address, without retries, with credentials that no server here looks at.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-north-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

fn wrapping(endpoint: &str) -> KmsKeyWrapping {
    KmsKeyWrapping::new(client(endpoint), KEY_ARN.to_owned())
}

fn context() -> WrappingContext<'static> {
    WrappingContext { table: TABLE, date: "2026-11-22".parse().unwrap() }
}

async fn answering(operation: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let target = format!("TrentService.{operation}");
    Mock::given(header("x-amz-target", target.as_str())).respond_with(answer).mount(&server).await;
    server
}

async fn only_request(server: &MockServer) -> Value {
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    requests[0].body_json().unwrap()
}

#[tokio::test]
async fn a_key_is_asked_for_in_its_context() {
    let answer = json!({
        "KeyId": KEY_ARN,
        "CiphertextBlob": BASE64_STANDARD.encode(b"wrapped"),
        "Plaintext": BASE64_STANDARD.encode([7; 32]),
    });
    let server = answering("GenerateDataKey", ResponseTemplate::new(200).set_body_json(answer)).await;
    let generated = wrapping(&server.uri()).generate(context()).await.unwrap();
    assert_eq!((generated.wrapped.as_slice(), generated.kms_key.as_str()), (b"wrapped".as_slice(), KEY_ARN));
    assert_eq!(
        only_request(&server).await,
        json!({
            "KeyId": KEY_ARN,
            "KeySpec": "AES_256",
            "EncryptionContext": {"table": TABLE, "purpose": "token-blob", "date": "2026-11-22"},
        })
    );
}

#[tokio::test]
async fn a_key_is_unwrapped_by_the_configured_key_only() {
    let answer = json!({"KeyId": KEY_ARN, "Plaintext": BASE64_STANDARD.encode([7; 32])});
    let server = answering("Decrypt", ResponseTemplate::new(200).set_body_json(answer)).await;
    let material = wrapping(&server.uri()).unwrap(b"wrapped", context()).await.unwrap();
    assert_eq!(format!("{material:?}"), "KeyMaterial { .. }");
    assert_eq!(
        only_request(&server).await,
        json!({
            "KeyId": KEY_ARN,
            "CiphertextBlob": BASE64_STANDARD.encode(b"wrapped"),
            "EncryptionContext": {"table": TABLE, "purpose": "token-blob", "date": "2026-11-22"},
        })
    );
}

#[tokio::test]
async fn an_answer_without_a_whole_key_is_refused() {
    for (answer, expected) in [
        (json!({"KeyId": KEY_ARN, "Plaintext": BASE64_STANDARD.encode([7; 16])}), "of 32 bytes, got 16"),
        (json!({"KeyId": KEY_ARN}), "of 32 bytes, got 0"),
    ] {
        let server = answering("Decrypt", ResponseTemplate::new(200).set_body_json(answer)).await;
        let error = wrapping(&server.uri()).unwrap(b"wrapped", context()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let answer = json!({"KeyId": KEY_ARN, "Plaintext": BASE64_STANDARD.encode([7; 32])});
    let server = answering("GenerateDataKey", ResponseTemplate::new(200).set_body_json(answer)).await;
    let error = wrapping(&server.uri()).generate(context()).await.unwrap_err();
    assert_eq!(error.to_string(), "kms:GenerateDataKey: expected the wrapped key, got none");
}

async fn refusal(status: u16, code: &str) -> KeyError {
    let body = json!({"__type": code, "message": "as the test wants it"});
    let server = answering("Decrypt", ResponseTemplate::new(status).set_body_json(body)).await;
    wrapping(&server.uri()).unwrap(b"wrapped", context()).await.unwrap_err()
}

#[tokio::test]
async fn a_refusal_says_what_an_operator_is_to_see_to() {
    for (status, code, expected) in [
        (400, "AccessDeniedException", "kms:Decrypt on this key"),
        (400, "DisabledException", "enable it again"),
        (400, "KMSInvalidStateException", "cancel its deletion"),
        (400, "NotFoundException", "a key of this ARN"),
        (400, "IncorrectKeyException", "kms:ReEncrypt"),
        (400, "InvalidCiphertextException", "restore its item"),
        (400, "UnrecognizedClientException", "valid AWS credentials"),
        (400, "ThrottlingException", "a fault that passes"),
        (500, "KMSInternalException", "a fault that passes"),
    ] {
        let error = refusal(status, code).await;
        assert_eq!(error.operation, "kms:Decrypt");
        assert!(error.reason.contains(code) && error.reason.contains(expected), "{error}");
        assert!(error.source.is_some());
    }
}

#[tokio::test]
async fn a_kms_that_is_not_there_is_an_error_like_any_other() {
    let nobody = NobodyThere::new();
    let error = wrapping(&nobody.url).unwrap(b"wrapped", context()).await.unwrap_err();
    assert!(error.to_string().starts_with("kms:Decrypt: KMS did not answer"), "{error}");
}
