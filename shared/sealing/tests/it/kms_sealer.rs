//! Branch keys: made once, found by all, replaced in time, never given up by mistake.

use crate::deployment::{Deployment, ROTATION_DAYS, TABLE};
use domain::error::SealingError;
use domain::error::UnreadableCause::{self, Malformed, NotAuthentic, UnknownKey, UnknownVersion};
use domain::ports::{ItemAddress, Sealer};
use futures::future::join_all;
use proptest::prelude::*;
use sealing::{KmsSealer, LocalSealer, WrappingContext};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use time::Duration;
use tokio::sync::Barrier;

const FIRST_DAY: &str = "2126-03-04";
/// As long as a key is used before the table is looked at again.
const LOOK_AGAIN: Duration = Duration::hours(1);

fn address() -> ItemAddress {
    Deployment::address()
}

async fn seal(sealer: &KmsSealer) -> Vec<u8> {
    sealer.seal(&address(), b"tokens").await.unwrap()
}

async fn assert_opens(sealer: &KmsSealer, blob: &[u8]) {
    assert_eq!(sealer.open(&address(), blob).await.unwrap(), b"tokens");
}

async fn cause(sealer: &impl Sealer, address: &ItemAddress, blob: &[u8]) -> UnreadableCause {
    match sealer.open(address, blob).await {
        Err(SealingError::Unreadable { cause, .. }) => cause,
        other => unreachable!("{other:?}"),
    }
}

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, SealingError>, because: &str) {
    let error = result.unwrap_err();
    let SealingError::Unavailable { source: Some(source) } = &error else { unreachable!("{error:?}") };
    assert!(source.to_string().contains(because), "{source}");
}

/// The key that a blob names.
fn key_id(blob: &[u8]) -> &str {
    std::str::from_utf8(&blob[2..2 + usize::from(blob[1])]).unwrap()
}

#[tokio::test]
async fn the_first_use_makes_a_key_that_all_environments_find() {
    let deployment = Deployment::default();
    let (one, other) = (deployment.environment(), deployment.environment());
    let blob = seal(&one).await;
    assert_eq!(key_id(&blob), FIRST_DAY);
    assert_eq!(deployment.table.dates(), [FIRST_DAY]);
    assert_opens(&other, &blob).await;
    assert_opens(&one, &seal(&other).await).await;
    assert_eq!(deployment.kms.generated.load(SeqCst), 1);
    assert_eq!(deployment.kms.unwrapped.load(SeqCst), 1, "whoever made the key need not ask for it");
}

#[tokio::test]
async fn two_environments_that_make_the_first_key_at_once_end_up_with_one() {
    let deployment = Deployment::default();
    *deployment.kms.together.lock().unwrap() = Some(Arc::new(Barrier::new(2)));
    let (one, other) = (deployment.environment(), deployment.environment());
    let (first, second) = tokio::join!(seal(&one), seal(&other));
    assert_eq!(deployment.kms.generated.load(SeqCst), 2, "both were at it");
    assert_eq!(deployment.table.dates(), [FIRST_DAY]);
    for sealer in [&one, &other, &deployment.environment()] {
        assert_opens(sealer, &first).await;
        assert_opens(sealer, &second).await;
    }
}

#[tokio::test]
async fn many_at_once_cost_one_lookup() {
    let deployment = Deployment::default();
    let blob = seal(&deployment.environment()).await;
    let (reads, unwrapped) = (deployment.table.reads.load(SeqCst), deployment.kms.unwrapped.load(SeqCst));
    let cold = deployment.environment();
    let place = address();
    let opened = join_all((0..32).map(|_| cold.open(&place, &blob))).await;
    assert!(opened.iter().all(|opened| opened.as_deref().is_ok_and(|opened| opened == b"tokens")));
    assert_eq!(deployment.table.reads.load(SeqCst) - reads, 1);
    assert_eq!(deployment.kms.unwrapped.load(SeqCst) - unwrapped, 1);
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_for_it() {
    let deployment = Deployment::default();
    let blob = seal(&deployment.environment()).await;
    let cold = deployment.environment();
    let unwrapped = deployment.kms.unwrapped.load(SeqCst);
    deployment.kms.down.store(true, SeqCst);
    let place = address();
    for outcome in join_all((0..8).map(|_| cold.open(&place, &blob))).await {
        assert_unavailable(outcome, "unwrap: expected an answer");
    }
    assert_eq!(deployment.kms.unwrapped.load(SeqCst) - unwrapped, 1);
}

#[tokio::test]
async fn a_kms_that_is_down_makes_the_key_unavailable_until_it_is_back() {
    let deployment = Deployment::default();
    deployment.kms.down.store(true, SeqCst);
    let sealer = deployment.environment();
    assert_unavailable(sealer.seal(&address(), b"tokens").await, "generate: expected an answer");
    assert_eq!(deployment.table.dates(), [""; 0]);
    deployment.kms.down.store(false, SeqCst);
    let blob = seal(&sealer).await;

    let cold = deployment.environment();
    deployment.kms.down.store(true, SeqCst);
    assert_unavailable(cold.open(&address(), &blob).await, "unwrap");
    assert_unavailable(cold.seal(&address(), b"tokens").await, "unwrap");
    assert_opens(&sealer, &blob).await;
    deployment.kms.down.store(false, SeqCst);
    assert_opens(&cold, &blob).await;
}

#[tokio::test]
async fn a_key_is_replaced_in_time_and_what_it_sealed_still_opens() {
    let deployment = Deployment::default();
    let (one, other) = (deployment.environment(), deployment.environment());
    let old = seal(&one).await;
    assert_opens(&other, &old).await;

    deployment.clock.advance(Duration::days(i64::from(ROTATION_DAYS) - 1));
    assert_eq!(key_id(&seal(&one).await), FIRST_DAY);
    deployment.clock.advance(Duration::days(1));
    let new = seal(&one).await;
    assert_eq!(key_id(&new), "2126-06-02");
    assert_eq!(key_id(&seal(&other).await), "2126-06-02");
    assert_eq!(deployment.table.dates(), [FIRST_DAY, "2126-06-02"]);
    assert_eq!(deployment.kms.generated.load(SeqCst), 2);
    for sealer in [&one, &other, &deployment.environment()] {
        assert_opens(sealer, &old).await;
        assert_opens(sealer, &new).await;
        assert_opens(sealer, &old).await;
    }
}

#[tokio::test]
async fn environments_that_rotate_at_once_end_up_with_one_new_key() {
    let deployment = Deployment::default();
    let (one, other) = (deployment.environment(), deployment.environment());
    let old = seal(&one).await;
    assert_opens(&other, &old).await;
    deployment.clock.advance(Duration::days(i64::from(ROTATION_DAYS)));
    *deployment.kms.together.lock().unwrap() = Some(Arc::new(Barrier::new(2)));
    let (first, second) = tokio::join!(seal(&one), seal(&other));
    assert_eq!(deployment.table.dates(), [FIRST_DAY, "2126-06-02"]);
    assert_opens(&other, &first).await;
    assert_opens(&one, &second).await;
}

#[tokio::test]
async fn a_rotation_that_fails_leaves_the_old_key_in_use_until_the_next_look() {
    let deployment = Deployment::default();
    let sealer = deployment.environment();
    seal(&sealer).await;
    deployment.clock.advance(Duration::days(i64::from(ROTATION_DAYS)));
    deployment.kms.down.store(true, SeqCst);
    assert_eq!(key_id(&seal(&sealer).await), FIRST_DAY);
    assert_eq!(key_id(&seal(&sealer).await), FIRST_DAY);
    assert_eq!(deployment.kms.generated.load(SeqCst), 2, "one try per look");
    deployment.kms.down.store(false, SeqCst);
    deployment.clock.advance(LOOK_AGAIN);
    assert_eq!(key_id(&seal(&sealer).await), "2126-06-02");
}

#[tokio::test]
async fn a_table_that_is_down_takes_no_key_away() {
    let deployment = Deployment::default();
    let sealer = deployment.environment();
    let blob = seal(&sealer).await;
    deployment.table.down.store(true, SeqCst);
    deployment.clock.advance(LOOK_AGAIN * 2);
    assert_opens(&sealer, &blob).await;
    assert_opens(&sealer, &seal(&sealer).await).await;
    assert_unavailable(deployment.environment().open(&address(), &blob).await, "table");
    assert_unavailable(deployment.environment().seal(&address(), b"tokens").await, "table");
}

#[tokio::test]
async fn looking_again_asks_the_table_but_not_kms() {
    let deployment = Deployment::default();
    let sealer = deployment.environment();
    let blob = seal(&sealer).await;
    let reads = deployment.table.reads.load(SeqCst);
    assert_opens(&sealer, &blob).await;
    assert_eq!(deployment.table.reads.load(SeqCst), reads);
    deployment.clock.advance(LOOK_AGAIN);
    assert_opens(&sealer, &blob).await;
    assert_eq!(deployment.table.reads.load(SeqCst), reads + 1);
    assert_eq!(deployment.kms.unwrapped.load(SeqCst), 0);
}

#[tokio::test]
async fn a_key_whose_item_was_deleted_is_given_up_everywhere_within_the_hour() {
    let deployment = Deployment::default();
    let sealer = deployment.environment();
    let blob = seal(&sealer).await;
    deployment.table.items.lock().unwrap().clear();
    assert_eq!(cause(&*deployment.environment(), &address(), &blob).await, UnknownKey);
    deployment.clock.advance(LOOK_AGAIN);
    assert_eq!(cause(&*sealer, &address(), &blob).await, UnknownKey);

    // A new key of the same day is another key.
    let new = seal(&sealer).await;
    assert_eq!(key_id(&new), FIRST_DAY);
    assert_opens(&deployment.environment(), &new).await;
    cause(&*deployment.environment(), &address(), &blob).await;
}

#[tokio::test]
async fn a_key_item_that_was_tampered_with_is_no_reason_to_throw_tokens_away() {
    let deployment = Deployment::default();
    let blob = seal(&deployment.environment()).await;
    let intact = deployment.table.items.lock().unwrap().clone();
    for item in deployment.table.items.lock().unwrap().values_mut() {
        item.wrapped.push(0);
    }
    let sealer = deployment.environment();
    assert_unavailable(sealer.open(&address(), &blob).await, "it is not mine");
    assert_unavailable(sealer.seal(&address(), b"tokens").await, "it is not mine");
    *deployment.table.items.lock().unwrap() = intact;
    assert_opens(&sealer, &blob).await;
}

#[tokio::test]
async fn a_wrapped_key_is_bound_to_its_table_and_date() {
    let deployment = Deployment::default();
    let blob = seal(&deployment.environment()).await;
    let clock = Arc::new(deployment.clock.clone());
    let (keys, kms) = (deployment.table.clone(), deployment.kms.clone());
    let elsewhere = KmsSealer::new(keys, kms, "another".to_owned(), ROTATION_DAYS, clock);
    assert_unavailable(elsewhere.open(&address(), &blob).await, "it is not mine");

    let mut renamed = deployment.table.items.lock().unwrap().values().next().unwrap().clone();
    renamed.date = "2126-03-03".parse().unwrap();
    deployment.table.items.lock().unwrap().insert(renamed.date, renamed);
    let mut names_it = blob;
    names_it[2..12].copy_from_slice(b"2126-03-03");
    assert_unavailable(deployment.environment().open(&address(), &names_it).await, "it is not mine");
}

#[tokio::test]
async fn a_blob_of_another_source_is_unreadable_and_costs_no_request() {
    let deployment = Deployment::default();
    let sealer = deployment.environment();
    let blob = seal(&sealer).await;
    let reads = deployment.table.reads.load(SeqCst);
    let key = sealing::BranchKey::local(&"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".into()).unwrap();
    let local = LocalSealer::new(key);
    let of_local = local.seal(&address(), b"tokens").await.unwrap();
    assert_eq!(cause(&*sealer, &address(), &of_local).await, UnknownKey);
    assert_eq!(cause(&local, &address(), &blob).await, UnknownKey);
    assert_eq!(deployment.table.reads.load(SeqCst), reads);
}

#[tokio::test]
async fn every_flipped_bit_every_cut_and_every_move_is_noticed_with_its_cause() {
    let deployment = Deployment::default();
    let sealer = deployment.environment();
    let blob = seal(&sealer).await;
    let end_of_id = 2 + usize::from(blob[1]);
    for position in 0..blob.len() {
        for bit in 0..8 {
            let mut changed = blob.clone();
            changed[position] ^= 1 << bit;
            let found = cause(&*sealer, &address(), &changed).await;
            let expected: &[_] = match position {
                0 => &[UnknownVersion],
                // Another length makes another id of the same bytes, or leaves too few.
                1 => &[UnknownKey, Malformed],
                at if at < end_of_id => &[UnknownKey, Malformed],
                _ => &[NotAuthentic],
            };
            assert!(expected.contains(&found), "byte {position}, bit {bit}: {found:?}");
        }
        let cut = cause(&*sealer, &address(), &blob[..position]).await;
        assert!(matches!(cut, Malformed | NotAuthentic), "cut to {position}: {cut:?}");
    }
    for moved in [
        ItemAddress { table: "other".into(), ..address() },
        ItemAddress { partition_key: "ACCOUNT#ben".into(), ..address() },
        ItemAddress { sort_key: "TOKENS#other".into(), ..address() },
        ItemAddress { client_id: "other".into(), ..address() },
    ] {
        assert_eq!(cause(&*sealer, &moved, &blob).await, NotAuthentic);
    }
    assert_opens(&sealer, &blob).await;
}

#[tokio::test]
async fn however_many_keys_there_are_each_opens_its_blob() {
    let deployment = Deployment::default();
    let mut blobs = Vec::new();
    for _ in 0..12 {
        blobs.push(seal(&deployment.environment()).await);
        deployment.clock.advance(Duration::days(i64::from(ROTATION_DAYS)));
    }
    let sealer = deployment.environment();
    for _ in 0..2 {
        for blob in &blobs {
            assert_opens(&sealer, blob).await;
        }
    }
    assert_eq!(deployment.table.dates().len(), 12);
}

#[tokio::test]
async fn keys_are_never_printed() {
    let deployment = Deployment::default();
    let sealer = deployment.environment();
    seal(&sealer).await;
    let context = WrappingContext { table: TABLE, date: FIRST_DAY.parse().unwrap() };
    let generated = sealing::KeyWrapping::generate(&*deployment.kms, context).await.unwrap();
    let shown = format!("{sealer:?} {generated:?}");
    assert!(shown.contains("KeyMaterial { .. }") && !shown.contains("64, 64"), "{shown}");

    deployment.kms.down.store(true, SeqCst);
    let error = deployment.environment().seal(&address(), b"tokens").await.unwrap_err();
    let source = error.source().unwrap();
    assert_eq!(source.to_string(), "unwrap: expected an answer, got none");
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_unreadable_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let deployment = Deployment::default();
            cause(&*deployment.environment(), &address(), &bytes).await;
        });
    }

    #[test]
    fn a_changed_tail_behind_a_true_head_is_unreadable(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let deployment = Deployment::default();
            let sealer = deployment.environment();
            let mut blob = seal(&sealer).await;
            blob.truncate(2 + FIRST_DAY.len());
            blob.extend_from_slice(&tail);
            cause(&*sealer, &address(), &blob).await;
        });
    }
}
