//! Malformed requests end in an error of the right shape, never in a dropped connection.

use entra_emulator::TENANT_ID;
use reqwest::header;

use crate::lab::{Lab, answer};

async fn post(lab: &Lab, media_type: &str, body: Vec<u8>) -> crate::lab::Answer {
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", lab.base);
    answer(lab.http.post(url).header(header::CONTENT_TYPE, media_type).body(body).send().await.unwrap()).await
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn bodies_that_are_no_form_are_refused() {
    let lab = Lab::start().await;
    post(&lab, "application/json", b"{\"grant_type\":\"refresh_token\"}".to_vec()).await.assert_refused(
        400,
        "invalid_request",
        900_144,
    );
    post(&lab, FORM, vec![0xff; 64]).await.assert_refused(400, "invalid_request", 900_144);
    post(&lab, FORM, b"%%%=&&&==%zz".to_vec()).await.assert_refused(400, "invalid_request", 900_144);
    post(&lab, FORM, Vec::new()).await.assert_refused(400, "invalid_request", 900_144);
    post(&lab, FORM, b"grant_type=a&grant_type=b".to_vec()).await.assert_refused(
        400,
        "invalid_request",
        9_002_313,
    );
    post(&lab, FORM, b"grant_type=password&client_id=c41f8e26-7b3d-45a9-8e10-2f9b6d4c7a53".to_vec())
        .await
        .assert_refused(400, "unsupported_grant_type", 70_003);
    post(&lab, FORM, vec![b'a'; 70_000]).await.assert_refused(413, "invalid_request", 90_023);
}

#[tokio::test]
async fn the_token_endpoint_takes_posts_only() {
    let lab = Lab::start().await;
    lab.get(&format!("/{TENANT_ID}/oauth2/v2.0/token")).await.assert_refused(400, "invalid_request", 900_561);
}

#[tokio::test]
async fn odd_headers_and_addresses_do_no_harm() {
    let lab = Lab::start().await;
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", lab.base);
    for authorization in ["Basic ====", "Basic /w==", "Basic", "Basic bm9jb2xvbg=="] {
        let refused =
            lab.http.post(&url).header(header::AUTHORIZATION, authorization).form(&[("grant_type", "x")]);
        assert_eq!(refused.send().await.unwrap().status(), 400, "{authorization}");
    }
    assert_eq!(lab.get("/%ff%fe/discovery/v2.0/keys").await.status, 400);
    assert_eq!(lab.get("/a/b/c/d/e").await.status, 404);
    assert_eq!(lab.get("/error?code=<script>").await.status, 404);
    let page = lab.get(&format!("/{TENANT_ID}/oauth2/v2.0/authorize?client_id=%3Cscript%3E")).await;
    assert_eq!(page.status, 400);
    assert!(!page.body.as_str().unwrap().contains("<script"));
}
