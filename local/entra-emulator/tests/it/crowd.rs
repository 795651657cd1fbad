use entra_emulator::{API_CLIENT_ID, CrowdMember, TENANT_ID, UserAction};
use serde_json::json;

use crate::lab::{ADELE, Lab, claims};

const SCOPE: &str = "https://graph.microsoft.com/User.Read offline_access openid profile";
const FIRST: &str = "user000001@lakeside.example";
const ELSEWHERE: &str = "user000002@crowd001.example";

async fn post(lab: &Lab, path: &str, body: serde_json::Value) -> (u16, serde_json::Value) {
    let answer = lab.http.post(format!("{}/emulator/api/{path}", lab.base)).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn tokens(lab: &Lab, users: &[&str]) -> Vec<String> {
    let body = json!({ "users": users, "clientId": API_CLIENT_ID, "scope": SCOPE });
    let (status, answer) = post(lab, "refresh-tokens", body).await;
    assert_eq!(status, 200, "{answer}");
    answer["refreshTokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn refresh_tokens_come_without_a_sign_in_and_are_good() {
    let lab = Lab::start().await;
    let tokens = tokens(&lab, &[FIRST, ADELE]).await;
    for (token, user) in tokens.iter().zip([FIRST, ADELE]) {
        let answer = lab.refresh_as_api(token, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let issued = claims(&answer.text("access_token"));
        assert_eq!(issued["upn"], user);
        let me = lab
            .http
            .get(format!("{}/graph/v1.0/me", lab.base))
            .bearer_auth(answer.text("access_token"))
            .send()
            .await
            .unwrap();
        assert_eq!(me.json::<serde_json::Value>().await.unwrap()["userPrincipalName"], user);
    }
    let member = CrowdMember { number: 1, tenant: 0 };
    assert_eq!(member.tenant_id(TENANT_ID.parse().unwrap()).to_string(), TENANT_ID);
    assert_eq!(
        lab.emulator.act_on_user(FIRST, UserAction::Enable).unwrap().object_id,
        member.object_id().to_string()
    );
}

#[tokio::test]
async fn many_are_revoked_at_once_and_nobody_when_one_is_unknown() {
    let lab = Lab::start().await;
    let tokens = tokens(&lab, &[FIRST, ADELE]).await;
    let (status, _) = post(&lab, "revocations", json!({ "users": [FIRST, "nobody@lakeside.example"] })).await;
    assert_eq!(status, 404);
    assert_eq!(lab.refresh_as_api(&tokens[0], &[]).await.status, 200);

    let (status, _) = post(&lab, "revocations", json!({ "users": [FIRST] })).await;
    assert_eq!(status, 204);
    lab.refresh_as_api(&tokens[0], &[]).await.assert_refused(400, "invalid_grant", 50_173);
    assert_eq!(lab.refresh_as_api(&tokens[1], &[]).await.status, 200);
}

#[tokio::test]
async fn the_crowd_spreads_over_tenants_and_is_not_listed() {
    let lab = Lab::start().await;
    let user = lab.emulator.act_on_user(ELSEWHERE, UserAction::Enable).unwrap();
    assert_ne!(user.tenant_id, TENANT_ID);
    let metadata = format!("{}/{}/v2.0/.well-known/openid-configuration", lab.base, user.tenant_id);
    assert_eq!(lab.http.get(metadata).send().await.unwrap().status(), 200);
    assert!(lab.emulator.users().iter().all(|user| !user.user_principal_name.starts_with("user0")));
}

#[tokio::test]
async fn wishes_that_make_no_sense_are_refused() {
    let lab = Lab::start().await;
    for (body, status) in [
        (json!({ "users": [ADELE], "clientId": API_CLIENT_ID, "scope": "https://elsewhere.example/X" }), 400),
        (json!({ "users": [ADELE], "clientId": TENANT_ID, "scope": SCOPE }), 404),
        (json!({ "users": ["x"], "clientId": API_CLIENT_ID, "scope": SCOPE }), 404),
        (json!({ "users": [7], "clientId": API_CLIENT_ID, "scope": SCOPE }), 400),
        (json!({ "users": vec![ADELE; 10_001], "clientId": API_CLIENT_ID, "scope": SCOPE }), 400),
    ] {
        let (answered, text) = post(&lab, "refresh-tokens", body).await;
        assert_eq!(answered, status, "{text}");
    }
}
