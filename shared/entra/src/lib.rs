//! Microsoft Entra ID over HTTP: signing keys, access-token validation, On-Behalf-Of, refresh.
//!
//! No discovery call is ever made: addresses and issuers follow from the authority's host ([`Authority`]). The HTTP
//! client is passed in and must not follow redirects, or a token endpoint could send a secret elsewhere.

mod access_token;
mod authority;
mod certificate;
mod claims;
mod claims_request;
mod client_certificate;
mod client_secret;
mod credential;
mod error;
mod federated;
mod grant;
mod jwks;
mod refusal;
mod signing_keys;
mod token_answer;
mod token_request;
mod unverified;

pub use access_token::{AccessPolicy, AccessTokenValidator, Allowed, CLOCK_LEEWAY};
pub use authority::{Authority, InvalidAuthority, TenantSetting, TokenVersion};
pub use certificate::InvalidCertificate;
pub use claims_request::CLIENT_CLAIMS;
pub use client_certificate::ClientCertificate;
pub use client_secret::ClientSecret;
pub use credential::{
    ClientAuthentication, ClientCredential, CredentialError, CredentialSource, RELOAD_INTERVAL,
};
pub use federated::{FederatedCredential, WebIdentity, WebIdentitySource};
pub use jwks::SigningKey;
pub use refusal::TokenRefused;
pub use signing_keys::{KeyLookupError, KeyPolicy, KeysUnavailable, SigningKeys};
pub use token_request::EntraTokenExchange;
pub use unverified::{MAX_TOKEN_BYTES, UnverifiedToken};
