//! One partition of the due index: who is due, in which order, and how much may be written to it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::clock::{PER_SECOND, Steps};

/// Write units that one partition takes in a second.
pub(super) const UNITS_PER_SECOND: u32 = 1_000;

/// What a turn's end writes to the index: its entry is deleted in one place and put in another.
pub(super) const UNITS_PER_TURN: u32 = 2;

/// A turn of an account, by the number of times it was tried before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    at: Steps,
    pub(super) account: u32,
    pub(super) tries: u32,
}

impl Due {
    pub(super) fn again(account: u32, at: Steps, tries: u32) -> Self {
        Self { at, account, tries }
    }

    /// The same turn, to be found from `at` on.
    pub(super) fn later(self, at: Steps) -> Self {
        Self { at, ..self }
    }
}

pub(super) struct Shard {
    /// Due since before the beginning, not tried yet.
    fresh: Range<u32>,
    /// Refused, failed, or passed over; the earliest on top.
    later: BinaryHeap<Reverse<Due>>,
    /// Workers that read it now.
    pub(super) workers: u32,
    second: u32,
    written: u32,
}

impl Shard {
    pub(super) fn new(fresh: Range<u32>) -> Self {
        Self { fresh, later: BinaryHeap::new(), workers: 0, second: 0, written: 0 }
    }

    /// The account that is due first, of those due at `as_of`.
    pub(super) fn first(&self, as_of: Steps) -> Option<Due> {
        if self.fresh.start < self.fresh.end {
            return Some(Due { at: 0, account: self.fresh.start, tries: 0 });
        }
        self.later.peek().map(|due| due.0).filter(|due| due.at <= as_of)
    }

    /// Takes what `first` named.
    pub(super) fn take(&mut self) {
        if self.fresh.start < self.fresh.end {
            self.fresh.start += 1;
        } else {
            self.later.pop();
        }
    }

    pub(super) fn put(&mut self, due: Due) {
        self.later.push(Reverse(due));
    }

    pub(super) fn waiting(&self) -> usize {
        self.fresh.len() + self.later.len()
    }

    /// Whether this second's units have room for another turn.
    pub(super) fn has_room(&mut self, now: Steps) -> bool {
        let second = now / PER_SECOND;
        if self.second != second {
            (self.second, self.written) = (second, 0);
        }
        self.written + UNITS_PER_TURN <= UNITS_PER_SECOND
    }

    pub(super) fn write(&mut self) {
        self.written += UNITS_PER_TURN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longest_is_first_and_nobody_is_seen_before_their_time() {
        let mut shard = Shard::new(7..8);
        shard.put(Due::again(3, 50, 1));
        shard.put(Due::again(4, 40, 1));
        let mut seen = Vec::new();
        while let Some(due) = shard.first(45) {
            shard.take();
            seen.push(due.account);
        }
        assert_eq!(seen, [7, 4]);
        assert_eq!(shard.waiting(), 1);
        assert_eq!(shard.first(50).map(|due| due.account), Some(3));
    }

    #[test]
    fn a_partition_takes_a_thousand_units_in_a_second() {
        let mut shard = Shard::new(0..0);
        let mut turns = 0;
        while shard.has_room(PER_SECOND - 1) {
            shard.write();
            turns += 1;
        }
        assert_eq!(turns, 500);
        assert!(shard.has_room(PER_SECOND));
    }
}
