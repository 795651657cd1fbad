//! How many turns at a time: as many as Entra and Graph bear, found out by trying.
//!
//! Additive up, halved when they refuse (429) or do not answer in time. One turn at a time can still be too many; below
//! that a worker rests between turns, which is to have less than one in flight on average.

use time::Duration;

/// The longest rest between two turns.
const LONGEST_REST: Duration = Duration::seconds(5);

/// The fewest turns in flight, on average.
const LEAST: f64 = 0.01;

/// After a refusal it takes this many turns that work to be where it refused: so one in about forty is refused.
const TURNS_TO_RECOVER: f64 = 40.0;

/// The number of turns in flight, and whether it may grow.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: f64,
    most: f64,
    /// What a turn that worked adds, once there was a refusal.
    step: Option<f64>,
    begun: u64,
    /// Refusals of turns begun before the last cut tell nothing new.
    cut_at: u64,
}

/// The number of a turn, in the order in which they were begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnNumber(u64);

impl Pace {
    /// Begins with a quarter of `most`.
    pub(crate) fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most).unwrap_or(u32::MAX).max(1));
        Self { limit: (most / 4.0).max(1.0), most, step: None, begun: 0, cut_at: 0 }
    }

    pub(crate) fn allows_one_more(&self, in_flight: usize) -> bool {
        f64::from(u32::try_from(in_flight).unwrap_or(u32::MAX)) < self.limit.max(1.0).floor()
    }

    pub(crate) fn begin(&mut self) -> TurnNumber {
        self.begun += 1;
        TurnNumber(self.begun)
    }

    /// A turn ended without a sign of pressure.
    pub(crate) fn worked(&mut self) {
        let step = self.step.unwrap_or(1.0 / self.limit);
        self.limit = (self.limit + step).min(self.most);
    }

    /// A turn was refused, or not answered in time.
    pub(crate) fn refused(&mut self, turn: TurnNumber) {
        if turn.0 <= self.cut_at {
            return;
        }
        self.cut_at = self.begun;
        self.step = Some(self.limit / 2.0 / TURNS_TO_RECOVER);
        self.limit = (self.limit / 2.0).max(LEAST);
    }

    /// How long to rest after a turn that took `elapsed`, where one at a time is too many.
    pub(crate) fn rest(&self, elapsed: Duration) -> Duration {
        if self.limit >= 1.0 {
            return Duration::ZERO;
        }
        (elapsed.max(Duration::milliseconds(1)) * (1.0 / self.limit - 1.0)).min(LONGEST_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_one_for_as_many_turns_as_are_in_flight() {
        let mut pace = Pace::new(32);
        assert!(pace.allows_one_more(7) && !pace.allows_one_more(8));
        for _ in 0..9 {
            pace.worked();
        }
        assert!(pace.allows_one_more(8) && !pace.allows_one_more(9));
        for _ in 0..10_000 {
            pace.worked();
        }
        assert!(pace.allows_one_more(31) && !pace.allows_one_more(32), "never above the setting");
    }

    #[test]
    fn refusals_of_one_moment_halve_it_once() {
        let mut pace = Pace::new(64);
        let turns: Vec<TurnNumber> = (0..16).map(|_| pace.begin()).collect();
        for turn in turns {
            pace.refused(turn);
        }
        assert!(pace.allows_one_more(7) && !pace.allows_one_more(8));
        let next = pace.begin();
        pace.refused(next);
        assert!(pace.allows_one_more(3) && !pace.allows_one_more(4));
    }

    #[test]
    fn one_at_a_time_may_be_too_many() {
        let mut pace = Pace::new(1);
        assert_eq!(pace.rest(Duration::milliseconds(100)), Duration::ZERO);
        let first = pace.begin();
        pace.refused(first);
        assert!(pace.allows_one_more(0) && !pace.allows_one_more(1));
        assert_eq!(pace.rest(Duration::milliseconds(100)), Duration::milliseconds(100));
        for _ in 0..100 {
            let turn = pace.begin();
            pace.refused(turn);
        }
        assert_eq!(pace.rest(Duration::minutes(1)), LONGEST_REST);
    }

    /// A service that takes a fixed number of turns per second, and one worker.
    #[test]
    fn it_settles_where_few_are_refused() {
        const ALLOWED_PER_SECOND: u32 = 20;
        const TURN: Duration = Duration::milliseconds(10);
        let mut pace = Pace::new(32);
        let (mut now, mut window, mut in_window) = (Duration::ZERO, 0, 0);
        let (mut sent, mut refused) = (0_u32, 0_u32);
        // In steps of one turn: as many as are allowed run side by side.
        for step in 0..20_000 {
            let mut at_once = 0;
            while pace.allows_one_more(at_once) {
                at_once += 1;
            }
            let numbers: Vec<TurnNumber> = (0..at_once).map(|_| pace.begin()).collect();
            now += TURN;
            if now.whole_seconds() != window {
                (window, in_window) = (now.whole_seconds(), 0);
            }
            let settled = step > 2_000;
            for number in numbers {
                in_window += 1;
                sent += u32::from(settled);
                if in_window > ALLOWED_PER_SECOND {
                    refused += u32::from(settled);
                    pace.refused(number);
                    // `Retry-After`: nobody asks again within this second.
                    now = Duration::seconds(window + 1);
                } else {
                    pace.worked();
                }
            }
            now += pace.rest(TURN);
        }
        assert!(sent > 1_000, "{sent}");
        assert!(refused * 20 <= sent, "{refused} of {sent} were refused");
    }
}
