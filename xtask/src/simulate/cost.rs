//! What a sweep costs, in units of the table and in dollars.

use super::clock::in_seconds;
use super::sweep::Outcome;

/// Read and write units of a turn that renews its token, and of one that finds it in the cache (docs/data-model.md, "What
/// it costs").
const RENEWAL: (f64, f64) = (2.5, 9.0);
const CACHED: (f64, f64) = (2.0, 4.0);
/// A condition that is refused is billed like the write.
const LOST_CLAIM: f64 = 1.0;
/// A look at a shard, and as much for as many entries as fill 4 KiB.
const LOOK: f64 = 0.5;
const ENTRIES_PER_LOOK: f64 = 32.0;

/// Dollars per million units on demand, us-east-1.
const READS: f64 = 0.125;
const WRITES: f64 = 0.625;
/// Dollars per million GB-seconds and per million invocations (`x86_64`, as in the template), and its memory in GB.
const GB_SECONDS: f64 = 16.67;
const INVOCATIONS: f64 = 0.20;
const MEMORY: f64 = 0.5;
/// Dollars per million: an event on the bus, and a message sent, received and deleted.
const TASK: f64 = 1.0 + 3.0 * 0.40;

/// Units in millions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) reads: f64,
    pub(super) writes: f64,
    pub(super) table_dollars: f64,
    /// Lambda, queue and bus.
    pub(super) other_dollars: f64,
}

impl Cost {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let (renewals, cached) = (millions(outcome.renewals), millions(outcome.cached));
        let looks = millions(outcome.looks) + millions(outcome.entries) / ENTRIES_PER_LOOK;
        let reads = renewals * RENEWAL.0 + cached * CACHED.0 + looks * LOOK;
        let writes = renewals * RENEWAL.1 + cached * CACHED.1 + millions(outcome.lost_claims) * LOST_CLAIM;
        let gb_seconds = millions(outcome.busy) * in_seconds(1) * MEMORY;
        Self {
            reads,
            writes,
            table_dollars: reads * READS + writes * WRITES,
            other_dollars: gb_seconds * GB_SECONDS
                + millions(outcome.invocations) * INVOCATIONS
                + millions(outcome.tasks) * TASK,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn a_million_renewals_cost_what_the_data_model_says() {
        let cost = Cost::of(&Outcome { renewals: 1_000_000, ..Outcome::default() });
        assert!(close(cost.table_dollars, 5.9375), "{cost:?}");
        let cost = Cost::of(&Outcome { cached: 1_000_000, ..Outcome::default() });
        assert!(close(cost.table_dollars, 2.75), "{cost:?}");
    }

    #[test]
    fn lost_claims_and_a_worker_that_waits_are_paid_for() {
        let cost = Cost::of(&Outcome { lost_claims: 1_000_000, ..Outcome::default() });
        assert!(close(cost.table_dollars, 0.625), "{cost:?}");
        // 20 million steps of 50 ms are a million seconds, of half a GB.
        let cost = Cost::of(&Outcome { busy: 20_000_000, ..Outcome::default() });
        assert!(close(cost.other_dollars, 8.335), "{cost:?}");
    }
}
