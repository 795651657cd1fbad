//! An event bus, a queue and what connects it to the function, as EventBridge, SQS and Lambda do it in a deployment.
//!
//! `PutEvents` comes in over HTTP, so that the product's own client is used. Tasks of the sweep go into a queue in memory
//! and from there to the function; everything else is kept for whoever wants to look. As at Amazon, each task is delivered
//! at least once: a consumer that cannot stand a second delivery is wrong, and [`Faults`] bring that to light.
//!
//! Other than at Amazon, nothing outlives the process, and a record's `md5OfBody` is left out.

mod entry;
mod faults;
mod put_events;
mod queue;
mod rule;
mod worker;

pub use faults::Faults;
pub use queue::DeadLetter;

use crate::clock::OffsetClock;
use domain::identity::{HomeAccountId, Pseudonyms};
use domain::ports::Clock as _;
use entry::{BusEvent, EntryFailure};
use queue::{Delivery, Queue, QueueSettings};
use rule::Rule;
use serde::Serialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;
use wiring::SWEEP_SHARD;

/// The bus that a stack of its own has; `EVENT_BUS_NAME` says so.
pub(crate) const LOCAL_BUS: &str = "local";

/// What this product's events come from.
const SOURCE: &str = "shared-token-cache";

/// The rule of `template.yaml`.
const SWEEP_TASKS: Rule = Rule { sources: &[SOURCE], detail_types: &[SWEEP_SHARD] };

/// How many events are kept for looking at, the newest ones.
const KEPT_EVENTS: usize = 200;

/// How bus, queue and function are connected. The default is what `template.yaml` makes.
#[derive(Debug, Clone, Copy)]
pub struct BusOptions {
    /// How long a record that was handed to the function is hidden from others. A record that failed comes back after it.
    /// Above the function's time limit, or a second worker gets what the first is still at.
    pub visibility_timeout: Duration,
    /// How often a record is handed out before it counts as undeliverable.
    pub max_receive_count: u32,
    /// Records that one invocation gets at most.
    pub batch_size: usize,
    /// Invocations at the same time.
    pub max_concurrency: usize,
    pub faults: Faults,
}

impl Default for BusOptions {
    fn default() -> Self {
        Self {
            visibility_timeout: Duration::minutes(30),
            max_receive_count: 5,
            batch_size: 1,
            max_concurrency: 8,
            faults: Faults::default(),
        }
    }
}

/// What is on its way, and what has been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BusState {
    /// Records that nobody has or that may be handed out again.
    pub waiting: usize,
    /// Records that are hidden: with the function, failed a short while ago, or not to be delivered yet.
    pub hidden: usize,
    /// Invocations under way.
    pub invocations: usize,
    /// Entries that were taken, refused, and records that were deleted since the start.
    pub taken: u64,
    pub refused: u64,
    pub done: u64,
    pub dead_letters: Vec<DeadLetter>,
    pub faults: Faults,
}

/// A bus with one rule, its queue and the queue's dead letters. Clones are the same bus.
#[derive(Clone)]
pub struct EventBus {
    shared: Arc<Shared>,
}

impl fmt::Debug for EventBus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("EventBus").field(&self.state()).finish()
    }
}

struct Shared {
    clock: OffsetClock,
    pseudonyms: Pseudonyms,
    batch_size: usize,
    max_concurrency: usize,
    inner: Mutex<Inner>,
    /// Told whenever `inner` changes.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Inner {
    queue: Queue,
    events: VecDeque<Value>,
    faults: Faults,
    invocations: usize,
    /// Entries that came in, good or bad.
    entries: u64,
    taken: u64,
    refused: u64,
    done: u64,
}

impl EventBus {
    /// The time is told by `clock`; `pseudonyms` are what accounts are called in the log.
    pub fn new(options: &BusOptions, clock: OffsetClock, pseudonyms: Pseudonyms) -> Self {
        let queue = Queue::new(QueueSettings {
            visibility_timeout: options.visibility_timeout,
            max_receive_count: options.max_receive_count,
        });
        let inner = Inner {
            queue,
            events: VecDeque::new(),
            faults: options.faults,
            invocations: 0,
            entries: 0,
            taken: 0,
            refused: 0,
            done: 0,
        };
        Self {
            shared: Arc::new(Shared {
                clock,
                pseudonyms,
                batch_size: options.batch_size.max(1),
                max_concurrency: options.max_concurrency.max(1),
                inner: Mutex::new(inner),
                changed: watch::Sender::new(()),
            }),
        }
    }

    /// What has been published, oldest first; the last 200, without the sweep's own tasks.
    pub fn events(&self) -> Vec<Value> {
        self.lock().events.iter().cloned().collect()
    }

    pub fn state(&self) -> BusState {
        let now = self.now();
        let inner = self.lock();
        let waiting = inner.queue.visible(now);
        BusState {
            waiting,
            hidden: inner.queue.len() - waiting,
            invocations: inner.invocations,
            taken: inner.taken,
            refused: inner.refused,
            done: inner.done,
            dead_letters: inner.queue.dead_letters().cloned().collect(),
            faults: inner.faults,
        }
    }

    /// From now on; `Faults::default()` ends them. Records that are in the queue stay as they are.
    pub fn set_faults(&self, faults: Faults) {
        self.change(|inner| inner.faults = faults);
    }

    /// Completes when no record can be handed out and no invocation is under way. Records may still wait for their time:
    /// those that failed, and those that are delayed. Only for a bus whose queue is being worked on.
    pub async fn settled(&self) {
        let mut changes = self.shared.changed.subscribe();
        loop {
            changes.borrow_and_update();
            let state = self.state();
            if state.waiting == 0 && state.invocations == 0 {
                return;
            }
            // Never an error: `self` has the sender.
            let _ = changes.changed().await;
        }
    }

    /// Takes an entry of a `PutEvents` request, or says why not.
    fn take(&self, entry: Result<BusEvent, EntryFailure>) -> Result<String, EntryFailure> {
        let now = self.now();
        let result = self.change(|inner| {
            inner.entries += 1;
            let result =
                if inner.faults.refuses(inner.entries) { Err(EntryFailure::throttled()) } else { entry };
            match &result {
                Ok(_) => inner.taken += 1,
                Err(_) => inner.refused += 1,
            }
            let event = result?;
            let (id, json) = (event.id.clone(), event.to_json());
            if SWEEP_TASKS.matches(&event) {
                for _ in 0..inner.faults.deliveries() {
                    inner.queue.send(json.to_string(), now, now + inner.faults.delay());
                }
            } else {
                if inner.events.len() == KEPT_EVENTS {
                    inner.events.pop_front();
                }
                inner.events.push_back(json.clone());
            }
            Ok((id, event, json))
        });
        let (id, event, json) = result?;
        if event.source == SOURCE && !SWEEP_TASKS.matches(&event) {
            self.log(&event, &json);
        }
        Ok(id)
    }

    /// One line per event, with the account under its pseudonym, as where there is no bus.
    fn log(&self, event: &BusEvent, json: &Value) {
        let mut detail = json.get("detail").cloned().unwrap_or_default();
        if let Some(account) = detail.get_mut("account") {
            let name = account.as_str().and_then(|text| text.parse::<HomeAccountId>().ok());
            *account = name.map_or(Value::Null, |name| Value::String(self.shared.pseudonyms.of(&name)));
        }
        tracing::info!(event.name = event.detail_type, event.detail = %detail, "event");
    }

    /// The next batch, if there is one. Its invocation counts as under way until [`EventBus::end_invocation`].
    fn receive(&self) -> Vec<Delivery> {
        let (now, most) = (self.now(), self.shared.batch_size);
        let mut inner = self.lock();
        let newest_first = inner.faults.newest_first;
        let dead_before = inner.queue.dead();
        let batch = inner.queue.receive(now, most, newest_first);
        inner.invocations += usize::from(!batch.is_empty());
        let changed = !batch.is_empty() || inner.queue.dead() != dead_before;
        drop(inner);
        if changed {
            self.shared.changed.send_replace(());
        }
        batch
    }

    fn end_invocation(&self) {
        self.change(|inner| inner.invocations -= 1);
    }

    /// These records are done with.
    fn delete<'a>(&self, receipts: impl Iterator<Item = &'a str>) {
        self.change(|inner| {
            for receipt in receipts {
                inner.done += u64::from(inner.queue.delete(receipt));
            }
        });
    }

    fn next_visible(&self, after: OffsetDateTime) -> Option<OffsetDateTime> {
        self.lock().queue.next_visible(after)
    }

    fn now(&self) -> OffsetDateTime {
        self.shared.clock.now()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let result = change(&mut self.lock());
        self.shared.changed.send_replace(());
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
