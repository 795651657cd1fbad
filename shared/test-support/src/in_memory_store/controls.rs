//! Counting calls and preparing faults.

use domain::error::StoreError;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A method of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreOperation {
    Load,
    PutTokens,
    ExtendTokens,
    Quarantine,
    RecordActivity,
    PutProfile,
    Erase,
    AccountsDue,
    BeginTick,
    Claim,
    FinishTurn,
    FindByUserPrincipalName,
    Brake,
    SetBrake,
}

impl StoreOperation {
    /// Whether it only reads.
    pub fn reads(self) -> bool {
        matches!(self, Self::Load | Self::AccountsDue | Self::FindByUserPrincipalName | Self::Brake)
    }
}

#[derive(Default)]
pub(super) struct Controls(Mutex<State>);

#[derive(Default)]
struct State {
    calls: HashMap<StoreOperation, usize>,
    failures: HashMap<StoreOperation, VecDeque<StoreError>>,
    rivals: VecDeque<Vec<u8>>,
    unreadable_pages: u32,
}

impl Controls {
    /// Counts a call and lets it fail if a failure was prepared.
    pub(super) fn enter(&self, operation: StoreOperation) -> Result<(), StoreError> {
        let mut state = self.state();
        *state.calls.entry(operation).or_default() += 1;
        match state.failures.get_mut(&operation).and_then(VecDeque::pop_front) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    pub(super) fn fail_next(&self, operation: StoreOperation, error: StoreError) {
        self.state().failures.entry(operation).or_default().push_back(error);
    }

    pub(super) fn rival_writes_first(&self, sealed: Vec<u8>) {
        self.state().rivals.push_back(sealed);
    }

    pub(super) fn next_rival(&self) -> Option<Vec<u8>> {
        self.state().rivals.pop_front()
    }

    pub(super) fn unreadable_pages(&self, count: u32) {
        self.state().unreadable_pages = count;
    }

    pub(super) fn next_page_is_unreadable(&self) -> bool {
        let mut state = self.state();
        let left = state.unreadable_pages.checked_sub(1);
        state.unreadable_pages = left.unwrap_or_default();
        left.is_some()
    }

    pub(super) fn calls(&self, operation: StoreOperation) -> usize {
        self.state().calls.get(&operation).copied().unwrap_or(0)
    }

    pub(super) fn count(&self, wanted: impl Fn(StoreOperation) -> bool) -> usize {
        self.state().calls.iter().filter(|(operation, _)| wanted(**operation)).map(|(_, count)| count).sum()
    }

    pub(super) fn reset(&self) {
        self.state().calls.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
