//! The authority's token endpoint, as a script.

use crate::script::Script;
use async_trait::async_trait;
use domain::error::TokenError;
use domain::identity::{HomeAccountId, TenantId};
use domain::ports::TokenExchange;
use domain::scope::ScopeSet;
use domain::token::{IssuedTokens, RefreshToken, UserAssertion};

/// What was asked of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeCall {
    OnBehalfOf { tenant: TenantId, assertion_hash: String, scopes: ScopeSet },
    Refresh { tenant: TenantId, account: HomeAccountId, refresh_token: String, scopes: ScopeSet },
}

/// Answers from a queue, then by a rule; panics when it has neither. Records every call.
pub struct ScriptedTokenExchange(Script<ExchangeCall, Result<IssuedTokens, TokenError>>);

impl Default for ScriptedTokenExchange {
    fn default() -> Self {
        Self(Script::new("the token exchange"))
    }
}

impl ScriptedTokenExchange {
    /// The next unanswered call gets this.
    pub fn push(&self, answer: Result<IssuedTokens, TokenError>) {
        self.0.push(answer);
    }

    /// Calls beyond the queue are answered by `rule`.
    pub fn respond_with(
        &self,
        rule: impl Fn(&ExchangeCall) -> Result<IssuedTokens, TokenError> + Send + Sync + 'static,
    ) {
        self.0.respond_with(rule);
    }

    pub fn calls(&self) -> Vec<ExchangeCall> {
        self.0.calls()
    }

    /// Makes callers wait from now on, each until one [`Self::release_one`].
    pub fn hold(&self) {
        self.0.hold();
    }

    pub fn release_one(&self) {
        self.0.release_one();
    }

    /// Returns when this many calls have come in, waiting ones included.
    pub async fn until_called(&self, times: usize) {
        self.0.until_called(times).await;
    }
}

#[async_trait]
impl TokenExchange for ScriptedTokenExchange {
    async fn on_behalf_of(
        &self,
        tenant: TenantId,
        assertion: &UserAssertion,
        scopes: &ScopeSet,
    ) -> Result<IssuedTokens, TokenError> {
        let assertion_hash = assertion.hash().to_owned();
        self.0.answer(ExchangeCall::OnBehalfOf { tenant, assertion_hash, scopes: scopes.clone() }).await
    }

    async fn refresh(
        &self,
        tenant: TenantId,
        account: HomeAccountId,
        refresh_token: &RefreshToken,
        scopes: &ScopeSet,
    ) -> Result<IssuedTokens, TokenError> {
        let refresh_token = refresh_token.expose().to_owned();
        self.0.answer(ExchangeCall::Refresh { tenant, account, refresh_token, scopes: scopes.clone() }).await
    }
}
