//! The HTTP function as a library: its routes on an axum router, which a Lambda host or a plain server runs.
//!
//! A request passes [`router`]'s layers, is turned into a caller by `authenticate`, and goes to a use case of `domain`;
//! every failure leaves as a `Problem`.

mod authenticate;
mod code;
mod contract;
mod deadline;
mod lambda;
mod layers;
mod problem;
mod routes;
mod views;

pub use lambda::answer;

use axum::Router;
use std::sync::Arc;
use wiring::Api;

/// All routes with their layers.
pub fn router(api: Api) -> Router {
    // Every layer of every request holds it.
    let api = Arc::new(api);
    let router =
        routes::all().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    let router = router
        .fallback(routes::unknown_route)
        .method_not_allowed_fallback(routes::wrong_method)
        .with_state(api.clone());
    layers::apply(router, api)
}
