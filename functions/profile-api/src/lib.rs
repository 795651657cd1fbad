//! The HTTP function as a library: its routes on an axum router, which a Lambda host or a plain server runs.
//!
//! A request passes [`router`]'s layers, is turned into a caller by `authenticate`, and goes to a use case of `domain`;
//! every failure leaves as a `Problem`.

mod authenticate;
mod lambda;
mod layers;
mod problem;
mod routes;
mod views;

pub use lambda::answer;

use axum::Router;
use axum::routing::get;
use wiring::Api;

/// All routes with their layers.
pub fn router(api: Api) -> Router {
    let cors = layers::cors(&api.cors_allowed_origins);
    let router = Router::new()
        .route("/api/health", get(routes::health))
        .route("/api/profile", get(routes::read_profile))
        .route(
            "/api/background-access",
            get(routes::see_background_access).delete(routes::end_background_access),
        )
        .fallback(routes::unknown_route)
        .method_not_allowed_fallback(routes::wrong_method)
        .with_state(api);
    layers::apply(router, cors)
}
