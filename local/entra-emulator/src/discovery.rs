//! Metadata: OpenID configuration, signing keys, instance discovery.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::emulator::{Emulator, Shared};
use crate::entra_error::EntraError;

/// `/{tenant}/v2.0/.well-known/openid-configuration`
pub(crate) async fn openid_v2(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, EntraError> {
    let shared = &emulator.shared;
    let name = segment(shared, &tenant)?;
    Ok(Json(document(shared, &tenant, &name, &shared.issuer_v2(&name), "discovery/v2.0/keys")))
}

/// `/{tenant}/.well-known/openid-configuration`: the v1.0 form, with the v1.0 issuer.
pub(crate) async fn openid_v1(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, EntraError> {
    let shared = &emulator.shared;
    let name = segment(shared, &tenant)?;
    Ok(Json(document(shared, &tenant, &name, &shared.issuer_v1(&name), "discovery/keys")))
}

/// `/{tenant}/discovery/v2.0/keys`
pub(crate) async fn keys_v2(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, EntraError> {
    let shared = &emulator.shared;
    let issuer = shared.issuer_v2(segment(shared, &tenant)?);
    Ok(Json(shared.with_keys(|keys| keys.jwks(&issuer))))
}

/// `/{tenant}/discovery/keys`: the same keys, for v1.0 tokens.
pub(crate) async fn keys_v1(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, EntraError> {
    let shared = &emulator.shared;
    let issuer = shared.issuer_v1(segment(shared, &tenant)?);
    Ok(Json(shared.with_keys(|keys| keys.jwks(&issuer))))
}

/// `/common/discovery/instance`: this host is its own and only alias.
pub(crate) async fn instance(State(emulator): State<Emulator>) -> Json<Value> {
    let base = &emulator.shared.base;
    let host = base.split_once("://").map_or(base.as_str(), |(_, host)| host);
    Json(json!({
        "tenant_discovery_endpoint": format!("{base}/common/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    }))
}

/// The tenant's GUID, or the template `{tenantid}`.
fn segment(shared: &Shared, tenant: &str) -> Result<String, EntraError> {
    match Authority::resolve(shared, tenant) {
        Ok(Authority::Tenant(id)) => Ok(id.to_string()),
        Ok(Authority::Any) => Ok("{tenantid}".into()),
        Err(error) => Err(EntraError { error: "invalid_tenant", ..error }),
    }
}

fn document(shared: &Shared, asked: &str, tenant: &str, issuer: &str, keys: &str) -> Value {
    let base = &shared.base;
    // Endpoints keep `common` or `organizations` as asked; only the issuer is a template.
    let tenant = if tenant == "{tenantid}" { asked } else { tenant };
    json!({
        "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/{tenant}/{keys}"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{base}/graph/oidc/userinfo"),
        "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": false,
        "end_session_endpoint": format!("{base}/{tenant}/oauth2/v2.0/logout"),
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "preferred_username", "name", "tid", "ver",
            "email",
        ],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": format!("{base}/graph"),
        "rbac_url": "https://pas.windows.net",
    })
}
