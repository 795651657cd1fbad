//! From bearer token to caller, with the permission that the route asks for.

use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use domain::caller::Caller;
use domain::stage::Stage;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use wiring::Api;

/// How long an answer that is ready waits for a renewal that was begun beside it: a quarter of a second, which is what fetching
/// keys takes and less than the time that is left at a request's deadline. What is not done by then is dropped, because a
/// frozen Lambda would not finish it either.
const RENEWAL_GRACE: Duration = Duration::from_millis(250);

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
    let validated = api.authenticator.authenticate(authorization);
    let caller = api.services.metrics.time(Stage::Validate, validated).await?;
    if caller.scopes.contains_any(scopes) { Ok(caller) } else { Err(Problem::insufficient_scope(scopes)) }
}

/// Runs a request that has a token, and beside it what validation needs to stay current: once in 12 hours that is a fetch of
/// signing keys.
pub(crate) async fn keep_current_beside(
    State(api): State<Arc<Api>>,
    request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(AUTHORIZATION) {
        return next.run(request).await;
    }
    beside(next.run(request), api.authenticator.keep_current()).await
}

async fn beside<T>(answer: impl Future<Output = T>, renewal: impl Future<Output = ()>) -> T {
    let mut answer = pin!(answer);
    let mut renewal = pin!(renewal);
    tokio::select! {
        answer = &mut answer => {
            // Dropping it counts as a failed try, and the next one comes after a pause.
            let _ = timeout(RENEWAL_GRACE, renewal).await;
            answer
        }
        () = &mut renewal => answer.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn an_answer_does_not_wait_for_a_renewal_that_hangs() {
        assert_eq!(beside(async { "answer" }, pending()).await, "answer");
    }

    #[tokio::test]
    async fn a_renewal_that_is_almost_done_is_joined() {
        let (answered, answer_is_ready) = oneshot::channel();
        let mut renewed = false;
        let renewal = async {
            answer_is_ready.await.unwrap();
            tokio::task::yield_now().await;
            renewed = true;
        };
        let answer = async move {
            answered.send(()).unwrap();
            "answer"
        };
        assert_eq!(beside(answer, renewal).await, "answer");
        assert!(renewed);
    }

    #[tokio::test]
    async fn both_run_at_the_same_time() {
        let (renewed, renewal_is_done) = oneshot::channel();
        let answer = async { renewal_is_done.await.unwrap() };
        let renewal = async { renewed.send("answer").unwrap() };
        assert_eq!(beside(answer, renewal).await, "answer");
    }
}
