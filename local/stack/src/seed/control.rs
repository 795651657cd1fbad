//! The emulator's control routes that seeding needs.

use super::SeedError;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the product asks for on behalf of a user.
const SCOPE: &str = "https://graph.microsoft.com/User.Read offline_access openid profile";

pub(super) struct EmulatorControl {
    http: reqwest::Client,
    url: String,
    client_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issued {
    refresh_tokens: Vec<String>,
}

impl EmulatorControl {
    pub(super) fn new(url: String, client_id: String) -> Self {
        Self { http: reqwest::Client::new(), url, client_id }
    }

    /// A refresh token for each user, in the same order.
    pub(super) async fn refresh_tokens(&self, users: &[&str]) -> Result<Vec<String>, SeedError> {
        let wish = json!({ "users": users, "clientId": self.client_id, "scope": SCOPE });
        let issued: Issued =
            self.post("refresh-tokens", &wish).await?.json().await.map_err(SeedError::Emulator)?;
        if issued.refresh_tokens.len() == users.len() {
            return Ok(issued.refresh_tokens);
        }
        Err(SeedError::Answer { got: issued.refresh_tokens.len(), expected: users.len() })
    }

    pub(super) async fn revoke(&self, users: &[&str]) -> Result<(), SeedError> {
        self.post("revocations", &json!({ "users": users })).await?;
        Ok(())
    }

    async fn post(&self, route: &str, body: &Value) -> Result<reqwest::Response, SeedError> {
        let request = self.http.post(format!("{}/emulator/api/{route}", self.url)).json(body);
        request.send().await.and_then(reqwest::Response::error_for_status).map_err(SeedError::Emulator)
    }
}
