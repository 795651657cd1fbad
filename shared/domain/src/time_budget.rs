//! How much time a request or turn has, so that nothing is begun that cannot end.

use time::{Duration, OffsetDateTime};

/// The longest that anybody waits for an answer: 29 seconds, as an HTTP API of API Gateway does.
const LONGEST: Duration = Duration::seconds(29);

/// What is left to the host for the answer itself.
const RESERVE: Duration = Duration::seconds(1);

/// The longest that one request to Entra or Graph may take: 10 seconds. Adapters set it as their timeout.
pub const REQUEST_TIMEOUT: Duration = Duration::seconds(10);

/// The time of one request or turn.
#[derive(Debug, Clone, Copy)]
pub struct TimeBudget {
    /// When it began. An erasure after it outlaws what it writes.
    pub begun_at: OffsetDateTime,
    ends_at: OffsetDateTime,
}

impl TimeBudget {
    /// `deadline` is when the host ends the invocation, where that is known.
    pub fn new(begun_at: OffsetDateTime, deadline: Option<OffsetDateTime>) -> Self {
        let longest = begun_at + LONGEST;
        let ends_at = deadline.map_or(longest, |deadline| longest.min(deadline - RESERVE));
        Self { begun_at, ends_at }
    }

    /// Whether a token request that begins after `pause`, and the request that the token is for, can still end in time.
    pub(crate) fn allows_token_request(&self, now: OffsetDateTime, pause: Duration) -> bool {
        now + pause + 2_i32 * REQUEST_TIMEOUT <= self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn without_a_deadline_an_http_api_sets_the_pace() {
        let budget = TimeBudget::new(BEGIN, None);
        assert!(budget.allows_token_request(BEGIN + Duration::seconds(9), Duration::ZERO));
        assert!(!budget.allows_token_request(BEGIN + Duration::seconds(9), Duration::milliseconds(1)));
    }

    #[test]
    fn a_near_deadline_shortens_it_and_a_far_one_does_not_lengthen_it() {
        let near = TimeBudget::new(BEGIN, Some(BEGIN + Duration::seconds(22)));
        assert!(near.allows_token_request(BEGIN + Duration::seconds(1), Duration::ZERO));
        assert!(!near.allows_token_request(BEGIN + Duration::seconds(2), Duration::ZERO));
        let far = TimeBudget::new(BEGIN, Some(BEGIN + Duration::minutes(15)));
        assert!(!far.allows_token_request(BEGIN + Duration::seconds(10), Duration::ZERO));
    }
}
