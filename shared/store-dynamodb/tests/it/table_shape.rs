//! Making the table, and finding out that one is not the right one.

use crate::servers::{dynamodb_local_client, embedded_client};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use store_dynamodb::table::{self, Creation, TableError};

async fn clients() -> Vec<Client> {
    std::iter::once(embedded_client().await).chain(dynamodb_local_client()).collect()
}

fn new_name() -> String {
    format!("accounts-{}", uuid::Uuid::new_v4())
}

#[tokio::test]
async fn a_table_is_made_once_and_fits() {
    for client in clients().await {
        let name = new_name();
        let faults = table::verify(&client, &name).await.unwrap();
        assert!(matches!(faults.as_slice(), [fault] if fault.contains("does not exist")), "{faults:?}");
        assert_eq!(table::create(&client, &name).await.unwrap(), Creation::Created);
        assert_eq!(table::create(&client, &name).await.unwrap(), Creation::Existed);
        assert!(table::verify(&client, &name).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_deleted_table_can_be_made_again() {
    for client in clients().await {
        let name = new_name();
        table::delete(&client, &name).await.unwrap();
        table::create(&client, &name).await.unwrap();
        table::delete(&client, &name).await.unwrap();
        assert_eq!(table::create(&client, &name).await.unwrap(), Creation::Created);
    }
}

#[tokio::test]
async fn a_table_of_another_shape_is_named_fault_by_fault() {
    for client in clients().await {
        let name = new_name();
        let attribute = |attribute: &str| {
            AttributeDefinition::builder()
                .attribute_name(attribute)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap()
        };
        let key = |attribute: &str, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(attribute).key_type(kind).build().unwrap()
        };
        client
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk"))
            .key_schema(key("pk", KeyType::Hash))
            .send()
            .await
            .unwrap();
        let error = table::create(&client, &name).await.unwrap_err();
        let TableError::Misshapen { faults, .. } = &error else { unreachable!("{error}") };
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains(r#"expected keys ["pk", "sk"], got ["pk"]"#), "{faults:?}");
        assert!(faults[1].contains(r#"index "due" is missing"#), "{faults:?}");
        assert!(faults[2].contains(r#"index "user" is missing"#), "{faults:?}");
    }
}
