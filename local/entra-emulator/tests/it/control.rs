use std::time::Instant;

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::lab::{ADELE, Lab, ORIGIN, claims};

#[tokio::test]
async fn users_are_found_by_name_and_id_and_their_state_is_shown() {
    let lab = Lab::start().await;
    let id = "1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c01";
    for (path, member) in [
        (format!("users/{ADELE}/require-mfa"), "mfaRequired"),
        (format!("users/{id}/disable"), "disabled"),
        ("users/ADELE%40lakeside.example/withdraw-consent".into(), "consentWithdrawn"),
    ] {
        let changed = lab.control(Method::POST, &path, Value::Null).await;
        assert_eq!((changed.status, &changed.body[member]), (200, &json!(true)), "{path}");
    }
    let revoked = lab.control(Method::POST, &format!("users/{ADELE}/revoke"), json!({})).await;
    assert_eq!(revoked.body["tokensValidFrom"], "2026-11-22T12:00:00Z");
    let state = lab.get("/emulator/api/state").await.body;
    let adele = &state["users"][0];
    assert_eq!((&adele["userPrincipalName"], &adele["disabled"]), (&json!(ADELE), &json!(true)));
    assert_eq!(state["clock"]["now"], "2026-11-22T12:00:00Z");
    assert_eq!(state["keys"].as_array().unwrap().len(), 1);
    let users = lab.get("/emulator/api/users").await.body;
    assert_eq!(users.as_array().unwrap().len(), 8);
    assert_eq!(users[0]["profile"]["department"], "Retail");

    let unknown = lab.control(Method::POST, "users/nobody@lakeside.example/revoke", Value::Null).await;
    assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("unknown_user")));
    let nonsense = lab.control(Method::POST, &format!("users/{ADELE}/promote"), Value::Null).await;
    assert_eq!((nonsense.status, &nonsense.body["code"]), (400, &json!("invalid")));
}

#[tokio::test]
async fn a_changed_profile_is_seen_through_graph() {
    let lab = Lab::start().await;
    let token = lab.graph_tokens(ADELE).await.text("access_token");
    let before = lab.me(&token, "").await.headers()[header::ETAG].clone();
    let change = json!({ "jobTitle": "Regional Manager", "city": null });
    let changed = lab.control(Method::PATCH, &format!("users/{ADELE}"), change).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let response = lab.me(&token, "").await;
    assert_ne!(response.headers()[header::ETAG], before);
    let me: Value = lab.me(&token, "?$select=jobTitle,city").await.json().await.unwrap();
    assert_eq!((&me["jobTitle"], &me["city"]), (&json!("Regional Manager"), &Value::Null));
    for wrong in
        [json!({ "jobTitel": "x" }), json!({ "city": 7 }), json!({ "userPrincipalName": "x" }), json!([])]
    {
        assert_eq!(lab.control(Method::PATCH, &format!("users/{ADELE}"), wrong).await.status, 400);
    }
}

#[tokio::test]
async fn throttling_strikes_as_often_as_told_with_its_retry_after() {
    let lab = Lab::start().await;
    let tokens = lab.graph_tokens(ADELE).await;
    let (graph, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let change = json!({
        "graph": { "throttle": { "retryAfterSeconds": 30, "count": 1 } },
        "entra": { "throttle": { "retryAfterSeconds": 7, "count": 1 } },
    });
    assert_eq!(lab.control(Method::PUT, "scenarios", change).await.status, 200);
    let throttled = lab.me(&graph, "").await;
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.headers()[header::RETRY_AFTER], "30");
    assert!(throttled.headers().contains_key("x-ms-throttle-information"));
    assert_eq!(throttled.json::<Value>().await.unwrap()["error"]["code"], "TooManyRequests");
    assert_eq!(lab.me(&graph, "").await.status(), StatusCode::OK);
    lab.refresh_as_api(&refresh, &[]).await.assert_refused(429, "temporarily_unavailable", 90_055);
    assert_eq!(lab.refresh_as_api(&refresh, &[]).await.status, 200);
}

#[tokio::test]
async fn what_a_tenant_asks_for_beyond_its_rate_is_refused_and_counted() {
    let lab = Lab::start().await;
    let tokens = lab.graph_tokens(ADELE).await;
    let (graph, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let elsewhere = lab.graph_token_elsewhere().await;
    let rate = json!({ "rate": { "perSecond": 2, "retryAfterSeconds": 1 } });
    let change = json!({ "graph": rate, "entra": rate });
    let set = lab.control(Method::PUT, "scenarios", change).await;
    assert_eq!((set.status, &set.body["graph"]["rate"]), (200, &rate["rate"]));
    lab.emulator.reset_requests();

    // The clock of this emulator stands still.
    for expected in [200, 200, 429, 429] {
        assert_eq!(lab.me(&graph, "").await.status(), expected);
    }
    let throttled = lab.me(&graph, "").await;
    assert_eq!(throttled.headers()[header::RETRY_AFTER], "1");
    assert_eq!(lab.me(&elsewhere, "").await.status(), 200, "another tenant");
    for expected in [200, 200, 429] {
        assert_eq!(lab.refresh_as_api(&refresh, &[]).await.status, expected);
    }
    assert_eq!(lab.get("/common/discovery/v2.0/keys").await.status, 200, "keys are spared unless named");
    lab.clock.advance(time::Duration::SECOND);
    assert_eq!(lab.me(&graph, "").await.status(), 200);
    assert_eq!(lab.refresh_as_api(&refresh, &[]).await.status, 200);
    let counters = lab.get("/emulator/api/counters").await.body;
    assert_eq!(counters["graph.me"], json!({ "total": 7, "ok": 4, "refused": 3 }));
    assert_eq!(counters["token.refresh"], json!({ "total": 4, "ok": 3, "refused": 1 }));

    let off = lab.control(Method::PUT, "scenarios", json!({ "graph": { "rate": null } })).await;
    assert_eq!(off.body["graph"]["rate"], Value::Null);
    for _ in 0..5 {
        assert_eq!(lab.me(&graph, "").await.status(), 200);
    }
}

#[tokio::test]
async fn failures_delays_nonsense_and_loops_come_when_switched_on_and_go_when_reset() {
    let lab = Lab::start().await;
    let tokens = lab.graph_tokens(ADELE).await;
    let (graph, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let put =
        async |change: Value| assert_eq!(lab.control(Method::PUT, "scenarios", change).await.status, 200);

    put(json!({ "entra": { "fail": { "status": 503 } }, "graph": { "fail": { "status": 500, "count": null } } })).await;
    for _ in 0..2 {
        lab.refresh_as_api(&refresh, &[]).await.assert_refused(503, "temporarily_unavailable", 90_033);
        assert_eq!(lab.me(&graph, "").await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(lab.get("/common/discovery/v2.0/keys").await.status, 200, "keys are spared unless named");
    put(json!({ "entra": { "only": ["keys"] } })).await;
    assert_eq!(lab.get("/common/discovery/v2.0/keys").await.status, 503);
    assert_eq!(lab.control(Method::DELETE, "scenarios", Value::Null).await.status, 200);
    assert_eq!(lab.refresh_as_api(&refresh, &[]).await.status, 200);

    put(json!({ "entra": { "garbage": { "count": 1 } }, "graph": { "garbage": { "count": 1 } } })).await;
    let nonsense = lab.refresh_as_api(&refresh, &[]).await;
    assert!(nonsense.status == 200 && nonsense.body.as_str().unwrap().starts_with("<html>"));
    assert!(lab.me(&graph, "").await.text().await.unwrap().starts_with("<html>"));

    put(json!({ "loopDetected": { "count": 1 } })).await;
    lab.refresh_as_api(&refresh, &[]).await.assert_refused(400, "invalid_grant", 50_196);

    put(json!({ "graph": { "delayMs": 120 } })).await;
    let started = Instant::now();
    assert_eq!(lab.me(&graph, "").await.status(), StatusCode::OK);
    assert!(started.elapsed().as_millis() >= 120);

    let refused =
        lab.control(Method::PUT, "scenarios", json!({ "graph": { "fail": { "status": 99 } } })).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text("message").contains("graph.fail.status"));
}

#[tokio::test]
async fn rotated_keys_sign_and_the_previous_one_verifies_until_dropped() {
    let lab = Lab::start().await;
    let old = lab.sign_in(ADELE).await.text("access_token");
    let rotated = lab.control(Method::POST, "keys/rotate", Value::Null).await;
    assert_eq!(rotated.body["keys"].as_array().unwrap().len(), 2);
    assert_eq!(lab.get("/common/discovery/v2.0/keys").await.body["keys"].as_array().unwrap().len(), 2);
    let new = lab.sign_in(ADELE).await.text("access_token");
    assert_ne!(old.split('.').next(), new.split('.').next(), "another key id");
    assert_eq!(lab.on_behalf_of(&old).await.status, 200);
    let url = format!("{}/emulator/api/keys/rotate", lab.base);
    lab.http.post(url).body(r#"{"dropPrevious":true}"#).send().await.unwrap();
    assert_eq!(lab.emulator.key_ids().len(), 1);
    lab.on_behalf_of(&new).await.assert_refused(400, "invalid_grant", 50_013);
}

#[tokio::test]
async fn the_log_and_the_counters_tell_who_did_what_and_hold_no_token() {
    let lab = Lab::start().await;
    let signed_in = lab.sign_in(ADELE).await;
    let tokens = lab.on_behalf_of(&signed_in.text("access_token")).await;
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    lab.http
        .get(format!("{}/graph/v1.0/me", lab.base))
        .bearer_auth(tokens.text("access_token"))
        .header("client-request-id", id)
        .header("x-ms-throttle-priority", "Low")
        .send()
        .await
        .unwrap();
    lab.emulator.revoke(ADELE).unwrap();
    lab.refresh_as_api(&tokens.text("refresh_token"), &[]).await;

    let counters = lab.get("/emulator/api/counters").await.body;
    let counted = |total, ok, refused| json!({ "total": total, "ok": ok, "refused": refused });
    assert_eq!(counters["token.on_behalf_of"], counted(1, 1, 0));
    assert_eq!(counters["token.refresh"], counted(1, 0, 1));
    assert_eq!(counters["graph.me"], counted(1, 1, 0));
    assert_eq!(counters["sign_in"], counted(1, 1, 0));

    let log = lab.get("/emulator/api/requests?limit=2").await.body;
    let entries = log.as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!((&entries[0]["kind"], &entries[0]["user"]), (&json!("graph.me"), &json!(ADELE)));
    assert_eq!(
        (&entries[0]["clientRequestId"], &entries[0]["throttlePriority"]),
        (&json!(id), &json!("Low"))
    );
    assert_eq!((&entries[1]["error"], &entries[1]["status"]), (&json!("AADSTS50173"), &json!(400)));
    assert!(entries[0]["number"].as_u64() < entries[1]["number"].as_u64());

    let everything = lab.get("/emulator/api/requests").await.body.to_string();
    for secret in [tokens.text("access_token"), tokens.text("refresh_token"), signed_in.text("access_token")]
    {
        let tail = &secret[secret.len() - 40..];
        assert!(!everything.contains(tail));
    }
    let url = format!("{}/emulator/api/requests", lab.base);
    assert_eq!(lab.http.delete(url).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(lab.get("/emulator/api/counters").await.body, json!({}));
    assert_eq!(lab.get("/emulator/api/requests?limit=many").await.status, 400);
}

#[tokio::test]
async fn errors_echo_the_callers_request_id() {
    let lab = Lab::start().await;
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let url = format!("{}/common/oauth2/v2.0/token?client-request-id={id}", lab.base);
    let response = lab.http.post(url).header(header::ORIGIN, ORIGIN).send().await.unwrap();
    assert_eq!(response.headers()["client-request-id"], id);
    assert_eq!(response.json::<Value>().await.unwrap()["correlation_id"], id);
}

#[tokio::test]
async fn the_clock_moves_for_everything() {
    let lab = Lab::start().await;
    let before = claims(&lab.sign_in(ADELE).await.text("access_token"))["exp"].as_i64().unwrap();
    let moved = lab.control(Method::POST, "clock/advance", json!({ "seconds": 86_400 })).await;
    assert_eq!(moved.body["now"], "2026-11-23T12:00:00Z");
    let after = claims(&lab.sign_in(ADELE).await.text("access_token"))["exp"].as_i64().unwrap();
    assert_eq!(after - before, 86_400);
    for wrong in [json!({}), json!({ "seconds": "x" }), json!({ "seconds": i64::MAX })] {
        assert_eq!(lab.control(Method::POST, "clock/advance", wrong).await.status, 400);
    }
}

#[tokio::test]
async fn the_page_and_its_files_are_served() {
    let lab = Lab::start().await;
    let page = lab.http.get(format!("{}/emulator", lab.base)).send().await.unwrap();
    assert!(page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"));
    let html = page.text().await.unwrap();
    for file in ["style.css", "control.js"] {
        assert!(html.contains(&format!("/emulator/assets/{file}")));
        assert_eq!(lab.get(&format!("/emulator/assets/{file}")).await.status, 200, "{file}");
    }
    assert_eq!(lab.get("/emulator/assets/other").await.status, 404);
    assert_eq!(lab.get("/error?code=50173").await.status, 200);
}
