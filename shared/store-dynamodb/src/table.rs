//! The table itself, for local stacks and tests; a deployment makes it from `template.yaml`, in the same shape.

use crate::error::store_error;
use crate::keys::{
    DUE_AT, DUE_INDEX, PARTITION_KEY, SORT_KEY, SWEEP_SHARD, TTL, USER_INDEX, USER_PRINCIPAL_NAME,
};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
    TimeToLiveStatus,
};
use domain::error::StoreError;
use std::time::Duration;

/// First pause between two looks at the table's state; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Looks at the table's state before giving up: about two minutes. DynamoDB needs some ten seconds.
const MOST_LOOKS: u32 = 64;

/// Whether [`create`] had anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    Created,
    /// It was there, in the right shape.
    Existed,
}

/// Why there is no table to work with.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table of this name has another shape. Keys and indexes cannot be changed: recreate it, or choose another name.
    #[error("table {table:?} has another shape: {}", faults.join("; "))]
    Misshapen { table: String, faults: Vec<String> },
    #[error("table {table:?} is still not {expected} after two minutes")]
    NotReady { table: String, expected: &'static str },
}

/// An index or the table: its name, partition key and sort key.
struct Keys {
    index: Option<&'static str>,
    hash: (&'static str, ScalarAttributeType),
    range: Option<(&'static str, ScalarAttributeType)>,
}

fn shape() -> [Keys; 3] {
    [
        Keys {
            index: None,
            hash: (PARTITION_KEY, ScalarAttributeType::S),
            range: Some((SORT_KEY, ScalarAttributeType::S)),
        },
        Keys {
            index: Some(DUE_INDEX),
            hash: (SWEEP_SHARD, ScalarAttributeType::S),
            range: Some((DUE_AT, ScalarAttributeType::N)),
        },
        Keys { index: Some(USER_INDEX), hash: (USER_PRINCIPAL_NAME, ScalarAttributeType::S), range: None },
    ]
}

/// Makes the table with its indexes, billed by request, waits until it can be used, and turns its time to live on.
/// A table that is there is checked, and its time to live is turned on if need be.
pub async fn create(client: &Client, name: &str) -> Result<Creation, TableError> {
    let creation = match create_request(client, name).send().await {
        Ok(_) => Creation::Created,
        Err(error)
            if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) =>
        {
            Creation::Existed
        }
        Err(error) => return Err(store_error("create_table", name, error).into()),
    };
    wait_until_active(client, name).await?;
    enable_ttl(client, name).await?;
    let faults = verify(client, name).await?;
    if !faults.is_empty() {
        return Err(TableError::Misshapen { table: name.to_owned(), faults });
    }
    Ok(creation)
}

/// What is wrong with a table, in words; empty when it can be used. It must exist.
pub async fn verify(client: &Client, name: &str) -> Result<Vec<String>, TableError> {
    let Some(table) = describe(client, name).await? else {
        return Ok(vec!["it does not exist; create it with `cargo local create-table`".to_owned()]);
    };
    let mut faults: Vec<String> = shape().iter().flat_map(|keys| keys.faults(&table)).collect();
    match ttl_status(client, name).await? {
        Some((TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling, attribute)) if attribute == TTL => {}
        Some((TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling, attribute)) => {
            faults.push(format!("time to live: expected attribute {TTL:?}, got {attribute:?}"));
        }
        _ => faults.push(format!("time to live: expected attribute {TTL:?}, got none")),
    }
    Ok(faults)
}

/// Deletes the table with everything in it, and waits until it is gone. No error if it never was there.
pub async fn delete(client: &Client, name: &str) -> Result<(), TableError> {
    match client.delete_table().table_name(name).send().await {
        Ok(_) => {}
        Err(error)
            if error.as_service_error().is_some_and(
                aws_sdk_dynamodb::operation::delete_table::DeleteTableError::is_resource_not_found_exception,
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(store_error("delete_table", name, error).into()),
    }
    wait_until(client, name, "gone", |table| table.is_none()).await
}

fn create_request(
    client: &Client,
    name: &str,
) -> aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder {
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for keys in shape() {
        for (attribute, kind) in keys.attributes() {
            let definition = AttributeDefinition::builder().attribute_name(attribute).attribute_type(kind);
            request = request.attribute_definitions(definition.build().expect("name and type are set"));
        }
        request = match keys.index {
            None => request.set_key_schema(Some(keys.schema())),
            Some(index) => {
                let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
                let index = GlobalSecondaryIndex::builder()
                    .index_name(index)
                    .set_key_schema(Some(keys.schema()))
                    .projection(projection);
                request.global_secondary_indexes(index.build().expect("name and keys are set"))
            }
        };
    }
    request
}

impl Keys {
    fn attributes(&self) -> impl Iterator<Item = (&'static str, ScalarAttributeType)> {
        std::iter::once(self.hash.clone()).chain(self.range.clone())
    }

    fn schema(&self) -> Vec<KeySchemaElement> {
        self.attributes()
            .zip([KeyType::Hash, KeyType::Range])
            .map(|((attribute, _), kind)| {
                let element = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
                element.build().expect("name and kind are set")
            })
            .collect()
    }

    fn faults(&self, table: &TableDescription) -> Vec<String> {
        let place = self.index.map_or("the table".to_owned(), |index| format!("index {index:?}"));
        let schema = match self.index {
            None => table.key_schema(),
            Some(name) => {
                let index =
                    table.global_secondary_indexes().iter().find(|index| index.index_name() == Some(name));
                let Some(index) = index else { return vec![format!("{place} is missing")] };
                index.key_schema()
            }
        };
        if schema != self.schema() {
            let expected: Vec<&str> = self.attributes().map(|(attribute, _)| attribute).collect();
            let present: Vec<&str> = schema.iter().map(KeySchemaElement::attribute_name).collect();
            return vec![format!("{place}: expected keys {expected:?}, got {present:?}")];
        }
        self.attributes()
            .filter(|(attribute, kind)| {
                !table.attribute_definitions().iter().any(|definition| {
                    definition.attribute_name() == *attribute && definition.attribute_type() == kind
                })
            })
            .map(|(attribute, kind)| format!("{place}: expected {attribute:?} of type {kind}"))
            .collect()
    }
}

pub(crate) async fn describe(client: &Client, name: &str) -> Result<Option<TableDescription>, TableError> {
    match client.describe_table().table_name(name).send().await {
        Ok(output) => Ok(output.table),
        Err(error)
            if error.as_service_error().is_some_and(
                aws_sdk_dynamodb::operation::describe_table::DescribeTableError::is_resource_not_found_exception,
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(store_error("describe_table", name, error).into()),
    }
}

async fn wait_until_active(client: &Client, name: &str) -> Result<(), TableError> {
    wait_until(client, name, "active", |table| {
        table.is_some_and(|table| {
            let indexes = table.global_secondary_indexes();
            table.table_status() == Some(&TableStatus::Active)
                && indexes
                    .iter()
                    .all(|index| index.index_status() == Some(&aws_sdk_dynamodb::types::IndexStatus::Active))
        })
    })
    .await
}

async fn wait_until(
    client: &Client,
    name: &str,
    expected: &'static str,
    reached: impl Fn(Option<&TableDescription>) -> bool,
) -> Result<(), TableError> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..MOST_LOOKS {
        if reached(describe(client, name).await?.as_ref()) {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Err(TableError::NotReady { table: name.to_owned(), expected })
}

async fn ttl_status(client: &Client, name: &str) -> Result<Option<(TimeToLiveStatus, String)>, TableError> {
    let output = client
        .describe_time_to_live()
        .table_name(name)
        .send()
        .await
        .map_err(|error| store_error("describe_time_to_live", name, error))?;
    Ok(output.time_to_live_description.and_then(|description| {
        let attribute = description.attribute_name.unwrap_or_default();
        description.time_to_live_status.map(|status| (status, attribute))
    }))
}

/// Turning it on twice is an error, so it is looked at first.
async fn enable_ttl(client: &Client, name: &str) -> Result<(), TableError> {
    let status = ttl_status(client, name).await?.map(|(status, _)| status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true);
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(specification.build().expect("attribute and switch are set"))
        .send()
        .await
        .map_err(|error| store_error("update_time_to_live", name, error))?;
    Ok(())
}
