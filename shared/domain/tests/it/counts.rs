//! Every way in which the cache helps or does not is counted by name.

use crate::fixture::{Fixture, INTERVAL};
use domain::error::{StoreError, TokenError};
use test_support::{StoreOperation, sample};
use time::Duration;

fn counted(fixture: &Fixture) -> Vec<(&'static str, u64)> {
    // How turns ended is in their reports.
    let counts =
        fixture.services.metrics.take().counts.into_iter().map(|(count, number)| (count.name(), number));
    let mut counts: Vec<_> = counts.filter(|(name, _)| !name.starts_with("account.")).collect();
    counts.sort_unstable();
    counts
}

#[tokio::test]
async fn hits_and_misses_tell_why() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(counted(&fixture), [("cache.miss.absent", 1), ("cache.write", 1), ("token.on_behalf_of", 1)]);

    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(counted(&fixture), [("cache.hit", 1)]);

    fixture.clock.advance(Duration::SECOND);
    fixture.read_profile(&fixture.caller(1)).await.unwrap();
    assert_eq!(
        counted(&fixture),
        [("cache.miss.other_session", 1), ("cache.write", 1), ("token.on_behalf_of", 1)]
    );

    fixture.clock.advance(Duration::hours(1));
    fixture.sweep().await;
    assert_eq!(counted(&fixture), [("cache.miss.expired", 1), ("cache.write", 1), ("token.refresh", 1)]);

    fixture.clock.advance(INTERVAL - Duration::minutes(10));
    fixture.services.store.set_brake(sample::TENANT, fixture.now() + Duration::HOUR).await.unwrap();
    fixture.clock.advance(Duration::minutes(10));
    fixture.sweep().await;
    assert_eq!(
        counted(&fixture),
        [("brake.held", 1), ("cache.miss.expired", 1)],
        "a request that was not sent did not fail"
    );
}

#[tokio::test]
async fn conflicts_and_busy_tables_are_counted() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    let theirs = fixture.record(1).await.tokens.unwrap().blob;
    counted(&fixture);
    fixture.clock.advance(Duration::SECOND);
    fixture.store.rival_writes_first(theirs);
    let busy = StoreError::Unavailable { operation: "put_tokens", source: None };
    fixture.store.fail_next(StoreOperation::PutTokens, busy);
    fixture.visit(1).await;
    assert_eq!(
        counted(&fixture),
        [
            ("cache.conflict", 1),
            ("cache.merge", 1),
            ("cache.miss.other_session", 1),
            ("cache.write", 1),
            ("cache.write_repeated", 1),
            ("token.on_behalf_of", 1),
        ]
    );
}

#[tokio::test]
async fn a_cache_that_is_too_large_fails_closed_and_is_counted() {
    let fixture = Fixture::new();
    let mut issued = sample::issued_tokens(1, sample::NOW);
    issued.refresh_token = Some(domain::token::RefreshToken::new("x".repeat(70_000)));
    fixture.exchange.push(Ok(issued));
    fixture.read_profile(&fixture.caller(1)).await.unwrap_err();
    assert!(fixture.record(1).await.tokens.is_none());
    assert_eq!(
        counted(&fixture),
        [("cache.miss.absent", 1), ("cache.too_large", 1), ("token.on_behalf_of", 1)]
    );
}

#[tokio::test]
async fn a_throttled_request_is_counted_once_and_the_brake_with_it() {
    let fixture = Fixture::new();
    fixture.exchange.push(Err(TokenError::Throttled { retry_after: None, code: None }));
    fixture.read_profile(&fixture.caller(1)).await.unwrap_err();
    assert_eq!(
        counted(&fixture),
        [
            ("brake.on", 1),
            ("cache.miss.absent", 1),
            ("token.failed.throttled", 1),
            ("token.on_behalf_of_failed", 1),
        ]
    );
}
