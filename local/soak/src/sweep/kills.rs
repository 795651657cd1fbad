//! Who is killed, and when: by how much was done, not by the time, and mostly where it hurts.

use crate::sweep::ledger::{Ledger, Process};
use lambda_host::Killer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a worker is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Graph has done what was asked for, and the worker never hears of it: the account is claimed and acted for, and
    /// nothing is recorded.
    Acted,
    /// A request reaches Graph, which does nothing any more: the account is claimed.
    Asking,
    /// Wherever another worker is just then.
    Anywhere,
}

impl Moment {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        match rng.u8(0..4) {
            0 => Self::Asking,
            1 => Self::Anywhere,
            _ => Self::Acted,
        }
    }
}

/// Kills workers on a schedule drawn from a seed.
pub(super) struct Kills {
    ledger: Arc<Ledger>,
    inner: Mutex<Inner>,
}

struct Inner {
    rng: fastrand::Rng,
    /// Acts between two kills, on average; 0 is never.
    every: u64,
    suspended: bool,
    /// Acts until the next one.
    left: u64,
    next: Moment,
    /// The next request that comes to Graph is its worker's last.
    armed: bool,
    alive: BTreeMap<Process, Killer>,
    kills: u64,
    peak_kib: u64,
}

impl Inner {
    fn draw_next(&mut self) {
        let every = self.every.max(1);
        self.left = every / 2 + self.rng.u64(0..=every);
        self.next = Moment::draw(&mut self.rng);
    }
}

impl Kills {
    pub(super) fn new(ledger: Arc<Ledger>, seed: u64, every: u64) -> Self {
        let mut inner = Inner {
            rng: fastrand::Rng::with_seed(seed),
            every,
            suspended: false,
            left: 0,
            next: Moment::Acted,
            armed: false,
            alive: BTreeMap::new(),
            kills: 0,
            peak_kib: 0,
        };
        inner.draw_next();
        Self { ledger, inner: Mutex::new(inner) }
    }

    pub(super) fn add_process(&self, process: Process, killer: Killer) {
        self.lock().alive.insert(process, killer);
    }

    /// Kills nobody, or goes on.
    pub(super) fn suspend(&self, suspended: bool) {
        let mut inner = self.lock();
        inner.suspended = suspended;
        inner.armed = false;
    }

    pub(super) fn count(&self) -> u64 {
        self.lock().kills
    }

    /// The most memory that a worker was seen with, in KiB.
    pub(super) fn peak_kib(&self) -> u64 {
        self.lock().peak_kib
    }

    pub(super) fn note_memory(&self, peak_kib: u64) {
        let mut inner = self.lock();
        inner.peak_kib = inner.peak_kib.max(peak_kib);
    }

    /// Before Graph sees a request of this process; `true`: the process is gone.
    pub(super) async fn before(self: &Arc<Self>, process: Process) -> bool {
        let armed = std::mem::take(&mut self.lock().armed);
        if armed {
            self.kill(process).await;
        }
        armed
    }

    /// After Graph has done what this process asked for.
    pub(super) async fn after(self: &Arc<Self>, process: Process) {
        let victim = {
            let mut inner = self.lock();
            if inner.every == 0 || inner.suspended {
                return;
            }
            inner.left = inner.left.saturating_sub(1);
            if inner.left > 0 {
                return;
            }
            let moment = inner.next;
            inner.draw_next();
            match moment {
                Moment::Acted => Some(process),
                Moment::Asking => {
                    inner.armed = true;
                    None
                }
                Moment::Anywhere => {
                    let others: Vec<Process> =
                        inner.alive.keys().copied().filter(|other| *other != process).collect();
                    inner.rng.choice(others)
                }
            }
        };
        if let Some(victim) = victim {
            self.kill(victim).await;
        }
    }

    /// Returns when the process is gone. What it has sent may still be on its way.
    async fn kill(self: &Arc<Self>, process: Process) {
        let killer = self.lock().alive.remove(&process);
        let Some(killer) = killer else { return };
        let kills = self.clone();
        // A task of its own: with the process its connection ends, and with that whoever waits here for its sake.
        let ended = tokio::spawn(async move {
            let memory = killer.kill().await;
            kills.ledger.killed(process);
            let mut inner = kills.lock();
            inner.kills += 1;
            inner.peak_kib = inner.peak_kib.max(memory.map_or(0, |memory| memory.peak_kib));
        });
        // An error means that the run is over.
        let _ = ended.await;
    }

    /// It has ended, whatever the reason: what it did last may be done over.
    pub(super) fn lost(&self, process: Process) {
        self.lock().alive.remove(&process);
        self.ledger.killed(process);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
