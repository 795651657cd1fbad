//! Stands on both sides of every request of a worker, and stops the world at the chosen one.

use crate::exchange::Exchange;
use crate::kills::boundary::{Side, Strike};
use crate::proxy::{Answer, Guard, Verdict};
use crate::tally::Tally;
use crate::trace::Trace;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// Shared by the proxies before the authority and before the worker's table.
pub(crate) struct Gate {
    pub(crate) trace: Trace,
    tally: Arc<Tally>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often each step was reached on each side since the gate was set.
    seen: BTreeMap<(String, Side), u32>,
    /// The steps as they were reached first.
    order: Vec<String>,
    strike: Option<Strike>,
    /// Told when the strike has been reached.
    reached: Option<oneshot::Sender<()>>,
    /// True when whoever waits at the gate may go.
    released: Option<watch::Receiver<bool>>,
    granted: u64,
    stored: u64,
}

/// Holds the request or answer that was struck until this is dropped or told.
pub(crate) struct Release(watch::Sender<bool>);

impl Release {
    pub(crate) fn go(self) {
        self.0.send_replace(true);
    }
}

impl Gate {
    pub(crate) fn new(tally: Arc<Tally>) -> Arc<Self> {
        Arc::new(Self { trace: Trace::default(), tally, state: Mutex::default() })
    }

    /// Lets everything pass and counts the steps from now on.
    pub(crate) fn watch(&self) {
        self.trace.restart();
        let mut state = self.state();
        state.seen.clear();
        state.order.clear();
        state.strike = None;
        (state.granted, state.stored) = (0, 0);
    }

    /// Strikes once. The receiver hears when it has; what was struck then waits for the release.
    pub(crate) fn arm(&self, strike: Strike) -> (oneshot::Receiver<()>, Release) {
        self.watch();
        let (reached, hears) = oneshot::channel();
        let (release, released) = watch::channel(false);
        let mut state = self.state();
        state.strike = Some(strike);
        state.reached = Some(reached);
        state.released = Some(released);
        (hears, Release(release))
    }

    /// The steps since the gate was set, in the order in which they were first reached, and how often each was.
    pub(crate) fn steps(&self) -> Vec<(String, u32)> {
        let state = self.state();
        let count =
            |step: &String| state.seen.get(&(step.clone(), Side::Before)).copied().unwrap_or_default();
        state.order.iter().map(|step| (step.clone(), count(step))).collect()
    }

    /// Token requests granted, and token items written, since the gate was set.
    pub(crate) fn granted_and_stored(&self) -> (u64, u64) {
        let state = self.state();
        (state.granted, state.stored)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts, and waits when this is what is to be struck. `true`: the connection is to be closed.
    async fn pass(&self, step: &str, side: Side) -> bool {
        let (reached, released) = {
            let mut state = self.state();
            if !state.order.iter().any(|known| known == step) {
                state.order.push(step.to_owned());
            }
            let count = state.seen.entry((step.to_owned(), side)).or_default();
            *count += 1;
            let nth = *count;
            let is_it = |strike: &Strike| strike.step == step && strike.side == side && strike.nth == nth;
            if !state.strike.as_ref().is_some_and(is_it) {
                return false;
            }
            state.strike = None;
            (state.reached.take(), state.released.take())
        };
        self.trace.note(&format!("{step}  struck {side}"));
        if let Some(reached) = reached {
            // Nobody listens any more when the run has failed meanwhile.
            let _ = reached.send(());
        }
        if let Some(mut released) = released {
            let _ = released.wait_for(|released| *released).await;
        }
        true
    }
}

#[async_trait]
impl Guard for Gate {
    async fn before(&self, exchange: &Exchange) -> Verdict {
        if self.pass(&exchange.step, Side::Before).await { Verdict::HangUp } else { Verdict::Pass }
    }

    async fn after(&self, exchange: &Exchange, answer: &Answer) -> Verdict {
        self.trace.note(&format!("{}  {}", exchange.step, answer.status));
        if answer.status.is_success() {
            let mut state = self.state();
            if exchange.is_token_request() {
                state.granted += 1;
            } else if exchange.step == "put tokens" {
                state.stored += 1;
            }
        }
        if exchange.is_token_request() {
            self.tally.add("token requests", format!("{} {}", exchange.step, answer.status.as_u16()));
        }
        if self.pass(&exchange.step, Side::After).await { Verdict::HangUp } else { Verdict::Pass }
    }
}
