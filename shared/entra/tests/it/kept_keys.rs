//! Keys that outlive the process: when they are read, when they are written, and what is not believed.

use crate::support::{FIRST_KEY, FakeEntra, NEVER, SECOND_KEY, SHORT_TIMEOUT};
use async_trait::async_trait;
use entra::{KeepingError, KeptKeys, SigningKeys};
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use test_support::sample;
use time::{Duration, OffsetDateTime};
use wiremock::ResponseTemplate;

/// A place that several processes share.
#[derive(Default)]
struct Shelf {
    document: Mutex<Option<Vec<u8>>>,
    expires_at: Mutex<Option<OffsetDateTime>>,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Shelf {
    fn document(&self) -> Option<Vec<u8>> {
        self.document.lock().unwrap().clone()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.document().unwrap()).unwrap()
    }

    fn put(&self, document: &Value) {
        *self.document.lock().unwrap() = Some(document.to_string().into_bytes());
    }

    /// Reads and writes so far.
    fn counts(&self) -> (usize, usize) {
        (self.reads.load(Ordering::SeqCst), self.writes.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl KeptKeys for Shelf {
    async fn read(&self) -> Result<Option<Vec<u8>>, KeepingError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(self.document())
    }

    async fn write(&self, document: &[u8], expires_at: OffsetDateTime) -> Result<(), KeepingError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        *self.document.lock().unwrap() = Some(document.to_vec());
        *self.expires_at.lock().unwrap() = Some(expires_at);
        Ok(())
    }
}

/// A place that is down, or where somebody changed something.
struct Broken;

#[async_trait]
impl KeptKeys for Broken {
    async fn read(&self) -> Result<Option<Vec<u8>>, KeepingError> {
        Err("changed by somebody".into())
    }

    async fn write(&self, _: &[u8], _: OffsetDateTime) -> Result<(), KeepingError> {
        Err("down".into())
    }
}

/// A place that does not answer.
struct Hanging;

#[async_trait]
impl KeptKeys for Hanging {
    async fn read(&self) -> Result<Option<Vec<u8>>, KeepingError> {
        std::future::pending().await
    }

    async fn write(&self, _: &[u8], _: OffsetDateTime) -> Result<(), KeepingError> {
        std::future::pending().await
    }
}

/// A process that starts now.
async fn start(entra: &FakeEntra, kept: Arc<dyn KeptKeys>) -> SigningKeys {
    let keys = entra.keys().kept_in(kept);
    keys.warm_up().await;
    keys
}

async fn knows(keys: &SigningKeys, key_id: &str) -> bool {
    keys.matching(key_id).await.is_ok()
}

async fn fetches(entra: &FakeEntra) -> usize {
    entra.requests().await.len()
}

/// Two processes: the first one has fetched keys, then the authority went down.
async fn down_after_one_start() -> (FakeEntra, Arc<Shelf>) {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let shelf = Arc::new(Shelf::default());
    start(&entra, shelf.clone()).await;
    assert_eq!(shelf.counts(), (1, 1));
    entra.publish(ResponseTemplate::new(503)).await;
    (entra, shelf)
}

#[tokio::test]
async fn a_process_that_starts_while_the_authority_is_down_knows_the_keys() {
    let (entra, shelf) = down_after_one_start().await;
    entra.clock.advance(Duration::hours(5));
    let keys = start(&entra, shelf.clone()).await;
    assert!(knows(&keys, "first").await);
    assert_eq!((fetches(&entra).await, shelf.counts()), (1, (2, 1)));
    // They are as old as they are, not new.
    entra.clock.advance(Duration::hours(7));
    keys.refresh_if_due().await;
    assert_eq!(fetches(&entra).await, 2);
}

#[tokio::test]
async fn keys_that_are_known_are_neither_read_nor_written_again() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let shelf = Arc::new(Shelf::default());
    let keys = start(&entra, shelf.clone()).await;
    for _ in 0..100 {
        assert!(knows(&keys, "first").await);
        keys.refresh_if_due().await;
        entra.clock.advance(Duration::minutes(7));
    }
    // Made-up ids cause fetches, and nothing else as long as the keys are the same.
    let fresh = start(&entra, shelf.clone()).await;
    let forged = join_all((0..50).map(|_| fresh.matching("forged"))).await;
    assert!(forged.iter().all(Result::is_err));
    assert_eq!(fetches(&entra).await, 3);
    assert_eq!(shelf.counts().0, 2, "one read per start");
}

#[tokio::test]
async fn keys_are_written_when_they_are_new_or_those_kept_are_old() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk(), SECOND_KEY.jwk()]).await;
    let shelf = Arc::new(Shelf::default());
    start(&entra, shelf.clone()).await;
    assert_eq!(shelf.counts(), (1, 1));
    assert_eq!(*shelf.expires_at.lock().unwrap(), Some(sample::NOW + Duration::hours(24)));

    // The same keys in another order.
    entra.publish_keys(&[SECOND_KEY.jwk(), FIRST_KEY.jwk()]).await;
    entra.clock.advance(Duration::hours(6) - Duration::seconds(1));
    let keys = start(&entra, shelf.clone()).await;
    assert_eq!(shelf.counts(), (2, 1));
    entra.clock.advance(Duration::seconds(1));
    start(&entra, shelf.clone()).await;
    assert_eq!(shelf.counts(), (3, 2));

    // A process that runs writes what it finds out.
    entra.publish_keys(&[SECOND_KEY.jwk()]).await;
    entra.clock.advance(Duration::hours(12));
    keys.refresh_if_due().await;
    assert_eq!(shelf.counts(), (3, 3));
    assert_eq!(shelf.json()["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_what_counts_of_a_key_is_kept() {
    let entra = FakeEntra::start().await;
    let mut key = FIRST_KEY.jwk();
    key["x5c"] = json!(["MIIDBTCCAe2gAwIBAgIQ"]);
    key["issuer"] = json!(format!("{}/{{tenantid}}/v2.0", entra.server.uri()));
    key["cloud_instance_name"] = json!("microsoftonline.com");
    entra.publish_keys(&[key.clone()]).await;
    let shelf = Arc::new(Shelf::default());
    start(&entra, shelf.clone()).await;
    key.as_object_mut().unwrap().remove("x5c");
    let expected = json!({
        "url": entra.authority.signing_keys_url(),
        "fetched_at": sample::NOW.unix_timestamp(),
        "keys": [key],
    });
    assert_eq!(shelf.json(), expected);
}

#[tokio::test]
async fn keys_of_yesterday_are_not_used() {
    let (entra, shelf) = down_after_one_start().await;
    entra.clock.advance(Duration::hours(24) - Duration::seconds(1));
    let keys = start(&entra, shelf.clone()).await;
    assert!(knows(&keys, "first").await);
    entra.clock.advance(Duration::seconds(1));
    assert!(!knows(&keys, "first").await);
    assert!(!knows(&start(&entra, shelf).await, "first").await);
}

#[tokio::test]
async fn what_is_kept_of_something_else_is_not_used() {
    let (entra, shelf) = down_after_one_start().await;
    let good = shelf.json();
    let now = sample::NOW.unix_timestamp();
    for (changed, expected) in [
        (json!({}), true),
        (json!({"fetched_at": now + 300}), true),
        (json!({"fetched_at": now + 301}), false),
        (json!({"fetched_at": i64::MAX}), false),
        (json!({"url": "https://login.microsoftonline.com/organizations/discovery/v2.0/keys"}), false),
        (json!({"keys": []}), false),
        (json!({"keys": [{"kty": "oct", "kid": "first", "k": "AA"}]}), false),
        (json!({"keys": "first"}), false),
    ] {
        let mut document = good.clone();
        document.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        shelf.put(&document);
        assert_eq!(knows(&start(&entra, shelf.clone()).await, "first").await, expected, "{changed}");
    }
    shelf.put(&json!([]));
    assert!(!knows(&start(&entra, shelf).await, "first").await);
}

#[tokio::test]
async fn a_request_looks_at_what_is_kept_only_when_it_would_fail_otherwise() {
    let entra = FakeEntra::start().await;
    entra.publish(ResponseTemplate::new(503)).await;
    let shelf = Arc::new(Shelf::default());
    let keys = start(&entra, shelf.clone()).await;
    assert_eq!(shelf.counts(), (1, 0));
    let lookups = join_all((0..20).map(|_| keys.matching("first"))).await;
    assert!(lookups.iter().all(Result::is_err));
    assert_eq!((fetches(&entra).await, shelf.counts()), (2, (2, 0)), "one look for all of them");

    // Another process reached the authority meanwhile.
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    start(&entra, shelf.clone()).await;
    entra.publish(ResponseTemplate::new(503)).await;
    entra.clock.advance(Duration::seconds(1));
    assert!(knows(&keys, "first").await);
    assert_eq!((fetches(&entra).await, shelf.counts()), (1, (4, 1)));
}

#[tokio::test]
async fn a_place_that_fails_costs_nothing_but_its_use() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    assert!(knows(&start(&entra, Arc::new(Broken)).await, "first").await);
    entra.publish(ResponseTemplate::new(503)).await;
    assert!(!knows(&start(&entra, Arc::new(Broken)).await, "first").await);
}

#[tokio::test]
async fn a_place_that_does_not_answer_holds_up_a_start_no_longer_than_its_limit() {
    let mut entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    entra.timeout = SHORT_TIMEOUT;
    let started = tokio::time::timeout(NEVER, start(&entra, Arc::new(Hanging))).await.unwrap();
    assert!(knows(&started, "first").await);
}
