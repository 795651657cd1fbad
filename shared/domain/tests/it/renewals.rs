//! Renewing a token that is still good, because Entra suggested it (`refresh_in`).

use crate::fixture::Fixture;
use domain::counters::Count;
use domain::error::TokenError;
use domain::read_profile::read_profile;
use test_support::sample;
use time::Duration;

/// From here on every environment renews, whatever its jitter.
const SURELY_DUE: Duration = Duration::minutes(30);

/// Signed in, with a token that lives for a day and is to be renewed after 20 minutes.
async fn renewal_due_after_20_minutes() -> (Fixture, domain::caller::Caller) {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    let mut issued = sample::issued_tokens(1, sample::NOW);
    issued.expires_at = sample::NOW + Duration::DAY;
    issued.refresh_at = Some(sample::NOW + Duration::minutes(20));
    issued.home_account = None;
    fixture.exchange.push(Ok(issued));
    fixture.read_profile(&caller).await.unwrap();
    (fixture, caller)
}

#[tokio::test]
async fn environments_renew_at_different_moments_around_the_suggested_one() {
    let mut renewed = 0;
    for _ in 0..8 {
        let (fixture, caller) = renewal_due_after_20_minutes().await;
        fixture.clock.advance(Duration::minutes(14));
        for _ in 0..4 {
            fixture.read_profile(&caller).await.unwrap();
        }
        assert_eq!(fixture.exchange.calls().len(), 1, "six minutes before it is too early for all");
        fixture.clock.advance(SURELY_DUE - Duration::minutes(14));
        fixture.read_profile(&caller).await.unwrap();
        assert_eq!(fixture.exchange.calls().len(), 2);
        renewed += fixture.services.metrics.of(Count::RenewalDue);
    }
    assert_eq!(renewed, 8);

    // At the very moment it is a matter of chance.
    let (fixture, caller) = renewal_due_after_20_minutes().await;
    fixture.clock.advance(Duration::minutes(20));
    for _ in 0..64 {
        fixture.read_profile(&caller).await.unwrap();
    }
    let asked_at_once = fixture.exchange.calls().len();
    assert_eq!(asked_at_once, 2, "once renewed, the new token is used");
}

#[tokio::test]
async fn a_renewal_that_cannot_end_in_time_is_left_to_a_later_request() {
    let (fixture, caller) = renewal_due_after_20_minutes().await;
    fixture.clock.advance(SURELY_DUE);
    let deadline = sample::NOW + SURELY_DUE + Duration::seconds(15);
    read_profile(&fixture.services, &caller, Some(deadline)).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 1);
    assert_eq!(fixture.services.metrics.of(Count::Hit), 1);

    let deadline = sample::NOW + SURELY_DUE + Duration::seconds(30);
    read_profile(&fixture.services, &caller, Some(deadline)).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2);
}

#[tokio::test]
async fn whatever_hinders_a_renewal_the_token_is_still_good() {
    let throttled = TokenError::Throttled { retry_after: None, code: None };
    let rejected = TokenError::ApplicationRejected { error: "invalid_client".to_owned(), code: None };
    for error in [throttled, rejected, TokenError::StaleAssertion { code: Some(500_133) }] {
        let (fixture, caller) = renewal_due_after_20_minutes().await;
        fixture.clock.advance(SURELY_DUE);
        fixture.exchange.push(Err(error));
        fixture.read_profile(&caller).await.unwrap();
        assert_eq!(fixture.services.metrics.of(Count::NotRenewed), 1);
    }
}

#[tokio::test]
async fn a_refusal_of_the_user_counts_although_the_token_is_still_good() {
    let (fixture, caller) = renewal_due_after_20_minutes().await;
    fixture.clock.advance(SURELY_DUE);
    fixture.exchange.push(Err(TokenError::UserNeeded {
        error: "invalid_grant".to_owned(),
        code: Some(50_173),
        suberror: None,
        claims: None,
    }));
    fixture.read_profile(&caller).await.unwrap_err();
}

#[tokio::test]
async fn a_rejected_credential_stops_the_sweep_although_the_token_is_still_good() {
    let (fixture, _) = renewal_due_after_20_minutes().await;
    fixture.clock.advance(SURELY_DUE);
    fixture.exchange.push(Err(TokenError::ApplicationRejected {
        error: "invalid_client".to_owned(),
        code: Some(7_000_222),
    }));
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(domain::account::TurnOutcome::CredentialFault), 1);
    assert!(report.stopped_early);
}
