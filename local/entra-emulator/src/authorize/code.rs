//! Authorization codes: in memory, single use, ten minutes.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};
use url::Url;

use crate::directory::Platform;
use crate::identifiers::{ClientId, ObjectId};
use crate::sealed::random_text;
use crate::token::SignIn;

/// How long a code can be redeemed.
const LIFETIME: Duration = Duration::minutes(10);

/// What a code stands for.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationCode {
    pub(crate) client: ClientId,
    pub(crate) user: ObjectId,
    pub(crate) redirect_uri: Url,
    pub(crate) platform: Platform,
    pub(crate) scope: String,
    /// The PKCE S256 challenge.
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) claims: Option<String>,
    pub(crate) sign_in: SignIn,
    pub(crate) expires_at: OffsetDateTime,
    /// Kept until it expires, so that a second use is told from an unknown code.
    pub(crate) redeemed: bool,
}

impl AuthorizationCode {
    pub(super) fn expiry(now: OffsetDateTime) -> OffsetDateTime {
        now + LIFETIME
    }

    /// Stores the code under a new name and forgets those that expired over one lifetime ago.
    pub(super) fn store(self, codes: &mut HashMap<String, Self>, now: OffsetDateTime) -> String {
        codes.retain(|_, code| now < code.expires_at + LIFETIME);
        let name = format!("1.{}", random_text::<64>());
        codes.insert(name.clone(), self);
        name
    }
}
