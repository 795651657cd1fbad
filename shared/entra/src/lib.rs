//! Microsoft Entra ID over HTTP: signing keys, access-token validation, On-Behalf-Of, refresh.
//!
//! No discovery call is ever made: addresses and issuers follow from the authority's host ([`Authority`]). The HTTP
//! client is passed in and must not follow redirects, or a token endpoint could send a secret elsewhere.
//!
//! # Validating access tokens, and nothing else
//!
//! [`AccessTokenValidator`] needs an authority, a policy, keys and a clock: no table, no configuration, no AWS. It takes the
//! value of an `Authorization` header and answers with the caller, or with one [`TokenRefused`] per reason.
//!
//! ```
//! use domain::ports::Clock;
//! use entra::{AccessPolicy, AccessTokenValidator, Allowed, Authority, KeyPolicy, SigningKeys};
//! use std::sync::Arc;
//! use time::OffsetDateTime;
//!
//! struct SystemClock;
//!
//! impl Clock for SystemClock {
//!     fn now(&self) -> OffsetDateTime {
//!         OffsetDateTime::now_utc()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tenant = "7e4a0000-0000-4000-8000-000000000001".parse()?;
//! let authority = Authority::new(&"https://login.microsoftonline.com".parse()?, tenant)?;
//! let clock = Arc::new(SystemClock);
//! // Redirects off, a time limit on connections.
//! let client = outbound_http::client()?;
//! let keys = SigningKeys::new(client, authority.signing_keys_url(), KeyPolicy::default(), clock.clone());
//! let keys = Arc::new(keys);
//! // Before the first request: keys.warm_up().await; beside requests: keys.refresh_if_due().await.
//!
//! let policy = AccessPolicy {
//!     client_id: "c11e0000-0000-4000-8000-000000000001".parse()?,
//!     app_id_uri: None,
//!     tenants: Allowed::Only(["7e4a0000-0000-4000-8000-000000000001".parse()?].into()),
//!     clients: Allowed::Only(["c11e0000-0000-4000-8000-000000000002".parse()?].into()),
//! };
//! let validator = AccessTokenValidator::new(authority, policy, keys, clock);
//!
//! match validator.validate(Some("Bearer not-a-token")).await {
//!     Ok(caller) => println!("{} of {}", caller.object_id, caller.tenant_id),
//!     Err(refused) => {
//!         assert_eq!(refused.code(), "malformed_token");
//!         // For the client, without anything of ours in it.
//!         println!("{refused}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

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
mod json;
mod jwks;
mod kept_keys;
mod refusal;
mod signing_keys;
mod token_answer;
mod token_request;
mod unverified;
mod verified_tokens;

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
pub use jwks::{KeyDocument, SigningKey};
pub use kept_keys::{KeepingError, KeptKeys};
pub use refusal::TokenRefused;
pub use signing_keys::{KeyLookupError, KeyPolicy, KeysUnavailable, SigningKeys};
pub use token_request::EntraTokenExchange;
pub use unverified::{MAX_TOKEN_BYTES, UnverifiedToken};
