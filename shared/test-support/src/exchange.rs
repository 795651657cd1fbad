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

pub type ScriptedTokenExchange = Script<ExchangeCall, Result<IssuedTokens, TokenError>>;

#[async_trait]
impl TokenExchange for ScriptedTokenExchange {
    async fn on_behalf_of(
        &self,
        tenant: TenantId,
        assertion: &UserAssertion,
        scopes: &ScopeSet,
    ) -> Result<IssuedTokens, TokenError> {
        let assertion_hash = assertion.hash().to_owned();
        self.answer(ExchangeCall::OnBehalfOf { tenant, assertion_hash, scopes: scopes.clone() }).await
    }

    async fn refresh(
        &self,
        tenant: TenantId,
        account: HomeAccountId,
        refresh_token: &RefreshToken,
        scopes: &ScopeSet,
    ) -> Result<IssuedTokens, TokenError> {
        let refresh_token = refresh_token.expose().to_owned();
        self.answer(ExchangeCall::Refresh { tenant, account, refresh_token, scopes: scopes.clone() }).await
    }
}
