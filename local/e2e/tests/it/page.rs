//! The page's server.

use crate::lab::Lab;
use stack::PageContent;

#[tokio::test]
async fn the_page_is_served_with_its_settings_and_a_strict_policy() {
    let folder = std::env::temp_dir().join(format!("e2e-page-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    std::fs::write(folder.join("index.html"), "<!doctype html>the app").unwrap();
    std::fs::write(folder.join("assets/app-1a2b.js"), "export {}").unwrap();
    let lab = Lab::with_page(&[], PageContent::Built(folder.clone())).await;
    let addresses = lab.stack.addresses().clone();
    let get = async |path: &str| {
        let answer = lab.visitor.http().get(format!("{}{path}", addresses.page)).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, answer.text().await.unwrap())
    };

    let (status, headers, text) = get("/background").await;
    assert_eq!((status, text.as_str()), (200, "<!doctype html>the app"));
    assert_eq!(headers["cache-control"], "no-cache");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';") && policy.contains(&addresses.api), "{policy}");
    let (status, headers, _) = get("/assets/app-1a2b.js").await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(get("/assets/gone.js").await.0, 404);

    let (status, headers, text) = get("/config.json").await;
    assert_eq!((status, &headers["content-type"]), (200, &"application/json".parse().unwrap()));
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["apiBaseUrl"], addresses.api.as_str());
    let metadata = &config["authorityMetadata"];
    let discovery = format!(
        "{}/v2.0/.well-known/openid-configuration",
        metadata["issuer"].as_str().unwrap().trim_end_matches("/v2.0")
    );
    let discovered = lab.visitor.http().get(discovery).send().await.unwrap();
    let discovered: serde_json::Value = discovered.json().await.unwrap();
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri", "issuer", "end_session_endpoint"] {
        assert_eq!(metadata[member], discovered[member], "{member}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn both_spellings_of_this_machine_lead_to_the_page() {
    let lab = Lab::start().await;
    let port = lab.stack.addresses().page.rsplit(':').next().unwrap().to_owned();
    for host in ["localhost", "127.0.0.1"] {
        let answer =
            lab.visitor.http().get(format!("http://{host}:{port}/config.json")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{host}");
    }
}
