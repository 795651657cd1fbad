//! A token of another identity provider as the application's credential: nothing secret is kept.

use crate::credential::{
    ASSERTION_MARGIN, ClientAuthentication, ClientCredential, CredentialError, ReloadLimit,
};
use async_trait::async_trait;
use domain::ports::Clock;
use secrecy::SecretString;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::sync::Mutex;

/// A token that says who our workload is where it runs.
#[derive(Debug, Clone)]
pub struct WebIdentity {
    /// A JWT.
    pub token: SecretString,
    pub expires_at: OffsetDateTime,
}

/// The identity provider of the place where the workload runs.
#[async_trait]
pub trait WebIdentitySource: Send + Sync {
    /// A new token for `audience`, never a remembered one.
    async fn issue(&self, audience: &str) -> Result<WebIdentity, CredentialError>;
}

/// A federated identity credential of the app registration
/// (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation>). One token serves until shortly before its
/// end, whatever the token endpoint.
pub struct FederatedCredential {
    source: Arc<dyn WebIdentitySource>,
    /// What tokens are asked for; `api://AzureADTokenExchange` in the public cloud.
    audience: &'static str,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    identity: Option<WebIdentity>,
    reloads: ReloadLimit,
}

impl FederatedCredential {
    /// Asks for nothing yet. `audience` is [`crate::Authority::federation_audience`].
    pub fn new(source: Arc<dyn WebIdentitySource>, audience: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { source, audience, clock, state: Mutex::default() }
    }
}

fn proof(identity: &WebIdentity) -> ClientAuthentication {
    ClientAuthentication::Assertion(identity.token.clone())
}

#[async_trait]
impl ClientCredential for FederatedCredential {
    async fn authenticate(&self, _audience: &str) -> Result<ClientAuthentication, CredentialError> {
        // Held while asking, so that many requests at once ask once.
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let held = state.identity.as_ref();
        if let Some(fresh) = held.filter(|identity| now < identity.expires_at - ASSERTION_MARGIN) {
            return Ok(proof(fresh));
        }
        match self.source.issue(self.audience).await {
            Ok(identity) => Ok(proof(state.identity.insert(identity))),
            // The old token has its last minute yet, and may just do.
            Err(error) => match held.filter(|identity| now < identity.expires_at) {
                Some(usable) => {
                    tracing::warn!(
                        event = "entra.web_identity_not_renewed",
                        error = %error.source,
                        "no new token of the workload's identity; the one at hand is sent"
                    );
                    Ok(proof(usable))
                }
                None => Err(error),
            },
        }
    }

    async fn renew(
        &self,
        _audience: &str,
        rejected: &ClientAuthentication,
    ) -> Result<Option<ClientAuthentication>, CredentialError> {
        let mut state = self.state.lock().await;
        let held = state.identity.as_ref().map(proof);
        if let Some(other) = held.filter(|proof| !proof.is_same(rejected)) {
            return Ok(Some(other));
        }
        if !state.reloads.take(self.clock.now()) {
            return Ok(None);
        }
        let renewed = proof(state.identity.insert(self.source.issue(self.audience).await?));
        Ok(Some(renewed).filter(|proof| !proof.is_same(rejected)))
    }
}
