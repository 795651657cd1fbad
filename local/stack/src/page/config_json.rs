//! `/config.json`: what the page must know about where it runs (`spa/src/config/env.ts` reads and checks it).

use crate::addresses::Addresses;
use serde_json::{Value, json};
use url::Url;
use wiring::{Environment, page_settings};

/// The page's settings and what follows from them.
#[derive(Debug, Clone)]
pub(crate) struct PageConfig {
    json: Value,
    api: String,
    authority: Option<String>,
}

impl PageConfig {
    /// From the variables of the functions; `SPA_CLIENT_ID` and `SPA_API_SCOPES` are the page's own.
    pub(crate) fn new(environment: &Environment, addresses: &Addresses) -> Self {
        let host = environment.get("ENTRA_AUTHORITY_HOST").unwrap_or("https://login.microsoftonline.com");
        let host = host.trim().trim_end_matches('/');
        let tenant = environment.get("ENTRA_TENANT_ID").unwrap_or_default().trim();
        let api_client = environment.get("ENTRA_CLIENT_ID").unwrap_or_default().trim();
        let mut json = json!({
            "apiBaseUrl": addresses.api,
            "clientId": environment.get("SPA_CLIENT_ID").map(str::trim),
            "environmentLabel": "local",
        });
        for (name, value) in page_settings(host, tenant, api_client) {
            json[name] = value;
        }
        if let Some(scopes) = environment.get("SPA_API_SCOPES") {
            let scopes: Vec<&str> = scopes.split([',', ' ']).filter(|scope| !scope.is_empty()).collect();
            json["apiScopes"] = json!(scopes);
        }
        if let Some(emulator) = &addresses.emulator {
            json["links"] =
                json!([{ "label": "Users and scenarios", "url": format!("{emulator}/emulator") }]);
        }
        let authority = Url::parse(host).ok().map(|url| url.origin().ascii_serialization());
        Self { json, api: addresses.api.clone(), authority }
    }

    pub(crate) fn json(&self) -> &Value {
        &self.json
    }

    /// Scripts from here only, requests to the API and the authority only.
    pub(crate) fn content_security_policy(&self) -> String {
        let (api, authority) = (&self.api, self.authority.as_deref().unwrap_or_default());
        // Fluent UI writes its style rules into the document as it goes.
        format!(
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
             font-src 'self' data:; connect-src 'self' {api} {authority}; frame-src 'self' {authority}; \
             form-action 'self' {authority}; frame-ancestors 'self'; object-src 'none'; base-uri 'none'"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(emulator: Option<&str>) -> Addresses {
        Addresses {
            page: "http://localhost:3000".to_owned(),
            accounts: String::new(),
            api: "http://localhost:3001".to_owned(),
            emulator: emulator.map(str::to_owned),
            dynamodb: None,
            event_bus: None,
            control: None,
        }
    }

    #[test]
    fn the_emulator_is_a_known_https_authority_with_plain_endpoints() {
        let environment = [
            ("ENTRA_AUTHORITY_HOST", "http://localhost:3002"),
            ("ENTRA_TENANT_ID", "6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40"),
            ("ENTRA_CLIENT_ID", "0e5c3b7d-92a1-4f86-b3c4-5d6e7f809a1b"),
            ("SPA_CLIENT_ID", "c41f8e26-7b3d-45a9-8e10-2f9b6d4c7a53"),
        ];
        let config =
            PageConfig::new(&environment.into_iter().collect(), &addresses(Some("http://localhost:3002")));
        let json = config.json();
        assert_eq!(json["authority"], "https://localhost:3002/6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40");
        assert_eq!(json["knownAuthorities"], json!(["localhost:3002"]));
        let metadata = &json["authorityMetadata"];
        assert_eq!(metadata["issuer"], "http://localhost:3002/6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40/v2.0");
        assert_eq!(json["apiScopes"][0], "api://0e5c3b7d-92a1-4f86-b3c4-5d6e7f809a1b/Profile.ReadWrite");
        assert_eq!(json["links"][0]["url"], "http://localhost:3002/emulator");
        let policy = config.content_security_policy();
        assert!(
            policy.contains("connect-src 'self' http://localhost:3001 http://localhost:3002;"),
            "{policy}"
        );
    }

    #[test]
    fn a_real_tenant_needs_neither_metadata_nor_trust() {
        let environment = [
            ("ENTRA_TENANT_ID", "6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40"),
            ("ENTRA_CLIENT_ID", "0e5c3b7d-92a1-4f86-b3c4-5d6e7f809a1b"),
            ("SPA_CLIENT_ID", "c41f8e26-7b3d-45a9-8e10-2f9b6d4c7a53"),
            ("SPA_API_SCOPES", "api://example/Read, api://example/Write"),
        ];
        let config = PageConfig::new(&environment.into_iter().collect(), &addresses(None));
        let json = config.json();
        assert_eq!(
            json["authority"],
            "https://login.microsoftonline.com/6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40"
        );
        assert_eq!(json["apiScopes"], json!(["api://example/Read", "api://example/Write"]));
        for absent in ["knownAuthorities", "authorityMetadata", "links"] {
            assert!(json.get(absent).is_none(), "{absent}");
        }
    }
}
