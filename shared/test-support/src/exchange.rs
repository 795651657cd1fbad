//! The authority's token endpoint, as a script.

use crate::script::Script;
use async_trait::async_trait;
use domain::error::TokenError;
use domain::identity::{HomeAccountId, TenantId};
use domain::ports::{TokenExchange, TokenRequirements};
use domain::scope::ScopeSet;
use domain::token::{IssuedTokens, RefreshToken, UserAssertion};

/// What was asked of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeCall {
    OnBehalfOf {
        tenant: TenantId,
        assertion_hash: String,
        scopes: ScopeSet,
        claims: Option<String>,
    },
    Refresh {
        tenant: TenantId,
        account: HomeAccountId,
        refresh_token: String,
        scopes: ScopeSet,
        claims: Option<String>,
    },
}

pub type ScriptedTokenExchange = Script<ExchangeCall, Result<IssuedTokens, TokenError>>;

#[async_trait]
impl TokenExchange for ScriptedTokenExchange {
    async fn on_behalf_of(
        &self,
        tenant: TenantId,
        assertion: &UserAssertion,
        required: TokenRequirements<'_>,
    ) -> Result<IssuedTokens, TokenError> {
        let assertion_hash = assertion.hash().to_owned();
        let (scopes, claims) = (required.scopes.clone(), required.claims.map(str::to_owned));
        self.answer(ExchangeCall::OnBehalfOf { tenant, assertion_hash, scopes, claims }).await
    }

    async fn refresh(
        &self,
        tenant: TenantId,
        account: HomeAccountId,
        refresh_token: &RefreshToken,
        required: TokenRequirements<'_>,
    ) -> Result<IssuedTokens, TokenError> {
        let refresh_token = refresh_token.expose().to_owned();
        let (scopes, claims) = (required.scopes.clone(), required.claims.map(str::to_owned));
        self.answer(ExchangeCall::Refresh { tenant, account, refresh_token, scopes, claims }).await
    }
}
