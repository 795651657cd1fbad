//! Graph's check of the bearer token.

use std::borrow::Cow;

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::GraphError;
use crate::directory::User;
use crate::emulator::Shared;
use crate::exchange::Note;
use crate::identifiers::{ObjectId, TenantId};
use crate::scopes::GRAPH_ID;
use crate::token::issue::is_graph_audience;

/// Clocks may differ by this much: 5 minutes, in seconds.
const LEEWAY_SECONDS: i64 = 300;

/// A caller whose token is good.
pub(super) struct Caller<'a> {
    pub(super) user: Cow<'a, User>,
    pub(super) claims: Value,
}

impl Caller<'_> {
    pub(super) fn has_scope(&self, wanted: &[&str]) -> bool {
        let scopes = self.claims["scp"].as_str().unwrap_or_default();
        scopes.split(' ').any(|scope| wanted.contains(&scope))
    }
}

pub(super) fn authenticate<'a>(
    shared: &'a Shared,
    headers: &HeaderMap,
    note: &Note,
) -> Result<Caller<'a>, GraphError> {
    let authorization =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim(),
        _ => return Err(invalid_token(shared, "Access token is empty.")),
    };
    if token.is_empty() {
        return Err(invalid_token(shared, "Access token is empty."));
    }
    let claims = shared
        .with_keys(|keys| keys.verify(token))
        .map_err(|fault| invalid_token(shared, &format!("Access token validation failure. {fault}")))?;
    if let Some(client) = claims["appid"].as_str().or(claims["azp"].as_str()) {
        note.client(client);
    }
    if !is_graph_audience(&claims["aud"]) {
        return Err(invalid_token(shared, "Access token validation failure. Invalid audience."));
    }
    let tenant = claims["tid"].as_str().and_then(|tid| tid.parse::<TenantId>().ok());
    let tenant = tenant
        .filter(|tenant| claims["iss"] == shared.issuer_v1(tenant))
        .ok_or_else(|| invalid_token(shared, "Access token validation failure. Invalid issuer."))?;
    let now = shared.clock.now().unix_timestamp();
    let expires = claims["exp"].as_i64().unwrap_or_default();
    let not_before = claims["nbf"].as_i64().unwrap_or_default();
    if now >= expires + LEEWAY_SECONDS || now + LEEWAY_SECONDS < not_before {
        return Err(invalid_token(shared, "Lifetime validation failed, the token is expired."));
    }
    let user = claims["oid"]
        .as_str()
        .and_then(|oid| oid.parse::<ObjectId>().ok())
        .and_then(|oid| shared.directory.user(oid))
        .filter(|user| user.tenant == tenant);
    let Some(user) = user else {
        return Err(GraphError::new(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "/me request is only valid with delegated authentication flow.",
        ));
    };
    note.user(&user.profile.user_principal_name);
    check_continuous_access(shared, &user, &claims)?;
    Ok(Caller { user, claims })
}

/// Tokens of clients that handle claims challenges end with the session; others live until they expire.
fn check_continuous_access(shared: &Shared, user: &User, claims: &Value) -> Result<(), GraphError> {
    let continuous =
        claims["xms_cc"].as_array().is_some_and(|values| values.iter().any(|value| value == "cp1"));
    if !continuous {
        return Ok(());
    }
    let state = shared.user_state(user.object_id);
    let generation = shared.sign_in_of(claims).map(|sign_in| sign_in.generation);
    if !state.disabled && generation.is_some_and(|generation| generation >= state.session_generation) {
        return Ok(());
    }
    let since = state.tokens_valid_from.unwrap_or_else(|| shared.clock.now()).unix_timestamp();
    let wanted = json!({ "access_token": { "nbf": { "essential": true, "value": since.to_string() } } });
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/v2.0/authorize\", client_id=\"{GRAPH_ID}\", \
         error=\"insufficient_claims\", claims=\"{}\"",
        shared.base,
        STANDARD.encode(wanted.to_string())
    );
    Err(GraphError {
        challenge: Some(challenge),
        ..GraphError::new(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: \
             TokenIssuedBeforeRevocationTimestamp",
        )
    })
}

fn invalid_token(shared: &Shared, message: &str) -> GraphError {
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/v2.0/authorize\", client_id=\"{GRAPH_ID}\"",
        shared.base
    );
    GraphError {
        challenge: Some(challenge),
        ..GraphError::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }
}
