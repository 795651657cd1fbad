//! Park, release and erase, as the operator, the user and the sweep see them.

use crate::{ADELE, BRUNO, Site};
use domain::ports::ActivityUpdate;
use serde_json::json;
use time::Duration;

#[tokio::test]
async fn a_parked_account_is_left_alone_and_its_user_is_told_who_did_it() {
    let site = Site::start().await;
    let adele = site.visit(ADELE).await;
    site.accounts(&["park", ADELE, "--reason", "asked for by the works council"])
        .await
        .assert_good("is parked");
    let seen = site.seen_by(&adele).await;
    assert_eq!((&seen["status"], &seen["nextSweep"]), (&json!("needs_user"), &json!(null)));
    assert_eq!(seen["failure"]["class"], "parked_by_operator");
    assert!(!seen.to_string().contains("works council"), "the reason is for operators");
    let shown = site.shown(ADELE).await;
    assert_eq!(shown["activity"]["parkedFor"], "asked for by the works council");
    let text = site.accounts(&["show", ADELE]).await;
    text.assert_good("parked for     asked for by the works council");
    text.assert_good("failure        parked_by_operator, ");

    site.stack.clock().advance(90).unwrap();
    assert!(site.stack.sweeper().tick().await.unwrap().outcomes.is_empty());
    site.accounts(&["sweep-now", ADELE]).await.assert_parked();
}

#[tokio::test]
async fn a_released_account_has_its_turn_at_the_next_sweep() {
    let site = Site::start().await;
    let adele = site.visit(ADELE).await;
    site.accounts(&["park", ADELE, "--reason", "why"]).await.assert_good("is parked");
    site.accounts(&["release", ADELE]).await.assert_good("is due now");
    let seen = site.seen_by(&adele).await;
    assert_eq!((&seen["status"], &seen["failure"]), (&json!("active"), &json!(null)));
    assert_eq!(site.shown(ADELE).await["activity"]["parkedFor"], json!(null));
    site.stack.clock().advance(1).unwrap();
    let outcomes = site.stack.sweeper().tick().await.unwrap().outcomes;
    assert_eq!(outcomes.values().sum::<u64>(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn the_users_next_sign_in_ends_the_parking() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    site.accounts(&["park", ADELE, "--reason", "why"]).await.assert_good("is parked");
    let adele = site.visit(ADELE).await;
    assert_eq!(site.seen_by(&adele).await["status"], "active");
}

#[tokio::test]
async fn a_reason_is_one_line_of_some_length() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    for reason in ["", "  ", "two\nlines", &"x".repeat(501)] {
        site.accounts(&["park", ADELE, "--reason", reason]).await.assert_refused("expected one line");
    }
    assert_eq!(site.shown(ADELE).await["activity"]["status"], "active");
}

#[tokio::test]
async fn erasing_is_asked_about_and_leaves_nothing_that_the_session_brings_back() {
    let site = Site::start().await;
    let adele = site.visit(ADELE).await;
    let bruno = site.visit(BRUNO).await;
    site.accounts(&["erase", ADELE]).await.assert_refused("say --yes where nobody can be asked");
    assert_eq!(site.seen_by(&adele).await["status"], "active");

    let id = site.id_of(ADELE).to_string();
    site.accounts(&["erase", ADELE, "--yes"]).await.assert_good("is erased");
    assert_eq!(site.seen_by(&adele).await["status"], "none");
    let shown = site.shown(&id).await;
    assert_eq!((&shown["tokens"], &shown["activity"]), (&json!(null), &json!(null)));
    assert_eq!(shown["tombstone"]["counts"], true);
    // The page still has the bearer token from before.
    site.stack.clock().advance(2).unwrap();
    assert_eq!(site.get("/api/profile", &adele).await.0, 200);
    assert_eq!(site.seen_by(&adele).await["status"], "none");
    assert_eq!(site.seen_by(&bruno).await["status"], "active", "others are left alone");

    let again = site.visit(ADELE).await;
    assert_eq!(site.seen_by(&again).await["status"], "active", "a new sign-in starts clean");
}

#[tokio::test]
async fn a_name_that_two_accounts_have_changes_neither() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    let services = site.stack.sweeper().services();
    let account = site.id_of(BRUNO);
    let now = services.clock.now();
    let update = ActivityUpdate {
        tenant_id: account.tenant_id,
        object_id: account.object_id,
        user_principal_name: Some(domain::identity::UserPrincipalName::new(ADELE)),
        last_activity: now,
        due_at: Some(now + Duration::HOUR),
        returned: true,
        expires_at: now + Duration::DAY,
    };
    services.store.record_activity(&account, update).await.unwrap();
    for command in [&["park", ADELE, "--reason", "why"][..], &["release", ADELE], &["erase", ADELE, "--yes"]]
    {
        let refused = site.accounts(command).await;
        refused.assert_refused("is the name of several accounts");
        assert!(refused.errors.contains(&account.to_string()), "{refused:?}");
    }
    assert_eq!(site.json(&["show", ADELE]).await.as_array().unwrap().len(), 2);
    site.accounts(&["park", &account.to_string(), "--reason", "why"]).await.assert_good("is parked");
}

impl crate::Ran {
    /// A turn for an account that is parked is none.
    #[track_caller]
    fn assert_parked(&self) {
        assert!(!self.succeeded && self.output.contains("needs_user parked_by_operator"), "{self:?}");
    }
}
