//! Items that something broke. A counted miss, never an outage and never somebody else's data.

use crate::lab::{ADELE, BRUNO, LONG_AWAY, Lab};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

#[tokio::test]
async fn a_blob_that_cannot_be_opened_is_a_miss_and_is_written_anew() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    let mut item = lab.items_of_kind("TOKENS").await.remove(0);
    item.insert("blob".to_owned(), AttributeValue::B(Blob::new(b"\x01broken".to_vec())));
    lab.put(item).await;
    lab.take_requests();
    lab.profile(&adele).await.assert_ok();
    assert_eq!(lab.take_requests(), (1, 1), "traded in once more");
    lab.profile(&adele).await.assert_ok();
    assert_eq!(lab.take_requests(), (0, 1), "and cached again");
}

#[tokio::test]
async fn a_blob_moved_to_another_user_opens_for_nobody() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    lab.visit(BRUNO).await;
    let bruno_id = lab.account(BRUNO).await.account.to_string();
    let tokens = lab.items_of_kind("TOKENS").await;
    let of_bruno = |item: &&crate::lab::Item| item["pk"].as_s().unwrap().ends_with(&bruno_id);
    let stolen = tokens.iter().find(of_bruno).unwrap()["blob"].clone();
    let mut adeles = tokens.iter().find(|item| !of_bruno(item)).unwrap().clone();
    adeles.insert("blob".to_owned(), stolen);
    lab.put(adeles).await;
    lab.take_requests();
    let answer = lab.profile(&adele).await;
    answer.assert_ok();
    assert_eq!(answer.body["userPrincipalName"], ADELE);
    assert_eq!(lab.take_requests(), (1, 1));
}

#[tokio::test]
async fn the_sweep_parks_an_account_whose_tokens_cannot_be_read() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    lab.visit(BRUNO).await;
    let mut item = lab.items_of_kind("TOKENS").await.remove(0);
    item.insert("blob".to_owned(), AttributeValue::S("not even binary".to_owned()));
    lab.put(item).await;
    lab.pass(LONG_AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1), ("missing_tokens", 1)].into());
    for user in [ADELE, BRUNO] {
        lab.visit(user).await;
    }
    lab.pass(LONG_AWAY);
    let outcomes = lab.sweep().await;
    assert_eq!(outcomes.values().sum::<u64>(), 2, "{outcomes:?}");
    assert!(outcomes.keys().all(|outcome| ["acted", "unchanged"].contains(outcome)), "{outcomes:?}");
}

#[tokio::test]
async fn an_activity_item_that_makes_no_sense_is_replaced_by_the_next_visit() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    let mut item = lab.items_of_kind("ACTIVITY").await.remove(0);
    item.insert("last_activity".to_owned(), AttributeValue::S("yesterday".to_owned()));
    item.insert("status".to_owned(), AttributeValue::N("7".to_owned()));
    lab.put(item).await;
    lab.visit(ADELE).await;
    lab.pass(LONG_AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1)].into());
}
