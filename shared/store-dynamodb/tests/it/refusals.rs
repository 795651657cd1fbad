//! What the caller is told when the table cannot be used.

use crate::servers::{client, embedded_client};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use domain::error::StoreError;
use domain::identity::UserPrincipalName;
use domain::ports::AccountStore;
use domain::shard::Shards;
use std::num::NonZeroU32;
use std::sync::Arc;
use store_dynamodb::DynamoDbAccountStore;
use test_support::{FixedClock, NobodyThere, sample};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Without retries: what a refusal means does not depend on how often it was heard.
fn store(client: &Client) -> DynamoDbAccountStore {
    let config = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
    DynamoDbAccountStore::new(
        Client::from_conf(config),
        "accounts".to_owned(),
        sample::CLIENT,
        Shards::first(NonZeroU32::MIN),
        Arc::new(FixedClock::default()),
    )
}

#[tokio::test]
async fn a_missing_table_is_rejected_with_what_to_do() {
    let store = store(&embedded_client().await);
    let error = store.load(&sample::account(1)).await.unwrap_err();
    let StoreError::Rejected { operation: "load", reason, source: Some(_) } = &error else {
        unreachable!("{error:?}")
    };
    assert!(reason.contains("\"accounts\"") && reason.contains("cargo local create-table"), "{reason}");
    let name = UserPrincipalName::new("ana@lakeside.example");
    let error = store.find_by_user_principal_name(&name).await.unwrap_err();
    assert!(matches!(error, StoreError::Rejected { .. }), "{error:?}");
    assert!(!error.to_string().contains("ana"), "names stay out of messages");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let nobody = NobodyThere::new();
    let error = store(&client(&nobody.url)).load(&sample::account(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { operation: "load", source: Some(_) }), "{error:?}");
}

/// A server that gives this answer to every request.
async fn answering(status: &'static str, kind: &'static str) -> DynamoDbAccountStore {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body =
        format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"as the test wants it"}}"#);
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The request is small: it comes in one piece, and nothing in it matters here.
            let mut request = [0; 16 * 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    store(&client(&format!("http://{address}")))
}

#[tokio::test]
async fn what_passes_by_itself_is_unavailable() {
    for (status, kind) in [
        ("400 Bad Request", "ProvisionedThroughputExceededException"),
        ("400 Bad Request", "ThrottlingException"),
        ("500 Internal Server Error", "InternalServerError"),
        ("503 Service Unavailable", "Anything"),
    ] {
        let error = answering(status, kind).await.load(&sample::account(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{kind}: {error:?}");
    }
}

#[tokio::test]
async fn what_an_operator_must_mend_is_rejected_with_its_name() {
    for kind in ["AccessDeniedException", "UnrecognizedClientException", "ValidationException"] {
        let error = answering("400 Bad Request", kind).await.load(&sample::account(1)).await.unwrap_err();
        let StoreError::Rejected { reason, .. } = &error else { unreachable!("{kind}: {error:?}") };
        assert!(reason.starts_with(kind) && reason.contains("expected"), "{reason}");
    }
}

#[tokio::test]
async fn missing_credentials_are_rejected_with_what_is_expected() {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-north-1"))
        .endpoint_url("http://127.0.0.1:9")
        .build();
    let error = store(&Client::from_conf(config)).load(&sample::account(1)).await.unwrap_err();
    let StoreError::Rejected { reason, .. } = &error else { unreachable!("{error:?}") };
    assert!(reason.contains("expected AWS credentials"), "{reason}");
}
