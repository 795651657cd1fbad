//! Users at the page: bearer tokens for the API.

use crate::error::{BenchError, cannot};
use entra_emulator::{API_CLIENT_ID, Emulator, SPA_CLIENT_ID, TENANT_ID};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Range;
use tokio::task::JoinSet;

/// Token requests under way at once.
const CONCURRENCY: usize = 4;

#[derive(Deserialize)]
struct Issued {
    access_token: String,
}

/// Events with a bearer token each, of the emulator's users with these numbers: `GET /api/profile` as an HTTP API hands it on.
/// Every call brings new tokens.
pub(crate) async fn sign_in(emulator: &Emulator, users: Range<u32>) -> Result<Vec<Value>, BenchError> {
    let names: Vec<String> = users.map(|number| format!("user{number:06}@lakeside.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let scope = format!("api://{API_CLIENT_ID}/Profile.Read openid profile offline_access");
    let refresh_tokens = emulator
        .issue_refresh_tokens(&names, SPA_CLIENT_ID, &scope)
        .map_err(cannot("get refresh tokens for the page's users"))?;
    let http = reqwest::Client::new();
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", emulator.public_url());
    let mut waiting = refresh_tokens.into_iter();
    let (mut under_way, mut events) = (JoinSet::new(), Vec::with_capacity(names.len()));
    loop {
        while under_way.len() < CONCURRENCY
            && let Some(token) = waiting.next()
        {
            under_way.spawn(redeem(http.clone(), url.clone(), token));
        }
        let Some(redeemed) = under_way.join_next().await else { return Ok(events) };
        events.push(event(&redeemed.map_err(cannot("sign a user in"))??));
    }
}

async fn redeem(http: reqwest::Client, url: String, refresh_token: String) -> Result<String, BenchError> {
    let form =
        [("grant_type", "refresh_token"), ("client_id", SPA_CLIENT_ID), ("refresh_token", &refresh_token)];
    let answer = http.post(url).form(&form).send().await.and_then(reqwest::Response::error_for_status);
    let answer = answer.map_err(cannot("sign a user in"))?;
    let issued: Issued = answer.json().await.map_err(cannot("sign a user in"))?;
    Ok(issued.access_token)
}

fn event(token: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/api/profile",
        "rawQueryString": "",
        "headers": {
            "accept": "application/json",
            "authorization": format!("Bearer {token}"),
            "host": "abc123.execute-api.eu-west-1.amazonaws.com",
            "x-amzn-trace-id": "Root=1-6571d134-1b6d3c7e5a4f1c2d3e4f5a6b",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "abc123",
            "http": {
                "method": "GET",
                "path": "/api/profile",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "Mozilla/5.0",
            },
            "requestId": "PnR3wjTvDoEEMHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "02/Mar/2026:09:00:00 +0000",
            "timeEpoch": 1_772_442_000_000_i64,
        },
        "isBase64Encoded": false,
    })
}
