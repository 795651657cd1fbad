//! A limit on requests per second, counted for each tenant as Graph counts it.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// The window in which requests are counted. It slides, so that no second has more than the rate.
const WINDOW: Duration = Duration::SECOND;

/// The highest rate that can be set.
pub(super) const MAX_PER_SECOND: u32 = 10_000;

/// Tenants that are counted at once; with one more, those that have been quiet for a window are forgotten.
const MOST_TENANTS: usize = 1_000;

/// 429 for what goes beyond so many requests per second of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Requests of one tenant in any second: 1 to 10,000. Those that are refused count too: Graph goes on counting while it
    /// throttles (<https://learn.microsoft.com/graph/throttling>).
    pub per_second: u32,
    /// Sent as `Retry-After` when given.
    #[serde(default)]
    pub retry_after_seconds: Option<u32>,
    /// When each tenant's last requests came, as many as are allowed in a window; a change of the scenarios begins anew.
    #[serde(skip)]
    recent: HashMap<String, VecDeque<OffsetDateTime>>,
}

impl Rate {
    /// Counts a request; whether it is one too many.
    pub(super) fn refuses(&mut self, tenant: &str, now: OffsetDateTime) -> bool {
        let within = |time: &OffsetDateTime| now - *time < WINDOW;
        if self.recent.len() >= MOST_TENANTS && !self.recent.contains_key(tenant) {
            self.recent.retain(|_, times| times.back().is_some_and(within));
        }
        let times = self.recent.entry(tenant.to_owned()).or_default();
        let full = times.len() >= usize::try_from(self.per_second).unwrap_or(usize::MAX);
        let oldest = if full { times.pop_front() } else { None };
        times.push_back(now);
        oldest.as_ref().is_some_and(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32) -> Rate {
        Rate { per_second, retry_after_seconds: None, recent: HashMap::new() }
    }

    fn at(milliseconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(milliseconds)
    }

    #[test]
    fn any_second_has_as_many_as_are_allowed_and_tenants_have_their_own() {
        let mut rate = rate(3);
        for time in [0, 400, 800] {
            assert!(!rate.refuses("a", at(time)));
        }
        assert!(rate.refuses("a", at(999)));
        assert!(!rate.refuses("b", at(999)));
        assert!(!rate.refuses("a", at(1_400)), "the second before it had 800 and 999 only");
    }

    #[test]
    fn what_is_refused_counts_so_that_not_to_wait_does_not_help() {
        let mut rate = rate(2);
        let refused = (0..100).filter(|step| rate.refuses("a", at(step * 100))).count();
        assert_eq!(refused, 98);
        assert!(!rate.refuses("a", at(9_900 + 1_000)));
    }

    #[test]
    fn quiet_tenants_are_forgotten() {
        let mut rate = rate(1);
        for tenant in 0..5_000 {
            assert!(!rate.refuses(&tenant.to_string(), at(i64::from(tenant) * 10)));
        }
        assert!(rate.recent.len() <= MOST_TENANTS);
        assert!(rate.refuses("4999", at(50_000)));
    }
}
