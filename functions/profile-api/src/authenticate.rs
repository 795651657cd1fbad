//! From bearer token to caller, with the permission that the route asks for.

use crate::problem::Problem;
use domain::caller::Caller;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use wiring::Api;

/// Scopes of which any one suffices to read.
pub(crate) const READ: &[&str] = &["Profile.Read", "Profile.ReadWrite"];
/// Scopes of which any one suffices to change something.
pub(crate) const WRITE: &[&str] = &["Profile.ReadWrite"];

/// Validates the bearer token and its permissions. Two `Authorization` headers are refused: which of them counts would be
/// a matter of luck.
pub(crate) async fn authenticate(api: &Api, headers: &HeaderMap, scopes: &[&str]) -> Result<Caller, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let authorization = values.next().map(|value| value.to_str().unwrap_or_default());
    if values.next().is_some() {
        return Err(Problem::invalid_token("duplicate_header", "send one Authorization header"));
    }
    let caller = api.authenticator.authenticate(authorization).await?;
    if caller.scopes.contains_any(scopes) { Ok(caller) } else { Err(Problem::insufficient_scope(scopes)) }
}
