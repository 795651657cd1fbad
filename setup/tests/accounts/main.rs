//! `accounts` on a deployment whose users have signed in: what is listed and shown, what changes, and what the users and
//! the sweep see of it.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod changing;
mod poisoned;
mod seeing;
mod sweeping;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::identity::HomeAccountId;
use serde_json::Value;
use stack::{SignedIn, Visitor};
use support::{Ran, Site, setup};
use wiring::AwsClients;

const ADELE: &str = "adele@lakeside.example";
const BRUNO: &str = "bruno@lakeside.example";

impl Site {
    async fn accounts(&self, arguments: &[&str]) -> Ran {
        setup(&[&["accounts"], arguments].concat(), &self.variables).await
    }

    /// What a command that succeeds writes with `--json`.
    async fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.accounts(&[arguments, &["--json"]].concat()).await;
        assert!(ran.succeeded, "{ran:?}");
        serde_json::from_str(&ran.output).unwrap()
    }

    /// The one account of this name.
    async fn shown(&self, user: &str) -> Value {
        let shown = self.json(&["show", user]).await;
        assert_eq!(shown.as_array().map(Vec::len), Some(1), "{shown}");
        shown[0].clone()
    }

    /// Signs in and reads the profile, so that tokens and activity are kept.
    async fn visit(&self, user: &str) -> SignedIn {
        let visitor = Visitor::at(&self.stack.addresses().page).await.unwrap();
        let signed_in = visitor.sign_in(user).await.unwrap();
        assert_eq!(self.get("/api/profile", &signed_in).await.0, 200);
        signed_in
    }

    /// Status and body of the API's answer.
    async fn get(&self, path: &str, who: &SignedIn) -> (u16, Value) {
        let url = format!("{}{path}", self.stack.addresses().api);
        let client = reqwest::Client::new();
        let answer = client.get(url).bearer_auth(&who.access_token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// What the user sees at the page.
    async fn seen_by(&self, who: &SignedIn) -> Value {
        let (status, body) = self.get("/api/background-access", who).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    fn id_of(&self, user: &str) -> HomeAccountId {
        let users = self.stack.emulator().unwrap().users();
        let user = users.into_iter().find(|known| known.user_principal_name == user).unwrap();
        user.home_account_id.parse().unwrap()
    }

    /// Puts a value of a wrong type in place of an attribute of the activity item.
    async fn spoil(&self, account: &HomeAccountId, attribute: &str) {
        let client = AwsClients::new(self.stack.environment()).await.dynamodb;
        client
            .update_item()
            .table_name(&self.variables["TABLE_NAME"])
            .key("pk", AttributeValue::S(format!("ACCOUNT#{account}")))
            .key("sk", AttributeValue::S("ACTIVITY".to_owned()))
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", AttributeValue::Bool(true))
            .send()
            .await
            .unwrap();
    }
}

impl Ran {
    #[track_caller]
    fn assert_good(&self, says: &str) {
        assert!(self.succeeded && self.output.contains(says), "{self:?}");
    }

    #[track_caller]
    fn assert_refused(&self, says: &str) {
        assert!(!self.succeeded && self.errors.contains(says), "{self:?}");
    }
}
