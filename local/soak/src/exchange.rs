//! What a request is about, told from its own text.

use hyper::body::Bytes;
use hyper::{HeaderMap, Method};
use serde_json::Value;

/// A request that a proxy has received whole.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// What the request asks for, for example `token.refresh` or `put tokens`: the same for all requests of one step.
    pub(crate) step: String,
    pub(crate) body: Bytes,
}

impl Exchange {
    pub(crate) fn new(method: &Method, path: &str, headers: &HeaderMap, body: Bytes) -> Self {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let step = match target.and_then(|target| target.rsplit('.').next()) {
            Some(operation) => table_step(operation, &body),
            None => authority_step(method, path, &body),
        };
        Self { step, body }
    }

    /// A parameter of the request's form.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut parameters = url::form_urlencoded::parse(&self.body);
        parameters.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Whether it asks the authority for tokens.
    pub(crate) fn is_token_request(&self) -> bool {
        self.step.starts_with("token.")
    }
}

fn authority_step(method: &Method, path: &str, body: &[u8]) -> String {
    let path = path.split('?').next().unwrap_or(path);
    if path.ends_with("/oauth2/v2.0/token") {
        let mut parameters = url::form_urlencoded::parse(body);
        let grant = parameters.find(|(name, _)| name == "grant_type").map(|(_, grant)| grant);
        return match grant.as_deref() {
            Some("refresh_token") => "token.refresh".to_owned(),
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => "token.on_behalf_of".to_owned(),
            _ => "token.other".to_owned(),
        };
    }
    if path.ends_with("/discovery/v2.0/keys") {
        return "signing keys".to_owned();
    }
    if path.starts_with("/graph/") {
        return "graph".to_owned();
    }
    format!("{method} {path}")
}

/// Names the product's own steps; an operation that is none of them is named by itself.
fn table_step(operation: &str, body: &[u8]) -> String {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let key = if operation == "PutItem" { &request["Item"] } else { &request["Key"] };
    let sort_key = key["sk"]["S"].as_str().unwrap_or_default();
    let kind = sort_key.split('#').next().unwrap_or_default();
    let mentions = |attribute: &str| {
        let names = request["ExpressionAttributeNames"].as_object();
        names.is_some_and(|names| names.values().any(|name| name == attribute))
    };
    let step = match (operation, kind) {
        ("Query", _) => match request["IndexName"].as_str() {
            None => "load account",
            Some("due") => "read due index",
            Some(_) => "find by name",
        },
        ("PutItem", "TOKENS") => "put tokens",
        ("PutItem", "PROFILE") => "put profile",
        ("PutItem", "TOMBSTONE") => "put tombstone",
        ("GetItem", "TOMBSTONE") => "look for tombstone",
        ("GetItem", "TOKENS") => "look at tokens",
        ("UpdateItem", "ACTIVITY") if mentions("last_sweep") => "finish turn",
        ("UpdateItem", "ACTIVITY") if mentions("last_activity") => "record activity",
        ("UpdateItem", "ACTIVITY") if mentions("lease_owner") => "claim turn",
        (_, _) if key["pk"]["S"].as_str().is_some_and(|key| key.starts_with("TENANT#")) => {
            if operation == "GetItem" { "read brake" } else { "set brake" }
        }
        _ => return format!("{operation} {kind}"),
    };
    step.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_of_the_authority_are_told_by_path_and_grant() {
        let step = |path: &str, body: &str| authority_step(&Method::POST, path, body.as_bytes());
        assert_eq!(step("/t/oauth2/v2.0/token", "client_id=1&grant_type=refresh_token"), "token.refresh");
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        assert_eq!(step("/t/oauth2/v2.0/token", grant), "token.on_behalf_of");
        assert_eq!(step("/t/discovery/v2.0/keys", ""), "signing keys");
        assert_eq!(step("/graph/v1.0/me?$select=id", ""), "graph");
    }

    #[test]
    fn steps_of_the_table_are_told_by_operation_and_item() {
        let step = |operation: &str, body: Value| table_step(operation, body.to_string().as_bytes());
        assert_eq!(step("PutItem", json!({ "Item": { "sk": { "S": "TOKENS#id" } } })), "put tokens");
        assert_eq!(step("Query", json!({ "IndexName": "due" })), "read due index");
        let activity = |name: &str| {
            let key = json!({ "sk": { "S": "ACTIVITY" } });
            step("UpdateItem", json!({ "Key": key, "ExpressionAttributeNames": { "#a": name } }))
        };
        assert_eq!(activity("last_sweep"), "finish turn");
        assert_eq!(activity("last_activity"), "record activity");
        assert_eq!(activity("lease_owner"), "claim turn");
        let brake = json!({ "Key": { "pk": { "S": "TENANT#id" }, "sk": { "S": "BRAKE#id" } } });
        assert_eq!(step("GetItem", brake), "read brake");
    }
}
