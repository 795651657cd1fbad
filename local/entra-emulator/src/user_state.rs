//! What has happened to a user since the directory was made: revoked, disabled, asked for MFA.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::directory::{Profile, User};

/// Changes to one user; absent from the state file while all are at their defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UserState {
    /// Raised by each revocation. A grant carries the number it was made under, so that a revocation and a new
    /// sign-in within one tick of the clock are told apart.
    pub(crate) session_generation: u64,
    /// `signInSessionsValidFromDateTime`: when sessions were last revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) tokens_valid_from: Option<OffsetDateTime>,
    pub(crate) disabled: bool,
    pub(crate) mfa_required: bool,
    pub(crate) consent_withdrawn: bool,
    /// The profile after a change through the control API.
    pub(crate) profile: Option<Profile>,
}

/// Something an administrator or the user does to a user's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAction {
    /// "Revoke sessions": refresh tokens and continuous-access tokens issued before are no longer good.
    Revoke,
    /// Blocks sign-in and every grant.
    Disable,
    /// Undoes [`UserAction::Disable`].
    Enable,
    /// Grants without an approved sign-in are refused from now on.
    RequireMfa,
    /// Undoes [`UserAction::RequireMfa`].
    ClearMfa,
    /// The user takes back the consent given to the applications.
    WithdrawConsent,
    /// Undoes [`UserAction::WithdrawConsent`]; so does accepting on the sign-in page.
    GrantConsent,
}

impl UserAction {
    /// The last part of the control API's address, for example `require-mfa`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "revoke" => Self::Revoke,
            "disable" => Self::Disable,
            "enable" => Self::Enable,
            "require-mfa" => Self::RequireMfa,
            "clear-mfa" => Self::ClearMfa,
            "withdraw-consent" => Self::WithdrawConsent,
            "grant-consent" => Self::GrantConsent,
            _ => return None,
        })
    }
}

impl UserState {
    pub(crate) fn apply(&mut self, action: UserAction, now: OffsetDateTime) {
        match action {
            UserAction::Revoke => {
                self.session_generation += 1;
                self.tokens_valid_from = Some(now);
            }
            UserAction::Disable => self.disabled = true,
            UserAction::Enable => self.disabled = false,
            UserAction::RequireMfa => self.mfa_required = true,
            UserAction::ClearMfa => self.mfa_required = false,
            UserAction::WithdrawConsent => self.consent_withdrawn = true,
            UserAction::GrantConsent => self.consent_withdrawn = false,
        }
    }
}

/// A user and their state, as the control API shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of `User`, `Profile` and `UserAction`")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the page")]
pub struct UserSummary {
    pub object_id: String,
    pub tenant_id: String,
    pub home_account_id: String,
    pub user_principal_name: String,
    pub display_name: String,
    pub guest: bool,
    pub disabled: bool,
    pub mfa_required: bool,
    pub consent_withdrawn: bool,
    #[serde(with = "time::serde::rfc3339::option")]
    pub tokens_valid_from: Option<OffsetDateTime>,
    #[serde(skip)]
    pub profile: Profile,
}

impl UserSummary {
    pub(crate) fn new(user: &User, state: &UserState) -> Self {
        let profile = state.profile.clone().unwrap_or_else(|| user.profile.clone());
        Self {
            object_id: user.object_id.to_string(),
            tenant_id: user.tenant.to_string(),
            home_account_id: user.home_account_id(),
            user_principal_name: profile.user_principal_name.clone(),
            display_name: profile.shown_name().to_owned(),
            guest: user.is_guest(),
            disabled: state.disabled,
            mfa_required: state.mfa_required,
            consent_withdrawn: state.consent_withdrawn,
            tokens_valid_from: state.tokens_valid_from,
            profile,
        }
    }
}
