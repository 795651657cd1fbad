//! From settings to sealed tokens: branch keys in a table, wrapped by a KMS that is spoken to over HTTP.

#![cfg(test)]

use domain::error::SealingError;
use domain::services::Services;
use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use std::io::Write as _;
use std::sync::Arc;
use store_dynamodb::{DynamoDbBranchKeys, table};
use test_support::{FixedClock, NobodyThere, sample};
use time::Duration;
use wiring::{AwsClients, Environment, Time};

const ENDPOINT_VARIABLE: &str = "MOTO_ENDPOINT";
const TABLE: &str = "accounts";

/// Where moto is. If there is none, says so past the test runner, which keeps the output of tests that pass to itself.
#[expect(clippy::disallowed_methods, reason = "whether a server runs here is known to the environment only")]
fn moto() -> Option<String> {
    let endpoint = std::env::var(ENDPOINT_VARIABLE).ok().filter(|endpoint| !endpoint.is_empty());
    if endpoint.is_none() {
        let line = format!("skipped: {ENDPOINT_VARIABLE} is not set\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    endpoint
}

/// Settings of a deployment with an empty table of its own and a new KMS key of moto's.
async fn deployment(moto: &str) -> Environment {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dynamodb = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve_with_shutdown(listener, Database::memory().unwrap(), std::future::pending()));
    let mut environment: Environment = [
        ("ENTRA_TENANT_ID", "aaaabbbb-0000-4000-8000-000000000001"),
        ("ENTRA_CLIENT_ID", "aaaabbbb-0000-4000-8000-000000000002"),
        ("ENTRA_CLIENT_SECRET", "a-client-secret"),
        ("TABLE_NAME", TABLE),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb),
        ("AWS_ENDPOINT_URL_KMS", moto),
    ]
    .into_iter()
    .collect();
    let aws = AwsClients::new(&environment).await;
    table::create(&aws.dynamodb, TABLE).await.unwrap();
    let key = aws.kms.create_key().send().await.unwrap().key_metadata.unwrap();
    environment.set("SEALING_KEY_ARN", key.arn.unwrap());
    environment
}

async fn start(environment: &Environment, clock: &FixedClock) -> Services {
    let time = Time::with_clock(Arc::new(clock.clone()));
    wiring::sweep_services(environment, time).await.unwrap()
}

async fn seal(services: &Services, plaintext: &[u8]) -> Vec<u8> {
    let address = services.store.token_item(&sample::account(1));
    services.sealer.seal(&address, plaintext).await.unwrap()
}

async fn open(services: &Services, sealed: &[u8]) -> Result<Vec<u8>, SealingError> {
    services.sealer.open(&services.store.token_item(&sample::account(1)), sealed).await
}

#[tokio::test]
async fn functions_share_what_they_seal_and_keep_up_with_rotation() {
    let Some(moto) = moto() else { return };
    let environment = deployment(&moto).await;
    let clock = FixedClock::default();
    let (api, sweep) = (start(&environment, &clock).await, start(&environment, &clock).await);
    let (first, second) = tokio::join!(seal(&api, b"first"), seal(&sweep, b"second"));
    assert_eq!(open(&sweep, &first).await.unwrap(), b"first");
    assert_eq!(open(&api, &second).await.unwrap(), b"second");

    let keys = DynamoDbBranchKeys::new(AwsClients::new(&environment).await.dynamodb, TABLE.to_owned());
    let old = keys.newest().await.unwrap().unwrap();
    assert_eq!(Some(old.kms_key.as_str()), environment.get("SEALING_KEY_ARN"));
    assert_eq!((old.date.as_str(), old.created_at), ("2126-03-04", sample::NOW));

    clock.advance(Duration::days(90));
    let third = seal(&sweep, b"third").await;
    assert_eq!(keys.newest().await.unwrap().unwrap().date, "2126-06-02");
    let cold = start(&environment, &clock).await;
    for (services, sealed, plaintext) in
        [(&api, &third, "third"), (&cold, &third, "third"), (&cold, &first, "first")]
    {
        assert_eq!(open(services, sealed).await.unwrap(), plaintext.as_bytes());
    }
}

#[tokio::test]
async fn a_kms_that_is_not_there_is_unavailable_and_loses_nothing() {
    let Some(moto) = moto() else { return };
    let environment = deployment(&moto).await;
    let clock = FixedClock::default();
    let sealed = seal(&start(&environment, &clock).await, b"tokens").await;

    let nobody = NobodyThere::new();
    let mut cut_off = environment.clone();
    cut_off.set("AWS_ENDPOINT_URL_KMS", &nobody.url);
    let error = open(&start(&cut_off, &clock).await, &sealed).await.unwrap_err();
    assert!(matches!(error, SealingError::Unavailable { source: Some(_) }), "{error:?}");
    assert_eq!(open(&start(&environment, &clock).await, &sealed).await.unwrap(), b"tokens");
}
