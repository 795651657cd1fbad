use entra_emulator::{API_CLIENT_ID, API_CLIENT_SECRET, Directory, SPA_CLIENT_ID, TENANT_ID, UserAction};
use reqwest::header;
use serde_json::{Value, json};
use time::Duration;

use crate::lab::{ADELE, Lab, ORIGIN, REDIRECT, VERIFIER, answer, claims, location, value_of};

/// `token` signed by a key of `jwks`, checked without the emulator's code.
fn is_signed_by(token: &str, jwks: &Value) -> bool {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    let Some(key) = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    RsaPublicKeyComponents { n: number("n"), e: number("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .is_ok()
}

#[tokio::test]
async fn a_code_becomes_tokens_for_the_api() {
    let lab = Lab::start().await;
    let answer = lab.sign_in(ADELE).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["refresh_token_expires_in"], 86_400);
    assert_eq!(answer.body["scope"], format!("api://{API_CLIENT_ID}/Profile.ReadWrite openid profile"));
    let jwks = lab.get(&format!("/{TENANT_ID}/discovery/v2.0/keys")).await.body;
    let access = answer.text("access_token");
    assert!(is_signed_by(&access, &jwks));
    let access = claims(&access);
    let issuer = format!("{}/{TENANT_ID}/v2.0", lab.base);
    let now = lab.emulator.now().unix_timestamp();
    for (name, value) in [
        ("aud", json!(API_CLIENT_ID)),
        ("iss", json!(issuer)),
        ("azp", json!(SPA_CLIENT_ID)),
        ("azpacr", json!("0")),
        ("scp", json!("Profile.ReadWrite")),
        ("tid", json!(TENANT_ID)),
        ("oid", json!("1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c01")),
        ("preferred_username", json!(ADELE)),
        ("name", json!("Adele Vance")),
        ("ver", json!("2.0")),
        ("exp", json!(now + 3_600)),
        ("nbf", json!(now - 300)),
    ] {
        assert_eq!(access[name], value, "{name}");
    }
    for opaque in ["aio", "rh", "sub", "uti"] {
        assert!(access[opaque].is_string(), "{opaque}");
    }
    let id = answer.text("id_token");
    assert!(is_signed_by(&id, &jwks));
    let id = claims(&id);
    assert_eq!(
        (&id["aud"], &id["nonce"], &id["iss"]),
        (&json!(SPA_CLIENT_ID), &json!("the-nonce"), &json!(issuer))
    );
    assert_ne!(id["sub"], access["sub"], "subjects are pairwise");
}

#[tokio::test]
async fn an_api_registered_for_version_one_gets_version_one_tokens() {
    let mut directory = Directory::sample();
    directory.applications[0].access_token_version = 1;
    let lab = Lab::with(directory, None).await;
    let answer = lab.sign_in(ADELE).await;
    let token = claims(&answer.text("access_token"));
    assert_eq!(token["aud"], format!("api://{API_CLIENT_ID}"));
    assert_eq!(token["iss"], format!("{}/sts/{TENANT_ID}/", lab.base));
    assert_eq!(
        (&token["ver"], &token["appid"], &token["upn"]),
        (&json!("1.0"), &json!(SPA_CLIENT_ID), &json!(ADELE))
    );
    assert!(token.get("azp").is_none() && token.get("preferred_username").is_none());
    assert_eq!(lab.on_behalf_of(&answer.text("access_token")).await.status, 200);
}

#[tokio::test]
async fn a_graph_token_cannot_be_verified_by_an_api() {
    let lab = Lab::start().await;
    let jwks = lab.get(&format!("/{TENANT_ID}/discovery/v2.0/keys")).await.body;
    assert!(!is_signed_by(&lab.graph_tokens(ADELE).await.text("access_token"), &jwks));
}

#[tokio::test]
async fn a_code_is_good_once_for_ten_minutes_and_for_its_verifier_client_and_address() {
    let lab = Lab::start().await;
    let form = |code: &str, more: &[(&'static str, &'static str)]| {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("client_id", SPA_CLIENT_ID.to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
        ];
        for (name, value) in more {
            form.retain(|(other, _)| other != name);
            form.push((name, (*value).to_owned()));
        }
        form.retain(|(_, value)| !value.is_empty());
        form
    };
    let redeem = async |code: &str, more: &[(&'static str, &'static str)], origin: Option<&str>| {
        let form = form(code, more);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        lab.token(&form, origin).await
    };
    let code = lab.code_for(ADELE, &[]).await;
    let browser = Some(ORIGIN);
    redeem(&code, &[("code_verifier", "wrong")], browser).await.assert_refused(400, "invalid_grant", 501_481);
    redeem(&code, &[("code_verifier", "")], browser).await.assert_refused(400, "invalid_grant", 501_481);
    redeem(&code, &[("redirect_uri", "http://localhost:3000/")], browser).await.assert_refused(
        400,
        "invalid_client",
        500_112,
    );
    redeem(&code, &[("client_id", entra_emulator::OTHER_SPA_CLIENT_ID)], browser).await.assert_refused(
        400,
        "invalid_grant",
        70_000,
    );
    redeem(&code, &[], None).await.assert_refused(400, "invalid_request", 9_002_327);
    redeem("made-up", &[], browser).await.assert_refused(400, "invalid_grant", 70_000);
    assert_eq!(redeem(&code, &[], browser).await.status, 200);
    redeem(&code, &[], browser).await.assert_refused(400, "invalid_grant", 54_005);

    let late = lab.code_for(ADELE, &[]).await;
    lab.clock.advance(Duration::minutes(10));
    redeem(&late, &[], browser).await.assert_refused(400, "invalid_grant", 70_008);
}

#[tokio::test]
async fn of_two_redemptions_at_once_one_gets_through() {
    let lab = Lab::start().await;
    let code = lab.code_for(ADELE, &[]).await;
    let (one, other) = tokio::join!(lab.redeem(&code), lab.redeem(&code));
    let refused = if one.status == 200 { &other } else { &one };
    assert_eq!(one.status + other.status, 600, "{} {}", one.body, other.body);
    refused.assert_refused(400, "invalid_grant", 54_005);
}

#[tokio::test]
async fn a_web_application_redeems_with_its_secret_and_never_from_a_browser() {
    let lab = Lab::start().await;
    let web = "http://localhost/signin-oidc";
    let asked = [
        ("client_id", API_CLIENT_ID),
        ("redirect_uri", web),
        ("scope", "User.Read offline_access"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    let code = lab.code_for(ADELE, &asked).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", API_CLIENT_ID),
        ("code", &code),
        ("redirect_uri", web),
        ("client_secret", API_CLIENT_SECRET),
    ];
    lab.token(&form, Some(ORIGIN)).await.assert_refused(400, "invalid_request", 9_002_326);
    lab.token(&form[..4], None).await.assert_refused(401, "invalid_client", 7_000_218);
    let answer = lab.token(&form, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body["refresh_token_expires_in"].is_null());
}

#[tokio::test]
async fn response_modes_carry_code_state_and_client_info() {
    let lab = Lab::start().await;
    for (mode, marker) in [("query", '?'), ("fragment", '#')] {
        let url = lab.authorize_url(&[("response_mode", mode)]);
        let response = lab.http.post(url).form(&[("user", ADELE)]).send().await.unwrap();
        assert_eq!(response.status(), 302);
        let target = response.headers()[header::LOCATION].to_str().unwrap();
        assert!(target.starts_with(&format!("{REDIRECT}{marker}")), "{target}");
        let sent = location(&response);
        assert_eq!(value_of(&sent, "state").as_deref(), Some("the-state"));
        for name in ["code", "client_info", "session_state"] {
            assert!(value_of(&sent, name).is_some(), "{name}");
        }
    }
    let url = lab.authorize_url(&[("response_mode", "form_post"), ("state", "\"><script>")]);
    let page = answer(lab.http.post(url).form(&[("user", ADELE)]).send().await.unwrap()).await;
    let html = page.body.as_str().unwrap();
    assert!(html.contains("name=\"code\"") && html.contains("value=\"&quot;&gt;&lt;script&gt;\""), "{html}");
}

#[tokio::test]
async fn errors_go_to_the_application_only_when_its_address_is_registered() {
    let lab = Lab::start().await;
    for (more, code) in [
        ([("redirect_uri", "https://attacker.example/")].as_slice(), "AADSTS50011"),
        (&[("redirect_uri", "http://localhost:3000/other")], "AADSTS50011"),
        (&[("client_id", "77777777-7777-4777-8777-777777777777")], "AADSTS700016"),
        (&[("redirect_uri", "")], "AADSTS900144"),
    ] {
        let response = lab.http.get(lab.authorize_url(more)).send().await.unwrap();
        assert_eq!(response.status(), 400, "{more:?}");
        assert!(response.headers().get(header::LOCATION).is_none());
        assert!(response.text().await.unwrap().contains(code), "{code}");
    }
    for (more, error, code) in [
        (
            [("code_challenge", ""), ("code_challenge_method", "")].as_slice(),
            "invalid_request",
            "AADSTS9002325",
        ),
        (&[("code_challenge_method", "plain")], "invalid_request", "AADSTS9002313"),
        (&[("response_type", "token")], "unsupported_response_type", "AADSTS700051"),
        (&[("scope", "Mail.Fly")], "invalid_scope", "AADSTS70011"),
        (&[("prompt", "maybe")], "invalid_request", "AADSTS90023"),
        (&[("claims", "not json")], "invalid_request", "AADSTS9002313"),
    ] {
        let sent = location(&lab.http.get(lab.authorize_url(more)).send().await.unwrap());
        assert_eq!(value_of(&sent, "error").as_deref(), Some(error), "{more:?}");
        assert!(value_of(&sent, "error_description").unwrap().starts_with(code), "{sent:?}");
        assert_eq!(value_of(&sent, "state").as_deref(), Some("the-state"));
    }
}

#[tokio::test]
async fn guests_carry_their_home_and_members_of_other_tenants_stay_out() {
    let lab = Lab::start().await;
    let guest = lab.sign_in("noor@harbour.example").await;
    let token = claims(&guest.text("access_token"));
    assert_eq!(token["tid"], TENANT_ID);
    assert!(token["idp"].as_str().unwrap().contains(entra_emulator::PARTNER_TENANT_ID));
    assert_eq!(token["preferred_username"], "noor@harbour.example");

    let mut any = lab.authorize_url(&[]);
    any.set_path("/organizations/oauth2/v2.0/authorize");
    let response = lab.http.post(any).form(&[("user", "noor@harbour.example")]).send().await.unwrap();
    let code = value_of(&location(&response), "code").unwrap();
    let home = lab.redeem_at("organizations", &code).await;
    assert_eq!(claims(&home.text("access_token"))["tid"], entra_emulator::PARTNER_TENANT_ID);
    assert_eq!(home.body["client_info"], guest.body["client_info"], "one home account");

    let mut partner = lab.authorize_url(&[]);
    partner.set_path(&format!("/{}/oauth2/v2.0/authorize", entra_emulator::PARTNER_TENANT_ID));
    let page = lab.http.post(partner).form(&[("user", ADELE)]).send().await.unwrap();
    assert_eq!(page.status(), 400);
    assert!(page.text().await.unwrap().contains("AADSTS50020"));
}

#[tokio::test]
async fn the_page_asks_for_what_the_user_still_owes() {
    let lab = Lab::start().await;
    let url = lab.authorize_url(&[]);
    let post = async |form: &[(&str, &str)]| lab.http.post(url.clone()).form(form).send().await.unwrap();

    lab.emulator.act_on_user(ADELE, UserAction::RequireMfa).unwrap();
    lab.emulator.act_on_user(ADELE, UserAction::WithdrawConsent).unwrap();
    let approve = post(&[("user", ADELE)]).await.text().await.unwrap();
    assert!(approve.contains("<h1>Approve sign-in</h1>") && approve.contains("name=\"approve\""));
    let consent = post(&[("user", ADELE), ("approve", "yes")]).await.text().await.unwrap();
    assert!(consent.contains("Permissions requested") && consent.contains("Profile.ReadWrite"));
    assert!(consent.contains("name=\"approve\" value=\"yes\""), "the approval is not asked for twice");
    let done = post(&[("user", ADELE), ("approve", "yes"), ("consent", "yes")]).await;
    assert_eq!(done.status(), 302);
    assert!(!lab.emulator.users()[0].consent_withdrawn);

    let cancelled = location(&post(&[("action", "cancel")]).await);
    assert_eq!(value_of(&cancelled, "error").as_deref(), Some("access_denied"));

    lab.emulator.act_on_user(ADELE, UserAction::Disable).unwrap();
    let disabled = post(&[("user", ADELE), ("approve", "yes")]).await;
    assert_eq!(disabled.status(), 400);
    assert!(disabled.text().await.unwrap().contains("AADSTS50057"));
}

#[tokio::test]
async fn a_user_disabled_or_revoked_between_page_and_redemption_gets_nothing() {
    let lab = Lab::start().await;
    let code = lab.code_for(ADELE, &[]).await;
    lab.emulator.revoke(ADELE).unwrap();
    lab.redeem(&code).await.assert_refused(400, "invalid_grant", 50_173);
}
