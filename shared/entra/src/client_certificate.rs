//! A certificate as the application's credential.

use crate::certificate::{ASSERTION_LIFETIME, Certificate};
use crate::credential::{
    ASSERTION_MARGIN, ClientAuthentication, ClientCredential, CredentialError, CredentialSource, ReloadLimit,
};
use async_trait::async_trait;
use domain::identity::ClientId;
use domain::ports::Clock;
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::sync::Mutex;

/// Signs assertions with a certificate that the app registration knows (PS256, `x5t#S256`). One assertion serves until
/// shortly before its end, per token endpoint.
pub struct ClientCertificate {
    client_id: ClientId,
    source: Arc<dyn CredentialSource>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    certificate: Certificate,
    /// By audience.
    assertions: HashMap<String, Assertion>,
    reloads: ReloadLimit,
}

struct Assertion {
    token: SecretString,
    usable_until: OffsetDateTime,
}

impl ClientCertificate {
    /// Reads the certificate and its key (PEM) now, and again when Entra refuses them.
    ///
    /// # Errors
    /// What the source reports, or [`crate::InvalidCertificate`] as the source of the error.
    pub async fn load(
        client_id: ClientId,
        source: Arc<dyn CredentialSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialError> {
        let certificate = read(source.as_ref()).await?;
        let state = State { certificate, assertions: HashMap::new(), reloads: ReloadLimit::default() };
        Ok(Self { client_id, source, clock, state: Mutex::new(state) })
    }

    fn proof(&self, state: &mut State, audience: &str) -> ClientAuthentication {
        let now = self.clock.now();
        // An application for many tenants has an audience for each; those that nobody asks for any more are dropped.
        state.assertions.retain(|_, assertion| now < assertion.usable_until);
        let assertion = state.assertions.entry(audience.to_owned()).or_insert_with(|| Assertion {
            token: state.certificate.sign(self.client_id, audience, now),
            usable_until: now + ASSERTION_LIFETIME - ASSERTION_MARGIN,
        });
        ClientAuthentication::Assertion(assertion.token.clone())
    }
}

async fn read(source: &dyn CredentialSource) -> Result<Certificate, CredentialError> {
    Certificate::from_pem(&source.read().await?).map_err(CredentialError::new)
}

#[async_trait]
impl ClientCredential for ClientCertificate {
    async fn authenticate(&self, audience: &str) -> Result<ClientAuthentication, CredentialError> {
        Ok(self.proof(&mut *self.state.lock().await, audience))
    }

    async fn renew(
        &self,
        audience: &str,
        rejected: &ClientAuthentication,
    ) -> Result<Option<ClientAuthentication>, CredentialError> {
        // Held while reading, so that many requests that were refused at once read the source once.
        let mut state = self.state.lock().await;
        if self.proof(&mut state, audience).is_same(rejected) {
            if !state.reloads.take(self.clock.now()) {
                return Ok(None);
            }
            // Also the same certificate signs anew: the refusal may have been about the assertion's time.
            state.assertions.clear();
            state.certificate = read(self.source.as_ref()).await?;
        }
        Ok(Some(self.proof(&mut state, audience)))
    }
}
