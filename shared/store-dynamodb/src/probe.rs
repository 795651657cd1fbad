//! What an operator's check asks of the table beside its shape. Nothing here changes anything.

use crate::error::{Conditional, conditional, store_error};
use crate::item::{Item, number, text};
use crate::keys::{DUE_AT, DUE_INDEX, PARTITION_KEY, SORT_KEY, SWEEP_SHARD, USER_INDEX, USER_PRINCIPAL_NAME};
use crate::table::{TableError, describe};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{BillingMode, PointInTimeRecoveryStatus, ProjectionType};
use domain::error::StoreError;

/// A partition in which nothing lies. It begins as those of accounts do: roles may delete nothing else.
const PROBE: &str = "ACCOUNT#doctor";

/// A condition that holds for no item, there or not there: what it guards is authorised and never done.
const NEVER: &str = "attribute_exists(#pk) AND attribute_not_exists(#pk)";

/// An action that the functions' roles need, and whether it is allowed.
#[derive(Debug)]
pub struct Access {
    /// As in a policy, with the index where it is one's.
    pub action: &'static str,
    pub result: Result<(), StoreError>,
}

/// Tries every action of the functions: reads of what is not there, and writes whose condition cannot hold.
pub async fn access(client: &Client, table: &str) -> Vec<Access> {
    // Boxed, because what the SDK keeps for seven requests at once is large.
    let (get, query, due, user, put, update, delete) = tokio::join!(
        Box::pin(get_item(client, table)),
        Box::pin(query(client, table)),
        Box::pin(query_due(client, table)),
        Box::pin(query_user(client, table)),
        Box::pin(put_item(client, table)),
        Box::pin(update_item(client, table)),
        Box::pin(delete_item(client, table)),
    );
    [
        ("dynamodb:GetItem", get),
        ("dynamodb:Query", query),
        ("dynamodb:Query on index due", due),
        ("dynamodb:Query on index user", user),
        ("dynamodb:PutItem", put),
        ("dynamodb:UpdateItem", update),
        ("dynamodb:DeleteItem", delete),
    ]
    .into_iter()
    .map(|(action, result)| Access { action, result })
    .collect()
}

fn nothing() -> Item {
    Item::from([(PARTITION_KEY.to_owned(), text(PROBE)), (SORT_KEY.to_owned(), text(PROBE))])
}

async fn get_item(client: &Client, table: &str) -> Result<(), StoreError> {
    let request = client.get_item().table_name(table).set_key(Some(nothing()));
    request.send().await.map(drop).map_err(|error| store_error("get_item", table, error))
}

async fn query(client: &Client, table: &str) -> Result<(), StoreError> {
    let request = client
        .query()
        .table_name(table)
        .key_condition_expression("#pk = :pk")
        .expression_attribute_names("#pk", PARTITION_KEY)
        .expression_attribute_values(":pk", text(PROBE));
    request.send().await.map(drop).map_err(|error| store_error("query", table, error))
}

async fn query_due(client: &Client, table: &str) -> Result<(), StoreError> {
    let request = client
        .query()
        .table_name(table)
        .index_name(DUE_INDEX)
        .key_condition_expression("#shard = :shard AND #due_at <= :due_at")
        .expression_attribute_names("#shard", SWEEP_SHARD)
        .expression_attribute_names("#due_at", DUE_AT)
        .expression_attribute_values(":shard", text(PROBE))
        .expression_attribute_values(":due_at", number(0));
    request.send().await.map(drop).map_err(|error| store_error("query of index due", table, error))
}

async fn query_user(client: &Client, table: &str) -> Result<(), StoreError> {
    let request = client
        .query()
        .table_name(table)
        .index_name(USER_INDEX)
        .key_condition_expression("#name = :name")
        .expression_attribute_names("#name", USER_PRINCIPAL_NAME)
        .expression_attribute_values(":name", text(PROBE));
    request.send().await.map(drop).map_err(|error| store_error("query of index user", table, error))
}

async fn put_item(client: &Client, table: &str) -> Result<(), StoreError> {
    let request = client
        .put_item()
        .table_name(table)
        .set_item(Some(nothing()))
        .condition_expression(NEVER)
        .expression_attribute_names("#pk", PARTITION_KEY);
    not_done(&conditional("put_item", table, request.send().await)?)
}

async fn update_item(client: &Client, table: &str) -> Result<(), StoreError> {
    let request = client
        .update_item()
        .table_name(table)
        .set_key(Some(nothing()))
        .update_expression("REMOVE #due_at")
        .condition_expression(NEVER)
        .expression_attribute_names("#pk", PARTITION_KEY)
        .expression_attribute_names("#due_at", DUE_AT);
    not_done(&conditional("update_item", table, request.send().await)?)
}

async fn delete_item(client: &Client, table: &str) -> Result<(), StoreError> {
    let request = client
        .delete_item()
        .table_name(table)
        .set_key(Some(nothing()))
        .condition_expression(NEVER)
        .expression_attribute_names("#pk", PARTITION_KEY);
    not_done(&conditional("delete_item", table, request.send().await)?)
}

/// A server that does what it was told not to is no table.
fn not_done<T>(outcome: &Conditional<T>) -> Result<(), StoreError> {
    match outcome {
        Conditional::Refused(_) => Ok(()),
        Conditional::Done(_) => Err(StoreError::Rejected {
            operation: "a conditional write",
            reason: "it was done although its condition does not hold".to_owned(),
            source: None,
        }),
    }
}

/// What protects the table and its bill. None of it changes how the functions work.
#[derive(Debug)]
pub struct Upkeep {
    /// Billed by request.
    pub on_demand: bool,
    pub deletion_protected: bool,
    /// Point-in-time recovery; an error where the server does not say.
    pub recoverable: Result<bool, StoreError>,
    /// Indexes that hold more than keys, and so cost more and spread what is personal.
    pub wide_indexes: Vec<String>,
}

/// `None` if there is no such table.
pub async fn upkeep(client: &Client, table: &str) -> Result<Option<Upkeep>, TableError> {
    let Some(description) = describe(client, table).await? else { return Ok(None) };
    let billing = description.billing_mode_summary().and_then(|summary| summary.billing_mode());
    let wide = description.global_secondary_indexes().iter().filter(|index| {
        let kind = index.projection().and_then(|projection| projection.projection_type());
        kind != Some(&ProjectionType::KeysOnly)
    });
    Ok(Some(Upkeep {
        on_demand: billing == Some(&BillingMode::PayPerRequest),
        deletion_protected: description.deletion_protection_enabled().unwrap_or_default(),
        recoverable: recoverable(client, table).await,
        wide_indexes: wide.filter_map(|index| index.index_name().map(str::to_owned)).collect(),
    }))
}

async fn recoverable(client: &Client, table: &str) -> Result<bool, StoreError> {
    let answer = client
        .describe_continuous_backups()
        .table_name(table)
        .send()
        .await
        .map_err(|error| store_error("describe_continuous_backups", table, error))?;
    let recovery = answer
        .continuous_backups_description
        .and_then(|backups| backups.point_in_time_recovery_description)
        .and_then(|recovery| recovery.point_in_time_recovery_status);
    Ok(recovery == Some(PointInTimeRecoveryStatus::Enabled))
}
