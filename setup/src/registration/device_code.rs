//! Signing in on another device (RFC 8628).
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code>

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::output::Output;
use super::resources::secret;
use super::waiting::Waits;

/// Added to the interval when Entra asks to slow down (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The interval when Entra names none.
const DEFAULT_INTERVAL_SECONDS: u64 = 5;
/// So many polls in a row may get no answer.
const MOST_LOST_POLLS: u32 = 5;

/// Who signs in, where, and for what.
pub(crate) struct SignIn<'a> {
    pub(crate) http: &'a reqwest::Client,
    /// `{authority host}/{tenant}`.
    pub(crate) authority: String,
    pub(crate) client_id: &'a str,
    pub(crate) scopes: &'a [&'a str],
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the sign-in service did not answer; check the network and the authority's address")]
    NoAnswer(#[source] reqwest::Error),
    #[error("expected an answer of Entra ID, got something else (HTTP {0}); check the authority's address")]
    Unreadable(u16),
    /// Entra's own words: they carry the code and what to do.
    #[error("Entra ID refuses the sign-in: {0}")]
    Refused(String),
    #[error("the sign-in was declined; run the command again to try once more")]
    Declined,
    #[error(
        "nobody signed in within the time that the code was good for; run the command again for a new one"
    )]
    Expired,
}

#[derive(Deserialize)]
struct Started {
    #[serde(deserialize_with = "secret")]
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    expires_in: u64,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(deserialize_with = "secret")]
    access_token: SecretString,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl SignIn<'_> {
    /// Tells the user where to sign in, and returns the access token when they have.
    pub(crate) async fn run(&self, waits: &dyn Waits, output: &Output) -> Result<SecretString, SignInError> {
        let scope = self.scopes.join(" ");
        let form = [("client_id", self.client_id), ("scope", &scope)];
        let started: Started = match self.post("devicecode", &form).await? {
            Ok(started) => started,
            Err(refusal) => return Err(refused(&refusal)),
        };
        output.line(format_args!(
            "To sign in, open {} in a browser and enter the code {}",
            started.verification_uri, started.user_code
        ));
        let mut interval = Duration::from_secs(started.interval.unwrap_or(DEFAULT_INTERVAL_SECONDS).max(1));
        let mut left = Duration::from_secs(started.expires_in.max(1));
        let mut lost = 0;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", self.client_id),
            ("device_code", started.device_code.expose_secret()),
        ];
        loop {
            waits.wait(interval).await;
            left = left.checked_sub(interval).ok_or(SignInError::Expired)?;
            let refusal = match self.post::<Token>("token", &form).await {
                Ok(Ok(token)) => return Ok(token.access_token),
                Ok(Err(refusal)) => refusal,
                // The user may still be typing: one lost poll is no reason to make them start again.
                Err(SignInError::NoAnswer(_)) if lost < MOST_LOST_POLLS => {
                    lost += 1;
                    interval *= 2;
                    continue;
                }
                Err(error) => return Err(error),
            };
            lost = 0;
            match refusal.error.as_str() {
                "authorization_pending" => {}
                "slow_down" | "temporarily_unavailable" => interval += SLOWER,
                "authorization_declined" | "access_denied" => return Err(SignInError::Declined),
                "expired_token" | "code_expired" => return Err(SignInError::Expired),
                _ => return Err(refused(&refusal)),
            }
        }
    }

    async fn post<T: for<'de> Deserialize<'de>>(
        &self,
        endpoint: &str,
        form: &[(&str, &str)],
    ) -> Result<Result<T, Refusal>, SignInError> {
        let url = format!("{}/oauth2/v2.0/{endpoint}", self.authority);
        let response = self.http.post(url).form(form).send().await.map_err(SignInError::NoAnswer)?;
        let status = response.status();
        let body = response.bytes().await.map_err(SignInError::NoAnswer)?;
        let unreadable = SignInError::Unreadable(status.as_u16());
        if status.is_success() {
            return serde_json::from_slice(&body).map(Ok).map_err(|_| unreadable);
        }
        serde_json::from_slice(&body).map(Err).map_err(|_| unreadable)
    }
}

/// The first line; trace ids and the like follow it.
fn refused(refusal: &Refusal) -> SignInError {
    let first = refusal.error_description.lines().next().unwrap_or_default();
    SignInError::Refused(if first.is_empty() { refusal.error.clone() } else { first.to_owned() })
}
