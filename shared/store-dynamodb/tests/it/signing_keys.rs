//! The signing keys' item: one per authority and application, good until its time is over, never half of one.

use crate::servers::{TestTable, dynamodb_local_client, embedded_client};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::error::StoreError;
use domain::identity::ClientId;
use std::sync::Arc;
use store_dynamodb::DynamoDbSigningKeys;
use test_support::FixedClock;
use test_support::sample::{CLIENT, NOW, SPA_CLIENT};
use time::Duration;

const AUTHORITY: &str = "https://login.microsoftonline.com/organizations/discovery/v2.0/keys";

fn keys(table: &TestTable, authority: &str, client_id: ClientId, clock: &FixedClock) -> DynamoDbSigningKeys {
    let clock = Arc::new(clock.clone());
    DynamoDbSigningKeys::new(table.client.clone(), table.name.clone(), authority, client_id, clock)
}

async fn what_was_written_last_is_read_until_its_time_is_over(client: Client) {
    let table = TestTable::new(client).await;
    let clock = FixedClock::default();
    let own = keys(&table, AUTHORITY, CLIENT, &clock);
    assert_eq!(own.read().await.unwrap(), None);
    own.write(b"first".to_vec(), NOW + Duration::hours(1)).await.unwrap();
    own.write(b"second".to_vec(), NOW + Duration::hours(24)).await.unwrap();
    assert_eq!(own.read().await.unwrap().as_deref(), Some(b"second".as_slice()));
    assert_eq!(own.address().partition_key, format!("KEYS#{AUTHORITY}"));
    assert_eq!(own.address().sort_key, format!("SIGNING_KEYS#{CLIENT}"));

    let of_another_authority = keys(&table, "https://login.microsoftonline.us/keys", CLIENT, &clock);
    let of_another_application = keys(&table, AUTHORITY, SPA_CLIENT, &clock);
    for other in [of_another_authority, of_another_application] {
        assert_eq!(other.read().await.unwrap(), None);
        assert_ne!(other.address(), own.address());
    }

    // DynamoDB deletes late.
    clock.advance(Duration::hours(24) - Duration::seconds(1));
    assert!(own.read().await.unwrap().is_some());
    clock.advance(Duration::seconds(1));
    assert_eq!(own.read().await.unwrap(), None);
}

#[tokio::test]
async fn what_was_written_last_is_read_until_its_time_is_over_on_the_embedded_server() {
    what_was_written_last_is_read_until_its_time_is_over(embedded_client().await).await;
}

#[tokio::test]
async fn what_was_written_last_is_read_until_its_time_is_over_on_dynamodb_local() {
    let Some(client) = dynamodb_local_client() else { return };
    what_was_written_last_is_read_until_its_time_is_over(client).await;
}

#[tokio::test]
async fn an_item_that_is_not_as_it_should_be_is_an_error_and_written_anew() {
    let table = TestTable::new(embedded_client().await).await;
    let own = keys(&table, AUTHORITY, CLIENT, &FixedClock::default());
    for attribute in ["blob", "ttl"] {
        own.write(b"good".to_vec(), NOW + Duration::hours(1)).await.unwrap();
        table
            .client
            .update_item()
            .table_name(&table.name)
            .key("pk", AttributeValue::S(own.address().partition_key.clone()))
            .key("sk", AttributeValue::S(own.address().sort_key.clone()))
            .update_expression("SET #name = :text")
            .expression_attribute_names("#name", attribute)
            .expression_attribute_values(":text", AttributeValue::S("text".to_owned()))
            .send()
            .await
            .unwrap();
        let error = own.read().await.unwrap_err();
        assert!(matches!(&error, StoreError::Rejected { .. }), "{error:?}");
    }
    own.write(b"good".to_vec(), NOW + Duration::hours(1)).await.unwrap();
    assert!(own.read().await.unwrap().is_some());
}
