//! The sweep acts for those who are away, and for nobody else.

use crate::lab::{ADELE, AWAY, BRUNO, CHIDI, LONG_AWAY, Lab};
use domain::account::{AccountStatus, TurnOutcome};
use entra_emulator::UserAction;
use serde_json::json;
use stack::Sweeper;
use std::sync::Arc;
use wiring::Time;

#[tokio::test]
async fn who_is_here_is_left_alone_and_who_is_away_is_worked_for() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    assert!(lab.sweep().await.is_empty());
    lab.pass(AWAY);
    let before = lab.account(ADELE).await;
    assert_eq!(lab.sweep().await, [("acted", 1)].into());
    assert!(lab.sweep().await.is_empty(), "one turn per interval");

    let after = lab.account(ADELE).await;
    assert_eq!(after.last_activity, before.last_activity, "the sweep's work is not the user's");
    assert_eq!(after.last_outcome, Some(TurnOutcome::Acted));
    let access = lab.background_access(&adele).await;
    assert_eq!(access.body["status"], "active");
    assert_eq!(access.body["profile"]["displayName"], "Adele Vance");

    lab.pass(AWAY);
    assert_eq!(lab.sweep().await, [("unchanged", 1)].into());
    lab.emulator().change_profile(ADELE, &json!({ "jobTitle": "Regional Manager" })).unwrap();
    lab.pass(AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1)].into());
    assert_eq!(lab.background_access(&adele).await.body["profile"]["jobTitle"], "Regional Manager");
}

#[tokio::test]
async fn tokens_are_renewed_silently_and_background_work_gives_way() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    lab.pass(LONG_AWAY);
    lab.take_requests();
    assert_eq!(lab.sweep().await, [("acted", 1)].into());
    let requests = lab.emulator().requests(10);
    let kinds: Vec<&str> = requests.iter().map(|request| request.kind.as_str()).collect();
    assert_eq!(kinds, ["token.refresh", "graph.me"]);
    assert_eq!(requests[1].throttle_priority.as_deref(), Some("low"));

    lab.take_requests();
    lab.visit(ADELE).await;
    let requests = lab.emulator().requests(100);
    let graph: Vec<_> = requests.iter().filter(|request| request.kind == "graph.me").collect();
    assert_eq!(graph.len(), 1, "{requests:?}");
    assert_eq!(graph[0].throttle_priority.as_deref(), Some("high"), "a user who waits goes first");
}

#[tokio::test]
async fn a_revoked_user_is_parked_and_back_with_the_next_sign_in() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    lab.visit(BRUNO).await;
    lab.emulator().revoke(ADELE).unwrap();
    lab.pass(LONG_AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1), ("needs_user", 1)].into());
    let parked = lab.account(ADELE).await;
    assert_eq!((parked.status, parked.due_at), (Some(AccountStatus::NeedsUser), None));
    assert_eq!(parked.failure_code.as_deref(), Some("AADSTS50173"));
    lab.pass(LONG_AWAY);
    lab.take_requests();
    assert_eq!(lab.sweep().await, [("unchanged", 1)].into());
    let refreshed = lab.emulator().counters();
    assert_eq!(refreshed["token.refresh"].total, 1, "a parked account costs nothing");

    lab.visit(ADELE).await;
    let back = lab.account(ADELE).await;
    assert_eq!((back.status, back.failure_class), (Some(AccountStatus::Active), None));
    lab.pass(AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1), ("unchanged", 1)].into());
}

#[tokio::test]
async fn a_revocation_is_noticed_before_the_cached_token_ends() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    lab.emulator().revoke(ADELE).unwrap();
    lab.pass(AWAY);
    assert_eq!(lab.sweep().await, [("needs_user", 1)].into());
}

#[tokio::test]
async fn bad_accounts_do_not_stop_the_rest() {
    let lab = Lab::start().await;
    for user in [ADELE, BRUNO, CHIDI, "dana@lakeside.example", "elin@lakeside.example"] {
        lab.visit(user).await;
    }
    lab.emulator().act_on_user(ADELE, UserAction::Disable).unwrap();
    lab.emulator().act_on_user(CHIDI, UserAction::WithdrawConsent).unwrap();
    lab.emulator().revoke("elin@lakeside.example").unwrap();
    lab.pass(LONG_AWAY);
    assert_eq!(lab.sweep().await, [("acted", 2), ("needs_user", 3)].into());
    assert_eq!(lab.account(ADELE).await.failure_code.as_deref(), Some("AADSTS50057"));
    assert_eq!(lab.account(CHIDI).await.failure_code.as_deref(), Some("AADSTS65001"));
    assert_eq!(lab.account(BRUNO).await.last_outcome, Some(TurnOutcome::Acted));
}

#[tokio::test]
async fn two_sweeps_at_once_give_each_account_one_turn() {
    let lab = Lab::start().await;
    for user in [ADELE, BRUNO, CHIDI] {
        lab.visit(user).await;
    }
    lab.pass(AWAY);
    lab.take_requests();
    let (one, other) = tokio::join!(lab.sweep(), lab.sweep());
    let acted =
        |report: &std::collections::BTreeMap<&str, u64>| report.get("acted").copied().unwrap_or_default();
    assert_eq!(acted(&one) + acted(&other), 3, "{one:?} {other:?}");
    assert_eq!(lab.take_requests(), (0, 3));
}

#[tokio::test]
async fn one_user_is_swept_by_id_or_by_name() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    lab.visit(BRUNO).await;
    let id = lab.account(ADELE).await.account.to_string();
    for (account, outcome) in [(id.as_str(), "acted"), ("Adele@Lakeside.example", "unchanged")] {
        let summary = lab.stack.sweeper().invoke(json!({ "account": account })).await.unwrap().into_summary();
        assert_eq!(summary.turns.len(), 1);
        assert_eq!(summary.turns[0].outcome.as_str(), outcome);
    }
    assert_eq!(lab.account(BRUNO).await.last_outcome, None);
    let nobody = lab
        .stack
        .sweeper()
        .invoke(json!({ "account": "nobody@lakeside.example" }))
        .await
        .unwrap()
        .into_summary();
    assert!(nobody.turns.is_empty());
}

#[tokio::test]
async fn an_unknown_event_is_refused_with_what_was_expected() {
    let lab = Lab::start().await;
    for event in
        [json!({}), json!([]), json!({ "account": 7 }), json!({ "detail-type": "Other", "account": "1" })]
    {
        let error = lab.stack.sweeper().invoke(event.clone()).await.unwrap_err().to_string();
        assert!(error.contains("Scheduled Event") && error.contains("account"), "{event}: {error}");
    }
}

#[tokio::test]
async fn a_rejected_credential_stops_the_sweep_and_costs_no_account_its_place() {
    let lab = Lab::start().await;
    for user in [ADELE, BRUNO, CHIDI] {
        lab.visit(user).await;
    }
    lab.pass(LONG_AWAY);
    lab.take_requests();
    let mut environment = lab.stack.environment().clone();
    environment.set("ENTRA_CLIENT_SECRET", "not-the-secret");
    environment.set("SWEEP_CONCURRENCY", "1");
    let clock = lab.stack.clock().clone();
    let time = Time::with_clock(Arc::new(clock.clone()));
    let services = wiring::sweep_services(&environment, time).await.unwrap();
    let summary = Sweeper::new(services, clock).tick().await.unwrap();
    assert!(summary.stopped_early);
    assert_eq!(
        summary.outcomes,
        [(TurnOutcome::CredentialFault, 1)].into(),
        "Entra would count the attempts"
    );
    assert_eq!(lab.take_requests(), (1, 0));

    // The secret is mended.
    assert_eq!(lab.sweep().await, [("acted", 3)].into());
}
