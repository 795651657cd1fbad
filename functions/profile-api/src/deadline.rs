//! A request ends before its host ends it: an answer that says why is better than none.

use crate::code::Code;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use lambda_http::RequestExt as _;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use wiring::Api;

/// The longest that a request may take where the host names no deadline. API Gateway gives up after 30 seconds.
const LONGEST: Duration = Duration::from_secs(29);

/// What is left for the layers around this one: the wait for a renewal of signing keys, writing the answer and the log.
const RESERVE: Duration = Duration::from_secs(1);

/// When Lambda ends the request, for the use case; `None` where that is not known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Option<OffsetDateTime>);

/// Gives up shortly before the deadline. What was under way is dropped, which is what the host would do, and the environment
/// lives on.
pub(crate) async fn keep(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let now = api.services.clock.now();
    let deadline = known_deadline(&request, now);
    let left = time_left(deadline, now);
    request.extensions_mut().insert(Deadline(deadline));
    tokio::time::timeout(left, next.run(request)).await.unwrap_or_else(|_| {
        tracing::error!(event = "request.out_of_time", limit_ms = left.as_millis());
        Problem::new(Code::OutOfTime, "the answer took too long; try again later").into_response()
    })
}

/// When Lambda ends the request; `None` in the past, which is what local hosts give for "unknown".
fn known_deadline(request: &Request, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let deadline: OffsetDateTime = request.lambda_context_ref()?.deadline().into();
    Some(deadline).filter(|deadline| *deadline > now)
}

fn time_left(deadline: Option<OffsetDateTime>, now: OffsetDateTime) -> Duration {
    let until = |deadline: OffsetDateTime| (deadline - now).unsigned_abs().saturating_sub(RESERVE);
    deadline.map_or(LONGEST, until).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn without_a_deadline_a_request_ends_before_the_gateway_gives_up() {
        assert_eq!(time_left(None, NOW), Duration::from_secs(29));
    }

    #[test]
    fn a_near_deadline_shortens_the_time_and_a_far_one_does_not_lengthen_it() {
        let left = |seconds| time_left(Some(NOW + time::Duration::seconds(seconds)), NOW);
        assert_eq!(left(10), Duration::from_secs(9));
        assert_eq!(left(1), Duration::ZERO);
        assert_eq!(left(900), Duration::from_secs(29));
    }
}
