//! `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628).

use serde_json::Value;

use super::TokenRequest;
use super::issue::Issue;
use crate::device::DeviceDecision;
use crate::emulator::lock;
use crate::entra_error::EntraError;
use crate::scopes::Scopes;

pub(super) fn redeem(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    let shared = request.shared;
    let device_code = request.form.first("device_code").or(request.form.first("code"));
    let device_code = device_code.ok_or_else(|| EntraError::missing_parameter("device_code"))?;
    let now = shared.clock.now();
    let mut devices = lock(&shared.devices);
    let grant = devices
        .get(device_code)
        .filter(|grant| grant.client == request.client.client_id)
        .ok_or_else(|| {
            EntraError::new(
                "bad_verification_code",
                70_000,
                "The device code is not valid for this application.",
            )
        })?;
    if now >= grant.expires_at {
        return Err(EntraError::new("expired_token", 70_019, "Verification code expired."));
    }
    let (user, sign_in) = match grant.decision {
        DeviceDecision::Pending => {
            return Err(EntraError::new(
                "authorization_pending",
                70_016,
                "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
            ));
        }
        DeviceDecision::Declined => {
            return Err(EntraError::new("authorization_declined", 70_018, "The user declined the sign-in."));
        }
        DeviceDecision::Approved { user, sign_in } => (user, sign_in),
    };
    let user = shared.directory.user(user).ok_or_else(|| {
        EntraError::invalid_grant(50_034, "The user account does not exist in the directory.")
    })?;
    request.note.user(&user.profile.user_principal_name);
    let scope_text = grant.scope.clone();
    devices.remove(device_code);
    drop(devices);

    let scopes = Scopes::parse(shared, request.client, &scope_text)?;
    shared.check_user(request.client, &user, sign_in, now, &scopes.resource)?;
    Ok(request.issue(&Issue {
        user: &user,
        scopes: &scopes,
        scope_text: &scope_text,
        sign_in,
        single_page: false,
        refresh_ends_at: None,
        nonce: None,
        continuous: request.asks_continuous(None),
    }))
}
