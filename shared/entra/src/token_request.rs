//! The request to the token endpoint, the same for all grants but for what is traded in.

use crate::authority::Authority;
use crate::claims_request::requested_claims;
use crate::credential::{ClientAuthentication, ClientCredential, CredentialError};
use crate::error;
use crate::grant::Grant;
use crate::token_answer;
use async_trait::async_trait;
use domain::error::{TokenError, UnavailableKind};
use domain::identity::{ClientId, HomeAccountId, TenantId};
use domain::ports::{Clock, TokenExchange, TokenRequirements};
use domain::scope::ScopeSet;
use domain::token::{IssuedTokens, RefreshToken, UserAssertion};
use outbound_http::NoAnswer;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The largest token answer that is read: 256 KiB. Entra's have up to about 10 KiB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// What brings an id token and a refresh token along with the access token.
const RESERVED_SCOPES: [&str; 3] = ["openid", "profile", "offline_access"];

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Trades assertions and refresh tokens in at Entra ID. Each call is one request and nothing is cached; only when Entra
/// refuses our credential and another one can be had, or a kept connection was dead, the request is sent once more.
pub struct EntraTokenExchange {
    client: reqwest::Client,
    authority: Authority,
    client_id: ClientId,
    credential: Arc<dyn ClientCredential>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl EntraTokenExchange {
    /// `client` must not follow redirects; `timeout` is that of one whole request.
    pub fn new(
        client: reqwest::Client,
        authority: Authority,
        client_id: ClientId,
        credential: Arc<dyn ClientCredential>,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client, authority, client_id, credential, timeout, clock }
    }

    /// Asks for a token of the application itself and throws it away: it shows whether Entra ID takes our credential in this
    /// tenant. `resource` is any API there, such as `https://graph.microsoft.com`; no permission on it is needed.
    pub async fn prove_credential(&self, tenant: TenantId, resource: &str) -> Result<(), TokenError> {
        let scopes = ScopeSet::parse(&format!("{resource}/.default"));
        self.request(tenant, Grant::ClientCredentials, (&scopes).into()).await.map(drop)
    }

    async fn request(
        &self,
        tenant: TenantId,
        grant: Grant<'_>,
        required: TokenRequirements<'_>,
    ) -> Result<IssuedTokens, TokenError> {
        let endpoint = self.authority.token_endpoint(tenant);
        let proof = self.credential.authenticate(&endpoint).await.map_err(no_credential)?;
        match self.send(&endpoint, grant, required, &proof).await {
            Err(error) if error::is_credential_rejection(&error) => {
                match self.renewed(&endpoint, &proof).await {
                    Some(other) => self.send(&endpoint, grant, required, &other).await,
                    None => Err(error),
                }
            }
            outcome => outcome,
        }
    }

    /// A proof that was not refused yet. That none can be had is no news: the refusal is what the caller must know.
    async fn renewed(&self, endpoint: &str, rejected: &ClientAuthentication) -> Option<ClientAuthentication> {
        match self.credential.renew(endpoint, rejected).await {
            Ok(renewed) => {
                tracing::warn!(
                    event = "entra.credential_refused",
                    entra.credential_reloaded = renewed.is_some(),
                    "Entra ID refused the application's credential"
                );
                renewed
            }
            Err(error) => {
                tracing::error!(
                    event = "entra.credential_not_reloaded",
                    error = %error.source,
                    "Entra ID refused the application's credential, and it cannot be read again"
                );
                None
            }
        }
    }

    async fn send(
        &self,
        endpoint: &str,
        grant: Grant<'_>,
        required: TokenRequirements<'_>,
        proof: &ClientAuthentication,
    ) -> Result<IssuedTokens, TokenError> {
        // Taken before the request: what Entra counts from its answer then never seems to live longer than it does.
        let begun_at = self.clock.now();
        let form = self.form(grant, proof, required);
        let body: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
        let mut request = self
            .client
            .post(endpoint)
            .header(ACCEPT, "application/json")
            .header("x-client-SKU", "shared-token-cache")
            .header("x-client-Ver", env!("CARGO_PKG_VERSION"))
            .header("x-ms-lib-capability", "retry-after, h429")
            .header("client-request-id", Uuid::new_v4().to_string())
            .header("return-client-request-id", "true")
            .form(&body);
        if let Some(hint) = grant.routing_hint() {
            request = request.header("X-AnchorMailbox", hint);
        }
        let response = outbound_http::send(request, self.timeout);
        let response = response.await.map_err(|error| no_answer(error.into()))?;
        let answer = outbound_http::read(response, MAX_BODY_BYTES).await.map_err(no_answer)?;
        if answer.status == StatusCode::OK {
            token_answer::parse(&answer.body, grant, required.scopes, begun_at)
        } else {
            Err(error::classify(&answer, grant))
        }
    }

    fn form(
        &self,
        grant: Grant<'_>,
        proof: &ClientAuthentication,
        required: TokenRequirements<'_>,
    ) -> Vec<(&'static str, SecretString)> {
        let mut form: Vec<(&str, SecretString)> = vec![("client_id", self.client_id.to_string().into())];
        match proof {
            ClientAuthentication::Secret(secret) => form.push(("client_secret", secret.clone())),
            ClientAuthentication::Assertion(assertion) => {
                form.push(("client_assertion_type", JWT_BEARER.into()));
                form.push(("client_assertion", assertion.clone()));
            }
        }
        form.extend(grant.fields().into_iter().map(|(name, value)| (name, value.into())));
        if matches!(grant, Grant::ClientCredentials) {
            // There is no user to tell about.
            form.push(("scope", required.scopes.as_slice().join(" ").into()));
            return form;
        }
        form.push(("scope", with_reserved(required.scopes).into()));
        form.push(("client_info", "1".into()));
        form.push(("claims", requested_claims(required.claims).into()));
        form
    }
}

#[async_trait]
impl TokenExchange for EntraTokenExchange {
    async fn on_behalf_of(
        &self,
        tenant: TenantId,
        assertion: &UserAssertion,
        required: TokenRequirements<'_>,
    ) -> Result<IssuedTokens, TokenError> {
        self.request(tenant, Grant::OnBehalfOf(assertion), required).await
    }

    async fn refresh(
        &self,
        tenant: TenantId,
        account: HomeAccountId,
        refresh_token: &RefreshToken,
        required: TokenRequirements<'_>,
    ) -> Result<IssuedTokens, TokenError> {
        self.request(tenant, Grant::Refresh(account, refresh_token), required).await
    }
}

/// The requested scopes and the reserved ones, sorted and each once, without regard to case.
fn with_reserved(scopes: &ScopeSet) -> String {
    let mut sorted: BTreeMap<String, &str> = BTreeMap::new();
    for scope in scopes.as_slice().iter().map(String::as_str).chain(RESERVED_SCOPES) {
        sorted.entry(scope.to_lowercase()).or_insert(scope);
    }
    sorted.into_values().collect::<Vec<_>>().join(" ")
}

fn no_credential(error: CredentialError) -> TokenError {
    TokenError::Unavailable {
        expected: "a credential to send",
        kind: UnavailableKind::Down,
        retry_after: None,
        source: Some(Box::new(error)),
    }
}

fn no_answer(error: NoAnswer) -> TokenError {
    let (expected, kind) = match &error {
        NoAnswer::TimedOut(_) => ("an answer in time", UnavailableKind::TimedOut),
        NoAnswer::Unreachable(_) => ("a connection", UnavailableKind::Down),
        NoAnswer::TooLarge { .. } => ("an answer of a usual size", UnavailableKind::BadAnswer),
    };
    TokenError::Unavailable { expected, kind, retry_after: None, source: Some(Box::new(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_sent_sorted_and_each_once_whatever_their_case() {
        assert_eq!(
            with_reserved(&ScopeSet::parse("User.Read Mail.Read")),
            "Mail.Read offline_access openid profile User.Read"
        );
        assert_eq!(
            with_reserved(&ScopeSet::parse("OpenID user.read")),
            "offline_access OpenID profile user.read"
        );
        assert_eq!(with_reserved(&ScopeSet::default()), "offline_access openid profile");
    }
}
