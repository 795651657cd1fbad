//! One line per account and one per sweep, as Lambda's log collector gets them.

use crate::lab::{Lab, issued};
use crate::server::Reply;
use serde_json::{Value, json};
use test_support::sample;

const USERS: u32 = 5;

#[tokio::test]
async fn each_account_has_one_line_with_its_hashed_id_its_outcome_its_time_and_its_attempt() {
    let lab = Lab::alone(USERS).await;
    let clock = lab.clock.clone();
    lab.entra.rule(move |asked| match asked.user() {
        2 => Reply::Json(
            400,
            json!({ "error": "invalid_grant", "suberror": "basic_action", "error_codes": [50173],
            "error_description": "AADSTS50173: user2@lakeside.example" }),
        ),
        3 => Reply::Text(500, "user3@lakeside.example"),
        _ => issued(asked, &clock),
    });
    lab.tick().await.unwrap();
    let lines = lab.log.take();
    let text = json!(lines).to_string();
    for user in 1..=USERS {
        let name = lab.services.settings.pseudonyms.of(&sample::account(user));
        let own: Vec<&Value> =
            lines.iter().filter(|line| line["event"] == "sweep.account" && line["account"] == name).collect();
        let [line] = own[..] else { panic!("{own:?}") };
        let (outcome, attempt) = match user {
            2 => ("needs_user", 0),
            3 => ("retry_later", 1),
            _ => ("acted", 0),
        };
        assert_eq!((&line["outcome"], &line["attempt"]), (&json!(outcome), &json!(attempt)));
        assert!(line["elapsed_ms"].is_u64(), "{line}");
        assert!(!text.contains(&sample::account(user).to_string()));
        assert!(!text.contains(&sample::account(user).object_id.to_string()));
    }
    for secret in ["lakeside.example", "User 1", "access-", "refresh-", "invented secret"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let needs_user = lines.iter().find(|line| line["outcome"] == "needs_user").unwrap();
    assert_eq!(
        (&needs_user["failure.aadsts"], &needs_user["failure.suberror"]),
        (&json!(50173), &json!("basic_action"))
    );
    let summaries: Vec<&Value> = lines.iter().filter(|line| line["event"] == "sweep.completed").collect();
    let [summary] = summaries[..] else { panic!("{summaries:?}") };
    assert_eq!(
        (&summary["accounts"], &summary["acted"], &summary["needs_user"], &summary["retry_later"]),
        (&json!(5), &json!(3), &json!(1), &json!(1))
    );
    assert!(summary["lag_seconds"].as_i64() > Some(7_000), "{summary}");
}
