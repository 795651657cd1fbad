//! Hands records of the queue to the function, as an event source mapping of Lambda does.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use super::EventBus;
use super::queue::{Delivery, sqs_event};
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::Future;
use tokio::sync::watch;
use tokio::task::JoinSet;

impl EventBus {
    /// Invokes `function` with batches of records until `stop` turns true, then lets the invocations under way end.
    /// Records that it does not report as failed are deleted; the others come back after their visibility timeout.
    pub async fn run<F, R>(self, function: F, mut stop: watch::Receiver<bool>)
    where
        F: Fn(Value) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Value, String>> + Send + 'static,
    {
        let mut invocations = JoinSet::new();
        let mut changes = self.shared.changed.subscribe();
        loop {
            changes.borrow_and_update();
            // Before looking: what comes into sight meanwhile is then still ahead of it, and wakes this up.
            let looked_at = self.now();
            while invocations.len() < self.shared.max_concurrency {
                let batch = self.receive();
                if batch.is_empty() {
                    break;
                }
                let invocation = Invocation { bus: self.clone(), batch };
                let function = function.clone();
                // A panic of the function ends its task, and not this one.
                invocations.spawn(async move {
                    let answer = function(sqs_event(&invocation.batch)).await;
                    invocation.end(&answer);
                });
            }
            let next_visible = self.next_visible(looked_at);
            tokio::select! {
                // An error means that the stack was dropped, which is a stop too.
                _ = stop.wait_for(|stop| *stop) => break,
                // Never an error: `self` has the sender.
                _ = changes.changed() => {}
                Some(_) = invocations.join_next() => {}
                () = self.time_comes(next_visible) => {}
            }
        }
        while invocations.join_next().await.is_some() {}
    }

    async fn time_comes(&self, instant: Option<time::OffsetDateTime>) {
        match instant {
            Some(instant) => self.shared.clock.reaches(instant).await,
            None => std::future::pending().await,
        }
    }
}

/// Under way until it is dropped, which a panic of the function does too.
struct Invocation {
    bus: EventBus,
    batch: Vec<Delivery>,
}

impl Invocation {
    fn end(self, answer: &Result<Value, String>) {
        let failed = match answer {
            Ok(answer) => failures(answer, &self.batch),
            Err(error) => {
                tracing::warn!(event = "queue.function_failed", records = self.batch.len(), error);
                None
            }
        };
        let Some(failed) = failed else { return };
        let done = self.batch.iter().filter(|delivery| !failed.contains(delivery.id.as_str()));
        self.bus.delete(done.map(|delivery| delivery.receipt.as_str()));
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        self.bus.end_invocation();
    }
}

/// The ids of the records that failed; `None`: all of them, because the answer makes no sense.
fn failures<'a>(answer: &'a Value, batch: &[Delivery]) -> Option<BTreeSet<&'a str>> {
    let listed = match answer {
        Value::Null => return Some(BTreeSet::new()),
        Value::Object(answer) => match answer.get("batchItemFailures") {
            None | Some(Value::Null) => return Some(BTreeSet::new()),
            Some(Value::Array(listed)) => Some(listed),
            Some(_) => None,
        },
        _ => None,
    };
    let ids = listed.and_then(|listed| {
        let known = |id: &&str| batch.iter().any(|delivery| delivery.id == **id);
        listed.iter().map(|item| item.get("itemIdentifier")?.as_str().filter(known)).collect()
    });
    if ids.is_none() {
        tracing::warn!(event = "queue.senseless_answer", expected = "{\"batchItemFailures\": […]}");
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::super::entry::BusEvent;
    use super::super::{BusOptions, Faults};
    use super::*;
    use crate::clock::OffsetClock;
    use domain::identity::Pseudonyms;
    use serde_json::json;
    use std::sync::{Arc, Mutex};
    use time::{Duration, OffsetDateTime};
    use tokio::sync::Semaphore;

    const HIDDEN_SECONDS: i64 = 600;

    /// A bus whose records a stub works on.
    struct Lab {
        bus: EventBus,
        clock: OffsetClock,
        seen: Arc<Mutex<Vec<Value>>>,
        stop: watch::Sender<bool>,
        worker: tokio::task::JoinHandle<()>,
    }

    impl Lab {
        /// The stub decides by the records of its batch.
        fn start(
            options: BusOptions,
            stub: impl Fn(&[Value]) -> Result<Value, String> + Clone + Send + Sync + 'static,
        ) -> Self {
            Self::with(options, move |records| {
                let stub = stub.clone();
                async move { stub(&records) }
            })
        }

        fn with<R>(
            options: BusOptions,
            stub: impl Fn(Vec<Value>) -> R + Clone + Send + Sync + 'static,
        ) -> Self
        where
            R: Future<Output = Result<Value, String>> + Send + 'static,
        {
            let clock = OffsetClock::default();
            let options = BusOptions { visibility_timeout: Duration::seconds(HIDDEN_SECONDS), ..options };
            let bus = EventBus::new(&options, clock.clone(), Pseudonyms::new("salt"));
            let seen = Arc::new(Mutex::new(Vec::new()));
            let log = seen.clone();
            let function = move |event: Value| {
                let records = event["Records"].as_array().unwrap().clone();
                log.lock().unwrap().extend(records.iter().cloned());
                stub(records)
            };
            let stop = watch::Sender::new(false);
            let worker = tokio::spawn(bus.clone().run(function, stop.subscribe()));
            Self { bus, clock, seen, stop, worker }
        }

        fn put(&self, tasks: std::ops::Range<u32>) {
            for number in tasks {
                let detail = json!({ "number": number }).to_string();
                let entry =
                    json!({ "Source": "shared-token-cache", "DetailType": "SweepShard", "Detail": detail });
                self.bus.take(BusEvent::read(&entry, OffsetDateTime::UNIX_EPOCH)).unwrap();
            }
        }

        fn pass_timeout(&self) {
            self.clock.advance(HIDDEN_SECONDS).unwrap();
        }

        /// The tasks that the stub has seen, in the order of delivery.
        fn seen(&self) -> Vec<u64> {
            self.seen.lock().unwrap().iter().map(number).collect()
        }

        fn ids(&self, name: &str) -> BTreeSet<String> {
            let seen = self.seen.lock().unwrap();
            seen.iter()
                .map(|record| match name {
                    "messageId" => record["messageId"].as_str().unwrap().to_owned(),
                    _ => event(record)["id"].as_str().unwrap().to_owned(),
                })
                .collect()
        }

        /// Completes when so many deliveries have been seen and the rest is quiet.
        async fn settled_after(&self, deliveries: usize) {
            let mut changes = self.bus.shared.changed.subscribe();
            while self.seen.lock().unwrap().len() < deliveries {
                changes.changed().await.unwrap();
            }
            self.bus.settled().await;
        }

        async fn stop(self) {
            self.stop.send_replace(true);
            self.worker.await.unwrap();
        }
    }

    fn event(record: &Value) -> Value {
        serde_json::from_str(record["body"].as_str().unwrap()).unwrap()
    }

    fn number(record: &Value) -> u64 {
        event(record)["detail"]["number"].as_u64().unwrap()
    }

    fn one_at_a_time() -> BusOptions {
        BusOptions { max_concurrency: 1, ..BusOptions::default() }
    }

    fn failed<'a>(records: impl Iterator<Item = &'a Value>) -> Value {
        let items: Vec<Value> =
            records.map(|record| json!({ "itemIdentifier": record["messageId"] })).collect();
        json!({ "batchItemFailures": items })
    }

    #[expect(clippy::unnecessary_wraps, reason = "the queue's function may fail")]
    fn all_done(_: &[Value]) -> Result<Value, String> {
        Ok(json!({ "batchItemFailures": [] }))
    }

    #[tokio::test]
    async fn every_task_is_delivered_once_and_deleted() {
        let lab = Lab::start(one_at_a_time(), all_done);
        lab.put(0..5);
        lab.bus.settled().await;
        lab.pass_timeout();
        lab.bus.settled().await;
        assert_eq!(lab.seen(), [0, 1, 2, 3, 4]);
        let state = lab.bus.state();
        assert_eq!((state.done, state.hidden, state.dead_letters.len()), (5, 0, 0));
        lab.stop().await;
    }

    #[tokio::test]
    async fn failed_records_of_a_batch_come_back_alone() {
        let first_time = |record: &&Value| record["attributes"]["ApproximateReceiveCount"] == "1";
        let lab = Lab::start(BusOptions { batch_size: 10, ..one_at_a_time() }, move |records| {
            Ok(failed(records.iter().filter(|record| number(record) == 1).filter(first_time)))
        });
        lab.put(0..3);
        lab.settled_after(3).await;
        let state = lab.bus.state();
        assert_eq!((state.done, state.hidden), (2, 1));
        lab.pass_timeout();
        lab.settled_after(4).await;
        assert_eq!(lab.seen(), [0, 1, 2, 1]);
        assert_eq!(lab.bus.state().hidden, 0);
        lab.stop().await;
    }

    #[tokio::test]
    async fn an_error_of_the_function_fails_the_whole_batch_until_it_is_dead() {
        let options = BusOptions { batch_size: 2, max_receive_count: 3, ..one_at_a_time() };
        let lab = Lab::start(options, |_| Err("broken".to_owned()));
        lab.put(0..2);
        for round in 1..=3 {
            lab.settled_after(2 * round).await;
            assert!(lab.bus.state().dead_letters.is_empty());
            lab.pass_timeout();
        }
        lab.bus.settled().await;
        let state = lab.bus.state();
        assert_eq!((state.hidden, state.waiting, state.done), (0, 0, 0));
        let dead: Vec<_> =
            state.dead_letters.iter().map(|letter| letter.body["detail"]["number"].clone()).collect();
        assert_eq!(dead, [json!(0), json!(1)]);
        assert_eq!(lab.seen(), [0, 1, 0, 1, 0, 1]);
        lab.stop().await;
    }

    #[tokio::test]
    async fn a_panic_of_the_function_is_a_failure_too() {
        let lab = Lab::with(one_at_a_time(), |records| async move {
            assert_ne!(records[0]["attributes"]["ApproximateReceiveCount"], "1", "a panic on purpose");
            Ok(Value::Null)
        });
        lab.put(0..1);
        lab.settled_after(1).await;
        assert_eq!(lab.bus.state().hidden, 1);
        lab.pass_timeout();
        lab.settled_after(2).await;
        assert_eq!(lab.bus.state().hidden, 0);
        lab.stop().await;
    }

    #[tokio::test]
    async fn no_more_invocations_run_at_once_than_allowed() {
        let gate = Arc::new(Semaphore::new(0));
        let waiting = gate.clone();
        let lab = Lab::with(BusOptions { max_concurrency: 3, ..BusOptions::default() }, move |_| {
            let gate = waiting.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(Value::Null)
            }
        });
        lab.put(0..5);
        let mut changes = lab.bus.shared.changed.subscribe();
        while lab.bus.state().invocations < 3 {
            changes.changed().await.unwrap();
        }
        assert_eq!((lab.bus.state().waiting, lab.seen().len()), (2, 3));
        gate.add_permits(5);
        lab.settled_after(5).await;
        assert_eq!(lab.bus.state().done, 5);
        lab.stop().await;
    }

    #[tokio::test]
    async fn double_delivery_is_two_messages_of_one_event() {
        let lab = Lab::start(one_at_a_time(), all_done);
        lab.bus.set_faults(Faults { deliver_twice: true, ..Faults::default() });
        lab.put(0..2);
        lab.bus.settled().await;
        assert_eq!(lab.seen(), [0, 0, 1, 1]);
        assert_eq!((lab.ids("messageId").len(), lab.ids("id").len()), (4, 2));
        lab.stop().await;
    }

    #[tokio::test]
    async fn a_delayed_task_comes_when_its_time_has_come() {
        let lab = Lab::start(one_at_a_time(), all_done);
        lab.bus.set_faults(Faults { delay_seconds: 3600, ..Faults::default() });
        lab.put(0..1);
        lab.bus.settled().await;
        assert_eq!((lab.seen().len(), lab.bus.state().hidden), (0, 1));
        lab.clock.advance(3600).unwrap();
        lab.settled_after(1).await;
        lab.stop().await;
    }

    #[tokio::test]
    async fn what_came_last_can_be_delivered_first() {
        let options =
            BusOptions { faults: Faults { newest_first: true, ..Faults::default() }, ..one_at_a_time() };
        let lab = Lab::start(options, all_done);
        // All are there before the worker gets its turn: this test's runtime has one thread.
        lab.put(0..4);
        lab.bus.settled().await;
        assert_eq!(lab.seen(), [3, 2, 1, 0]);
        lab.stop().await;
    }

    #[tokio::test]
    async fn a_task_may_put_the_next_one() {
        let bus: Arc<Mutex<Option<EventBus>>> = Arc::default();
        let handle = bus.clone();
        let lab = Lab::start(one_at_a_time(), move |records| {
            let next = number(&records[0]) + 1;
            if next < 4 {
                let detail = json!({ "number": next }).to_string();
                let entry =
                    json!({ "Source": "shared-token-cache", "DetailType": "SweepShard", "Detail": detail });
                let event = BusEvent::read(&entry, OffsetDateTime::UNIX_EPOCH);
                handle.lock().unwrap().as_ref().unwrap().take(event).unwrap();
            }
            Ok(Value::Null)
        });
        *bus.lock().unwrap() = Some(lab.bus.clone());
        lab.put(0..1);
        lab.bus.settled().await;
        assert_eq!(lab.seen(), [0, 1, 2, 3]);
        lab.stop().await;
    }

    #[test]
    fn an_answer_that_makes_no_sense_fails_all() {
        let clock = OffsetClock::default();
        let bus = EventBus::new(&BusOptions::default(), clock, Pseudonyms::new("salt"));
        bus.lock().queue.send("{}".to_owned(), OffsetDateTime::UNIX_EPOCH, OffsetDateTime::UNIX_EPOCH);
        let batch = bus.receive();
        let id = batch[0].id.clone();
        for none in
            [json!(null), json!({}), json!({ "batchItemFailures": null }), json!({ "batchItemFailures": [] })]
        {
            assert_eq!(failures(&none, &batch), Some(BTreeSet::new()), "{none}");
        }
        let one = json!({ "batchItemFailures": [{ "itemIdentifier": id }] });
        assert_eq!(failures(&one, &batch).unwrap(), BTreeSet::from([id.as_str()]));
        for senseless in [
            json!("text"),
            json!({ "batchItemFailures": "all" }),
            json!({ "batchItemFailures": [{}] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": null }] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": id }, { "itemIdentifier": "unknown" }] }),
        ] {
            assert_eq!(failures(&senseless, &batch), None, "{senseless}");
        }
        assert!(failures(&json!(null), &batch).is_some());
    }
}
