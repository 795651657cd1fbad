//! Tokens as types that do not print.

use crate::identity::HomeAccountId;
use crate::scope::ScopeSet;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(SecretString);

        impl $name {
            pub fn new(text: impl Into<SecretString>) -> Self {
                Self(text.into())
            }

            /// The token itself, for the one place that sends or seals it.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }
    };
}

secret!(
    /// A bearer token for a downstream API such as Microsoft Graph.
    AccessToken
);
secret!(
    /// What buys new access tokens while the user is away.
    RefreshToken
);
secret!(
    /// Who the user is, as Entra told our application. Cached for other MSAL libraries, never used for authorisation.
    IdToken
);

impl RefreshToken {
    /// Whether both are the same token: tells if somebody else has renewed it.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

/// The caller's own bearer token, which On-Behalf-Of trades in (RFC 7523 §2.1), and its hash, under which the answer is
/// cached.
#[derive(Debug, Clone)]
pub struct UserAssertion {
    token: SecretString,
    hash: String,
}

impl UserAssertion {
    pub fn new(token: impl Into<SecretString>) -> Self {
        let token = token.into();
        let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(token.expose_secret().as_bytes()));
        Self { token, hash }
    }

    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }

    /// Base64url of the SHA-256, without padding, as MSAL computes it.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// One answer of the token endpoint.
#[derive(Debug, Clone)]
pub struct IssuedTokens {
    pub access_token: AccessToken,
    /// What was granted, which may be less or more than what was asked for.
    pub scopes: ScopeSet,
    pub issued_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    /// Until when the token may be used if Entra itself is down.
    pub extended_expires_at: OffsetDateTime,
    /// From when on Entra would like it renewed.
    pub refresh_at: Option<OffsetDateTime>,
    pub refresh_token: Option<RefreshToken>,
    pub refresh_token_expires_at: Option<OffsetDateTime>,
    pub id_token: Option<IdToken>,
    /// The user's home, from `client_info`; `None` when Entra did not send it.
    pub home_account: Option<HomeAccountId>,
    /// `client_info` as it came, for other MSAL libraries.
    pub client_info: Option<String>,
    /// `preferred_username` and `name` of the id token.
    pub username: Option<String>,
    pub name: Option<String>,
}
