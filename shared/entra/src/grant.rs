//! What is traded in at the token endpoint: the caller's token, a refresh token, or nothing but the application's proof.

use crate::claims::Claims;
use domain::identity::HomeAccountId;
use domain::token::{RefreshToken, UserAssertion};

/// One of the two grants, by which also errors are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Grant<'r> {
    /// JWT bearer grant (RFC 7523 §2.1;
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>).
    OnBehalfOf(&'r UserAssertion),
    /// Refresh grant (RFC 6749 §6) for the account.
    Refresh(HomeAccountId, &'r RefreshToken),
    /// Client credentials grant (RFC 6749 §4.4): nobody's but the application's own.
    ClientCredentials,
}

impl Grant<'_> {
    pub(crate) fn fields(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::OnBehalfOf(assertion) => vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("requested_token_use", "on_behalf_of"),
                ("assertion", assertion.expose()),
            ],
            Self::Refresh(_, token) => {
                vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())]
            }
            Self::ClientCredentials => vec![("grant_type", "client_credentials")],
        }
    }

    /// The user by whom Entra routes the request to where their data lies (`X-AnchorMailbox`). A hint: the assertion was
    /// validated before, and one that cannot be read here goes without it.
    pub(crate) fn routing_hint(&self) -> Option<String> {
        let account = match self {
            Self::ClientCredentials => return None,
            Self::Refresh(account, _) => *account,
            Self::OnBehalfOf(assertion) => {
                let claims = Claims::from_part(assertion.expose().split('.').nth(1)?).ok()?;
                HomeAccountId::new(claims.text("oid")?.parse().ok()?, claims.text("tid")?.parse().ok()?)
            }
        };
        Some(format!("Oid:{}@{}", account.object_id, account.tenant_id))
    }
}
