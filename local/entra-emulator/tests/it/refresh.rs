use entra_emulator::{CLI_CLIENT_ID, SPA_CLIENT_ID, UserAction};
use serde_json::json;
use time::Duration;

use crate::lab::{ADELE, Lab, ORIGIN, claims};

#[tokio::test]
async fn each_use_gives_a_new_refresh_token_and_the_old_stays_good() {
    let lab = Lab::start().await;
    let first = lab.graph_tokens(ADELE).await.text("refresh_token");
    let answer = lab.refresh_as_api(&first, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_ne!(answer.text("refresh_token"), first);
    assert_eq!(claims(&answer.text("access_token"))["scp"], "User.Read openid profile");
    assert_eq!(lab.refresh_as_api(&first, &[]).await.status, 200);
    assert_eq!(lab.refresh_as_api(&answer.text("refresh_token"), &[("scope", "")]).await.status, 200);
}

#[tokio::test]
async fn strict_rotation_refuses_a_used_one() {
    let lab = Lab::start().await;
    let first = lab.graph_tokens(ADELE).await.text("refresh_token");
    lab.emulator.change_scenarios(&json!({ "strictRotation": true })).unwrap();
    let second = lab.refresh_as_api(&first, &[]).await.text("refresh_token");
    let reused = lab.refresh_as_api(&first, &[]).await;
    reused.assert_refused(400, "invalid_grant", 70_000);
    assert_eq!(reused.body["suberror"], "bad_token");
    assert_eq!(lab.refresh_as_api(&second, &[]).await.status, 200);
}

#[tokio::test]
async fn ninety_days_from_its_last_use() {
    let lab = Lab::start().await;
    let first = lab.graph_tokens(ADELE).await.text("refresh_token");
    lab.clock.advance(Duration::days(89));
    let second = lab.refresh_as_api(&first, &[]).await.text("refresh_token");
    lab.clock.advance(Duration::days(2));
    let expired = lab.refresh_as_api(&first, &[]).await;
    expired.assert_refused(400, "invalid_grant", 700_082);
    assert_eq!(expired.body["suberror"], "bad_token");
    assert_eq!(lab.refresh_as_api(&second, &[]).await.status, 200);
}

#[tokio::test]
async fn a_web_page_keeps_its_own_for_a_day_however_often_it_is_used() {
    let lab = Lab::start().await;
    let refresh = async |token: &str, origin: Option<&str>| {
        let form = [("grant_type", "refresh_token"), ("client_id", SPA_CLIENT_ID), ("refresh_token", token)];
        lab.token(&form, origin).await
    };
    let first = lab.sign_in(ADELE).await.text("refresh_token");
    refresh(&first, None).await.assert_refused(400, "invalid_request", 9_002_327);
    lab.clock.advance(Duration::hours(20));
    let second = refresh(&first, Some(ORIGIN)).await;
    assert_eq!(second.body["refresh_token_expires_in"], 4 * 3_600);
    lab.clock.advance(Duration::hours(4));
    refresh(&second.text("refresh_token"), Some(ORIGIN)).await.assert_refused(400, "invalid_grant", 700_084);
}

#[tokio::test]
async fn it_is_refused_to_others_and_when_it_was_changed() {
    let lab = Lab::start().await;
    let token = lab.graph_tokens(ADELE).await.text("refresh_token");
    let mismatch = lab.refresh_as_api(&token, &[("client_id", CLI_CLIENT_ID), ("client_secret", "")]).await;
    mismatch.assert_refused(400, "invalid_grant", 70_000);
    assert_eq!(mismatch.body["suberror"], "client_mismatch");
    lab.refresh_as_api(&token, &[("client_secret", "")]).await.assert_refused(
        401,
        "invalid_client",
        7_000_218,
    );
    lab.refresh_as_api(&token, &[("client_secret", "x")]).await.assert_refused(
        401,
        "invalid_client",
        7_000_215,
    );
    let cut = &token[..token.len() - 4];
    for bad in [cut, "1.", "garbage", &lab.sign_in(ADELE).await.text("access_token")] {
        lab.refresh_as_api(bad, &[]).await.assert_refused(400, "invalid_grant", 70_000);
    }
    lab.refresh_as_api("", &[]).await.assert_refused(400, "invalid_request", 900_144);
    let spa = lab.sign_in(ADELE).await.text("refresh_token");
    lab.refresh_as_api(&spa, &[]).await.assert_refused(400, "invalid_grant", 70_000);
}

#[tokio::test]
async fn what_happens_to_the_account_happens_to_its_refresh_tokens() {
    let lab = Lab::start().await;
    let token = lab.graph_tokens(ADELE).await.text("refresh_token");
    let act = |action| lab.emulator.act_on_user(ADELE, action).unwrap();

    act(UserAction::Disable);
    lab.refresh_as_api(&token, &[]).await.assert_refused(400, "invalid_grant", 50_057);
    act(UserAction::Enable);

    act(UserAction::RequireMfa);
    let challenged = lab.refresh_as_api(&token, &[]).await;
    challenged.assert_refused(400, "invalid_grant", 50_076);
    assert_eq!(challenged.body["suberror"], "basic_action");
    assert!(challenged.text("claims").contains("capolids"));
    act(UserAction::ClearMfa);

    act(UserAction::WithdrawConsent);
    let unconsented = lab.refresh_as_api(&token, &[]).await;
    unconsented.assert_refused(400, "invalid_grant", 65_001);
    assert_eq!(unconsented.body["suberror"], "consent_required");
    act(UserAction::GrantConsent);
    assert_eq!(lab.refresh_as_api(&token, &[]).await.status, 200);

    act(UserAction::Revoke);
    let revoked = lab.refresh_as_api(&token, &[]).await;
    revoked.assert_refused(400, "invalid_grant", 50_173);
    assert!(revoked.body["suberror"].is_null());
    let bruno = lab.graph_tokens("bruno@lakeside.example").await.text("refresh_token");
    assert_eq!(lab.refresh_as_api(&bruno, &[]).await.status, 200, "others are not concerned");
}

#[tokio::test]
async fn long_tokens_name_a_time_to_refresh_early() {
    let lab = Lab::start().await;
    let token = lab.graph_tokens(ADELE).await.text("refresh_token");
    let cp1 = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
    let continuous = lab.refresh_as_api(&token, &[("claims", cp1)]).await;
    assert_eq!(
        (&continuous.body["expires_in"], &continuous.body["refresh_in"]),
        (&json!(86_400), &json!(43_200))
    );
    assert_eq!(claims(&continuous.text("access_token"))["xms_cc"], json!(["cp1"]));
    lab.emulator.change_scenarios(&json!({ "accessTokenLifetimeSeconds": 60 })).unwrap();
    let short = lab.refresh_as_api(&token, &[("claims", cp1)]).await;
    assert_eq!((&short.body["expires_in"], short.body.get("refresh_in")), (&json!(60), None));
}
