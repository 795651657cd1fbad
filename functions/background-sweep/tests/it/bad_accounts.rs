//! Account items that somebody broke, as the whole function meets them.

use crate::lab::{AWAY, Lab};
use crate::server::Reply;
use domain::account::TurnOutcome;
use serde_json::{Value, json};
use test_support::sample;

const USERS: u32 = 3;
const BROKEN: u32 = 2;

impl Lab {
    /// Sets an attribute of the account's activity, in DynamoDB's own spelling, or removes it.
    async fn damage(&self, attribute: &str, value: &Value) {
        let key = json!({
            "pk": { "S": format!("ACCOUNT#{}", sample::account(BROKEN)) }, "sk": { "S": "ACTIVITY" },
        });
        let mut request = json!({
            "TableName": "accounts", "Key": key, "ExpressionAttributeNames": { "#a": attribute },
            "UpdateExpression": "REMOVE #a",
        });
        if !value.is_null() {
            request["UpdateExpression"] = json!("SET #a = :v");
            request["ExpressionAttributeValues"] = json!({ ":v": value });
        }
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http
            .post(&self.table.url)
            .header("x-amz-target", "DynamoDB_20120810.UpdateItem")
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=local/20261123/eu-north-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
            .header("x-amz-date", "20261123T000000Z")
            .body(request.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_read_leaves_the_index_with_the_reason_until_its_user_is_back() {
    let lab = Lab::alone(USERS).await;
    for (attribute, value) in [
        ("status", json!({ "S": "nonsense" })),
        ("status", json!(null)),
        ("last_activity", json!({ "S": "yesterday" })),
        ("tenant_id", json!({ "S": "not an id" })),
        ("object_id", json!({ "N": "7" })),
        ("failure_count", json!({ "N": "1e40" })),
        ("failure", json!({ "S": "nonsense" })),
        ("last_sweep", json!({ "L": [] })),
        ("ttl", json!({ "S": "never" })),
    ] {
        for user in 1..=USERS {
            lab.visit(user).await;
        }
        lab.clock.advance(AWAY);
        lab.damage(attribute, &value).await;
        lab.forget();
        let outcomes = lab.tick().await.unwrap();
        let context = format!("{attribute} {value}: {outcomes:?}");
        assert_eq!(outcomes.get("skipped"), Some(&1), "{context}");
        assert_eq!(outcomes.values().sum::<u64>(), u64::from(USERS), "{context}");
        let told = lab.log.take_only("store.corrupt_item");
        assert!(
            told.iter().any(|line| line["item.defect"].as_str().unwrap().contains(attribute)),
            "{context}: {told:?}"
        );
        let asked = lab.graph_requests();
        assert!(asked.len() == 2 && !asked.contains_key(&BROKEN), "{context}");

        lab.clock.advance(AWAY);
        assert_eq!(lab.tick().await.unwrap().values().sum::<u64>(), 2, "nothing is tried in vain: {context}");
    }
    lab.visit(BROKEN).await;
    lab.clock.advance(AWAY);
    lab.tick().await.unwrap();
    assert!(lab.activity(BROKEN).await.last_sweep.is_some(), "back by itself");
}

#[tokio::test]
async fn what_is_broken_beside_the_turn_costs_no_turn() {
    for (attribute, value) in [
        ("lease_until", json!({ "S": "tomorrow" })),
        ("lease_owner", json!({ "N": "7" })),
        ("unpublished", json!({ "S": "nonsense" })),
        ("activity_due_at", json!({ "S": "soon" })),
        ("user_principal_name", json!(null)),
        ("notes", json!({ "S": "x".repeat(300_000) })),
    ] {
        let lab = Lab::alone(USERS).await;
        lab.damage(attribute, &value).await;
        lab.tick().await.unwrap();
        assert_eq!(lab.swept(USERS, TurnOutcome::Acted).await, [1, 2, 3], "{attribute}");
        assert_eq!(lab.activity(BROKEN).await.lease, None, "{attribute}");
    }
}

#[tokio::test]
async fn an_entry_of_the_index_without_an_account_stops_nobody() {
    let lab = Lab::alone(USERS).await;
    for attribute in ["status", "last_activity", "tenant_id", "object_id", "failure_count", "ttl", "begun_at"]
    {
        lab.damage(attribute, &json!(null)).await;
    }
    lab.entra.rule(|asked| {
        assert_ne!(asked.user(), BROKEN);
        Reply::Text(500, "")
    });
    let outcomes = lab.tick().await.unwrap();
    assert_eq!(outcomes, [("retry_later", 2), ("skipped", 1)].into());
}
