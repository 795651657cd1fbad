//! A client secret of the app registration.

use crate::credential::{
    ClientAuthentication, ClientCredential, CredentialError, CredentialSource, ReloadLimit,
};
use async_trait::async_trait;
use domain::ports::Clock;
use secrecy::SecretString;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A client secret (RFC 6749 §2.3.1), given once or kept in a source that it may be rotated in.
pub struct ClientSecret {
    state: Mutex<State>,
    /// `None`: there is no other secret to be had.
    source: Option<(Arc<dyn CredentialSource>, Arc<dyn Clock>)>,
}

struct State {
    secret: SecretString,
    reloads: ReloadLimit,
}

impl ClientSecret {
    /// A secret that stays as it is.
    pub fn new(secret: impl Into<SecretString>) -> Self {
        Self { state: State::new(secret.into()), source: None }
    }

    /// Reads the secret now, and again when Entra refuses it.
    pub async fn load(
        source: Arc<dyn CredentialSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialError> {
        Ok(Self { state: State::new(source.read().await?), source: Some((source, clock)) })
    }
}

impl State {
    fn new(secret: SecretString) -> Mutex<Self> {
        Mutex::new(Self { secret, reloads: ReloadLimit::default() })
    }

    fn proof(&self) -> ClientAuthentication {
        ClientAuthentication::Secret(self.secret.clone())
    }
}

#[async_trait]
impl ClientCredential for ClientSecret {
    async fn authenticate(&self, _audience: &str) -> Result<ClientAuthentication, CredentialError> {
        Ok(self.state.lock().await.proof())
    }

    async fn renew(
        &self,
        _audience: &str,
        rejected: &ClientAuthentication,
    ) -> Result<Option<ClientAuthentication>, CredentialError> {
        // Held while reading, so that many requests that were refused at once read the source once.
        let mut state = self.state.lock().await;
        if state.proof().is_same(rejected) {
            let Some((source, clock)) = &self.source else { return Ok(None) };
            if !state.reloads.take(clock.now()) {
                return Ok(None);
            }
            state.secret = source.read().await?;
        }
        Ok(Some(state.proof()).filter(|proof| !proof.is_same(rejected)))
    }
}
