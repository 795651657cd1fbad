use entra_emulator::TENANT_ID;
use serde_json::json;

use crate::lab::Lab;

#[tokio::test]
async fn metadata_names_this_server_and_this_tenant() {
    let lab = Lab::start().await;
    for asked in [TENANT_ID, "lakeside.example"] {
        let metadata = lab.get(&format!("/{asked}/v2.0/.well-known/openid-configuration")).await.body;
        assert_eq!(metadata["issuer"], format!("{}/{TENANT_ID}/v2.0", lab.base));
        assert_eq!(metadata["token_endpoint"], format!("{}/{TENANT_ID}/oauth2/v2.0/token", lab.base));
        assert_eq!(metadata["jwks_uri"], format!("{}/{TENANT_ID}/discovery/v2.0/keys", lab.base));
    }
    let common = lab.get("/common/v2.0/.well-known/openid-configuration").await.body;
    assert_eq!(common["issuer"], format!("{}/{{tenantid}}/v2.0", lab.base));
    assert_eq!(common["token_endpoint"], format!("{}/common/oauth2/v2.0/token", lab.base));
    let older = lab.get(&format!("/{TENANT_ID}/.well-known/openid-configuration")).await.body;
    assert_eq!(older["issuer"], format!("{}/sts/{TENANT_ID}/", lab.base));
}

#[tokio::test]
async fn keys_have_the_members_that_entra_id_publishes_and_no_others_that_matter() {
    let lab = Lab::start().await;
    let keys = lab.get("/organizations/discovery/v2.0/keys").await.body;
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["use"], &key["e"]), (&json!("RSA"), &json!("sig"), &json!("AQAB")));
    assert!(key.get("alg").is_none(), "Entra ID's keys carry no alg");
    assert_eq!(key["issuer"], format!("{}/{{tenantid}}/v2.0", lab.base));
    assert_eq!(key["n"].as_str().unwrap().len(), 342, "2048 bits");
    let own = lab.get(&format!("/{TENANT_ID}/discovery/v2.0/keys")).await.body;
    assert_eq!(own["keys"][0]["issuer"], format!("{}/{TENANT_ID}/v2.0", lab.base));
    assert_eq!(own["keys"][0]["kid"], key["kid"]);
}

#[tokio::test]
async fn instance_discovery_knows_this_host_only() {
    let lab = Lab::start().await;
    let found = lab.get("/common/discovery/instance?api-version=1.1&authorization_endpoint=x").await.body;
    let host = lab.base.trim_start_matches("http://");
    assert_eq!(found["metadata"][0]["aliases"], json!([host]));
}

#[tokio::test]
async fn unknown_tenants_are_refused() {
    let lab = Lab::start().await;
    for path in ["v2.0/.well-known/openid-configuration", "discovery/v2.0/keys"] {
        lab.get(&format!("/elsewhere.example/{path}")).await.assert_refused(400, "invalid_tenant", 90_002);
    }
    let form = [("grant_type", "refresh_token"), ("client_id", "x"), ("refresh_token", "x")];
    lab.token_at("11111111-1111-4111-8111-111111111111", &form, None).await.assert_refused(
        400,
        "invalid_request",
        90_002,
    );
}
