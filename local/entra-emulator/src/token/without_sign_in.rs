//! Refresh tokens that nobody signed in for, to fill a cache with.

use time::OffsetDateTime;
use uuid::Uuid;

use super::issue::{REFRESH_LIFETIME, milliseconds};
use super::refresh::RefreshGrant;
use crate::authorize::session::new_sign_in;
use crate::emulator::{ControlError, Emulator};
use crate::identifiers::ClientId;
use crate::scopes::Scopes;

/// The most users of one call.
pub(crate) const MOST_USERS: usize = 10_000;

impl Emulator {
    /// For each of these users a refresh token as the application `client_id` gets it with `scope` when the user signs
    /// in now, in the same order. They are good until `REFRESH_LIFETIME` from now (90 days), or a revocation.
    ///
    /// # Errors
    /// [`ControlError::UnknownUser`], [`ControlError::UnknownApplication`], [`ControlError::Invalid`] for scopes that it may
    /// not have and for more than 10,000 users.
    pub fn issue_refresh_tokens(
        &self,
        users: &[&str],
        client_id: &str,
        scope: &str,
    ) -> Result<Vec<String>, ControlError> {
        if users.len() > MOST_USERS {
            return Err(ControlError::Invalid(format!(
                "expected {MOST_USERS} users at most, got {}",
                users.len()
            )));
        }
        let shared = &self.shared;
        let client = client_id.parse().ok().and_then(|id: ClientId| shared.application(id));
        let client = client.ok_or_else(|| ControlError::UnknownApplication(client_id.to_owned()))?;
        Scopes::parse(shared, &client, scope)
            .map_err(|error| ControlError::Invalid(error.message.clone()))?;
        let now: OffsetDateTime = shared.clock.now();
        let token = |name: &&str| {
            let user = self.known_user(name)?;
            let grant = RefreshGrant {
                id: Uuid::new_v4(),
                user: user.object_id,
                client: client.client_id,
                scope: scope.to_owned(),
                issued_at_ms: milliseconds(now),
                expires_at_ms: milliseconds(now + REFRESH_LIFETIME),
                single_page: false,
                sign_in: new_sign_in(shared, &user, false),
                padding: String::new(),
            };
            Ok(grant.seal(shared))
        };
        users.iter().map(token).collect()
    }
}
