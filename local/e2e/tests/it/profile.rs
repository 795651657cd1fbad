//! The main path: sign in, and see one's own profile from Graph through On-Behalf-Of.

use crate::lab::{ADELE, BRUNO, Lab};
use serde_json::json;

#[tokio::test]
async fn two_users_see_their_own_profiles() {
    let lab = Lab::start().await;
    let (adele, bruno) = (lab.sign_in(ADELE).await, lab.sign_in(BRUNO).await);
    let answer = lab.profile(&adele).await;
    answer.assert_ok();
    let mut fields: Vec<&str> = answer.body.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let expected = [
        "city",
        "country",
        "department",
        "displayName",
        "employeeId",
        "givenName",
        "jobTitle",
        "surname",
        "userPrincipalName",
    ];
    assert_eq!(fields, expected);
    assert_eq!(answer.body["displayName"], "Adele Vance");
    assert_eq!(answer.body["city"], "Zurich", "only there when it is selected");
    assert_eq!(answer.headers["cache-control"], "no-store");

    let answer = lab.profile(&bruno).await;
    answer.assert_ok();
    assert_eq!(answer.body["displayName"], "Bruno Keller");
    assert_eq!(lab.accounts().await.len(), 2);
}

#[tokio::test]
async fn a_second_call_asks_entra_nothing_and_dynamodb_once() {
    let lab = Lab::start().await;
    let adele = lab.sign_in(ADELE).await;
    lab.take_requests();
    lab.profile(&adele).await.assert_ok();
    assert_eq!(lab.take_requests(), (1, 1), "one On-Behalf-Of, one request to Graph");

    lab.database.take_counts();
    lab.profile(&adele).await.assert_ok();
    assert_eq!(lab.take_requests(), (0, 1));
    assert_eq!(lab.database.take_counts(), [("Query".to_owned(), 1)].into());
}

#[tokio::test]
async fn one_user_is_one_account_however_often_they_sign_in() {
    let lab = Lab::start().await;
    let sessions = [lab.visit(ADELE).await, lab.visit(ADELE).await, lab.visit(ADELE).await];
    assert_eq!(lab.items_of_kind("TOKENS").await.len(), 1);
    assert_eq!(lab.items_of_kind("ACTIVITY").await.len(), 1);
    lab.take_requests();
    for session in &sessions {
        lab.profile(session).await.assert_ok();
    }
    assert_eq!(lab.take_requests(), (0, 3), "each session finds its own token again");
}

#[tokio::test]
async fn calls_at_the_same_time_all_succeed_and_lose_nothing() {
    let lab = Lab::start().await;
    let sessions = [lab.sign_in(ADELE).await, lab.sign_in(ADELE).await, lab.sign_in(ADELE).await];
    let (first, second, third) =
        tokio::join!(lab.profile(&sessions[0]), lab.profile(&sessions[1]), lab.profile(&sessions[2]));
    for answer in [first, second, third] {
        answer.assert_ok();
    }
    lab.take_requests();
    for session in &sessions {
        lab.profile(session).await.assert_ok();
    }
    assert_eq!(lab.take_requests(), (0, 3), "every session's token was kept");
}

#[tokio::test]
async fn an_empty_profile_is_answered_with_nulls() {
    let lab = Lab::start().await;
    let farid = lab.sign_in("farid@lakeside.example").await;
    let answer = lab.profile(&farid).await;
    answer.assert_ok();
    assert_eq!(answer.body["jobTitle"], json!(null));
    assert_eq!(answer.body["displayName"], "Farid Haddad");
}

#[tokio::test]
async fn a_guest_is_served_in_the_tenant_that_they_visit() {
    let lab = Lab::start().await;
    let name = "noor_harbour.example#EXT#@lakeside.example";
    let noor = lab.sign_in(name).await;
    let answer = lab.profile(&noor).await;
    answer.assert_ok();
    assert_eq!(answer.body["userPrincipalName"], name);
    lab.pass(crate::lab::LONG_AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1)].into());
}
