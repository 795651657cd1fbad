//! How many turns a worker has in flight: the rule of `domain`'s sweep, told anew so that this program stays small.

/// After a refusal it takes this many turns that work to be where it refused.
const TURNS_TO_RECOVER: f64 = 40.0;

/// The fewest turns in flight; below one, a worker rests between turns.
const LEAST: f64 = 0.01;

/// Additive up, halved on a refusal or a timeout; once for all turns that were in flight then.
pub(super) struct Pace {
    limit: f64,
    most: f64,
    step: Option<f64>,
    begun: u64,
    cut_at: u64,
}

impl Pace {
    /// Begins with a quarter of `most`.
    pub(super) fn new(most: u32) -> Self {
        let most = f64::from(most);
        Self { limit: (most / 4.0).max(1.0), most, step: None, begun: 0, cut_at: 0 }
    }

    pub(super) fn allows_one_more(&self, in_flight: u32) -> bool {
        f64::from(in_flight) + 1.0 <= self.limit.max(1.0)
    }

    pub(super) fn is_slowed(&self) -> bool {
        self.limit + 1.0 <= self.most
    }

    /// The number of the turn that begins.
    pub(super) fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    pub(super) fn worked(&mut self, turns: u16) {
        let step = self.step.unwrap_or(1.0 / self.limit);
        self.limit = (self.limit + step * f64::from(turns)).min(self.most);
    }

    pub(super) fn refused(&mut self, turn: u64) {
        if turn <= self.cut_at {
            return;
        }
        self.cut_at = self.begun;
        self.step = Some(self.limit / 2.0 / TURNS_TO_RECOVER);
        self.limit = (self.limit / 2.0).max(LEAST);
    }

    /// How many turns long the rest after a turn is.
    pub(super) fn rest(&self) -> f64 {
        if self.limit < 1.0 { 1.0 / self.limit - 1.0 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_flight(pace: &Pace) -> u32 {
        (0..1_000).find(|count| !pace.allows_one_more(*count)).unwrap()
    }

    #[test]
    fn refusals_of_one_moment_halve_it_once_and_forty_turns_make_up_for_it() {
        let mut pace = Pace::new(64);
        assert_eq!(in_flight(&pace), 16);
        let turns: Vec<u64> = (0..16).map(|_| pace.begin()).collect();
        for turn in turns {
            pace.refused(turn);
        }
        assert_eq!(in_flight(&pace), 8);
        pace.worked(39);
        assert_eq!(in_flight(&pace), 15);
        pace.worked(1);
        assert_eq!(in_flight(&pace), 16);
    }

    #[test]
    fn it_never_passes_its_setting_and_rests_below_one() {
        let mut pace = Pace::new(4);
        pace.worked(1_000);
        assert_eq!(in_flight(&pace), 4);
        for _ in 0..3 {
            let turn = pace.begin();
            pace.refused(turn);
        }
        assert_eq!(in_flight(&pace), 1);
        assert!((pace.rest() - 1.0).abs() < 1e-9, "as long as the turn");
    }
}
