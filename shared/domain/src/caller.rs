//! The user who is calling, after their bearer token was validated.

use crate::identity::{ClientId, HomeAccountId, ObjectId, TenantId, UserPrincipalName};
use crate::scope::ScopeSet;
use crate::token::UserAssertion;
use async_trait::async_trait;
use time::OffsetDateTime;

/// Exists only as the result of validation: an adapter of [`CallerAuthenticator`] makes it, nothing else does.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where the user's cache lies: their object id and tenant as the token names them.
    pub account: HomeAccountId,
    pub tenant_id: TenantId,
    pub object_id: ObjectId,
    /// The application that calls (`azp`, or `appid` in v1 tokens).
    pub client_id: ClientId,
    pub scopes: ScopeSet,
    pub user_principal_name: Option<UserPrincipalName>,
    /// The bearer token itself, to be traded in by On-Behalf-Of.
    pub assertion: UserAssertion,
    pub issued_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

/// Turns a bearer token into a caller.
#[async_trait]
pub trait CallerAuthenticator: Send + Sync {
    /// `authorization` is the value of the `Authorization` header, if there was one.
    async fn authenticate(&self, authorization: Option<&str>) -> Result<Caller, Refusal>;

    /// Renews what validation relies on, when it is due and still good, so that no request waits for it. To be run beside a
    /// request; nothing is lost when it is dropped.
    async fn keep_current(&self) {}

    /// Forgets what is remembered of an account's tokens; they are validated anew.
    fn forget(&self, _account: &HomeAccountId) {}
}

/// Why a bearer token is not accepted. `Display` tells a developer what to do and an attacker nothing of ours.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No bearer token was sent.
    #[error("send an access token for this API: `Authorization: Bearer <token>`")]
    Missing,
    /// Expired, malformed, for someone else, or signed by someone else.
    #[error("{detail}")]
    Invalid {
        /// Stable, snake case, for logs and the `code` of the answer.
        code: &'static str,
        detail: &'static str,
    },
    /// A genuine token that may not call here: tenant or application not on the list, or no user in it.
    #[error("{detail}")]
    Forbidden { code: &'static str, detail: &'static str },
    /// The signing keys could not be had, so nothing can be said about the token.
    #[error("the signing keys of Entra ID are not available")]
    KeysUnavailable {
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}
