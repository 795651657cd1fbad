//! `sweep-now`: the same turn as a direct invocation of the function gives.

use crate::{ADELE, BRUNO, Site, setup};
use serde_json::json;

#[tokio::test]
async fn one_account_has_its_turn_whenever_the_next_one_would_be() {
    let site = Site::start().await;
    let adele = site.visit(ADELE).await;
    site.visit(BRUNO).await;
    let ran = site.accounts(&["sweep-now", ADELE]).await;
    ran.assert_good(&format!("{}  acted", site.id_of(ADELE)));
    assert_eq!(ran.output.lines().count(), 1);
    assert_eq!(site.seen_by(&adele).await["lastSweep"]["outcome"], "acted");
    site.accounts(&["sweep-now", &site.id_of(ADELE).to_string()]).await.assert_good("  unchanged");
    assert_eq!(site.shown(BRUNO).await["activity"]["lastTurn"], json!(null));
}

#[tokio::test]
async fn a_turn_that_does_not_work_fails_with_its_reason() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    site.stack.emulator().unwrap().revoke(ADELE).unwrap();
    let ran = site.accounts(&["sweep-now", ADELE]).await;
    assert!(!ran.succeeded && ran.output.contains("needs_user user_needed AADSTS50173"), "{ran:?}");
}

#[tokio::test]
async fn all_that_are_due_have_their_turns_and_are_told_one_by_one() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    site.visit(BRUNO).await;
    site.accounts(&["sweep-now", "--dry-run"]).await.assert_good("0 due, lag 0 s");
    site.accounts(&["release", ADELE]).await.assert_good("is due now");
    site.accounts(&["sweep-now", "--dry-run"]).await.assert_good("1 due, lag ");
    let ran = site.accounts(&["sweep-now", "--all"]).await;
    ran.assert_good(&format!("{}  acted\n", site.id_of(ADELE)));
    ran.assert_good("1 acted; 0 remain, lag ");
    site.accounts(&["sweep-now", "--all"]).await.assert_good("nobody was due");
}

#[tokio::test]
async fn a_rejected_credential_parks_nobody_and_is_explained() {
    let site = Site::start().await;
    let adele = site.visit(ADELE).await;
    // Graph no longer takes the cached token, so that another one must be asked for.
    site.stack.emulator().unwrap().revoke(ADELE).unwrap();
    let ran = setup(&["accounts", "sweep-now", ADELE], &site.with("ENTRA_CLIENT_SECRET", "wrong")).await;
    assert!(!ran.succeeded && ran.output.contains("credential_fault"), "{ran:?}");
    assert!(ran.errors.contains("aws lambda invoke"), "{ran:?}");
    assert_eq!(site.seen_by(&adele).await["status"], "active");
}

#[tokio::test]
async fn whom_to_sweep_must_be_said() {
    let site = Site::start().await;
    site.accounts(&["sweep-now"]).await.assert_refused("required arguments were not provided");
    site.accounts(&["sweep-now", ADELE, "--all"]).await.assert_refused("cannot be used with");
}
