//! `grant_type=client_credentials`: a token for the application itself.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use serde_json::{Value, json};

use super::TokenRequest;
use super::issue::{add_times, merge};
use crate::authority::Authority;
use crate::entra_error::EntraError;
use crate::scopes::Scopes;
use crate::sealed::random_text;

/// Life unless a scenario sets another, in seconds.
const LIFETIME_SECONDS: u32 = 3_600;

pub(super) fn issue(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    request.proof.require()?;
    let scope_text = request.required("scope")?;
    let scopes = Scopes::parse(request.shared, request.client, scope_text)?;
    if !scopes.default {
        return Err(EntraError::new(
            "invalid_scope",
            1_002_012,
            format!(
                "The provided value for scope {scope_text} is not valid. Client credential flows must have a scope \
                 value with /.default suffixed to the resource identifier (application ID URI)."
            ),
        ));
    }
    let tenant = match request.authority {
        Authority::Tenant(tenant) => tenant,
        Authority::Any => request.client.home_tenant,
    };
    let principal = request.client.service_principal_id.ok_or_else(|| {
        let id = request.client.client_id;
        EntraError::invalid_client(
            7_000_229,
            format!("The client application {id} is missing service principal in the tenant {tenant}."),
        )
    })?;
    let shared = request.shared;
    let now = shared.clock.now();
    let lifetime = shared
        .with_scenarios(|scenarios| scenarios.access_token_lifetime_seconds)
        .unwrap_or(LIFETIME_SECONDS);
    let (mut claims, kind) = request.resource_claims(&scopes.resource, &tenant.to_string(), request.proof);
    add_times(&mut claims, now, i64::from(lifetime));
    let own = json!({
        "aio": random_text::<32>(),
        "oid": principal,
        "rh": format!("1.{}.", random_text::<24>()),
        "sub": principal,
        "tid": tenant,
        "uti": random_text::<16>(),
    });
    merge(&mut claims, own);
    if request.states_kind(&scopes.resource) {
        claims["idtyp"] = json!("app");
    }
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": shared.with_keys(|keys| keys.sign(&claims, kind)),
    }))
}
