//! When a second try is worth it, and how long to wait for it.

use crate::error::TokenError;
use crate::services::Services;
use time::{Duration, OffsetDateTime};

/// A request or turn that has used more of its time than this is not made longer by a second try: 8 seconds, so that a
/// second answer of at most 10 seconds and Graph's still fit into the 29 seconds of an HTTP API.
const LATEST_RETRY: Duration = Duration::seconds(8);

/// The middle of the pause before asking Entra again.
const PAUSE: Duration = Duration::seconds(1);

/// The first pause before writing tokens again; doubled each time.
const WRITE_PAUSE: Duration = Duration::milliseconds(200);

/// Waits and says yes when the authority failed in a way that passes, said nothing of `Retry-After`, and there is time.
pub(crate) async fn should_ask_again<T>(
    services: &Services,
    answer: &Result<T, TokenError>,
    begun_at: OffsetDateTime,
) -> bool {
    let passes = matches!(answer, Err(TokenError::Unavailable { retry_after: None, .. }));
    if !passes || services.clock.now() - begun_at > LATEST_RETRY {
        return false;
    }
    services.timer.wait(jittered(services, PAUSE)).await;
    true
}

/// Waits before the `attempt`th repetition (from 0) of a write that the store did not take.
pub(crate) async fn before_writing_again(services: &Services, attempt: u32) {
    services.timer.wait(jittered(services, WRITE_PAUSE * 2_i32.pow(attempt.min(5)))).await;
}

/// Between half and one and a half of it, so that many who failed together do not come back together.
fn jittered(services: &Services, pause: Duration) -> Duration {
    pause * (0.5 + services.chance.fraction())
}
