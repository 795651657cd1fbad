//! The tables of the peers, spoken to as they do it.

use crate::error::{BenchError, cannot};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::ports::Clock as _;
use entra_emulator::{API_CLIENT_ID, CrowdMember, Emulator, TENANT_ID};
use msal_cache::{TokenGrant, UnifiedCache};
use serde_json::{Value, json};
use wiring::SystemClock;

/// The most items of one `BatchWriteItem`.
const WRITTEN_AT_ONCE: usize = 25;

/// Signatures are not looked at by servers on this machine, but must be there.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
                         SignedHeaders=host, Signature=none";

/// What a peer's application asks of Graph and of the sign-in service.
const GRAPH_SCOPE: &str = "https://graph.microsoft.com/User.Read";

/// For how long the made-up users have been away.
const AWAY_SECONDS: i64 = 3_600;

/// A table with the keys `pk` and `sk`.
pub(crate) struct PeerTable {
    http: reqwest::Client,
    url: String,
    name: String,
}

/// An account as a peer keeps it.
struct Account {
    home_account_id: String,
    cache: String,
}

impl PeerTable {
    pub(crate) async fn create(url: &str, name: &str) -> Result<Self, BenchError> {
        let table = Self { http: reqwest::Client::new(), url: url.to_owned(), name: name.to_owned() };
        let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
        let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        table
            .call(
                "CreateTable",
                &json!({
                    "TableName": name,
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
                    "AttributeDefinitions": [text("pk"), text("sk")],
                }),
            )
            .await?;
        Ok(table)
    }

    /// Makes so many accounts whose users are away, with a refresh token each. `environment` is what the peer's MSAL calls
    /// the authority in its cache.
    pub(crate) async fn seed(
        &self,
        emulator: &Emulator,
        environment: &str,
        accounts: u32,
    ) -> Result<(), BenchError> {
        let now = SystemClock.now().unix_timestamp();
        let made = make(emulator, environment, accounts, now)?;
        let items: Vec<Value> = made.iter().flat_map(|account| items(account, now)).collect();
        for batch in items.chunks(WRITTEN_AT_ONCE) {
            let puts: Vec<Value> =
                batch.iter().map(|item| json!({ "PutRequest": { "Item": item } })).collect();
            let answer =
                self.call("BatchWriteItem", &json!({ "RequestItems": { &self.name: puts } })).await?;
            if answer["UnprocessedItems"].as_object().is_some_and(|left| !left.is_empty()) {
                return Err(BenchError::NotMeasured("the table left items undone".to_owned()));
            }
        }
        Ok(())
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<Value, BenchError> {
        let request = request(&self.http, &self.url, operation, body);
        let failed = || cannot(format!("ask the table for {operation}"));
        let answer = request.send().await.map_err(failed())?;
        let (status, text) = (answer.status(), answer.text().await.map_err(failed())?);
        if status.is_success() {
            return serde_json::from_str(&text).map_err(cannot(format!("read the answer to {operation}")));
        }
        Err(BenchError::NotMeasured(format!("the table answered {operation} with {status}: {text}")))
    }
}

/// A request as the AWS SDKs make it, but for its signature.
pub(crate) fn request(
    http: &reqwest::Client,
    url: &str,
    operation: &str,
    body: &Value,
) -> reqwest::RequestBuilder {
    http.post(url)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("authorization", SIGNATURE)
        .header("x-amz-date", "20260101T000000Z")
        .body(body.to_string())
}

fn make(emulator: &Emulator, environment: &str, accounts: u32, now: i64) -> Result<Vec<Account>, BenchError> {
    let members: Vec<CrowdMember> = (1..=accounts).map(|number| CrowdMember { number, tenant: 0 }).collect();
    let names: Vec<String> = members.iter().map(|member| format!("{member}@lakeside.example")).collect();
    let users: Vec<&str> = names.iter().map(String::as_str).collect();
    let scope = format!("{GRAPH_SCOPE} offline_access openid profile");
    let issued = emulator
        .issue_refresh_tokens(&users, API_CLIENT_ID, &scope)
        .map_err(cannot("get refresh tokens for the peers' accounts"))?;
    let account = |((member, name), refresh_token): ((&CrowdMember, &String), &String)| {
        let object_id = member.object_id().to_string();
        let home_account_id = format!("{object_id}.{TENANT_ID}");
        let client_info =
            BASE64_URL_SAFE_NO_PAD.encode(json!({ "uid": object_id, "utid": TENANT_ID }).to_string());
        let mut cache = UnifiedCache::default();
        cache.record(&TokenGrant {
            home_account_id: &home_account_id,
            environment,
            client_id: API_CLIENT_ID,
            realm: TENANT_ID,
            local_account_id: &object_id,
            username: Some(name),
            name: Some(name),
            client_info: Some(&client_info),
            // Past its time, so that it is dropped: the first turn redeems the refresh token.
            access_token: "",
            scopes: &[GRAPH_SCOPE.to_owned()],
            cached_at: now,
            expires_on: now - 1,
            extended_expires_on: now - 1,
            refresh_on: None,
            refresh_token: Some(refresh_token),
            refresh_token_expires_on: None,
            id_token: None,
            obtained_for: None,
        });
        let cache = String::from_utf8(cache.to_bytes_at(now)).map_err(cannot("write a cache"))?;
        Ok(Account { home_account_id, cache })
    };
    members.iter().zip(&names).zip(&issued).map(account).collect()
}

/// The cache, and the account's place among those that the worker reads.
fn items(account: &Account, now: i64) -> [Value; 2] {
    let id = &account.home_account_id;
    [
        json!({ "pk": { "S": format!("CACHE#{id}") }, "sk": { "S": "CACHE" }, "cache": { "S": account.cache } }),
        json!({
            "pk": { "S": "ACCOUNTS" },
            "sk": { "S": id },
            "cacheKey": { "S": id },
            "lastActivity": { "N": (now - AWAY_SECONDS).to_string() },
            "failed": { "BOOL": false },
        }),
    ]
}
