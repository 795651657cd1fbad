use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use time::Duration;

use crate::lab::{ADELE, Lab};

#[tokio::test]
async fn only_the_default_properties_come_unasked() {
    let lab = Lab::start().await;
    let token = lab.graph_tokens(ADELE).await.text("access_token");
    let response = lab.me(&token, "").await;
    assert!(response.headers().contains_key(header::ETAG) && response.headers().contains_key("request-id"));
    let me: Value = response.json().await.unwrap();
    let mut names: Vec<&str> = me.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "@odata.context",
            "businessPhones",
            "displayName",
            "givenName",
            "id",
            "jobTitle",
            "mail",
            "mobilePhone",
            "officeLocation",
            "preferredLanguage",
            "surname",
            "userPrincipalName",
        ]
    );
    assert_eq!(me["@odata.context"], format!("{}/graph/v1.0/$metadata#users/$entity", lab.base));
}

#[tokio::test]
async fn select_gives_what_it_names() {
    let lab = Lab::start().await;
    let token = lab.graph_tokens(ADELE).await.text("access_token");
    let select = "displayName,department,city,country,employeeId,userType";
    let me: Value = lab.me(&token, &format!("?$select={select}")).await.json().await.unwrap();
    assert_eq!(
        me,
        json!({
            "@odata.context": format!("{}/graph/v1.0/$metadata#users({select})/$entity", lab.base),
            "displayName": "Adele Vance", "department": "Retail", "city": "Zurich", "country": "Switzerland",
            "employeeId": "10234", "userType": "Member",
        })
    );
    for wrong in ["departement", "displayname", "displayName,,city"] {
        let refused = lab.me(&token, &format!("?$select={wrong}")).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{wrong}");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body["error"]["code"], "BadRequest");
        assert!(body["error"]["message"].as_str().unwrap().contains("Could not find a property named"));
        assert!(body["error"]["innerError"]["request-id"].is_string());
        assert!(body["error"]["innerError"]["client-request-id"].is_string());
    }
}

#[tokio::test]
async fn an_empty_profile_is_null_not_missing() {
    let lab = Lab::start().await;
    let token = lab.graph_tokens("farid@lakeside.example").await.text("access_token");
    let me: Value = lab.me(&token, "?$select=jobTitle,employeeId,businessPhones").await.json().await.unwrap();
    assert_eq!(
        (&me["jobTitle"], &me["employeeId"], &me["businessPhones"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    assert!(me.as_object().unwrap().contains_key("jobTitle"));
}

#[tokio::test]
async fn tokens_that_are_not_for_graph_are_refused() {
    let lab = Lab::start().await;
    let signed_in = lab.sign_in(ADELE).await;
    let graph = lab.on_behalf_of(&signed_in.text("access_token")).await.text("access_token");
    for bad in
        [signed_in.text("access_token"), signed_in.text("id_token"), "nonsense".into(), format!("{graph}x")]
    {
        let refused = lab.me(&bad, "").await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert!(refused.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer "));
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body["error"]["code"], "InvalidAuthenticationToken");
    }
    let none = lab.http.get(format!("{}/graph/v1.0/me", lab.base)).send().await.unwrap();
    assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
    lab.clock.advance(Duration::seconds(3_600 + 301));
    let expired: Value = lab.me(&graph, "").await.json().await.unwrap();
    assert!(expired["error"]["message"].as_str().unwrap().contains("expired"));
}

#[tokio::test]
async fn the_permission_is_needed() {
    let lab = Lab::start().await;
    let assertion = lab.sign_in(ADELE).await.text("access_token");
    let token = lab.on_behalf_of_with(&assertion, &[("scope", "Mail.Read")]).await.text("access_token");
    let refused = lab.me(&token, "").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "Authorization_RequestDenied");
}

#[tokio::test]
async fn revocation_reaches_continuous_tokens_at_once_and_others_when_they_expire() {
    let lab = Lab::start().await;
    let assertion = lab.sign_in(ADELE).await.text("access_token");
    let plain = lab.on_behalf_of(&assertion).await.text("access_token");
    let cp1 = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
    let continuous = lab.on_behalf_of_with(&assertion, &[("claims", cp1)]).await.text("access_token");
    assert_eq!(lab.me(&continuous, "").await.status(), StatusCode::OK);
    lab.emulator.revoke(ADELE).unwrap();
    assert_eq!(lab.me(&plain, "").await.status(), StatusCode::OK);
    let challenged = lab.me(&continuous, "").await;
    assert_eq!(challenged.status(), StatusCode::UNAUTHORIZED);
    let challenge = challenged.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_claims\""), "{challenge}");
    let (_, claims) = challenge.split_once(", claims=\"").unwrap();
    let claims = STANDARD.decode(claims.split('"').next().unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["access_token"]["nbf"]["essential"], true);
}

#[tokio::test]
async fn unknown_resources_and_methods_answer_as_graph() {
    let lab = Lab::start().await;
    let unknown = lab.get("/graph/v1.0/me/dreams").await;
    assert_eq!((unknown.status, &unknown.body["error"]["code"]), (400, &json!("BadRequest")));
    let delete = lab.http.delete(format!("{}/graph/v1.0/me", lab.base)).send().await.unwrap();
    assert_eq!(delete.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(delete.json::<Value>().await.unwrap()["error"]["code"].is_string());
}

#[tokio::test]
async fn user_info_tells_who_it_is() {
    let lab = Lab::start().await;
    let token = lab.graph_tokens(ADELE).await.text("access_token");
    let url = format!("{}/graph/oidc/userinfo", lab.base);
    let info: Value = lab.http.get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
    assert_eq!(info["email"], ADELE);
    assert!(info["sub"].is_string());
}
