//! Users who are away.

use crate::fixture::{Fixture, INTERVAL, Turns};
use domain::account::{AccountStatus, DueAccount, TurnOutcome};
use domain::event::DomainEvent;
use domain::identity::HomeAccountId;
use domain::obtain_token::TokenSource;
use domain::ports::{AccountStore, FetchedProfile};
use domain::profile::Profile;
use domain::sweep_accounts::{AccountTarget, Worker, sweep_accounts, sweep_one};
use domain::token::IssuedTokens;
use domain::turn::take_turn;
use std::sync::Arc;
use test_support::{ExchangeCall, StoreOperation, sample};
use time::Duration;

#[tokio::test]
async fn a_user_who_is_still_here_is_left_alone() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::seconds(29));
    let (report, turns) = fixture.sweep().await;
    assert!(report.outcomes.is_empty() && turns.is_empty());
}

#[tokio::test]
async fn an_absent_user_gets_a_turn_with_the_cached_token() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    let (report, turns) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
    assert_eq!(turns[0].token_source, Some(TokenSource::Cache));
    let key = fixture.profiles.calls().last().unwrap().idempotency_key.clone();
    assert!(key.unwrap().starts_with(&sample::account(1).to_string()));
    let record = fixture.record(1).await;
    assert_eq!(record.profile.unwrap().profile, sample::profile(1));
    let activity = record.activity.unwrap();
    assert_eq!(activity.last_activity, sample::NOW, "the sweep's own work is not activity");
    assert_eq!(activity.due_at, Some(activity.last_sweep.unwrap().at + INTERVAL));
    assert!(activity.lease.is_none());
}

#[tokio::test]
async fn an_unchanged_account_with_a_good_token_costs_one_read_a_claim_and_a_finish() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    fixture.sweep().await;
    // The second turn, half an hour on, on the token from the visit.
    fixture.clock.advance(Duration::minutes(30));
    fixture.store.reset_calls();
    let due =
        DueAccount { account: sample::account(1), due_at: sample::NOW + Duration::seconds(31) + INTERVAL };
    let turn = take_turn(&fixture.services, "worker", None, due).await;
    assert_eq!((turn.outcome, turn.token_source), (TurnOutcome::Unchanged, Some(TokenSource::Cache)));
    assert_eq!(fixture.store.calls(StoreOperation::Load), 1);
    assert_eq!(fixture.store.calls(StoreOperation::Claim), 1);
    assert_eq!(fixture.store.calls(StoreOperation::FinishTurn), 1);
    assert_eq!((fixture.store.reads(), fixture.store.writes()), (1, 2));
}

#[tokio::test]
async fn an_expired_token_is_renewed_and_the_new_refresh_token_kept() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    let (report, turns) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
    assert_eq!(turns[0].token_source, Some(TokenSource::Refresh));
    fixture.clock.advance(Duration::hours(2));
    fixture.sweep().await;
    let refresh_tokens: Vec<String> = fixture
        .exchange
        .calls()
        .into_iter()
        .filter_map(|call| match call {
            ExchangeCall::Refresh { refresh_token, .. } => Some(refresh_token),
            ExchangeCall::OnBehalfOf { .. } => None,
        })
        .collect();
    let first = sample::NOW.unix_timestamp();
    assert_eq!(refresh_tokens, [format!("refresh-1-{first}"), format!("refresh-1-{}", first + 7200)]);
}

#[tokio::test]
async fn a_guests_token_is_renewed_in_the_visited_tenant_for_the_account_at_home() {
    let fixture = Fixture::new();
    let home = HomeAccountId::new(
        sample::account(1).object_id,
        "7e4a0000-0000-4000-8000-00000000000a".parse().unwrap(),
    );
    fixture
        .exchange
        .push(Ok(IssuedTokens { home_account: Some(home), ..sample::issued_tokens(1, sample::NOW) }));
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
    let Some(ExchangeCall::Refresh { tenant, account, .. }) = fixture.exchange.calls().pop() else {
        panic!("expected a refresh")
    };
    assert_eq!((tenant, account), (sample::TENANT, home));
}

#[tokio::test]
async fn a_changed_profile_is_told_by_field_names() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    fixture.sweep().await;
    fixture.clock.advance(INTERVAL);
    let changed = Profile { city: Some("Hilltop".to_owned()), ..sample::profile(1) };
    fixture.profiles.push(Ok(FetchedProfile { profile: changed.clone(), etag: None }));
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
    assert_eq!(fixture.record(1).await.profile.unwrap().profile, changed);
    let fields = fixture.events.events().into_iter().find_map(|event| match event {
        DomainEvent::ProfileChanged { changed_fields, .. } => Some(changed_fields),
        _ => None,
    });
    assert_eq!(fields.unwrap(), ["city"]);
}

#[tokio::test]
async fn many_accounts_each_have_exactly_one_turn() {
    let fixture = Fixture::new();
    for number in 1..=50 {
        fixture.visit(number).await;
    }
    fixture.go_away();
    let (report, turns) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 50);
    let mut accounts: Vec<_> = turns.iter().map(|turn| turn.account).collect();
    accounts.sort();
    accounts.dedup();
    assert_eq!(accounts.len(), 50);
    let (again, _) = fixture.sweep().await;
    assert!(again.outcomes.is_empty());
}

#[tokio::test]
async fn two_workers_at_once_act_once() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    let before = fixture.profiles.calls().len();
    fixture.profiles.hold();
    let first = fixture.start_sweep();
    fixture.profiles.until_called(before + 1).await;
    let (second, _) = fixture.sweep().await;
    assert_eq!(second.of(TurnOutcome::Skipped), 1);
    fixture.profiles.release_one();
    assert_eq!(first.await.unwrap().of(TurnOutcome::Acted), 1);
    assert_eq!(fixture.profiles.calls().len(), before + 1);
}

#[tokio::test]
async fn of_two_environments_that_would_renew_one_user_the_one_with_the_lease_asks() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    let before = fixture.exchange.calls().len();
    fixture.exchange.hold();
    let first = fixture.start_sweep();
    fixture.exchange.until_called(before + 1).await;

    // Another environment shares nothing with the first but the table.
    let mut other = fixture.services.clone();
    (other.flights, other.brakes) = (Arc::default(), Arc::default());
    let tick = sweep_accounts(&other, &Fixture::worker(), &Turns::default()).await.unwrap();
    let target = AccountTarget::Id(sample::account(1));
    let by_hand = sweep_one(&other, &Fixture::worker(), &target).await.unwrap();
    assert_eq!((tick.of(TurnOutcome::Skipped), by_hand[0].outcome), (1, TurnOutcome::Skipped));

    fixture.exchange.release_one();
    assert_eq!(first.await.unwrap().of(TurnOutcome::Acted), 1);
    assert_eq!(fixture.exchange.calls().len(), before + 1);
}

#[tokio::test]
async fn one_user_can_be_swept_by_name_before_their_time() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.visit(2).await;
    let target = AccountTarget::Name(sample::user_principal_name(2));
    let turns = sweep_one(&fixture.services, &Fixture::worker(), &target).await.unwrap();
    assert_eq!(turns.len(), 1);
    assert_eq!((turns[0].account, turns[0].outcome), (sample::account(2), TurnOutcome::Acted));
    assert!(fixture.record(1).await.activity.unwrap().last_sweep.is_none());
}

#[tokio::test]
async fn an_unknown_user_gives_no_turn() {
    let fixture = Fixture::new();
    let target = AccountTarget::Id(sample::account(9));
    assert!(sweep_one(&fixture.services, &Fixture::worker(), &target).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_turn_is_begun_after_the_stop() {
    let fixture = Fixture::new();
    for number in 1..=5 {
        fixture.visit(number).await;
    }
    fixture.go_away();
    let worker = Worker { id: "late".to_owned(), stop_at: Some(sample::NOW), deadline: None };
    let report = sweep_accounts(&fixture.services, &worker, &Turns::default()).await.unwrap();
    assert!(report.stopped_early && report.outcomes.is_empty());
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 5, "nothing was lost");
}

#[tokio::test]
async fn a_user_who_returns_during_their_turn_keeps_their_new_turn() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    let before = fixture.profiles.calls().len();
    fixture.profiles.hold();
    let sweep = fixture.start_sweep();
    fixture.profiles.until_called(before + 1).await;
    fixture
        .store
        .record_activity(&sample::account(1), sample::activity_update(1, now(&fixture)))
        .await
        .unwrap();
    fixture.profiles.release_one();
    sweep.await.unwrap();
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!(activity.due_at, Some(now(&fixture) + Duration::seconds(30)));
    assert_eq!(activity.status, AccountStatus::Active);
}

fn now(fixture: &Fixture) -> time::OffsetDateTime {
    use domain::ports::Clock as _;
    fixture.clock.now()
}
