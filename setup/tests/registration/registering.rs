use serde_json::{Value, json};

use crate::faults::Fault;
use crate::scene::{ADMINISTRATOR, MEMBER, Scene, TAG};

#[tokio::test]
async fn a_second_run_changes_nothing_and_says_so() {
    let scene = Scene::start().await;
    let first = scene.ran(&["register", "--admin-consent"]).await;
    assert!(first.contains("+ application token-cache-api (\"token-cache API\") for the API"), "{first}");
    let (directory, files) = (scene.directory().await, scene.files());
    scene.door.set(Fault::None);
    let second = scene.ran(&["register", "--admin-consent"]).await;
    assert!(second.contains("Nothing to do"), "{second}");
    assert_eq!(scene.door.writes(), []);
    assert_eq!((scene.directory().await, scene.files()), (directory, files));
}

#[tokio::test]
async fn both_applications_are_as_the_product_needs_them() {
    let scopes = "User.Read Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All";
    let scene = Scene::of(MEMBER, scopes).await;
    scene.ran(&["register", "--origin", "https://app.example", "--origin", "http://localhost:3000"]).await;
    let (api, page) = (scene.api().await, scene.graph("/applications(uniqueName='token-cache-page')").await);
    let id = api["appId"].as_str().unwrap();
    assert_eq!(api["identifierUris"], json!([format!("api://{id}")]));
    assert_eq!(api["api"]["requestedAccessTokenVersion"], 2);
    let scopes = api["api"]["oauth2PermissionScopes"].as_array().unwrap();
    let names: Vec<_> = scopes.iter().map(|scope| scope["value"].as_str().unwrap()).collect();
    assert_eq!(names, ["Profile.Read", "Profile.ReadWrite"]);
    assert_eq!(api["api"]["knownClientApplications"], json!([page["appId"]]));
    assert_eq!(api["optionalClaims"]["accessToken"][0]["name"], "idtyp");
    let graph = &api["requiredResourceAccess"][0];
    assert_eq!(graph["resourceAppId"], "00000003-0000-0000-c000-000000000000");
    assert_eq!(graph["resourceAccess"][0]["id"], "e1fe6dd8-ba31-4d61-89e7-88639da4683d");
    assert_eq!(
        (&api["signInAudience"], &page["signInAudience"]),
        (&json!("AzureADMyOrg"), &json!("AzureADMyOrg"))
    );
    assert_eq!(
        page["spa"]["redirectUris"],
        json!([
            "https://app.example/redirect.html",
            "https://app.example/",
            "http://localhost:3000/redirect.html",
            "http://localhost:3000/",
        ])
    );
    assert_eq!(page["requiredResourceAccess"][1]["resourceAppId"], api["appId"]);
    for application in [&api, &page] {
        assert_eq!(application["tags"], json!([TAG]));
        let app_id = application["appId"].as_str().unwrap();
        assert!(scene.graph(&format!("/servicePrincipals(appId='{app_id}')")).await["id"].is_string());
        let path = format!("/applications/{}/owners", application["id"].as_str().unwrap());
        assert_eq!(scene.graph(&path).await["value"].as_array().unwrap().len(), 1);
    }
    assert_eq!(
        scene.graph("/oauth2PermissionGrants").await["value"],
        json!([]),
        "nobody consented for everybody"
    );
}

#[tokio::test]
async fn a_dry_run_tells_the_plan_and_writes_nothing() {
    let scene = Scene::start().await;
    let (directory, files) = (scene.directory().await, scene.files());
    scene.door.set(Fault::None);
    let text = scene.ran(&["register", "--dry-run", "--admin-consent"]).await;
    for line in [
        "application token-cache-page",
        "client secret",
        "consent for everybody",
        ".env: ENTRA_AUTHORITY_HOST",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert_eq!(scene.door.writes(), []);
    assert_eq!((scene.directory().await, scene.files()), (directory, files));
    scene.ran(&["register"]).await;
    let before = scene.directory().await;
    scene.ran(&["clean-up", "--dry-run"]).await;
    assert_eq!(scene.directory().await, before);
}

#[tokio::test]
async fn what_else_the_files_say_stays() {
    let scene = Scene::start().await;
    scene.write(".env", "# mine\nSWEEP_SHARDS=8\nENTRA_TENANT_ID=\n");
    scene.write("config.json", r#"{ "apiBaseUrl": "https://api.example", "environmentLabel": "test" }"#);
    scene.ran(&["register"]).await;
    let env = scene.read(".env");
    assert!(env.starts_with("# mine\nSWEEP_SHARDS=8\nENTRA_TENANT_ID=6f1d2c3a"), "{env}");
    let sam = scene.read("samconfig.toml");
    assert!(sam.contains("# The real one.") && sam.contains("\"SweepShards=16\", # more users"), "{sam}");
    assert!(sam.contains(&format!("\"EntraClientId={}\"", scene.setting("ENTRA_CLIENT_ID"))), "{sam}");
    let page: Value = serde_json::from_str(&scene.read("config.json")).unwrap();
    assert_eq!(
        (&page["apiBaseUrl"], &page["environmentLabel"]),
        (&json!("https://api.example"), &json!("test"))
    );
    assert_eq!(page["clientId"], scene.setting("SPA_CLIENT_ID"));
    // The secret is in one place, which its owner alone can read.
    let secret = scene.setting("ENTRA_CLIENT_SECRET");
    assert!(!sam.contains(&secret) && !scene.read("config.json").contains(&secret));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(scene.folder.join(".env")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn what_somebody_added_to_the_applications_is_kept_and_what_they_took_away_comes_back() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let before = scene.shape().await;
    let api = format!("/applications/{}", scene.api().await["id"].as_str().unwrap());
    let less = json!({
        "api": { "requestedAccessTokenVersion": null, "knownClientApplications": [] },
        "optionalClaims": null,
    });
    scene.change_graph(reqwest::Method::PATCH, &api, less).await;
    let text = scene.ran(&["register"]).await;
    assert!(
        text.contains("access tokens of version 2, the optional claim idtyp, the page as a known client"),
        "{text}"
    );
    assert_eq!(scene.shape().await, before);

    let page = scene.graph("/applications(uniqueName='token-cache-page')").await;
    let path = format!("/applications/{}", page["id"].as_str().unwrap());
    let uris = json!({ "spa": { "redirectUris": ["https://other.example/redirect.html"] } });
    scene.change_graph(reqwest::Method::PATCH, &path, uris).await;
    scene.ran(&["register", "--origin", "http://localhost:3000"]).await;
    let page = scene.graph("/applications(uniqueName='token-cache-page')").await;
    let uris = page["spa"]["redirectUris"].as_array().unwrap();
    assert_eq!(uris[0], "https://other.example/redirect.html");
    assert_eq!(uris.len(), 3);
}

#[tokio::test]
async fn scopes_keep_the_ids_that_they_have() {
    let scene = Scene::start().await;
    let own = "11111111-2222-4333-8444-555555555555";
    let body = json!({
        "displayName": "begun by hand",
        "tags": [TAG],
        "api": { "oauth2PermissionScopes": [{ "id": own, "value": "Profile.Read", "isEnabled": true, "type": "User",
            "adminConsentDisplayName": "x", "adminConsentDescription": "y" }] },
    });
    let url = format!("{}/applications(uniqueName='token-cache-api')", scene.emulator.graph_base_url());
    let begun = scene.create_by_name(&url, &body).await;
    assert_eq!(begun, 201);
    scene.ran(&["register"]).await;
    let scopes = scene.api().await["api"]["oauth2PermissionScopes"].clone();
    assert_eq!((&scopes[0]["id"], &scopes[1]["value"]), (&json!(own), &json!("Profile.ReadWrite")));
    let page = scene.graph("/applications(uniqueName='token-cache-page')").await;
    let wanted = page["requiredResourceAccess"][1]["resourceAccess"].to_string();
    assert!(wanted.contains(own), "{wanted}");
}

#[tokio::test]
async fn the_user_signs_in_on_another_device() {
    let scene = Scene::start().await;
    let ran = scene.run_bare(&["register"], ADMINISTRATOR).await;
    ran.result.unwrap();
    assert!(ran.text.contains(&format!("open {}/devicelogin in a browser", scene.base)), "{}", ran.text);
    assert!(ran.text.contains("Signed in as bruno@lakeside.example in Lakeside"), "{}", ran.text);
    assert_eq!(ran.waits.iter().map(std::time::Duration::as_secs).collect::<Vec<_>>(), [5, 5]);
}

#[tokio::test]
async fn what_is_registered_is_shown_without_secrets() {
    let scene = Scene::start().await;
    let nothing = scene.ran(&["show"]).await;
    assert!(nothing.contains("token-cache-api: not registered"), "{nothing}");
    scene.ran(&["register", "--admin-consent"]).await;
    let text = scene.ran(&["show"]).await;
    for shown in [
        scene.setting("ENTRA_CLIENT_ID").as_str(),
        "Profile.Read Profile.ReadWrite",
        "http://localhost:3000/redirect.html",
        "consent for everybody",
    ] {
        assert!(text.contains(shown), "{shown} is missing in\n{text}");
    }
    let secret = scene.setting("ENTRA_CLIENT_SECRET");
    assert!(!text.contains(&secret[..8]), "{text}");
}

#[tokio::test]
async fn deployments_of_other_names_are_others() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let before = scene.api().await;
    scene.ran(&["register", "--name", "staging"]).await;
    assert_eq!(scene.api().await, before);
    scene.ran(&["clean-up", "--name", "staging", "--yes"]).await;
    assert_eq!(scene.api().await, before);
}

#[tokio::test]
async fn a_page_that_has_its_origins_gets_none_of_this_machine() {
    let scene = Scene::start().await;
    scene.ran(&["register", "--origin", "https://app.example"]).await;
    let again = scene.ran(&["register"]).await;
    assert!(again.contains("Nothing to do"), "{again}");
    let page = scene.graph("/applications(uniqueName='token-cache-page')").await;
    assert!(!page["spa"]["redirectUris"].to_string().contains("localhost"), "{page}");
}

#[tokio::test]
async fn a_page_whose_api_is_gone_for_good_asks_for_the_new_one_at_once() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let id = scene.api().await["id"].as_str().unwrap().to_owned();
    scene.change_graph(reqwest::Method::DELETE, &format!("/applications/{id}"), Value::Null).await;
    scene.change_graph(reqwest::Method::DELETE, &format!("/directory/deletedItems/{id}"), Value::Null).await;
    scene.ran(&["register"]).await;
    let page = scene.graph("/applications(uniqueName='token-cache-page')").await;
    let api = scene.setting("ENTRA_CLIENT_ID");
    assert!(page["requiredResourceAccess"].to_string().contains(&api), "{page}");
    let again = scene.ran(&["register"]).await;
    assert!(again.contains("Nothing to do"), "{again}");
}
