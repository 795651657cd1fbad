//! The routes, and a helper to serve them.

use std::future::Future;
use std::io;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, delete, get, post, put};
use tokio::net::TcpListener;

use crate::control::applications;
use crate::emulator::Emulator;
use crate::pages::{self, document, escape};
use crate::parameters::Parameters;
use crate::{authorize, control, device, discovery, exchange, graph, token, web_identity};

impl Emulator {
    /// Everything the emulator answers: `/{tenant}/…`, `/graph/…`, `/aws/…`, `/devicelogin`, `/emulator/…`.
    pub fn router(&self) -> Router {
        let entra = Router::new()
            .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::openid_v2))
            .route("/{tenant}/.well-known/openid-configuration", get(discovery::openid_v1))
            .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys_v2))
            .route("/{tenant}/discovery/keys", get(discovery::keys_v1))
            .route("/{tenant}/discovery/instance", get(discovery::instance))
            .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::show).post(authorize::submit))
            .route("/{tenant}/oauth2/v2.0/token", post(token::token).get(token::only_post))
            .route("/{tenant}/oauth2/v2.0/devicecode", post(device::device_code).get(token::only_post))
            .route("/{tenant}/oauth2/v2.0/logout", get(authorize::logout).post(authorize::logout))
            .route("/devicelogin", get(device::show).post(device::submit))
            .layer(middleware::from_fn_with_state(self.clone(), exchange::entra));
        let graph = Router::new()
            .route("/graph/v1.0/me", get(graph::me).fallback(graph::unknown))
            .route("/graph/oidc/userinfo", get(graph::userinfo).post(graph::userinfo))
            .route("/graph/{*path}", any(graph::objects::objects))
            .layer(middleware::from_fn_with_state(self.clone(), exchange::graph));
        let control = Router::new()
            .route("/", get(|| async { Redirect::temporary("/emulator") }))
            .route("/error", get(explain))
            .route("/emulator", get(control::page))
            .route("/emulator/assets/{name}", get(control::asset))
            .route("/emulator/api/state", get(control::state))
            .route("/emulator/api/users", get(control::users))
            .route("/emulator/api/refresh-tokens", post(control::issue_refresh_tokens))
            .route("/emulator/api/revocations", post(control::revoke_many))
            .route("/emulator/api/users/{user}", axum::routing::patch(control::patch_user))
            .route("/emulator/api/users/{user}/{action}", post(control::act))
            .route(
                "/emulator/api/scenarios",
                get(control::scenarios).put(control::put_scenarios).delete(control::delete_scenarios),
            )
            .route("/emulator/api/applications", get(applications::list))
            .route("/emulator/api/applications/{id}/certificates", post(applications::add_certificate))
            .route(
                "/emulator/api/applications/{id}/certificates/{thumbprint}",
                delete(applications::remove_certificate),
            )
            .route("/emulator/api/applications/{id}/secrets", put(applications::replace_secrets))
            .route(
                "/emulator/api/applications/{id}/federated-credentials",
                put(applications::replace_federated),
            )
            .route("/emulator/api/keys/rotate", post(control::rotate_keys))
            .route("/emulator/api/requests", get(control::requests).delete(control::delete_requests))
            .route("/emulator/api/counters", get(control::counters))
            .route("/emulator/api/clock/advance", post(control::advance_clock));
        let aws = Router::new()
            .route("/aws/.well-known/openid-configuration", get(web_identity::metadata))
            .route("/aws/.well-known/jwks.json", get(web_identity::keys))
            .route("/aws/sts", post(web_identity::sts))
            .route("/aws/sts/", post(web_identity::sts));
        entra.merge(graph).merge(aws).merge(control).with_state(self.clone())
    }
}

/// Where `error_uri` leads.
async fn explain(RawQuery(query): RawQuery) -> Response {
    let query = Parameters::parse(query.unwrap_or_default().as_bytes());
    let Some(code) = query.first("code").and_then(|code| code.parse::<u32>().ok()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let list = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes";
    let body = format!(
        "<h1>AADSTS{code}</h1><p>The error's text came with it. Microsoft describes it at <a href=\"{list}\">{}</a>; the \
         request that met it is in the <a href=\"/emulator\">request log</a>.</p>",
        escape(list)
    );
    pages::html(StatusCode::OK, document("Error", "", &body))
}

/// Serves `emulator` on `listener` until `shutdown` completes, then finishes the requests at hand.
///
/// # Errors
/// What the listener reports.
pub async fn serve(
    listener: TcpListener,
    emulator: &Emulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, emulator.router()).with_graceful_shutdown(shutdown).await
}
