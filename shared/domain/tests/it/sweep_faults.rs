//! What goes wrong while users are away, and that it stays with the account it belongs to.

use crate::fixture::{Fixture, INTERVAL};
use domain::account::{AccountStatus, FailureClass, TurnOutcome};
use domain::error::{GraphError, StoreError, TokenError, UnavailableKind};
use domain::event::DomainEvent;
use domain::ports::{AccountStore as _, ActivityUpdate, Clock as _};
use domain::sweep_accounts::{AccountTarget, sweep_one};
use domain::token::IssuedTokens;
use domain::token_cache::GrantContext;
use test_support::{ExchangeCall, StoreOperation, sample};
use time::Duration;

fn revoked() -> TokenError {
    TokenError::UserNeeded {
        error: "invalid_grant".to_owned(),
        code: Some(50173),
        suberror: Some("basic_action".to_owned()),
        claims: Some("{\"access_token\":{}}".to_owned()),
    }
}

/// Refreshes of user `number` fail with `error`; everything else works.
fn fail_refreshes_of(fixture: &Fixture, number: u32, error: impl Fn() -> TokenError + Send + Sync + 'static) {
    let clock = fixture.clock.clone();
    fixture.exchange.respond_with(move |call| match call {
        ExchangeCall::Refresh { account, .. } if *account == sample::account(number) => Err(error()),
        _ => Ok(IssuedTokens { home_account: None, ..sample::issued_tokens(1, clock.now()) }),
    });
}

#[tokio::test]
async fn a_revoked_user_is_parked_with_the_reason_and_the_others_go_on() {
    let fixture = Fixture::new();
    for number in 1..=3 {
        fixture.visit(number).await;
    }
    fixture.clock.advance(Duration::hours(2));
    fail_refreshes_of(&fixture, 2, revoked);
    let (report, _) = fixture.sweep().await;
    assert_eq!((report.of(TurnOutcome::Acted), report.of(TurnOutcome::NeedsUser)), (2, 1));
    let activity = fixture.record(2).await.activity.unwrap();
    assert_eq!(activity.status, AccountStatus::NeedsUser);
    assert_eq!(activity.due_at, None);
    let failure = activity.failure.unwrap();
    assert_eq!(failure.class, FailureClass::UserNeeded);
    assert_eq!((failure.code, failure.suberror.as_deref()), (Some(50173), Some("basic_action")));
    assert_eq!(failure.claims.as_deref(), Some("{\"access_token\":{}}"));
    assert!(fixture.events.events().iter().any(
        |event| matches!(event, DomainEvent::AccountNeedsUser { account, .. } if *account == sample::account(2))
    ));
}

#[tokio::test]
async fn a_parked_account_costs_nothing_until_its_user_signs_in_again() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    fixture.exchange.push(Err(revoked()));
    fixture.sweep().await;
    let calls = fixture.exchange.calls().len();
    fixture.clock.advance(Duration::days(2));
    let (report, _) = fixture.sweep().await;
    assert!(report.outcomes.is_empty());
    assert_eq!(fixture.exchange.calls().len(), calls);

    fixture.visit(1).await;
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!((activity.status, activity.failure), (AccountStatus::Active, None));
    fixture.go_away();
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
}

#[tokio::test]
async fn a_user_who_signs_in_during_their_turn_is_not_parked_by_it() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    fixture.exchange.push(Err(revoked()));
    fixture.exchange.hold();
    let sweep = fixture.start_sweep();
    fixture.exchange.until_called(2).await;
    let update = ActivityUpdate { returned: true, ..sample::activity_update(1, fixture.clock.now()) };
    fixture.store.record_activity(&sample::account(1), update).await.unwrap();
    fixture.exchange.release_one();
    sweep.await.unwrap();
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!((activity.status, activity.failure), (AccountStatus::Active, None));
    assert!(activity.due_at.is_some());
    let told =
        fixture.events.events().iter().any(|event| matches!(event, DomainEvent::AccountNeedsUser { .. }));
    assert!(!told, "nobody is told of a need that is met");
}

#[tokio::test]
async fn a_refresh_token_that_somebody_else_has_just_renewed_parks_nobody() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    fixture.exchange.hold();
    let sweep = fixture.start_sweep();
    fixture.exchange.until_called(2).await;
    // Another environment, with its own view of what is under way, renews the same token first.
    let mut other = domain::token_cache::open_account(&fixture.services, &sample::account(1)).await.unwrap();
    let now = fixture.clock.now();
    let theirs = IssuedTokens { home_account: None, ..sample::issued_tokens(1, now) };
    let context = GrantContext {
        tenant_id: sample::TENANT,
        object_id: sample::account(1).object_id,
        obtained_for: None,
        begun_at: now,
    };
    other.record_issued(&fixture.services, &theirs, &context).await.unwrap();
    fixture.exchange.push(Err(revoked()));
    fixture.exchange.release_one();
    let report = sweep.await.unwrap();
    assert_eq!(report.of(TurnOutcome::Acted), 1, "{report:?}");
    assert_eq!(fixture.exchange.calls().len(), 2, "their token serves, nobody asks again");
}

#[tokio::test]
async fn a_parked_users_old_session_does_not_bring_the_account_back() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.clock.advance(Duration::minutes(10));
    for _ in 0..2 {
        fixture.profiles.push(Err(GraphError::Unauthorized { claims: Some("{}".to_owned()) }));
    }
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::NeedsUser), 1);
    fixture.clock.advance(Duration::minutes(10));
    fixture.read_profile(&caller).await.unwrap();
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!((activity.status, activity.due_at), (AccountStatus::NeedsUser, None));
}

#[tokio::test]
async fn a_parked_user_asked_for_by_hand_is_reported_and_left_alone() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    fixture.exchange.push(Err(revoked()));
    fixture.sweep().await;
    let calls = fixture.exchange.calls().len();
    let target = AccountTarget::Id(sample::account(1));
    let turns = sweep_one(&fixture.services, &Fixture::worker(), &target).await.unwrap();
    assert_eq!(turns[0].outcome, TurnOutcome::NeedsUser);
    assert_eq!(turns[0].failure.as_ref().unwrap().code, Some(50173));
    assert_eq!(fixture.exchange.calls().len(), calls);
}

#[tokio::test]
async fn a_corrupt_blob_parks_the_account_as_missing_its_tokens() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.store.damage_tokens(&sample::account(1), b"rubbish");
    fixture.go_away();
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::MissingTokens), 1);
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!(activity.status, AccountStatus::NeedsUser);
    assert_eq!(activity.failure.unwrap().class, FailureClass::MissingTokens);
}

#[tokio::test]
async fn a_failure_that_passes_backs_off_and_is_forgotten_when_it_passed() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    let mut last_pause = Duration::ZERO;
    for attempt in 1..=3 {
        // Within one turn it is asked twice.
        for _ in 0..2 {
            fixture.exchange.push(Err(TokenError::Unavailable {
                expected: "tokens",
                kind: UnavailableKind::Down,
                retry_after: None,
                source: None,
            }));
        }
        let (report, turns) = fixture.sweep().await;
        assert_eq!(report.of(TurnOutcome::RetryLater), 1);
        assert_eq!(turns[0].attempt, attempt);
        let activity = fixture.record(1).await.activity.unwrap();
        assert_eq!((activity.status, activity.failure_count), (AccountStatus::Failing, attempt));
        let pause = activity.due_at.unwrap() - fixture.clock.now();
        assert!(pause > last_pause / 2_i32 && pause >= Duration::seconds(30), "{pause}");
        last_pause = pause;
        fixture.clock.set(activity.due_at.unwrap());
    }
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!((activity.status, activity.failure_count, activity.failure), (AccountStatus::Active, 0, None));
}

#[tokio::test]
async fn throttling_waits_at_least_as_long_as_it_was_asked_to() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    let asked = Duration::minutes(20);
    fixture.exchange.push(Err(TokenError::Throttled { retry_after: Some(asked), code: None }));
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Throttled), 1);
    let activity = fixture.record(1).await.activity.unwrap();
    assert!(activity.due_at.unwrap() >= fixture.clock.now() + asked);
}

#[tokio::test]
async fn our_own_rejected_credential_stops_the_sweep_and_parks_nobody() {
    let fixture = Fixture::new();
    for number in 1..=60 {
        fixture.visit(number).await;
    }
    fixture.clock.advance(Duration::hours(2));
    let before = fixture.exchange.calls().len();
    fixture.exchange.respond_with(|_| {
        Err(TokenError::ApplicationRejected { error: "invalid_client".to_owned(), code: Some(7_000_215) })
    });
    let (report, _) = fixture.sweep().await;
    assert!(report.stopped_early);
    assert!(report.of(TurnOutcome::CredentialFault) >= 1);
    let attempts = fixture.exchange.calls().len() - before;
    assert!(attempts <= 8, "no more than were in flight, got {attempts}");
    for number in 1..=60 {
        let activity = fixture.record(number).await.activity.unwrap();
        assert_eq!(activity.status, AccountStatus::Active);
        assert!(activity.due_at.unwrap() <= fixture.clock.now());
    }
}

#[tokio::test]
async fn a_cached_token_that_graph_refuses_is_renewed_within_the_turn() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    fixture.profiles.push(Err(GraphError::Unauthorized { claims: None }));
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
    assert!(matches!(fixture.exchange.calls().last(), Some(ExchangeCall::Refresh { .. })));
}

#[tokio::test]
async fn a_challenge_that_a_renewed_token_does_not_meet_parks_with_its_claims() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    for _ in 0..2 {
        fixture.profiles.push(Err(GraphError::Unauthorized { claims: Some("{\"acrs\":1}".to_owned()) }));
    }
    let (report, turns) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::NeedsUser), 1);
    assert_eq!(turns[0].failure.as_ref().unwrap().claims.as_deref(), Some("{\"acrs\":1}"));
}

#[tokio::test]
async fn a_challenge_of_a_revoked_user_is_reported_with_entras_reason() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    fixture.profiles.push(Err(GraphError::Unauthorized { claims: Some("{}".to_owned()) }));
    fixture.exchange.push(Err(revoked()));
    let (_, turns) = fixture.sweep().await;
    assert_eq!(turns[0].failure.as_ref().unwrap().code, Some(50173));
}

#[tokio::test]
async fn a_store_that_fails_in_one_turn_does_not_stop_the_others() {
    let fixture = Fixture::new();
    for number in 1..=5 {
        fixture.visit(number).await;
    }
    fixture.go_away();
    for operation in [StoreOperation::Claim, StoreOperation::Load, StoreOperation::FinishTurn] {
        fixture.store.fail_next(operation, StoreError::Unavailable { operation: "test", source: None });
    }
    let (report, _) = fixture.sweep().await;
    let failed = report.of(TurnOutcome::RetryLater);
    assert!((2..=3).contains(&failed), "{report:?}");
    assert_eq!(report.of(TurnOutcome::Acted) + failed, 5);
    fixture.clock.advance(Duration::minutes(10));
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.outcomes.values().sum::<u64>(), failed, "each of them has its turn again");
}

#[tokio::test]
async fn events_that_do_not_get_out_cost_no_work() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    fixture.events.fail_next(100);
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
    fixture.clock.advance(INTERVAL);
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.outcomes.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn a_store_that_is_busy_for_a_moment_loses_no_refresh_token() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    for _ in 0..3 {
        fixture.store.fail_next(
            StoreOperation::PutTokens,
            StoreError::Unavailable { operation: "put_tokens", source: None },
        );
    }
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1, "{report:?}");
    assert_eq!(fixture.record(1).await.tokens.unwrap().version, 2);
}
