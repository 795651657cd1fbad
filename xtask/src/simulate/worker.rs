//! One worker: the task it has, the turns it has in flight, and how many those may be.

use std::collections::VecDeque;

use super::brake::Brakes;
use super::clock::Steps;
use super::pace::Pace;
use super::shard::Due;

/// Places for the ends of turns to come; more than the longest turn that works has steps.
const AHEAD: usize = 16;

/// Sweep one shard, as it was at a tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) shard: u32,
    /// When the tick was; accounts due later are left to the next one.
    pub(super) tick: Steps,
    pub(super) hop: u32,
}

/// A task under way.
pub(super) struct Invocation {
    pub(super) task: Task,
    pub(super) since: Steps,
    pub(super) pace: Pace,
    /// No turn is begun before this.
    pub(super) resting_until: Steps,
    /// Accounts that wait for the end of their tenant's brake, and when that is.
    pub(super) deferred: VecDeque<(Due, Steps)>,
}

/// A turn that will be refused, or not answered.
pub(super) struct Unwell {
    pub(super) ends: Steps,
    pub(super) turn: u64,
    /// The tenant, and until when Graph refuses it; none for a timeout.
    pub(super) refused: Option<(u32, Steps)>,
}

#[derive(Default)]
pub(super) struct Worker {
    pub(super) invocation: Option<Invocation>,
    pub(super) brakes: Brakes,
    pub(super) in_flight: u32,
    ends: [u16; AHEAD],
    unwell: Vec<Unwell>,
}

impl Worker {
    /// A turn begins that will work; `ends` is fewer than 16 steps away.
    pub(super) fn begin_well(&mut self, ends: Steps) {
        self.in_flight += 1;
        self.ends[ends as usize % AHEAD] += 1;
    }

    pub(super) fn begin_unwell(&mut self, unwell: Unwell) {
        self.in_flight += 1;
        self.unwell.push(unwell);
    }

    /// How many turns worked that end now.
    pub(super) fn end_well(&mut self, now: Steps) -> u16 {
        let ended = std::mem::take(&mut self.ends[now as usize % AHEAD]);
        self.in_flight -= u32::from(ended);
        ended
    }

    /// A turn that ends now and did not work.
    pub(super) fn end_unwell(&mut self, now: Steps) -> Option<Unwell> {
        let place = self.unwell.iter().position(|turn| turn.ends <= now)?;
        self.in_flight -= 1;
        Some(self.unwell.swap_remove(place))
    }
}
