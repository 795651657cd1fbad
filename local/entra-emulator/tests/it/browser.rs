//! What a browser adds: cookies, hidden frames, cross-origin calls.

use entra_emulator::{SPA_CLIENT_ID, TENANT_ID, UserAction};
use reqwest::{Method, Response, header};

use crate::lab::{ADELE, Lab, ORIGIN, location, value_of};

fn cookie(response: &Response) -> String {
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("SameSite=Lax") && cookie.contains("HttpOnly"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

async fn signed_in(lab: &Lab, user: &str, cookie_before: &str) -> String {
    let request = lab.http.post(lab.authorize_url(&[])).header(header::COOKIE, cookie_before);
    cookie(&request.form(&[("user", user), ("approve", "yes")]).send().await.unwrap())
}

async fn authorize(lab: &Lab, cookie: &str, more: &[(&str, &str)]) -> Response {
    lab.http.get(lab.authorize_url(more)).header(header::COOKIE, cookie).send().await.unwrap()
}

async fn silent(lab: &Lab, cookie: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let asked: Vec<_> = [("prompt", "none")].into_iter().chain(more.iter().copied()).collect();
    location(&authorize(lab, cookie, &asked).await)
}

#[tokio::test]
async fn a_session_signs_in_silently_and_only_where_it_holds() {
    let lab = Lab::start().await;
    let error = |sent: &[(String, String)]| value_of(sent, "error");
    assert_eq!(error(&silent(&lab, "", &[]).await).as_deref(), Some("login_required"));
    assert_eq!(error(&silent(&lab, "ESTSAUTH=forged", &[]).await).as_deref(), Some("login_required"));

    let adele = signed_in(&lab, ADELE, "").await;
    assert!(value_of(&silent(&lab, &adele, &[]).await, "code").is_some());
    assert!(value_of(&silent(&lab, &adele, &[("login_hint", ADELE)]).await, "code").is_some());
    let other = silent(&lab, &adele, &[("login_hint", "bruno@lakeside.example")]).await;
    assert_eq!(error(&other).as_deref(), Some("login_required"));

    // With two accounts the application has to say which.
    let both = signed_in(&lab, "bruno@lakeside.example", &adele).await;
    assert_eq!(error(&silent(&lab, &both, &[]).await).as_deref(), Some("login_required"));
    assert!(value_of(&silent(&lab, &both, &[("login_hint", ADELE)]).await, "code").is_some());

    lab.emulator.revoke(ADELE).unwrap();
    assert_eq!(error(&silent(&lab, &adele, &[]).await).as_deref(), Some("login_required"));
}

#[tokio::test]
async fn what_needs_a_page_is_said_to_a_hidden_frame() {
    let lab = Lab::start().await;
    let session = signed_in(&lab, ADELE, "").await;
    lab.emulator.act_on_user(ADELE, UserAction::RequireMfa).unwrap();
    assert!(value_of(&silent(&lab, &session, &[]).await, "code").is_some(), "it was approved at sign-in");
    lab.emulator.act_on_user(ADELE, UserAction::ClearMfa).unwrap();

    lab.emulator.act_on_user(ADELE, UserAction::WithdrawConsent).unwrap();
    let refused = silent(&lab, &session, &[]).await;
    assert_eq!(value_of(&refused, "error").as_deref(), Some("interaction_required"));
    assert!(value_of(&refused, "error_description").unwrap().starts_with("AADSTS65001"));
    lab.emulator.act_on_user(ADELE, UserAction::GrantConsent).unwrap();

    let weak = lab.http.post(lab.authorize_url(&[])).form(&[("user", ADELE)]).send().await.unwrap();
    let weak = cookie(&weak);
    lab.emulator.act_on_user(ADELE, UserAction::RequireMfa).unwrap();
    let refused = silent(&lab, &weak, &[]).await;
    assert_eq!(value_of(&refused, "error").as_deref(), Some("interaction_required"));
    assert!(value_of(&refused, "claims").is_some());
}

#[tokio::test]
async fn prompts_decide_between_page_and_silence() {
    let lab = Lab::start().await;
    let session = signed_in(&lab, ADELE, "").await;
    assert_eq!(authorize(&lab, &session, &[]).await.status(), 302, "an only session is used");
    for prompt in ["login", "select_account", "consent"] {
        let page = authorize(&lab, &session, &[("prompt", prompt)]).await;
        assert_eq!(page.status(), 200, "{prompt}");
        assert!(page.text().await.unwrap().contains("Pick an account"), "{prompt}");
    }
    let hinted = authorize(&lab, "", &[("login_hint", "dana@lakeside.example")]).await.text().await.unwrap();
    let focused = hinted.split("<li>").find(|item| item.contains(" autofocus")).unwrap();
    assert!(focused.contains("Dana Ortiz"), "the hinted account is preselected");
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let weak = lab.http.post(lab.authorize_url(&[])).form(&[("user", ADELE)]).send().await.unwrap();
    let page = authorize(&lab, &cookie(&weak), &[("claims", claims)]).await;
    assert!(page.text().await.unwrap().contains("Approve sign-in"));
}

#[tokio::test]
async fn pages_are_guarded_and_escaped() {
    let lab = Lab::start().await;
    let page = authorize(&lab, "", &[("state", "\"><script>alert(1)</script>")]).await;
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let html = page.text().await.unwrap();
    assert!(!html.contains("<script"), "no script on sign-in pages");
    assert!(html.contains("lang=\"en\"") && html.contains("<main"));
}

#[tokio::test]
async fn sign_out_ends_the_session_and_goes_back_only_to_registered_addresses() {
    let lab = Lab::start().await;
    let url = |back: &str| {
        format!("{}/{TENANT_ID}/oauth2/v2.0/logout?post_logout_redirect_uri={back}&state=s", lab.base)
    };
    let back = lab.http.get(url("http://localhost:3000/")).send().await.unwrap();
    assert_eq!(back.status(), 302);
    assert_eq!(back.headers()[header::LOCATION], "http://localhost:3000/?state=s");
    assert!(back.headers()[header::SET_COOKIE].to_str().unwrap().starts_with("ESTSAUTH=;"));
    let stays = lab.http.get(url("https://attacker.example/")).send().await.unwrap();
    assert_eq!(stays.status(), 200);
    assert!(stays.text().await.unwrap().contains("You signed out"));
}

#[tokio::test]
async fn other_origins_may_read_every_answer() {
    let lab = Lab::start().await;
    let token = format!("{}/{TENANT_ID}/oauth2/v2.0/token", lab.base);
    let graph = format!("{}/graph/v1.0/me", lab.base);
    let keys = format!("{}/{TENANT_ID}/discovery/v2.0/keys", lab.base);
    for url in [&token, &graph, &keys] {
        let preflight = lab
            .http
            .request(Method::OPTIONS, url.as_str())
            .header(header::ORIGIN, ORIGIN)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-client-sku")
            .send()
            .await
            .unwrap();
        assert_eq!(preflight.status(), 204, "{url}");
        assert_eq!(preflight.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(preflight.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS], "content-type,x-client-sku");
    }
    let form = [("grant_type", "refresh_token"), ("client_id", SPA_CLIENT_ID), ("refresh_token", "made-up")];
    let refused = lab.http.post(&token).header(header::ORIGIN, ORIGIN).form(&form).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let refused = lab.http.get(&graph).header(header::ORIGIN, ORIGIN).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let exposed = refused.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
    assert!(exposed.contains("WWW-Authenticate") && exposed.contains("Retry-After"), "{exposed}");
    assert!(lab.emulator.counters().values().all(|counter| counter.ok == 0), "preflights are not counted");
}
