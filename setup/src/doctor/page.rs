//! The page's `config.json`, beside the settings of the API that it calls.

use super::finding::Finding;
use super::http::send;
use domain::identity::ClientId;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;
use wiring::{Allowed, Config};

pub(super) const CONFIG: &str = "page-config";

/// What the page must agree with.
pub(super) struct Identity {
    /// Issuer of version 2.0: `<authority>/<tenant>/v2.0`.
    issuer: String,
    /// Of scopes: `api://<client id>`, or what the registration has in its place.
    app_id_uris: Vec<String>,
    /// Applications that may call; `None` where only the sweep's settings are known.
    clients: Option<Allowed<ClientId>>,
}

impl Identity {
    pub(super) fn of(config: &Config) -> Self {
        let own = config.callers.as_ref().and_then(|callers| callers.app_id_uri.clone());
        let app_id_uris = [own, Some(format!("api://{}", config.client_id))].into_iter().flatten().collect();
        Self {
            issuer: config.authority.metadata_issuer(),
            app_id_uris,
            clients: config.callers.as_ref().map(|callers| callers.allowed_clients.clone()),
        }
    }
}

pub(super) async fn check(
    client: &Client,
    page: &Url,
    api: Option<&Url>,
    identity: Option<&Identity>,
) -> Vec<Finding> {
    let reach = "is --page-url the stack's output SpaUrl, and is the page deployed with a config.json beside index.html (docs/deploy.md)?";
    let Ok(address) = page.join("/config.json") else {
        return vec![Finding::failed(CONFIG, "expected an http or https address", reach)];
    };
    let answer = match send(client.get(address)).await {
        Ok(answer) => answer,
        Err(error) => return vec![Finding::failed(CONFIG, error, reach)],
    };
    let Some(config) = answer.json().filter(|config| answer.status == StatusCode::OK && config.is_object())
    else {
        let detail = format!("expected config.json, got HTTP {} without one", answer.status.as_u16());
        return vec![Finding::failed(CONFIG, detail, reach)];
    };
    let problems = compare(&config, api, identity);
    vec![match (problems.is_empty(), identity) {
        (false, _) => {
            Finding::failed(CONFIG, problems.join("; "), "mend config.json, or the functions' settings")
        }
        (true, Some(_)) => Finding::ok(CONFIG, "agrees with the settings"),
        (true, None) => Finding::warning(CONFIG, "is there; not compared", "mend the settings first"),
    }]
}

fn compare(config: &Value, api: Option<&Url>, identity: Option<&Identity>) -> Vec<String> {
    let mut problems = Vec::new();
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let plain = |address: &str| address.trim_end_matches('/').to_owned();
    if let Some(api) = api
        && plain(text("apiBaseUrl")) != plain(api.as_str())
    {
        problems.push(format!("apiBaseUrl: expected {}, got {:?}", plain(api.as_str()), text("apiBaseUrl")));
    }
    let Some(identity) = identity else { return problems };
    // The page names every authority with https, also one without.
    let of_page = plain(text("authority")).replacen("http://", "https://", 1);
    let of_api = plain(identity.issuer.trim_end_matches("/v2.0")).replacen("http://", "https://", 1);
    let of_api = of_api.replace("{tenantid}", "organizations");
    if of_page != of_api {
        problems.push(format!("authority: expected {of_api}, got {of_page:?}"));
    }
    let client = text("clientId");
    let known = client
        .parse::<ClientId>()
        .ok()
        .is_some_and(|client| identity.clients.as_ref().is_none_or(|clients| clients.includes(&client)));
    if !known {
        problems.push(format!("clientId: expected one of ENTRA_ALLOWED_CLIENTS, got {client:?}"));
    }
    let scopes: Vec<&str> = config
        .get("apiScopes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let is_ours = |scope: &&str| {
        identity
            .app_id_uris
            .iter()
            .any(|uri| scope.strip_prefix(uri.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    if scopes.is_empty() || !scopes.iter().all(is_ours) {
        problems.push(format!("apiScopes: expected scopes of {}, got {scopes:?}", identity.app_id_uris[0]));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CLIENT: &str = "aaaabbbb-0000-4000-8000-000000000003";

    fn identity(issuer: &str) -> Identity {
        Identity {
            issuer: issuer.to_owned(),
            app_id_uris: vec!["api://lakeside.example/profile".to_owned(), "api://aaaa".to_owned()],
            clients: Some(Allowed::Only([CLIENT.parse().unwrap()].into())),
        }
    }

    fn good() -> Value {
        json!({
            "apiBaseUrl": "https://api.lakeside.example/",
            "clientId": CLIENT,
            "authority": "https://login.microsoftonline.com/aaaa/",
            "apiScopes": ["api://lakeside.example/profile/Profile.Read", "api://aaaa/Profile.ReadWrite"],
        })
    }

    fn problems(config: &Value) -> Vec<String> {
        let api = "https://api.lakeside.example".parse().unwrap();
        compare(config, Some(&api), Some(&identity("https://login.microsoftonline.com/aaaa/v2.0")))
    }

    #[test]
    fn a_page_that_agrees_has_no_problems() {
        assert_eq!(problems(&good()), Vec::<String>::new());
    }

    #[test]
    fn each_setting_that_disagrees_is_named() {
        for (name, value) in [
            ("apiBaseUrl", json!("https://other.example")),
            ("clientId", json!("aaaabbbb-0000-4000-8000-000000000009")),
            ("authority", json!("https://login.microsoftonline.com/bbbb")),
            ("apiScopes", json!(["api://aaaabbbb/Profile.Read"])),
            ("apiScopes", json!([])),
        ] {
            let mut config = good();
            config[name] = value;
            let found = problems(&config);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&format!("{name}: expected ")), "{found:?}");
        }
    }

    #[test]
    fn a_page_for_any_tenant_signs_in_at_organizations() {
        let mut config = good();
        config["authority"] = json!("https://login.microsoftonline.com/organizations");
        let identity = identity("https://login.microsoftonline.com/{tenantid}/v2.0");
        assert_eq!(compare(&config, None, Some(&identity)), Vec::<String>::new());
    }
}
