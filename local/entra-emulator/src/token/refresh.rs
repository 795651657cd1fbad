//! `grant_type=refresh_token`.
//! <https://learn.microsoft.com/entra/identity-platform/refresh-tokens>

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::issue::Issue;
use super::{SignIn, TokenRequest};
use crate::emulator::{Shared, lock};
use crate::entra_error::{EntraError, timestamp};
use crate::identifiers::{ClientId, ObjectId};
use crate::scopes::Scopes;
use crate::sealed::Purpose;

/// A refresh token's content. The token is this, encrypted; nothing is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct RefreshGrant {
    pub(super) id: Uuid,
    pub(super) user: ObjectId,
    pub(super) client: ClientId,
    pub(super) scope: String,
    pub(super) issued_at_ms: i64,
    pub(super) expires_at_ms: i64,
    pub(super) single_page: bool,
    pub(super) sign_in: SignIn,
    /// Makes the token as long as a scenario wants it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) padding: String,
}

/// Real refresh tokens begin like this; code that looks at the text would be wrong, so it is kept.
const PREFIX: &str = "1.";

impl RefreshGrant {
    pub(super) fn seal(&self, shared: &Shared) -> String {
        format!("{PREFIX}{}", shared.sealer.seal(Purpose::RefreshToken, self))
    }

    fn open(shared: &Shared, token: &str) -> Option<Self> {
        shared.sealer.open(Purpose::RefreshToken, token.strip_prefix(PREFIX)?)
    }
}

pub(super) fn redeem(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    let shared = request.shared;
    let token = request.required("refresh_token")?;
    let grant = RefreshGrant::open(shared, token).ok_or_else(|| {
        EntraError::invalid_grant(70_000, "Provided grant is invalid or malformed.")
            .with_suberror("bad_token")
    })?;
    let user = shared.directory.user(grant.user).ok_or_else(|| {
        EntraError::invalid_grant(50_034, "The user account does not exist in the directory.")
    })?;
    request.note.user(&user.profile.user_principal_name);
    if grant.client != request.client.client_id {
        return Err(EntraError::invalid_grant(
            70_000,
            "Provided grant is invalid or malformed. The refresh token was issued to another client.",
        )
        .with_suberror("client_mismatch"));
    }
    request.check_origin(grant.single_page)?;
    if !grant.single_page && request.client.is_confidential() {
        request.proof.require()?;
    }
    if request.authority.tenant().is_some_and(|tenant| tenant != user.tenant) {
        return Err(EntraError::invalid_grant(
            700_005,
            "Provided grant is intended to use against other tenant, thus rejected.",
        ));
    }
    let issued_at = from_milliseconds(grant.issued_at_ms);
    let expires_at = from_milliseconds(grant.expires_at_ms);
    if shared.clock.now() >= expires_at {
        return Err(expired(&grant, issued_at));
    }
    let scope_text = request.form.first("scope").unwrap_or(&grant.scope);
    let scopes = Scopes::parse(shared, request.client, scope_text)?;
    shared.check_user(request.client, &user, grant.sign_in, issued_at, &scopes.resource)?;
    if shared.with_scenarios(|scenarios| scenarios.strict_rotation)
        && !lock(&shared.redeemed).insert(grant.id)
    {
        return Err(EntraError::invalid_grant(
            70_000,
            "Provided grant is invalid or malformed. The refresh token was already redeemed.",
        )
        .with_suberror("bad_token"));
    }
    Ok(request.issue(&Issue {
        user: &user,
        scopes: &scopes,
        scope_text,
        sign_in: grant.sign_in,
        single_page: grant.single_page,
        refresh_ends_at: Some(expires_at),
        nonce: None,
        continuous: request.asks_continuous(None),
    }))
}

fn expired(grant: &RefreshGrant, issued_at: OffsetDateTime) -> EntraError {
    let issued_at = timestamp(issued_at);
    if grant.single_page {
        EntraError::invalid_grant(
            700_084,
            format!(
                "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime \
                 of 1.00:00:00, which can't be extended. It is now expired and a new sign in request must be sent by \
                 the SPA to the sign in page. The token was issued on {issued_at}."
            ),
        )
    } else {
        EntraError::invalid_grant(
            700_082,
            format!(
                "The refresh token has expired due to inactivity. The token was issued on {issued_at} and was inactive \
                 for 90.00:00:00."
            ),
        )
    }
    .with_suberror("bad_token")
}

fn from_milliseconds(milliseconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(milliseconds)
}
