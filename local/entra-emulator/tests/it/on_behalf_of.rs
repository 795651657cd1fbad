use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_emulator::{
    API_CLIENT_ID, API_CLIENT_SECRET, OTHER_SPA_CLIENT_ID, PARTNER_TENANT_ID, TENANT_ID, UserAction,
};
use serde_json::{Value, json};
use time::Duration;

use crate::lab::{ADELE, Lab, claims};

#[tokio::test]
async fn a_caller_becomes_a_graph_token_and_a_refresh_token() {
    let lab = Lab::start().await;
    let signed_in = lab.sign_in(ADELE).await;
    let assertion = signed_in.text("access_token");
    let answer = lab.on_behalf_of(&assertion).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 3600);
    assert_eq!(answer.body["scope"], "https://graph.microsoft.com/User.Read openid profile");
    assert!(answer.body["refresh_in"].is_null());
    assert!(answer.body["refresh_token_expires_in"].is_null(), "90 days are not announced");
    assert_eq!(answer.body["client_info"], signed_in.body["client_info"]);
    let token = claims(&answer.text("access_token"));
    assert_eq!(token["aud"], "https://graph.microsoft.com");
    assert_eq!(token["ver"], "1.0");
    assert_eq!(token["appid"], API_CLIENT_ID);
    assert_eq!(token["appidacr"], "1");
    assert_eq!(token["scp"], "User.Read openid profile");
    assert_eq!(token["oid"], claims(&assertion)["oid"]);
    assert_eq!(claims(&answer.text("id_token"))["aud"], API_CLIENT_ID);
    let me: Value = lab.me(&answer.text("access_token"), "").await.json().await.unwrap();
    assert_eq!(me["userPrincipalName"], ADELE);
}

#[tokio::test]
async fn tokens_are_made_as_long_as_a_scenario_wants_and_stay_good() {
    let lab = Lab::start().await;
    let sizes = json!({ "accessToken": 2_500, "refreshToken": 1_600, "idToken": 1_300 });
    lab.emulator.change_scenarios(&json!({ "tokenSizes": sizes })).unwrap();
    let assertion = lab.sign_in(ADELE).await.text("access_token");
    let answer = lab.on_behalf_of(&assertion).await;
    let renewed = lab.refresh_as_api(&answer.text("refresh_token"), &[]).await;
    for answer in [answer, renewed] {
        for (token, size) in [("access_token", 2_500), ("refresh_token", 1_600), ("id_token", 1_300)] {
            let length = answer.text(token).len();
            assert!((size..size + 4).contains(&length), "{token}: {length}");
        }
        let me = lab.me(&answer.text("access_token"), "").await;
        assert_eq!(me.status(), 200);
    }
}

#[tokio::test]
async fn what_is_not_asked_for_does_not_come() {
    let lab = Lab::start().await;
    let assertion = lab.sign_in(ADELE).await.text("access_token");
    let answer = lab.on_behalf_of_with(&assertion, &[("scope", "User.Read"), ("client_info", "")]).await;
    for absent in ["refresh_token", "id_token", "client_info"] {
        assert!(answer.body[absent].is_null(), "{absent}");
    }
    assert_eq!(answer.body["scope"], "User.Read");
    assert_eq!(claims(&answer.text("access_token"))["aud"], "00000003-0000-0000-c000-000000000000");
    let default =
        lab.on_behalf_of_with(&assertion, &[("scope", "https://graph.microsoft.com/.default")]).await;
    assert_eq!(
        default.body["scope"],
        "https://graph.microsoft.com/User.Read https://graph.microsoft.com/.default"
    );
}

#[tokio::test]
async fn an_assertion_that_was_changed_or_signed_by_others_is_refused() {
    let lab = Lab::start().await;
    let stranger = Lab::start().await;
    let assertion = lab.sign_in(ADELE).await.text("access_token");
    let (head, signature) = assertion.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let mut changed = claims(&assertion);
    changed["oid"] = json!("1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c02");
    let changed = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(changed.to_string()));
    let unsigned =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), head.split_once('.').unwrap().1);
    let foreign = stranger.sign_in(ADELE).await.text("access_token");
    for bad in [changed.as_str(), &unsigned, &foreign] {
        lab.on_behalf_of(bad).await.assert_refused(400, "invalid_grant", 50_013);
    }
    for bad in ["nonsense", "a.b.c", &format!("{header}.{header}")] {
        lab.on_behalf_of(bad).await.assert_refused(400, "invalid_request", 50_027);
    }
}

#[tokio::test]
async fn assertions_out_of_time_for_others_or_of_other_tenants_are_refused() {
    let lab = Lab::start().await;
    let signed_in = lab.sign_in(ADELE).await;
    let assertion = signed_in.text("access_token");
    // The id token's audience is the web application, a Graph token's is Graph.
    lab.on_behalf_of(&signed_in.text("id_token")).await.assert_refused(400, "invalid_grant", 500_131);
    let graph = lab.on_behalf_of(&assertion).await.text("access_token");
    lab.on_behalf_of(&graph).await.assert_refused(400, "invalid_grant", 500_131);

    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("client_id", API_CLIENT_ID),
        ("client_secret", API_CLIENT_SECRET),
        ("assertion", &assertion),
        ("requested_token_use", "on_behalf_of"),
        ("scope", "User.Read"),
    ];
    lab.token_at(PARTNER_TENANT_ID, &form, None).await.assert_refused(400, "invalid_grant", 50_013);
    for tenant in ["organizations", "lakeside.example", TENANT_ID] {
        assert_eq!(lab.token_at(tenant, &form, None).await.status, 200, "{tenant}");
    }

    lab.clock.advance(Duration::seconds(3_600));
    lab.on_behalf_of(&assertion).await.assert_refused(400, "invalid_grant", 500_133);
}

#[tokio::test]
async fn an_application_is_no_user() {
    let lab = Lab::start().await;
    let scope = format!("api://{API_CLIENT_ID}/.default");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", API_CLIENT_ID),
        ("client_secret", API_CLIENT_SECRET),
        ("scope", &scope),
    ];
    let answer = lab.token(&form, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body["refresh_token"].is_null());
    let token = answer.text("access_token");
    let own = claims(&token);
    assert_eq!((own["idtyp"].as_str(), own["scp"].as_str()), (Some("app"), None));
    assert_eq!(own["oid"], own["sub"]);
    lab.on_behalf_of(&token).await.assert_refused(400, "invalid_grant", 7_000_114);

    let delegated = [form[0], form[1], form[2], ("scope", "User.Read")];
    lab.token(&delegated, None).await.assert_refused(400, "invalid_scope", 1_002_012);
    let unproven = [form[0], form[1], form[3]];
    lab.token(&unproven, None).await.assert_refused(401, "invalid_client", 7_000_218);
}

#[tokio::test]
async fn the_client_must_prove_itself() {
    let lab = Lab::start().await;
    let assertion = lab.sign_in(ADELE).await.text("access_token");
    let refused = |more: Vec<(&'static str, &'static str)>| {
        let (lab, assertion) = (&lab, &assertion);
        async move { lab.on_behalf_of_with(assertion, &more).await }
    };
    refused(vec![("client_secret", "wrong")]).await.assert_refused(401, "invalid_client", 7_000_215);
    refused(vec![("client_secret", "")]).await.assert_refused(401, "invalid_client", 7_000_218);
    refused(vec![("client_id", OTHER_SPA_CLIENT_ID)]).await.assert_refused(401, "invalid_client", 700_025);
    refused(vec![("client_id", "77777777-7777-4777-8777-777777777777")]).await.assert_refused(
        400,
        "unauthorized_client",
        700_016,
    );
    for missing in ["assertion", "requested_token_use", "scope", "client_id", "grant_type"] {
        let answer = lab.on_behalf_of_with(&assertion, &[(missing, "")]).await;
        answer.assert_refused(400, "invalid_request", 900_144);
        assert!(answer.text("error_description").contains(missing), "{}", answer.body);
    }
}

#[tokio::test]
async fn http_basic_is_a_proof_too() {
    let lab = Lab::start().await;
    let assertion = lab.sign_in(ADELE).await.text("access_token");
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", &assertion),
        ("requested_token_use", "on_behalf_of"),
        ("scope", "User.Read"),
    ];
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", lab.base);
    let send = |secret| lab.http.post(&url).basic_auth(API_CLIENT_ID, Some(secret)).form(&form).send();
    assert_eq!(send(API_CLIENT_SECRET).await.unwrap().status(), 200);
    assert_eq!(send("wrong").await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_the_administrator_or_the_user_did_stops_the_exchange() {
    let lab = Lab::start().await;
    let assertion = lab.sign_in(ADELE).await.text("access_token");

    lab.emulator.act_on_user(ADELE, UserAction::RequireMfa).unwrap();
    let challenged = lab.on_behalf_of(&assertion).await;
    challenged.assert_refused(400, "interaction_required", 50_076);
    assert_eq!(challenged.body["suberror"], "basic_action");
    let wanted: Value = serde_json::from_str(&challenged.text("claims")).unwrap();
    assert!(wanted["access_token"]["capolids"]["values"].is_array());
    // The challenge, sent to the sign-in page, ends in a token that satisfies it.
    let code = lab.code_for(ADELE, &[("claims", &challenged.text("claims"))]).await;
    let approved = lab.redeem(&code).await.text("access_token");
    assert_eq!(lab.on_behalf_of(&approved).await.status, 200);
    lab.emulator.act_on_user(ADELE, UserAction::ClearMfa).unwrap();

    lab.emulator.act_on_user(ADELE, UserAction::WithdrawConsent).unwrap();
    let unconsented = lab.on_behalf_of(&assertion).await;
    unconsented.assert_refused(400, "invalid_grant", 65_001);
    assert_eq!(unconsented.body["suberror"], "consent_required");
    lab.emulator.act_on_user(ADELE, UserAction::GrantConsent).unwrap();

    lab.emulator.act_on_user(ADELE, UserAction::Disable).unwrap();
    lab.on_behalf_of(&assertion).await.assert_refused(400, "invalid_grant", 50_057);
    lab.emulator.act_on_user(ADELE, UserAction::Enable).unwrap();
    assert_eq!(lab.on_behalf_of(&assertion).await.status, 200);

    lab.emulator.revoke(ADELE).unwrap();
    lab.on_behalf_of(&assertion).await.assert_refused(400, "invalid_grant", 50_173);
    assert_eq!(lab.graph_tokens(ADELE).await.status, 200, "a new sign-in at the same instant counts");
}

#[tokio::test]
async fn unknown_scopes_and_resources_are_refused() {
    let lab = Lab::start().await;
    let assertion = lab.sign_in(ADELE).await.text("access_token");
    for (scope, error, code) in [
        ("User.Raed", "invalid_scope", 70_011),
        ("https://graph.microsoft.com/.default User.Read", "invalid_scope", 70_011),
        ("https://elsewhere.example/Read", "invalid_resource", 500_011),
    ] {
        lab.on_behalf_of_with(&assertion, &[("scope", scope)]).await.assert_refused(400, error, code);
    }
    let two = format!("User.Read api://{API_CLIENT_ID}/Profile.Read");
    lab.on_behalf_of_with(&assertion, &[("scope", &two)]).await.assert_refused(
        400,
        "invalid_request",
        28_000,
    );
}
