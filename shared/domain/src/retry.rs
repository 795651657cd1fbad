//! When a second try is worth it, and how long to wait for it.

use crate::counters::Count;
use crate::error::TokenError;
use crate::services::Services;
use crate::time_budget::TimeBudget;
use time::Duration;

/// The middle of the pause before asking Entra again.
const PAUSE: Duration = Duration::seconds(1);

/// The first pause before writing tokens again; doubled each time.
const WRITE_PAUSE: Duration = Duration::milliseconds(200);

/// Waits and says yes when the authority failed in a way that passes, said nothing of `Retry-After`, and there is time.
pub(crate) async fn should_ask_again<T>(
    services: &Services,
    answer: &Result<T, TokenError>,
    budget: TimeBudget,
) -> bool {
    if !matches!(answer, Err(TokenError::Unavailable { retry_after: None, .. })) {
        return false;
    }
    let pause = jittered(services, PAUSE);
    if !budget.allows_token_request(services.clock.now(), pause) {
        return false;
    }
    services.timer.wait(pause).await;
    services.metrics.count(Count::AskedAgain);
    true
}

/// Waits before the `attempt`th repetition (from 0) of a write that the store did not take.
pub(crate) async fn before_writing_again(services: &Services, attempt: u32) {
    services.metrics.count(Count::WriteRepeated);
    services.timer.wait(jittered(services, WRITE_PAUSE * 2_i32.pow(attempt.min(5)))).await;
}

/// Between half and one and a half of it, so that many who failed together do not come back together.
fn jittered(services: &Services, pause: Duration) -> Duration {
    pause * (0.5 + services.chance.fraction())
}
