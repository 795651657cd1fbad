//! A stack that is pointed at services it did not start: another authority, another table.

use crate::lab::{ADELE, AWAY, Lab};
use entra_emulator::{API_CLIENT_ID, API_CLIENT_SECRET, PARTNER_TENANT_ID, SPA_CLIENT_ID, TENANT_ID};
use reqwest::Method;
use stack::{Stack, StackError, StackOptions, Visitor};
use wiring::Environment;

/// The variables of a deployment whose authority and table are those of `lab`.
fn settings(lab: &Lab, more: &[(&str, &str)]) -> Environment {
    let emulator = lab.stack.addresses().emulator.clone().unwrap();
    let graph = format!("{emulator}/graph/v1.0");
    let key = lab.stack.environment().get("SEALING_LOCAL_KEY").unwrap();
    let mut environment: Environment = [
        ("ENTRA_AUTHORITY_HOST", emulator.as_str()),
        ("ENTRA_TENANT_ID", TENANT_ID),
        ("ENTRA_CLIENT_ID", API_CLIENT_ID),
        ("ENTRA_CLIENT_SECRET", API_CLIENT_SECRET),
        ("SPA_CLIENT_ID", SPA_CLIENT_ID),
        ("GRAPH_BASE_URL", &graph),
        ("AWS_ENDPOINT_URL_DYNAMODB", &lab.database.url),
        ("TABLE_NAME", "tokens"),
        ("SEALING_LOCAL_KEY", key),
    ]
    .into_iter()
    .collect();
    for (name, value) in more {
        environment.set(name, *value);
    }
    environment
}

async fn start(environment: Environment) -> Result<Stack, StackError> {
    Box::pin(Stack::start(StackOptions { environment, ..StackOptions::for_tests() })).await
}

#[tokio::test]
async fn an_authority_and_a_table_of_ones_own_are_used_and_shared() {
    let lab = Lab::start().await;
    let other = start(settings(&lab, &[])).await.unwrap();
    assert_eq!((&other.addresses().emulator, &other.addresses().dynamodb), (&None, &None));

    let visitor = Visitor::at(&other.addresses().page).await.unwrap();
    let adele = visitor.sign_in(ADELE).await.unwrap();
    let request = visitor.http().get(format!("{}/api/profile", other.addresses().api));
    let answer = request.bearer_auth(&adele.access_token).send().await.unwrap();
    assert_eq!(answer.status(), 200);

    // Two hosts, one cache: the same token costs Entra nothing at the first one, and its sweep acts.
    lab.take_requests();
    lab.call(Method::GET, "/api/profile", &adele.access_token).await.assert_ok();
    assert_eq!(lab.take_requests(), (0, 1));
    lab.pass(AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1)].into());
    other.stop().await;
}

#[tokio::test]
async fn only_listed_tenants_may_call_an_api_for_many() {
    let lab = Lab::start().await;
    for (tenants, status, code) in [
        (format!("{TENANT_ID},{PARTNER_TENANT_ID}"), 200, None),
        (TENANT_ID.to_owned(), 403, Some("tenant_not_allowed")),
    ] {
        let more = [("ENTRA_TENANT_ID", "organizations"), ("ENTRA_ALLOWED_TENANTS", tenants.as_str())];
        let stack = start(settings(&lab, &more)).await.unwrap();
        let visitor = Visitor::at(&stack.addresses().page).await.unwrap();
        let noor = visitor.sign_in("noor@harbour.example").await.unwrap();
        let request = visitor.http().get(format!("{}/api/profile", stack.addresses().api));
        let answer = request.bearer_auth(&noor.access_token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{tenants}");
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["code"].as_str(), code, "{body}");
        stack.stop().await;
    }
    assert_eq!(lab.accounts().await.len(), 1, "of the allowed one");
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_with_what_is_wrong() {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    };
    let lab = Lab::start().await;
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let create = lab.client.create_table().table_name("other").key_schema(key);
    let create = create.attribute_definitions(attribute).billing_mode(BillingMode::PayPerRequest);
    create.send().await.unwrap();
    let error = start(settings(&lab, &[("TABLE_NAME", "other")])).await.err().unwrap().to_string();
    assert!(error.contains("\"other\" has another shape") && error.contains("due"), "{error}");
}
