//! How our application proves itself to the token endpoint: the port, and what its adapters share.

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use time::{Duration, OffsetDateTime};

/// How often a refused credential is read or made anew: at most every 30 seconds. One that stays wrong then costs its source
/// and Entra little, however many requests fail on it.
pub const RELOAD_INTERVAL: Duration = Duration::seconds(30);

/// How long before its end an assertion is no longer sent: 1 minute, for the way there and clocks that differ.
pub(crate) const ASSERTION_MARGIN: Duration = Duration::minutes(1);

/// The proof for one request.
#[derive(Debug, Clone)]
pub enum ClientAuthentication {
    /// `client_secret` (RFC 6749 §2.3.1).
    Secret(SecretString),
    /// `client_assertion`, a JWT that the registration trusts (RFC 7523 §2.2).
    Assertion(SecretString),
}

impl ClientAuthentication {
    /// Whether this would send the same again.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(one), Self::Secret(other)) | (Self::Assertion(one), Self::Assertion(other)) => {
                one.expose_secret() == other.expose_secret()
            }
            _ => false,
        }
    }
}

/// No proof could be had, so the token endpoint was not asked.
#[derive(Debug, thiserror::Error)]
#[error("the application's credential is not available")]
pub struct CredentialError {
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl CredentialError {
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// What our application proves itself with.
#[async_trait]
pub trait ClientCredential: Send + Sync {
    /// `audience` is the token endpoint that the proof is for; a signed proof names it.
    async fn authenticate(&self, audience: &str) -> Result<ClientAuthentication, CredentialError>;

    /// Another proof after the token endpoint refused `rejected`: one that somebody else got meanwhile, else one from the
    /// source, read anew. `None` when there is nothing that was not refused already, or it was looked for less than
    /// [`RELOAD_INTERVAL`] ago.
    async fn renew(
        &self,
        _audience: &str,
        _rejected: &ClientAuthentication,
    ) -> Result<Option<ClientAuthentication>, CredentialError> {
        Ok(None)
    }
}

/// Where a client secret or a certificate with its key is kept as text, such as a file or a secret store.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// The text as it is there now, never a remembered one.
    async fn read(&self) -> Result<SecretString, CredentialError>;
}

/// When a source was last read anew.
#[derive(Debug, Default)]
pub(crate) struct ReloadLimit(Option<OffsetDateTime>);

impl ReloadLimit {
    /// Whether it may be read anew, which then counts as done.
    pub(crate) fn take(&mut self, now: OffsetDateTime) -> bool {
        // A clock that was set back must not put it off for longer than the interval.
        let recent = self.0.is_some_and(|last| (last..last + RELOAD_INTERVAL).contains(&now));
        if !recent {
            self.0 = Some(now);
        }
        !recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_anew_once_per_interval_also_when_the_clock_is_set_back() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let mut limit = ReloadLimit::default();
        assert!(limit.take(start));
        assert!(!limit.take(start));
        assert!(!limit.take(start + RELOAD_INTERVAL - Duration::SECOND));
        assert!(limit.take(start + RELOAD_INTERVAL));
        assert!(limit.take(start));
    }

    #[test]
    fn proofs_are_the_same_when_kind_and_text_are() {
        let secret = ClientAuthentication::Secret("x".into());
        assert!(secret.is_same(&ClientAuthentication::Secret("x".into())));
        assert!(!secret.is_same(&ClientAuthentication::Secret("y".into())));
        assert!(!secret.is_same(&ClientAuthentication::Assertion("x".into())));
    }
}
