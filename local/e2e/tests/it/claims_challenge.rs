//! Entra asks for more proof, and the page can give it.

use crate::lab::{ADELE, LONG_AWAY, Lab};
use entra_emulator::UserAction;
use serde_json::Value;

#[tokio::test]
async fn a_claims_challenge_reaches_the_page_and_its_answer_is_taken() {
    let lab = Lab::start().await;
    let adele = lab.sign_in(ADELE).await;
    lab.emulator().act_on_user(ADELE, UserAction::RequireMfa).unwrap();

    let claims = lab.profile(&adele).await.challenged_claims();
    assert!(serde_json::from_str::<Value>(&claims).unwrap()["access_token"].is_object(), "{claims}");
    assert!(lab.items().await.is_empty(), "nothing is kept of a refused exchange");

    let stronger = lab.visitor.sign_in_with_claims(ADELE, Some(&claims)).await.unwrap();
    lab.profile(&stronger).await.assert_ok();
    assert_eq!(lab.account(ADELE).await.failure_class, None);
}

#[tokio::test]
async fn a_challenge_met_by_the_sweep_waits_for_its_user() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    lab.emulator().act_on_user(ADELE, UserAction::RequireMfa).unwrap();
    lab.pass(LONG_AWAY);
    assert_eq!(lab.sweep().await, [("needs_user", 1)].into());

    let back = lab.visitor.sign_in_with_claims(ADELE, None).await.unwrap();
    let access = lab.background_access(&back).await;
    access.assert_ok();
    assert_eq!(access.body["status"], "needs_user");
    assert_eq!(access.body["failure"]["class"], "user_needed");
    assert_eq!(access.body["failure"]["code"], "AADSTS50076", "{access:?}");

    lab.profile(&back).await.assert_ok();
    assert_eq!(lab.background_access(&back).await.body["status"], "active");

    lab.pass(LONG_AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1)].into(), "the next tick acts for them again");
    assert_eq!(lab.account(ADELE).await.failure_class, None);
}
