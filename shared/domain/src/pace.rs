//! How much one side bears, found out by trying: turns in flight, and how far apart they begin.
//!
//! Turns in flight: additive up, halved when turns are refused (429) or not answered in time. Where one at a time is still
//! too many, the distance between two beginnings counts. It is not guessed: what worked from one refusal to the end of the
//! next one's pause is what was allowed.

use time::{Duration, OffsetDateTime};

/// After a refusal it takes this many turns that work to have as many in flight as when it refused.
const TURNS_TO_RECOVER: f64 = 40.0;

/// So many turns that work until the distance has shrunk to about a third. With fewer more are refused, with more the way back is
/// longer than a large sweep's windows: `cargo xtask simulate sweep`.
const TURNS_TO_CLOSE_UP: f64 = 400.0;

/// The time in which it does so at the latest: a worker that had bad luck is not to be left behind.
const TIME_TO_CLOSE_UP: Duration = Duration::MINUTE;

/// After a refusal turns begin at this part of the rate that was allowed.
const PART_OF_ALLOWED: f64 = 0.8;

/// The longest distance between two turns.
const LONGEST_GAP: Duration = Duration::seconds(2);

/// A distance below this is none.
const SHORTEST_GAP: Duration = Duration::milliseconds(1);

/// So much that a turn began late is made up for by the next ones.
const CATCH_UP: Duration = Duration::milliseconds(50);

/// The longest pause that says something of the rate; limits are counted per 10 seconds or less. A longer one is a penalty.
const LONGEST_PERIOD: Duration = Duration::seconds(10);

/// What worked before a time as long as this in which nothing ended says nothing.
const FORGOTTEN: Duration = Duration::MINUTE;

/// The number of a turn, in the order in which they were begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TurnNumber(pub(crate) u64);

/// A number of turns in flight, and whether it may grow.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: f64,
    most: f64,
    /// What a turn that worked adds, once there was a refusal.
    step: Option<f64>,
    /// A turn has worked since the last cut.
    grown: bool,
    /// Refusals of turns begun before the last cut tell nothing new.
    cut_at: Option<TurnNumber>,
}

impl Pace {
    /// Begins with `limit` of `most`.
    pub(crate) fn new(limit: f64, most: f64) -> Self {
        Self { limit: limit.clamp(1.0, most.max(1.0)), most, step: None, grown: true, cut_at: None }
    }

    pub(crate) fn allows_one_more(&self, in_flight: usize) -> bool {
        // Sums of steps come out a little short.
        f64::from(u32::try_from(in_flight).unwrap_or(u32::MAX)) + 1.0 <= self.limit + 1e-6
    }

    pub(crate) fn is_slowed(&self) -> bool {
        self.limit + 1.0 <= self.most
    }

    /// Whether a turn was begun after the last cut.
    pub(crate) fn is_news(&self, turn: TurnNumber) -> bool {
        self.cut_at.is_none_or(|cut_at| turn > cut_at)
    }

    /// A turn ended without a sign of pressure.
    pub(crate) fn worked(&mut self) {
        self.grown = true;
        let step = self.step.unwrap_or(1.0 / self.limit);
        self.limit = (self.limit + step).min(self.most);
    }

    /// Halves it; `last_begun` is the turn that was begun last.
    pub(crate) fn cut(&mut self, last_begun: TurnNumber) {
        // Refused again before anything worked: the way back is as long as from the first of these refusals.
        if self.grown {
            self.step = Some(self.limit / 2.0 / TURNS_TO_RECOVER);
        }
        self.grown = false;
        self.cut_at = Some(last_begun);
        self.limit = (self.limit / 2.0).max(1.0);
    }
}

/// The distance between the beginnings of two turns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spacing {
    /// In seconds; 0 for none.
    gap: f64,
    next: OffsetDateTime,
    /// Since when `worked` is counted.
    since: OffsetDateTime,
    worked: f64,
}

impl Spacing {
    /// No distance; what works is counted from `now` on.
    pub(crate) fn none(now: OffsetDateTime) -> Self {
        Self { gap: 0.0, next: now, since: now, worked: 0.0 }
    }

    /// When the next turn may begin.
    pub(crate) fn next(&self) -> OffsetDateTime {
        self.next
    }

    pub(crate) fn is_none(&self) -> bool {
        self.gap <= 0.0
    }

    pub(crate) fn begun(&mut self, now: OffsetDateTime) {
        if self.gap > 0.0 {
            self.next = self.next.max(now - CATCH_UP) + Duration::seconds_f64(self.gap);
        }
    }

    pub(crate) fn worked(&mut self, now: OffsetDateTime) {
        self.worked += 1.0;
        let counted = now - self.since;
        if counted > FORGOTTEN {
            (self.since, self.worked) = (now, 1.0);
        } else if counted > LONGEST_PERIOD * 2 {
            // What was long ago tells little.
            self.since += counted / 2;
            self.worked /= 2.0;
        }
        self.gap -= self.gap * (self.gap / TIME_TO_CLOSE_UP.as_seconds_f64()).max(1.0 / TURNS_TO_CLOSE_UP);
        if self.gap < SHORTEST_GAP.as_seconds_f64() {
            self.gap = 0.0;
        }
    }

    /// Refused at `now`, and asked to wait until `until`. `yet_to_come` is how many turns under way may still work.
    pub(crate) fn refused(&mut self, now: OffsetDateTime, until: OffsetDateTime, yet_to_come: f64) {
        let pause = (until - now).clamp(Duration::ZERO, LONGEST_PERIOD);
        let period = (now - self.since).max(Duration::ZERO) + pause;
        let allowed = period.as_seconds_f64() / (self.worked + yet_to_come).max(1.0);
        let wider = self.gap / PART_OF_ALLOWED;
        self.gap = (allowed / PART_OF_ALLOWED).max(wider).min(LONGEST_GAP.as_seconds_f64());
        self.next = until;
        self.since = until.max(now);
        self.worked = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn in_flight(pace: &Pace) -> usize {
        (0..1_000).find(|count| !pace.allows_one_more(*count)).unwrap()
    }

    #[test]
    fn it_grows_by_one_for_as_many_turns_as_are_in_flight_and_never_above_the_setting() {
        let mut pace = Pace::new(8.0, 32.0);
        assert_eq!(in_flight(&pace), 8);
        for _ in 0..9 {
            pace.worked();
        }
        assert_eq!(in_flight(&pace), 9);
        for _ in 0..10_000 {
            pace.worked();
        }
        assert_eq!(in_flight(&pace), 32);
    }

    #[test]
    fn forty_turns_make_up_for_a_refusal_and_sixty_for_two() {
        let mut pace = Pace::new(16.0, 64.0);
        pace.cut(TurnNumber(16));
        assert!(!pace.is_news(TurnNumber(16)) && pace.is_news(TurnNumber(17)));
        assert_eq!(in_flight(&pace), 8);
        for _ in 0..40 {
            pace.worked();
        }
        assert_eq!(in_flight(&pace), 16);
        pace.cut(TurnNumber(56));
        pace.cut(TurnNumber(57));
        assert_eq!(in_flight(&pace), 4);
        for _ in 0..60 {
            pace.worked();
        }
        assert_eq!(in_flight(&pace), 16);
    }

    #[test]
    fn at_least_one_is_in_flight() {
        let mut pace = Pace::new(8.0, 8.0);
        for turn in 0..100 {
            pace.cut(TurnNumber(turn));
        }
        assert_eq!(in_flight(&pace), 1);
    }

    #[test]
    fn what_worked_in_a_period_sets_the_distance() {
        let mut spacing = Spacing::none(NOW);
        for _ in 0..20 {
            spacing.worked(NOW);
        }
        let until = NOW + Duration::SECOND;
        spacing.refused(NOW, until, 0.0);
        assert_eq!(spacing.next(), until);
        spacing.begun(until);
        let gap = spacing.next() - until;
        assert_eq!(gap.whole_microseconds(), 62_500, "20 a second, and a fifth less");
        for _ in 0..400 {
            spacing.worked(until);
        }
        let before = spacing.next();
        spacing.begun(until);
        let gap = (spacing.next() - before).whole_milliseconds();
        assert!((20..25).contains(&gap), "{gap} ms");
    }

    #[test]
    fn refused_again_at_once_it_widens_and_no_penalty_stretches_it_for_ever() {
        let mut spacing = Spacing::none(NOW);
        spacing.refused(NOW, NOW + Duration::SECOND, 0.0);
        let mut now = NOW;
        for _ in 0..20 {
            now = spacing.next();
            let before = spacing.gap;
            spacing.refused(now, now + Duration::minutes(10), 0.0);
            assert!(spacing.gap > before || spacing.gap >= LONGEST_GAP.as_seconds_f64());
        }
        for _ in 0..4_000 {
            spacing.worked(now);
        }
        assert!(spacing.is_none());
    }
}
