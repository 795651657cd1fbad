//! The calls that the API's requests cannot do without, with the clients that it makes them with, and nothing besides: no token is
//! validated, nothing is sealed, parsed, merged, logged or counted. What this costs, a request cannot cost less than.
//! `cargo xtask bench` builds it with the functions; never deployed.
//!
//! `GET /session` makes the calls of a session's first request, `GET /warm` those of each later one, for the sessions in turn.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use wiring::{AwsClients, Environment};

/// A sealed cache of one session (`docs/data-model.md`, "What it costs").
const BLOB_BYTES: usize = 4_700;

/// Sessions whose `/warm` is asked for.
const SESSIONS: usize = 50;

fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    wiring::runtime(&environment)?.block_on(async {
        let calls = &Calls::new(&environment).await?;
        run(service_fn(|request: Request| async move {
            let profile = match request.uri().path() {
                "/session" => calls.session(&request).await?,
                _ => calls.warm().await?,
            };
            Ok::<_, Error>(Response::new(Body::from(profile)))
        }))
        .await
    })
}

struct Calls {
    dynamodb: Client,
    http: reqwest::Client,
    table: String,
    token_url: String,
    graph_url: String,
    client_id: String,
    client_secret: String,
    sessions: Mutex<VecDeque<Session>>,
}

#[derive(Clone)]
struct Session {
    account: String,
    graph_token: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

impl Calls {
    async fn new(environment: &Environment) -> Result<Self, Error> {
        let setting = |name: &str| environment.get(name).ok_or_else(|| format!("{name} must be set"));
        let (host, tenant) = (setting("ENTRA_AUTHORITY_HOST")?, setting("ENTRA_TENANT_ID")?);
        Ok(Self {
            dynamodb: AwsClients::new(environment).await.dynamodb,
            http: outbound_http::client()?,
            table: setting("TABLE_NAME")?.to_owned(),
            token_url: format!("{}/{tenant}/oauth2/v2.0/token", host.trim_end_matches('/')),
            graph_url: format!("{}/me", setting("GRAPH_BASE_URL")?.trim_end_matches('/')),
            client_id: setting("ENTRA_CLIENT_ID")?.to_owned(),
            client_secret: setting("ENTRA_CLIENT_SECRET")?.to_owned(),
            sessions: Mutex::default(),
        })
    }

    async fn warm(&self) -> Result<String, Error> {
        let session = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.rotate_left(1);
            sessions.front().cloned().ok_or("ask for /session first")?
        };
        self.read(&session.account).await?;
        self.profile(&session.graph_token).await
    }

    async fn session(&self, request: &Request) -> Result<String, Error> {
        let bearer = request.headers().get("authorization").ok_or("no bearer token")?.to_str()?;
        let assertion = bearer.trim_start_matches("Bearer ");
        // Accounts of nobody: every token has another signature.
        let account =
            format!("CALLS#{}", assertion.get(assertion.len().saturating_sub(73)..).unwrap_or_default());
        self.read(&account).await?;
        let graph_token = self.token(assertion).await?;
        self.write_tokens(&account).await?;
        let (written, profile) = tokio::join!(self.write_activity(&account), self.profile(&graph_token));
        written?;
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.push_back(Session { account, graph_token });
        sessions.truncate(SESSIONS);
        profile
    }

    async fn read(&self, account: &str) -> Result<(), Error> {
        let query = self
            .dynamodb
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_values(":pk", text(account));
        query.send().await?;
        Ok(())
    }

    async fn token(&self, assertion: &str) -> Result<String, Error> {
        let form = [
            ("client_id", self.client_id.as_str()),
            ("client_secret", self.client_secret.as_str()),
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("requested_token_use", "on_behalf_of"),
            ("assertion", assertion),
            ("scope", "https://graph.microsoft.com/User.Read offline_access openid profile"),
        ];
        let answer = self.http.post(&self.token_url).form(&form).send().await?.error_for_status()?;
        let answer: TokenAnswer = answer.json().await?;
        Ok(answer.access_token)
    }

    async fn write_tokens(&self, account: &str) -> Result<(), Error> {
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .item("pk", text(account))
            .item("sk", text("TOKENS#calls"))
            .item("blob", AttributeValue::B(Blob::new(vec![0xA5; BLOB_BYTES])))
            .item("version", number(1))
            .item("ttl", number(4_000_000_000))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", "pk");
        put.send().await?;
        Ok(())
    }

    async fn write_activity(&self, account: &str) -> Result<(), Error> {
        let update = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", text(account))
            .key("sk", text("ACTIVITY"))
            .update_expression(
                "SET last_activity = :now, tenant_id = :tenant, #status = :status, #ttl = :ttl",
            )
            .condition_expression("attribute_not_exists(last_activity) OR last_activity <= :now")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(1_800_000_000))
            .expression_attribute_values(":tenant", text("11111111-1111-4111-8111-111111111111"))
            .expression_attribute_values(":status", text("active"))
            .expression_attribute_values(":ttl", number(4_000_000_000))
            .return_values(ReturnValue::AllOld);
        update.send().await?;
        Ok(())
    }

    async fn profile(&self, graph_token: &str) -> Result<String, Error> {
        let answer = self.http.get(&self.graph_url).bearer_auth(graph_token).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
