//! What was opened once is not opened again, and what the table holds now is what counts.

use crate::fixture::Fixture;
use async_trait::async_trait;
use domain::error::SealingError;
use domain::opened_blobs::OpenedBlobs;
use domain::ports::{ItemAddress, Sealer};
use domain::read_profile::read_profile;
use domain::services::Services;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use time::Duration;

/// Counts what is opened.
struct CountingSealer {
    sealer: Arc<dyn Sealer>,
    opened: AtomicUsize,
}

#[async_trait]
impl Sealer for CountingSealer {
    async fn seal(&self, address: &ItemAddress, plaintext: &[u8]) -> Result<Vec<u8>, SealingError> {
        self.sealer.seal(address, plaintext).await
    }

    async fn open(&self, address: &ItemAddress, sealed: &[u8]) -> Result<Vec<u8>, SealingError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.sealer.open(address, sealed).await
    }
}

/// The services of a process of its own, and how often it opens a blob.
fn process(fixture: &Fixture) -> (Services, Arc<CountingSealer>) {
    let sealer =
        Arc::new(CountingSealer { sealer: fixture.services.sealer.clone(), opened: AtomicUsize::new(0) });
    let services = Services {
        sealer: sealer.clone(),
        opened: Arc::new(OpenedBlobs::of_present_users()),
        ..fixture.services.clone()
    };
    (services, sealer)
}

impl CountingSealer {
    fn opened(&self) -> usize {
        self.opened.swap(0, Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_blob_is_opened_once_however_often_it_is_read() {
    let fixture = Fixture::new();
    let (services, sealer) = process(&fixture);
    let caller = fixture.caller(1);
    for _ in 0..5 {
        read_profile(&services, &caller, None).await.unwrap();
    }
    assert_eq!(sealer.opened(), 1, "the first request found none, the second opened it");
    assert_eq!(fixture.exchange.calls().len(), 1);
}

#[tokio::test]
async fn after_a_quarter_of_an_hour_it_is_opened_again() {
    let fixture = Fixture::new();
    let (services, sealer) = process(&fixture);
    let caller = fixture.caller(1);
    for _ in 0..2 {
        read_profile(&services, &caller, None).await.unwrap();
    }
    assert_eq!(sealer.opened(), 1);
    fixture.clock.advance(Duration::minutes(15));
    read_profile(&services, &caller, None).await.unwrap();
    assert_eq!(sealer.opened(), 1);
}

#[tokio::test]
async fn what_another_process_wrote_is_opened_and_served() {
    let fixture = Fixture::new();
    let (ours, our_sealer) = process(&fixture);
    let (theirs, _) = process(&fixture);
    let caller = fixture.caller(1);
    for _ in 0..2 {
        read_profile(&ours, &caller, None).await.unwrap();
    }
    // Another session of the same user, elsewhere.
    fixture.clock.advance(Duration::seconds(1));
    let other_session = fixture.caller(1);
    read_profile(&theirs, &other_session, None).await.unwrap();
    our_sealer.opened();
    read_profile(&ours, &other_session, None).await.unwrap();
    assert_eq!((our_sealer.opened(), fixture.exchange.calls().len()), (1, 2), "found what they wrote");
}

#[tokio::test]
async fn what_was_erased_elsewhere_is_not_served_from_memory() {
    let fixture = Fixture::new();
    let (ours, _) = process(&fixture);
    let (theirs, _) = process(&fixture);
    let caller = fixture.caller(1);
    for _ in 0..2 {
        read_profile(&ours, &caller, None).await.unwrap();
    }
    read_profile(&theirs, &caller, None).await.unwrap();
    assert_eq!((ours.opened.len(), theirs.opened.len()), (1, 1));
    fixture.clock.advance(Duration::seconds(1));
    domain::background_access::end(&theirs, &caller).await.unwrap();
    assert!(theirs.opened.is_empty(), "whoever erases forgets");
    read_profile(&ours, &caller, None).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2, "traded in again");
    assert!(ours.opened.is_empty(), "whoever finds nothing forgets");
}
