//! A standard queue of SQS: at least once, hidden while somebody has it, aside after too many tries. Time is passed in.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>

use super::entry::{ACCOUNT, REGION};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How many dead letters are kept, the newest ones.
const KEPT_DEAD_LETTERS: usize = 200;

#[derive(Debug, Clone, Copy)]
pub(super) struct QueueSettings {
    pub(super) visibility_timeout: Duration,
    pub(super) max_receive_count: u32,
}

#[derive(Debug)]
pub(super) struct Queue {
    settings: QueueSettings,
    /// Oldest first.
    messages: Vec<Message>,
    dead: VecDeque<DeadLetter>,
    dead_count: u64,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
    sent_at: OffsetDateTime,
    visible_at: OffsetDateTime,
    first_received_at: Option<OffsetDateTime>,
    receive_count: u32,
    /// Of the last delivery; earlier ones delete nothing any more.
    receipt: Option<String>,
}

/// One delivery of a message.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) receipt: String,
    body: String,
    sent_at: OffsetDateTime,
    first_received_at: OffsetDateTime,
    receive_count: u32,
}

/// A message that was handed out as often as it may be and never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    pub message_id: String,
    pub receive_count: u32,
    /// The EventBridge event.
    pub body: Value,
}

impl Queue {
    pub(super) fn new(settings: QueueSettings) -> Self {
        Self { settings, messages: Vec::new(), dead: VecDeque::new(), dead_count: 0 }
    }

    /// A message that nobody sees before `visible_at`.
    pub(super) fn send(&mut self, body: String, now: OffsetDateTime, visible_at: OffsetDateTime) {
        self.messages.push(Message {
            id: Uuid::new_v4().to_string(),
            body,
            sent_at: now,
            visible_at,
            first_received_at: None,
            receive_count: 0,
            receipt: None,
        });
    }

    /// Up to `most` messages, which are hidden from now on for the visibility timeout. Those that have had all their tries
    /// become dead letters instead.
    pub(super) fn receive(&mut self, now: OffsetDateTime, most: usize, newest_first: bool) -> Vec<Delivery> {
        let settings = self.settings;
        let is_spent = |message: &Message| {
            message.visible_at <= now && message.receive_count >= settings.max_receive_count
        };
        for message in self.messages.extract_if(.., |message| is_spent(message)) {
            if self.dead.len() == KEPT_DEAD_LETTERS {
                self.dead.pop_front();
            }
            self.dead_count += 1;
            self.dead.push_back(message.into());
        }
        let visible = self.messages.iter_mut().filter(|message| message.visible_at <= now);
        let deliver = |message: &mut Message| message.deliver(now, settings.visibility_timeout);
        if newest_first {
            visible.rev().take(most).map(deliver).collect()
        } else {
            visible.take(most).map(deliver).collect()
        }
    }

    /// `false` for a receipt that is not that of the last delivery of a message.
    pub(super) fn delete(&mut self, receipt: &str) -> bool {
        let before = self.messages.len();
        self.messages.retain(|message| message.receipt.as_deref() != Some(receipt));
        self.messages.len() < before
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// How many could be received.
    pub(super) fn visible(&self, now: OffsetDateTime) -> usize {
        self.messages.iter().filter(|message| message.visible_at <= now).count()
    }

    /// When the next of the hidden messages can be received.
    pub(super) fn next_visible(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        self.messages.iter().map(|message| message.visible_at).filter(|at| *at > now).min()
    }

    pub(super) fn dead_letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.dead.iter()
    }

    /// How many there have been.
    pub(super) fn dead(&self) -> u64 {
        self.dead_count
    }
}

impl Message {
    fn deliver(&mut self, now: OffsetDateTime, hidden_for: Duration) -> Delivery {
        self.receive_count += 1;
        self.visible_at = now + hidden_for;
        let receipt = Uuid::new_v4().to_string();
        self.receipt = Some(receipt.clone());
        Delivery {
            id: self.id.clone(),
            receipt,
            body: self.body.clone(),
            sent_at: self.sent_at,
            first_received_at: *self.first_received_at.get_or_insert(now),
            receive_count: self.receive_count,
        }
    }
}

impl From<Message> for DeadLetter {
    fn from(message: Message) -> Self {
        let body = serde_json::from_str(&message.body).unwrap_or(Value::String(message.body));
        Self { message_id: message.id, receive_count: message.receive_count, body }
    }
}

/// What the function gets. <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
pub(super) fn sqs_event(batch: &[Delivery]) -> Value {
    let records: Vec<Value> = batch.iter().map(Delivery::to_record).collect();
    json!({ "Records": records })
}

impl Delivery {
    fn to_record(&self) -> Value {
        let milliseconds = |time: OffsetDateTime| (time.unix_timestamp_nanos() / 1_000_000).to_string();
        json!({
            "messageId": self.id,
            "receiptHandle": self.receipt,
            "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": self.receive_count.to_string(),
                "SentTimestamp": milliseconds(self.sent_at),
                "SenderId": ACCOUNT,
                "ApproximateFirstReceiveTimestamp": milliseconds(self.first_received_at),
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:sweep-tasks"),
            "awsRegion": REGION,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: Duration = Duration::seconds(60);

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn queue(bodies: &[&str]) -> Queue {
        let mut queue = Queue::new(QueueSettings { visibility_timeout: HIDDEN, max_receive_count: 3 });
        for body in bodies {
            queue.send((*body).to_owned(), at(0), at(0));
        }
        queue
    }

    fn bodies(batch: &[Delivery]) -> Vec<&str> {
        batch.iter().map(|delivery| delivery.body.as_str()).collect()
    }

    #[test]
    fn what_was_received_is_hidden_until_its_timeout() {
        let mut queue = queue(&["1"]);
        let first = queue.receive(at(10), 1, false);
        assert_eq!(bodies(&first), ["1"]);
        assert!(queue.receive(at(69), 1, false).is_empty());
        assert_eq!(queue.next_visible(at(69)), Some(at(70)));
        let second = queue.receive(at(70), 1, false);
        assert_eq!(bodies(&second), ["1"]);
        assert_eq!((&first[0].id, first[0].receive_count), (&second[0].id, 1));
        assert_eq!(second[0].receive_count, 2);
    }

    #[test]
    fn only_the_last_receipt_deletes() {
        let mut queue = queue(&["1"]);
        let first = queue.receive(at(0), 1, false);
        let second = queue.receive(at(60), 1, false);
        assert!(!queue.delete(&first[0].receipt));
        assert_eq!(queue.len(), 1);
        assert!(queue.delete(&second[0].receipt));
        assert!(!queue.delete(&second[0].receipt));
        assert_eq!((queue.len(), queue.next_visible(at(0))), (0, None));
    }

    #[test]
    fn what_is_never_deleted_becomes_a_dead_letter() {
        let mut queue = queue(&["{\"id\":7}", "2"]);
        for round in 0..3 {
            let batch = queue.receive(at(60 * round), 2, false);
            assert_eq!(batch.len(), if round == 0 { 2 } else { 1 });
            if round == 0 {
                assert!(queue.delete(&batch[1].receipt));
            }
        }
        assert_eq!(queue.dead(), 0, "a third try is not yet a failed one");
        assert!(queue.receive(at(179), 2, false).is_empty() && queue.dead() == 0);
        assert!(queue.receive(at(180), 2, false).is_empty());
        let dead: Vec<_> = queue.dead_letters().collect();
        assert_eq!((dead.len(), dead[0].receive_count, &dead[0].body), (1, 3, &json!({ "id": 7 })));
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn messages_come_in_order_or_the_other_way_round() {
        assert_eq!(bodies(&queue(&["1", "2", "3"]).receive(at(0), 2, false)), ["1", "2"]);
        assert_eq!(bodies(&queue(&["1", "2", "3"]).receive(at(0), 2, true)), ["3", "2"]);
    }

    #[test]
    fn a_delayed_message_waits_for_its_time() {
        let mut queue = queue(&[]);
        queue.send("late".to_owned(), at(0), at(5));
        assert_eq!((queue.visible(at(4)), queue.visible(at(5))), (0, 1));
        assert!(queue.receive(at(4), 1, false).is_empty());
        assert_eq!(bodies(&queue.receive(at(5), 1, false)), ["late"]);
    }

    #[test]
    fn a_record_has_what_lambda_gives() {
        let mut queue = queue(&["body"]);
        queue.receive(at(1), 1, false);
        let event = sqs_event(&queue.receive(at(100), 1, false));
        let record = &event["Records"][0];
        assert_eq!((&record["body"], &record["eventSource"]), (&json!("body"), &json!("aws:sqs")));
        let attributes = &record["attributes"];
        assert_eq!(attributes["ApproximateReceiveCount"], "2");
        assert_eq!(attributes["SentTimestamp"], "0");
        assert_eq!(attributes["ApproximateFirstReceiveTimestamp"], "1000");
    }
}
