//! Writers of tokens never lose each other's work.

use super::StoreFixture;
use crate::sample::{self, NOW, TTL};
use domain::account::StoredTokens;
use domain::error::StoreError;
use domain::ports::{PutTokensError, TokenWrite};
use std::sync::Arc;
use time::Duration;

fn replacing(version: u64, blob: &[u8]) -> TokenWrite {
    TokenWrite { expected_version: Some(version), ..sample::token_write(blob, NOW) }
}

/// The tokens that the write conflicts with.
fn conflict(result: Result<u64, PutTokensError>) -> Option<StoredTokens> {
    match result {
        Err(PutTokensError::Conflict(theirs)) => theirs,
        other => unreachable!("expected a conflict, got {other:?}"),
    }
}

async fn put(fixture: &StoreFixture, number: u32, write: TokenWrite) -> Result<u64, PutTokensError> {
    fixture.store.put_tokens(&sample::account(number), write).await
}

pub async fn an_unknown_account_is_empty(fixture: StoreFixture) {
    let record = fixture.load(1).await;
    assert!(record.tokens.is_none() && record.activity.is_none());
    assert!(record.profile.is_none() && record.tombstone.is_none());
}

pub async fn tokens_come_back_with_a_version_that_grows(fixture: StoreFixture) {
    assert_eq!(put(&fixture, 1, sample::token_write(b"first", NOW)).await.unwrap(), 1);
    let stored = fixture.load(1).await.tokens.unwrap();
    assert_eq!((stored.blob.as_slice(), stored.version), (b"first".as_slice(), 1));
    assert_eq!(stored.expires_at, NOW + TTL);

    assert_eq!(put(&fixture, 1, replacing(1, b"second")).await.unwrap(), 2);
    let stored = fixture.load(1).await.tokens.unwrap();
    assert_eq!((stored.blob.as_slice(), stored.version), (b"second".as_slice(), 2));
}

pub async fn a_writer_that_has_not_seen_the_present_version_conflicts_with_it(fixture: StoreFixture) {
    put(&fixture, 1, sample::token_write(b"first", NOW)).await.unwrap();
    put(&fixture, 1, replacing(1, b"second")).await.unwrap();

    for late in [sample::token_write(b"late", NOW), replacing(1, b"late"), replacing(7, b"late")] {
        let theirs = conflict(put(&fixture, 1, late).await).unwrap();
        assert_eq!((theirs.blob.as_slice(), theirs.version), (b"second".as_slice(), 2));
    }
    assert_eq!(fixture.load(1).await.tokens.unwrap().blob, b"second");
}

/// How many of eight writers at once get through.
async fn winners(fixture: &StoreFixture, write: impl Fn(u8) -> TokenWrite) -> Vec<u8> {
    let attempts: Vec<_> = (0..8)
        .map(|writer| {
            let (store, write) = (Arc::clone(&fixture.store), write(writer));
            tokio::spawn(async move { (writer, store.put_tokens(&sample::account(1), write).await) })
        })
        .collect();
    let mut winners = Vec::new();
    for attempt in attempts {
        let (writer, result) = attempt.await.unwrap();
        match result {
            Ok(_) => winners.push(writer),
            Err(PutTokensError::Conflict(theirs)) => assert!(theirs.is_some()),
            Err(PutTokensError::Store(error)) => unreachable!("expected a conflict, got {error}"),
        }
    }
    winners
}

pub async fn one_of_eight_concurrent_creators_wins(fixture: StoreFixture) {
    let winners = winners(&fixture, |writer| sample::token_write(&[writer], NOW)).await;
    assert_eq!(winners.len(), 1);
    let stored = fixture.load(1).await.tokens.unwrap();
    assert_eq!((stored.blob, stored.version), (winners, 1));
}

pub async fn one_of_eight_concurrent_replacements_wins(fixture: StoreFixture) {
    put(&fixture, 1, sample::token_write(b"first", NOW)).await.unwrap();
    let winners = winners(&fixture, |writer| replacing(1, &[writer])).await;
    assert_eq!(winners.len(), 1);
    let stored = fixture.load(1).await.tokens.unwrap();
    assert_eq!((stored.blob, stored.version), (winners, 2));
}

pub async fn replacing_what_is_not_there_conflicts_with_nothing(fixture: StoreFixture) {
    assert!(conflict(put(&fixture, 1, replacing(1, b"orphan")).await).is_none());
    assert!(fixture.load(1).await.tokens.is_none());
}

pub async fn a_blob_above_the_limit_is_refused_and_nothing_is_written(fixture: StoreFixture) {
    let limit = 64 * 1024;
    let result = put(&fixture, 1, sample::token_write(&vec![7; limit + 1], NOW)).await;
    assert!(
        matches!(result, Err(PutTokensError::Store(StoreError::TooLarge { bytes, limit: most }))
            if bytes == limit + 1 && most == limit),
        "{result:?}"
    );
    assert!(fixture.load(1).await.tokens.is_none());
    put(&fixture, 1, sample::token_write(&vec![7; limit], NOW)).await.unwrap();
    assert_eq!(fixture.load(1).await.tokens.unwrap().blob.len(), limit);
}

pub async fn a_request_overtaken_by_a_later_one_can_still_write(fixture: StoreFixture) {
    put(&fixture, 1, sample::token_write(b"later", NOW + Duration::seconds(2))).await.unwrap();
    let earlier = TokenWrite { begun_at: NOW, ..replacing(1, b"merged") };
    assert_eq!(put(&fixture, 1, earlier).await.unwrap(), 2);
    assert_eq!(fixture.load(1).await.tokens.unwrap().blob, b"merged");
}

pub async fn tokens_are_gone_at_the_second_of_their_end(fixture: StoreFixture) {
    put(&fixture, 1, sample::token_write(b"first", NOW)).await.unwrap();
    fixture.clock.set(NOW + TTL - Duration::SECOND);
    assert!(fixture.load(1).await.tokens.is_some());
    fixture.clock.set(NOW + TTL);
    assert!(fixture.load(1).await.tokens.is_none());
}

pub async fn the_life_of_tokens_is_extended_and_nothing_else_of_them(fixture: StoreFixture) {
    put(&fixture, 1, sample::token_write(b"first", NOW)).await.unwrap();
    let later = NOW + TTL + Duration::DAY;
    assert!(fixture.store.extend_tokens(&sample::account(1), 1, later).await.unwrap());
    fixture.clock.set(NOW + TTL);
    let stored = fixture.load(1).await.tokens.unwrap();
    assert_eq!((stored.blob.as_slice(), stored.version, stored.expires_at), (&b"first"[..], 1, later));
}

pub async fn tokens_that_changed_or_are_gone_are_not_extended(fixture: StoreFixture) {
    let (account, later) = (sample::account(1), NOW + TTL + Duration::DAY);
    assert!(!fixture.store.extend_tokens(&account, 1, later).await.unwrap());
    assert!(fixture.load(1).await.tokens.is_none());
    put(&fixture, 1, sample::token_write(b"first", NOW)).await.unwrap();
    put(&fixture, 1, replacing(1, b"second")).await.unwrap();
    assert!(!fixture.store.extend_tokens(&account, 1, later).await.unwrap());
    assert_eq!(fixture.load(1).await.tokens.unwrap().expires_at, NOW + TTL);
}

pub async fn expired_tokens_can_be_created_anew_with_a_new_version(fixture: StoreFixture) {
    put(&fixture, 1, sample::token_write(b"first", NOW)).await.unwrap();
    let now = NOW + TTL;
    fixture.clock.set(now);
    let version = put(&fixture, 1, sample::token_write(b"anew", now)).await.unwrap();
    let stored = fixture.load(1).await.tokens.unwrap();
    assert_eq!((stored.blob.as_slice(), stored.version), (b"anew".as_slice(), version));
    assert_eq!(stored.expires_at, now + TTL);
}

pub async fn tokens_of_two_users_are_never_mixed(fixture: StoreFixture) {
    put(&fixture, 1, sample::token_write(b"one", NOW)).await.unwrap();
    put(&fixture, 2, sample::token_write(b"two", NOW)).await.unwrap();
    put(&fixture, 2, replacing(1, b"two again")).await.unwrap();
    let (one, two) = (fixture.load(1).await.tokens.unwrap(), fixture.load(2).await.tokens.unwrap());
    assert_eq!((one.blob.as_slice(), one.version), (b"one".as_slice(), 1));
    assert_eq!((two.blob.as_slice(), two.version), (b"two again".as_slice(), 2));
    let (first, second) =
        (fixture.store.token_item(&sample::account(1)), fixture.store.token_item(&sample::account(2)));
    assert_ne!(first, second, "a blob sealed for one user must not open for another");
}
