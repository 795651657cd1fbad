//! `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer`: a web API goes on as its caller.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>

use std::borrow::Cow;

use serde_json::Value;
use time::OffsetDateTime;

use super::issue::Issue;
use super::{SignIn, TokenRequest};
use crate::directory::User;
use crate::entra_error::{EntraError, timestamp};
use crate::identifiers::{ObjectId, TenantId};
use crate::scopes::Scopes;
use crate::signing_keys::SignatureFault;

/// An assertion may begin to be valid this much later, in seconds. Its end is exact, as at Entra ID.
const EARLY_SECONDS: i64 = 300;

pub(super) fn exchange(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    request.proof.require()?;
    let shared = request.shared;
    let assertion = request.required("assertion")?;
    let token_use = request.required("requested_token_use")?;
    if token_use != "on_behalf_of" {
        return Err(EntraError::malformed("The parameter 'requested_token_use' must be 'on_behalf_of'."));
    }
    let scope_text = request.required("scope")?;
    let scopes = Scopes::parse(shared, request.client, scope_text)?;
    let claims = shared.with_keys(|keys| keys.verify(assertion)).map_err(|fault| match fault {
        SignatureFault::Malformed => {
            EntraError::invalid_request(50_027, "JWT token is invalid or malformed.")
        }
        _ => bad_assertion(&fault.to_string()),
    })?;
    let (user, sign_in) = caller(request, &claims)?;
    request.note.user(&user.profile.user_principal_name);
    let issued_at = OffsetDateTime::from_unix_timestamp(claims["iat"].as_i64().unwrap_or_default())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    shared.check_user(request.client, &user, sign_in, issued_at, &scopes.resource).map_err(|error| {
        // Refresh says `invalid_grant` here, On-Behalf-Of `interaction_required`.
        if error.code == 50_076 { EntraError { error: "interaction_required", ..error } } else { error }
    })?;
    Ok(request.issue(&Issue {
        user: &user,
        scopes: &scopes,
        scope_text,
        sign_in,
        single_page: false,
        refresh_ends_at: None,
        nonce: None,
        continuous: request.asks_continuous(None),
    }))
}

/// Whose token the assertion is, once it is one of ours, in time, for this client and about a user.
fn caller<'a>(request: &TokenRequest<'a>, claims: &Value) -> Result<(Cow<'a, User>, SignIn), EntraError> {
    let shared = request.shared;
    let tenant: TenantId = claims["tid"]
        .as_str()
        .and_then(|tid| tid.parse().ok())
        .ok_or_else(|| bad_assertion("The tenant is missing."))?;
    let issuer = claims["iss"].as_str().unwrap_or_default();
    if issuer != shared.issuer_v2(tenant) && issuer != shared.issuer_v1(tenant) {
        return Err(bad_assertion("The issuer is not this authority."));
    }
    check_times(shared.clock.now(), claims)?;
    let client = request.client;
    let for_this_client = claims["aud"].as_str().is_some_and(|audience| {
        audience == client.client_id.to_string() || client.app_id_uri.as_deref() == Some(audience)
    });
    if !for_this_client {
        return Err(EntraError::invalid_grant(
            500_131,
            format!(
                "Assertion audience does not match the Client app presenting the assertion. The audience in the \
                 assertion was '{}' and the expected audience is '{}' or one of the Application Uris of this \
                 application.",
                claims["aud"].as_str().unwrap_or_default(),
                client.client_id
            ),
        ));
    }
    if request.authority.tenant().is_some_and(|authority| authority != tenant) {
        return Err(bad_assertion("The tenant of the assertion is not that of the request."));
    }
    if claims["idtyp"] == "app" || claims["scp"].as_str().is_none_or(str::is_empty) {
        return Err(EntraError::invalid_grant(
            7_000_114,
            format!(
                "Application '{}' is not allowed to make application on-behalf-of calls.",
                claims["azp"].as_str().or(claims["appid"].as_str()).unwrap_or_default()
            ),
        ));
    }
    let user = claims["oid"]
        .as_str()
        .and_then(|oid| oid.parse::<ObjectId>().ok())
        .and_then(|oid| shared.directory.user(oid))
        .filter(|user| user.tenant == tenant)
        .ok_or_else(|| {
            EntraError::invalid_grant(50_034, "The user account does not exist in the directory.")
        })?;
    let sign_in =
        shared.sign_in_of(claims).ok_or_else(|| bad_assertion("The token's origin cannot be read."))?;
    Ok((user, sign_in))
}

fn check_times(now: OffsetDateTime, claims: &Value) -> Result<(), EntraError> {
    let now_seconds = now.unix_timestamp();
    let expires = claims["exp"].as_i64().ok_or_else(|| bad_assertion("The expiry is missing."))?;
    let not_before = claims["nbf"].as_i64().unwrap_or_default();
    if now_seconds < expires && now_seconds + EARLY_SECONDS >= not_before {
        return Ok(());
    }
    let shown = OffsetDateTime::from_unix_timestamp(expires).map(timestamp).unwrap_or_default();
    Err(EntraError::invalid_grant(
        500_133,
        format!(
            "Assertion is not within its valid time range. Ensure that the access token is not expired before using it \
             for user assertion, or request a new token. Current time: {}, expiry time of assertion {shown}.",
            timestamp(now)
        ),
    ))
}

fn bad_assertion(reason: &str) -> EntraError {
    EntraError::invalid_grant(50_013, format!("Assertion failed signature validation. [Reason - {reason}]"))
}
