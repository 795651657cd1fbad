//! What was done for whom by which process, as Graph saw it, and whether it should have been.

use crate::error::{SoakError, promise};
use crate::sweep::population::Population;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// A worker process, numbered in the order in which they were started.
pub(super) type Process = usize;

/// What was done, for all turns of a run.
pub(super) struct Ledger {
    /// Turns that a process has under way at once at most, and so what a kill may cost at most.
    concurrency: u64,
    inner: Mutex<Inner>,
    broken: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Inner {
    processes: Vec<Life>,
    users: HashMap<Uuid, Acts>,
    /// Times that Graph did what it was asked for.
    acts: u64,
    /// The same in this round, each turn of an account counted once.
    acted: u64,
    duplicates: u64,
}

#[derive(Default)]
struct Life {
    killed: bool,
    /// Turns that it had acted in and another process acted in again.
    repeated: u64,
}

/// What was done for a user.
#[derive(Default)]
struct Acts {
    /// Who is at it now.
    in_flight: Option<Process>,
    /// The last turn that was acted in, and who did it last.
    last: Option<(Uuid, Process)>,
    /// Turns acted in, in this round.
    turns: u32,
}

impl Ledger {
    pub(super) fn new(concurrency: u64) -> Arc<Self> {
        Arc::new(Self { concurrency, inner: Mutex::default(), broken: watch::Sender::new(None) })
    }

    /// A process that has been started.
    pub(super) fn add_process(&self) -> Process {
        let mut inner = self.lock();
        inner.processes.push(Life::default());
        inner.processes.len() - 1
    }

    /// From now on somebody else may do over what it did last.
    pub(super) fn killed(&self, process: Process) {
        self.lock().processes[process].killed = true;
    }

    /// How many processes are gone, whatever the reason.
    pub(super) fn deaths(&self) -> u64 {
        self.lock().processes.iter().filter(|life| life.killed).count() as u64
    }

    /// A request for this user has come in. It is over when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>, process: Process, user: Uuid) -> UnderWay {
        let mut inner = self.lock();
        let other = inner.users.entry(user).or_default().in_flight.replace(process);
        if let Some(other) = other.filter(|other| !inner.processes[*other].killed) {
            drop(inner);
            self.break_with(format!("user {user} is acted for by processes {other} and {process} at once"));
        }
        UnderWay { ledger: self.clone(), user, process }
    }

    /// Graph did what was asked for.
    pub(super) fn acted(&self, process: Process, user: Uuid, turn: Uuid) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.acts += 1;
        let acts = inner.users.entry(user).or_default();
        let before = acts.last.replace((turn, process));
        let Some((_, first)) = before.filter(|(last, _)| *last == turn) else {
            acts.turns += 1;
            inner.acted += 1;
            if acts.turns > 1 {
                self.break_with(format!("user {user} had two turns where one was due"));
            }
            return;
        };
        inner.duplicates += 1;
        let life = &mut inner.processes[first];
        life.repeated += 1;
        if !life.killed {
            self.break_with(format!(
                "user {user} was acted for twice in one turn, by process {first}, which was not killed, and by {process}"
            ));
        } else if life.repeated > self.concurrency {
            self.break_with(format!(
                "process {first} was killed, and {} of its turns were repeated: more than it can have had under way",
                life.repeated
            ));
        }
    }

    /// All accounts are due once more.
    pub(super) fn begin_round(&self) {
        let mut inner = self.lock();
        inner.acted = 0;
        inner.users.values_mut().for_each(|acts| acts.turns = 0);
    }

    /// Everybody who should have been acted for was, and nobody else.
    pub(super) fn check_round(&self, population: &Population) -> Result<(), SoakError> {
        self.is_kept()?;
        let inner = self.lock();
        for member in population.members() {
            let turns = inner.users.get(&member.user).map_or(0, |acts| acts.turns);
            match (member.is_well(), turns) {
                (true, 1) | (false, 0) => {}
                (true, _) => return Err(member.broken("it was not acted for")),
                (false, _) => return Err(member.broken("it was acted for, but only its user can help")),
            }
        }
        Ok(())
    }

    /// Accounts acted for in this round.
    pub(super) fn acted_in_round(&self) -> u64 {
        self.lock().acted
    }

    /// Acts in all rounds, duplicates included.
    pub(super) fn acts(&self) -> u64 {
        self.lock().acts
    }

    pub(super) fn duplicates(&self) -> u64 {
        self.lock().duplicates
    }

    pub(super) fn is_kept(&self) -> Result<(), SoakError> {
        let broken = self.broken.borrow().clone();
        promise(broken.is_none(), || broken.unwrap_or_default())
    }

    /// Completes when a promise is broken.
    pub(super) async fn is_broken(&self) {
        // Never an error: `self` has the sender.
        let _ = self.broken.subscribe().wait_for(Option::is_some).await;
    }

    /// The first one counts; what follows from it does not help.
    fn break_with(&self, what: String) {
        self.broken.send_if_modified(|broken| {
            let first = broken.is_none();
            if first {
                *broken = Some(what);
            }
            first
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request to Graph.
pub(super) struct UnderWay {
    ledger: Arc<Ledger>,
    user: Uuid,
    process: Process,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut inner = self.ledger.lock();
        if let Some(acts) = inner.users.get_mut(&self.user) {
            acts.in_flight = acts.in_flight.filter(|process| *process != self.process);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Uuid = Uuid::from_u128(1);
    const TURN: Uuid = Uuid::from_u128(2);
    const NEXT: Uuid = Uuid::from_u128(3);

    fn ledger() -> (Arc<Ledger>, Process, Process) {
        let ledger = Ledger::new(1);
        let (one, other) = (ledger.add_process(), ledger.add_process());
        (ledger, one, other)
    }

    #[test]
    fn a_turn_is_repeated_only_after_a_kill() {
        let (ledger, one, other) = ledger();
        ledger.acted(one, USER, TURN);
        ledger.killed(one);
        ledger.acted(other, USER, TURN);
        assert!(ledger.is_kept().is_ok());
        assert_eq!((ledger.acts(), ledger.acted_in_round(), ledger.duplicates()), (2, 1, 1));
        let third = ledger.add_process();
        ledger.acted(third, USER, TURN);
        assert!(ledger.is_kept().is_err());
    }

    #[test]
    fn a_kill_costs_no_more_than_was_under_way() {
        let (ledger, one, other) = ledger();
        for user in [USER, NEXT] {
            ledger.acted(one, user, TURN);
        }
        ledger.killed(one);
        ledger.acted(other, USER, TURN);
        assert!(ledger.is_kept().is_ok());
        ledger.acted(other, NEXT, TURN);
        assert!(ledger.is_kept().is_err());
    }

    #[test]
    fn two_at_once_are_found_also_when_they_act_in_different_turns() {
        let (ledger, one, other) = ledger();
        let first = ledger.begin(one, USER);
        drop(first);
        let first = ledger.begin(other, USER);
        assert!(ledger.is_kept().is_ok());
        let _second = ledger.begin(one, USER);
        assert!(ledger.is_kept().is_err());
        drop(first);
    }

    #[test]
    fn what_a_killed_process_left_under_way_is_nobodys() {
        let (ledger, one, other) = ledger();
        let left = ledger.begin(one, USER);
        ledger.killed(one);
        let _now = ledger.begin(other, USER);
        drop(left);
        assert!(ledger.is_kept().is_ok());
    }

    #[test]
    fn one_turn_is_due_in_a_round() {
        let (ledger, one, _) = ledger();
        ledger.acted(one, USER, TURN);
        ledger.begin_round();
        ledger.acted(one, USER, NEXT);
        assert!(ledger.is_kept().is_ok());
        ledger.acted(one, USER, Uuid::from_u128(4));
        assert!(ledger.is_kept().is_err());
    }
}
