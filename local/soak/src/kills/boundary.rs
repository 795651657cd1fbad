//! The places at which a worker can be killed, and how often each was hit.

use std::collections::BTreeMap;
use std::fmt;

/// What the worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    /// A tick: all users have their turn, in parallel.
    Tick,
    /// A direct invocation: one user has a turn.
    Invoke,
    /// Likewise, for the first time after the user has signed in.
    FirstTurn,
    /// A request of a user whom the table knows; their bearer token is new, so On-Behalf-Of is needed.
    Visit,
    /// Likewise, of a user of whom the table has nothing.
    FirstVisit,
}

impl Scenario {
    pub(crate) const ALL: [Self; 5] =
        [Self::Tick, Self::Invoke, Self::FirstTurn, Self::Visit, Self::FirstVisit];

    pub(crate) fn is_sweep(self) -> bool {
        matches!(self, Self::Tick | Self::Invoke | Self::FirstTurn)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Tick => "tick",
            Self::Invoke => "invoke",
            Self::FirstTurn => "first turn",
            Self::Visit => "visit",
            Self::FirstVisit => "first visit",
        })
    }
}

/// Between worker and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// The request was sent, and the server has not seen it.
    Before,
    /// The server has carried it out, and the worker has no answer.
    After,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// The request or answer that is struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) step: String,
    /// Of how many of the kind in this run of the worker, from 1.
    pub(crate) nth: u32,
    pub(crate) side: Side,
}

impl fmt::Display for Strike {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} `{}` ({})", self.side, self.step, self.nth)
    }
}

/// A place that the run must hit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Boundary {
    pub(crate) scenario: Scenario,
    /// Where the step stands in the work.
    place: usize,
    pub(crate) step: String,
    /// The first of these is struck, up to the last: a tick's turns are alike, other repetitions each count.
    pub(crate) nths: (u32, u32),
    pub(crate) side: Side,
}

impl Boundary {
    /// All of a scenario, from how often each of its steps is reached when nobody strikes.
    pub(crate) fn of(scenario: Scenario, steps: &[(String, u32)]) -> Vec<Self> {
        let mut boundaries = Vec::new();
        for (place, (step, count)) in steps.iter().enumerate() {
            let nths = match scenario {
                Scenario::Tick => vec![(1, *count)],
                _ => (1..=*count).map(|nth| (nth, nth)).collect(),
            };
            for nths in nths {
                for side in [Side::Before, Side::After] {
                    boundaries.push(Self { scenario, place, step: step.clone(), nths, side });
                }
            }
        }
        boundaries
    }

    pub(crate) fn draw(&self, rng: &mut fastrand::Rng) -> Strike {
        Strike { step: self.step.clone(), nth: rng.u32(self.nths.0..=self.nths.1), side: self.side }
    }

    /// For people: the step, and which of several.
    fn name(&self) -> String {
        match self.nths {
            (1, _) => self.step.clone(),
            (nth, _) => format!("{} ({nth})", self.step),
        }
    }
}

/// How often each boundary was hit.
#[derive(Debug, Default)]
pub(crate) struct Hits(BTreeMap<Boundary, Counts>);

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    kills: u64,
    lost: u64,
}

impl Hits {
    pub(crate) fn expect(&mut self, boundaries: &[Boundary]) {
        for boundary in boundaries {
            self.0.entry(boundary.clone()).or_default();
        }
    }

    pub(crate) fn killed(&mut self, boundary: &Boundary) {
        self.0.entry(boundary.clone()).or_default().kills += 1;
    }

    pub(crate) fn answer_lost(&mut self, boundary: &Boundary) {
        self.0.entry(boundary.clone()).or_default().lost += 1;
    }

    /// The first that no kill has hit.
    pub(crate) fn missing(&self) -> Option<String> {
        let (boundary, _) = self.0.iter().find(|(_, counts)| counts.kills == 0)?;
        Some(format!("{} {} {}", boundary.scenario, boundary.side, boundary.name()))
    }

    /// One line a step: kills before it, kills after it, answers lost.
    pub(crate) fn table(&self) -> Vec<String> {
        let mut rows: BTreeMap<(Scenario, usize, String), [u64; 3]> = BTreeMap::new();
        for (boundary, counts) in &self.0 {
            let row = rows.entry((boundary.scenario, boundary.place, boundary.name())).or_default();
            row[usize::from(boundary.side == Side::After)] += counts.kills;
            row[2] += counts.lost;
        }
        let head = format!(
            "  {:<12} {:<22} {:>12} {:>12} {:>13}",
            "worker", "step", "killed before", "killed after", "answers lost"
        );
        let lines = rows.iter().map(|((scenario, _, step), [before, after, lost])| {
            format!("  {scenario:<12} {step:<22} {before:>13} {after:>12} {lost:>13}")
        });
        std::iter::once(head).chain(lines).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_s_turns_are_alike_and_other_repetitions_are_not() {
        let steps = [("load account".to_owned(), 2)];
        assert_eq!(Boundary::of(Scenario::Tick, &steps).len(), 2);
        assert_eq!(Boundary::of(Scenario::Invoke, &steps).len(), 4);
    }

    #[test]
    fn a_boundary_is_missing_until_a_kill_hits_it() {
        let steps = [("graph".to_owned(), 1)];
        let boundaries = Boundary::of(Scenario::Visit, &steps);
        let mut hits = Hits::default();
        hits.expect(&boundaries);
        hits.killed(&boundaries[0]);
        hits.answer_lost(&boundaries[1]);
        assert_eq!(hits.missing().as_deref(), Some("visit after graph"));
        hits.killed(&boundaries[1]);
        assert_eq!(hits.missing(), None);
    }
}
