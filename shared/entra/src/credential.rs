//! How our application proves itself to the token endpoint.

use async_trait::async_trait;
use secrecy::SecretString;
use std::error::Error;

/// The proof for one request.
#[derive(Debug, Clone)]
pub enum ClientAuthentication {
    /// `client_secret` (RFC 6749 §2.3.1).
    Secret(SecretString),
    /// `client_assertion`, a JWT that the registration trusts (RFC 7523 §2.2).
    Assertion(SecretString),
}

/// No proof could be had, so the token endpoint was not asked.
#[derive(Debug, thiserror::Error)]
#[error("the application's credential is not available")]
pub struct CredentialError {
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// What our application proves itself with.
#[async_trait]
pub trait ClientCredential: Send + Sync {
    /// `audience` is the token endpoint that the proof is for; a signed proof names it.
    async fn authenticate(&self, audience: &str) -> Result<ClientAuthentication, CredentialError>;
}

/// A client secret of the app registration.
#[derive(Debug, Clone)]
pub struct ClientSecret(SecretString);

impl ClientSecret {
    pub fn new(secret: impl Into<SecretString>) -> Self {
        Self(secret.into())
    }
}

#[async_trait]
impl ClientCredential for ClientSecret {
    async fn authenticate(&self, _audience: &str) -> Result<ClientAuthentication, CredentialError> {
        Ok(ClientAuthentication::Secret(self.0.clone()))
    }
}
