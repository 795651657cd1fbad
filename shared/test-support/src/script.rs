//! Answers that a test gives in advance, and a gate at which callers can be made to wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore};

type Responder<C, A> = Box<dyn Fn(&C) -> A + Send + Sync>;

/// Records the calls and answers them: first from the queue, then by the rule; panics when it has neither.
pub struct Script<C, A> {
    state: Mutex<State<C, A>>,
    gate: Semaphore,
    called: Notify,
}

struct State<C, A> {
    calls: Vec<C>,
    answers: VecDeque<A>,
    responder: Option<Responder<C, A>>,
    held: bool,
}

impl<C, A> Default for Script<C, A> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                calls: Vec::new(),
                answers: VecDeque::new(),
                responder: None,
                held: false,
            }),
            gate: Semaphore::new(0),
            called: Notify::new(),
        }
    }
}

impl<C: Clone + std::fmt::Debug, A> Script<C, A> {
    /// The next unanswered call gets this.
    pub fn push(&self, answer: A) {
        self.state().answers.push_back(answer);
    }

    /// Calls beyond the queue are answered by `responder`.
    pub fn respond_with(&self, responder: impl Fn(&C) -> A + Send + Sync + 'static) {
        self.state().responder = Some(Box::new(responder));
    }

    pub fn calls(&self) -> Vec<C> {
        self.state().calls.clone()
    }

    /// Makes callers wait from now on, each until one [`Self::release_one`].
    pub fn hold(&self) {
        self.state().held = true;
    }

    /// Lets one waiting caller through.
    pub fn release_one(&self) {
        self.gate.add_permits(1);
    }

    /// Returns when this many calls have come in, waiting ones included.
    pub async fn until_called(&self, times: usize) {
        loop {
            let called = self.called.notified();
            if self.state().calls.len() >= times {
                return;
            }
            called.await;
        }
    }

    pub(crate) async fn answer(&self, call: C) -> A {
        let held = {
            let mut state = self.state();
            state.calls.push(call.clone());
            state.held
        };
        self.called.notify_waiters();
        if held {
            let permit = self.gate.acquire().await.expect("the gate is never closed");
            permit.forget();
        }
        let mut state = self.state();
        if let Some(answer) = state.answers.pop_front() {
            return answer;
        }
        let Some(responder) = &state.responder else { Self::refuse(&call) };
        responder(&call)
    }

    #[expect(clippy::panic, reason = "a call that the test did not expect must fail that test")]
    fn refuse(call: &C) -> ! {
        panic!("a call came without an answer prepared: {call:?}")
    }

    fn state(&self) -> MutexGuard<'_, State<C, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
