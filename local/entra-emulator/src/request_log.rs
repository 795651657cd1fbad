//! Who asked for what: a log a person can read and counters a test can compare. Token text never gets here.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use time::OffsetDateTime;

/// How many entries are kept; older ones are forgotten, the counters are not.
const CAPACITY: usize = 2_000;

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedRequest {
    /// Rises by one with every request; a reader of the log asks for what is above the last one it saw.
    pub number: u64,
    /// When it was answered, on the emulator's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// For example `token.on_behalf_of`, `token.refresh`, `graph.me`, `keys`, `discovery`.
    pub kind: String,
    /// User principal name, when the request got far enough to tell.
    pub user: Option<String>,
    /// Application that asked.
    pub client_id: Option<String>,
    /// HTTP status of the answer.
    pub status: u16,
    /// `AADSTS…` or the Graph error code.
    pub error: Option<String>,
    /// Time taken, scenario delays included.
    pub ms: u64,
    /// Whether a scenario answered instead of the service.
    pub scenario: bool,
    /// The `client-request-id` header or parameter.
    pub client_request_id: Option<String>,
    /// The `x-ms-throttle-priority` header.
    pub throttle_priority: Option<String>,
}

/// How requests of one kind ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// All of them.
    pub total: u64,
    /// Answered without an error.
    pub ok: u64,
    /// Answered with an error, in the body, the page or the redirect.
    pub refused: u64,
}

#[derive(Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<LoggedRequest>,
    counters: BTreeMap<String, Counter>,
    last_number: u64,
}

impl RequestLog {
    /// Adds an entry and gives it its number.
    pub(crate) fn add(&mut self, mut entry: LoggedRequest) {
        self.last_number += 1;
        entry.number = self.last_number;
        let counter = self.counters.entry(entry.kind.clone()).or_default();
        counter.total += 1;
        if entry.status < 400 && entry.error.is_none() {
            counter.ok += 1;
        } else {
            counter.refused += 1;
        }
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// The newest `limit` entries, oldest first.
    pub(crate) fn latest(&self, limit: usize) -> Vec<LoggedRequest> {
        self.entries.iter().skip(self.entries.len().saturating_sub(limit)).cloned().collect()
    }

    pub(crate) fn counters(&self) -> BTreeMap<String, Counter> {
        self.counters.clone()
    }

    /// Forgets entries and counters; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.counters.clear();
    }
}
