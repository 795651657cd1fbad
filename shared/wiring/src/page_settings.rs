//! What a page with MSAL is told of its authority, in its `config.json`: for those who write that file. The functions do not.

use serde_json::{Map, Value, json};
use url::Url;

/// Authorities of which MSAL knows everything. MSAL trusts no other that it is not told of.
const KNOWN_TO_MSAL: [&str; 4] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
];

/// `authority`, `apiScopes`, and where MSAL does not know the authority `knownAuthorities` and, on this machine,
/// `authorityMetadata`. `host` is an address without a slash at its end.
pub fn page_settings(host: &str, tenant: &str, api_client_id: &str) -> Map<String, Value> {
    // MSAL insists on https for the authority's name, but not for its endpoints.
    let named = host.replacen("http://", "https://", 1);
    let mut settings = Map::new();
    settings.insert("authority".to_owned(), json!(format!("{named}/{tenant}")));
    let scopes = ["Profile.ReadWrite", "Profile.Read"].map(|scope| format!("api://{api_client_id}/{scope}"));
    settings.insert("apiScopes".to_owned(), json!(scopes));
    let url = Url::parse(host).ok();
    let unknown = |url: &Url| url.host_str().is_some_and(|host| !KNOWN_TO_MSAL.contains(&host));
    let Some(url) = url.filter(unknown) else { return settings };
    let name = url.host_str().unwrap_or_default();
    let name = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    settings.insert("knownAuthorities".to_owned(), json!([name]));
    if url.scheme() == "http" {
        let base = format!("{host}/{tenant}");
        let metadata = json!({
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "issuer": format!("{base}/v2.0"),
        });
        settings.insert("authorityMetadata".to_owned(), metadata);
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::page_settings;

    #[test]
    fn msal_is_told_of_those_that_it_does_not_know() {
        for (host, names) in [
            ("https://login.microsoftonline.com", "apiScopes authority"),
            ("https://login.microsoftonline.us", "apiScopes authority"),
            ("https://login.partner.microsoftonline.cn", "apiScopes authority"),
            ("https://login.example:8443", "apiScopes authority knownAuthorities"),
            ("http://localhost:3002", "apiScopes authority authorityMetadata knownAuthorities"),
        ] {
            let settings = page_settings(host, "tenant", "api");
            let mut present: Vec<_> = settings.keys().map(String::as_str).collect();
            present.sort_unstable();
            assert_eq!(present.join(" "), names, "{host}");
        }
    }

    #[test]
    fn its_name_is_https_and_its_endpoints_are_where_it_is() {
        let settings = page_settings("http://localhost:3002", "tenant", "api");
        assert_eq!(settings["authority"], "https://localhost:3002/tenant");
        assert_eq!(settings["knownAuthorities"][0], "localhost:3002");
        assert_eq!(settings["authorityMetadata"]["issuer"], "http://localhost:3002/tenant/v2.0");
        assert_eq!(settings["apiScopes"][0], "api://api/Profile.ReadWrite");
    }
}
