//! Against a KMS that really wraps: moto's, if the environment names one.

use crate::address;
use crate::deployment::{Deployment, ROTATION_DAYS, TABLE};
use crate::kms_over_http::client;
use aws_sdk_kms::Client;
use domain::error::SealingError;
use domain::ports::Sealer;
use sealing::{KmsKeyWrapping, KmsSealer};
use std::io::Write as _;
use std::sync::{Arc, Once};
use time::Duration;

const ENDPOINT_VARIABLE: &str = "MOTO_ENDPOINT";

/// A client of moto. If there is none, says so once, past the test runner, which keeps the output of tests that pass to
/// itself.
#[expect(clippy::disallowed_methods, reason = "whether a server runs here is known to the environment only")]
fn moto() -> Option<Client> {
    static SKIPPED: Once = Once::new();
    let endpoint = std::env::var(ENDPOINT_VARIABLE).ok().filter(|endpoint| !endpoint.is_empty());
    if endpoint.is_none() {
        SKIPPED.call_once(|| {
            let line = format!("skipped: {ENDPOINT_VARIABLE} is not set\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        });
    }
    endpoint.as_deref().map(client)
}

async fn new_key(client: &Client) -> String {
    client.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap()
}

/// An environment of a deployment whose table is in memory and whose KMS is moto's.
fn environment(deployment: &Deployment, client: &Client, key_arn: &str, table: &str) -> KmsSealer {
    let wrapping = Arc::new(KmsKeyWrapping::new(client.clone(), key_arn.to_owned()));
    let clock = Arc::new(deployment.clock.clone());
    KmsSealer::new(deployment.table.clone(), wrapping, table.to_owned(), ROTATION_DAYS, clock)
}

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, SealingError>, because: &str) {
    let error = result.unwrap_err();
    let SealingError::Unavailable { source: Some(source) } = &error else { unreachable!("{error:?}") };
    assert!(source.to_string().contains(because), "{source}");
}

#[tokio::test]
async fn environments_share_keys_that_kms_wrapped() {
    let Some(client) = moto() else { return };
    let deployment = Deployment::default();
    let key_arn = new_key(&client).await;
    let (one, other) = (
        environment(&deployment, &client, &key_arn, TABLE),
        environment(&deployment, &client, &key_arn, TABLE),
    );
    let place = address();
    let (first, second) = tokio::join!(one.seal(&place, b"first"), other.seal(&place, b"second"));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(other.open(&address(), &first).await.unwrap(), b"first");
    assert_eq!(one.open(&address(), &second).await.unwrap(), b"second");
    assert_eq!(deployment.table.dates().len(), 1);
    for item in deployment.table.items.lock().unwrap().values() {
        assert_eq!(item.kms_key, key_arn);
        assert!(item.wrapped.len() > 32, "ciphertext, not the key");
    }

    deployment.clock.advance(Duration::days(i64::from(ROTATION_DAYS)));
    let third = one.seal(&address(), b"third").await.unwrap();
    assert_eq!(deployment.table.dates().len(), 2);
    let cold = environment(&deployment, &client, &key_arn, TABLE);
    assert_eq!(cold.open(&address(), &third).await.unwrap(), b"third");
    assert_eq!(cold.open(&address(), &first).await.unwrap(), b"first");
}

#[tokio::test]
async fn kms_unwraps_only_in_the_context_of_table_and_date() {
    let Some(client) = moto() else { return };
    let deployment = Deployment::default();
    let key_arn = new_key(&client).await;
    let blob = environment(&deployment, &client, &key_arn, TABLE).seal(&address(), b"x").await.unwrap();
    let elsewhere = environment(&deployment, &client, &key_arn, "another");
    assert_unavailable(elsewhere.open(&address(), &blob).await, "InvalidCiphertext");

    let intact = deployment.table.items.lock().unwrap().clone();
    for item in deployment.table.items.lock().unwrap().values_mut() {
        *item.wrapped.last_mut().unwrap() ^= 1;
    }
    let sealer = environment(&deployment, &client, &key_arn, TABLE);
    assert_unavailable(sealer.open(&address(), &blob).await, "InvalidCiphertext");
    *deployment.table.items.lock().unwrap() = intact;
    assert_eq!(sealer.open(&address(), &blob).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_key_that_is_not_there_is_unavailable() {
    let Some(client) = moto() else { return };
    let deployment = Deployment::default();
    let missing = "arn:aws:kms:eu-north-1:123456789012:key/aaaabbbb-0000-4000-8000-000000000009";
    let sealer = environment(&deployment, &client, missing, TABLE);
    assert_unavailable(sealer.seal(&address(), b"x").await, "NotFoundException");
    assert!(deployment.table.dates().is_empty());
}
