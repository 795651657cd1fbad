//! What the job tells, and when.

use crate::fixture::{Fixture, INTERVAL, in_department};
use domain::account::TurnOutcome;
use domain::profile::Profile;
use report_moves::{NoReceiver, Receiver};
use serde_json::json;
use test_support::sample;
use time::Duration;
use wiremock::ResponseTemplate;
use wiring::Environment;

#[tokio::test]
async fn a_first_turn_has_nothing_to_compare_and_tells_nobody() {
    let fixture = Fixture::after_a_first_turn().await;
    assert_eq!(fixture.moves.told().await, []);
    assert_eq!(fixture.kept().await, sample::profile(1));
}

#[tokio::test]
async fn a_move_is_told_once_by_names_and_never_by_values() {
    let fixture = Fixture::after_a_first_turn().await;
    let moved = Profile { job_title: Some("Buyer".to_owned()), ..in_department("Procurement") };
    fixture.change(moved.clone());
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Acted);
    let told = fixture.moves.told().await;
    assert_eq!(told.len(), 1);
    let changed = json!(["jobTitle", "department"]);
    assert_eq!(told[0].body, json!({ "account": sample::account(1), "changed": changed }));
    assert_eq!(fixture.kept().await, moved);

    fixture.fakes.clock.advance(INTERVAL);
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Unchanged);
    assert_eq!(fixture.moves.told().await, told);
}

#[tokio::test]
async fn another_change_is_kept_and_not_told() {
    let fixture = Fixture::after_a_first_turn().await;
    let changed = Profile { city: Some("Hilltop".to_owned()), ..sample::profile(1) };
    fixture.change(changed.clone());
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Unchanged);
    assert_eq!(fixture.moves.told().await, []);
    assert_eq!(fixture.kept().await, changed);
}

#[tokio::test]
async fn a_move_that_the_receiver_did_not_take_is_told_in_a_later_turn() {
    let fixture = Fixture::after_a_first_turn().await;
    let moved = in_department("Procurement");
    fixture.change(moved.clone());
    fixture.moves.answer_next(ResponseTemplate::new(503).insert_header("retry-after", "600"));
    let turn = fixture.sweep().await.remove(0);
    assert_eq!((turn.outcome, turn.attempt), (TurnOutcome::RetryLater, 1));
    assert!(turn.reason.unwrap().contains("the receiver of moves"));
    assert_eq!(fixture.kept().await, sample::profile(1), "what was not told is not remembered");

    fixture.fakes.clock.advance(Duration::seconds(599));
    assert!(fixture.sweep().await.is_empty(), "the receiver is given the time that it asked for");
    fixture.fakes.clock.advance(Duration::minutes(10));
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Acted);
    let told = fixture.moves.told().await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].body, told[1].body);
    assert_eq!(fixture.kept().await, moved);
}

#[tokio::test]
async fn a_receiver_that_redirects_has_not_taken_the_move() {
    let fixture = Fixture::after_a_first_turn().await;
    fixture.change(in_department("Procurement"));
    let elsewhere = ResponseTemplate::new(307).insert_header("location", fixture.moves.url());
    fixture.moves.answer_next(elsewhere);
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::RetryLater);
    assert_eq!(fixture.moves.told().await.len(), 1, "nothing is sent where a redirect points");
}

#[tokio::test]
async fn an_unchanged_snapshot_is_written_anew_before_it_ends() {
    let fixture = Fixture::after_a_first_turn().await;
    let mut life = Duration::ZERO;
    while life < sample::TTL * 2_i32 {
        assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Unchanged);
        fixture.fakes.clock.advance(Duration::days(1));
        life += Duration::days(1);
    }
    fixture.change(in_department("Procurement"));
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Acted, "there was something to compare with");
}

#[test]
fn a_receiver_must_be_named_and_its_address_is_not_repeated() {
    let client = outbound_http::client().unwrap();
    for address in ["", "moves.example", "ftp://moves.example/secret", "https://"] {
        let environment: Environment = [("MOVES_URL", address)].into_iter().collect();
        let error = Receiver::from_environment(&environment, client.clone()).err();
        assert_eq!(error, Some(NoReceiver), "{address}");
    }
    let error = NoReceiver.to_string();
    assert!(error.contains("MOVES_URL") && !error.contains("secret"), "{error}");
}
