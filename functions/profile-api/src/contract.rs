//! `openapi.yaml`, the contract of this API, as JSON.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

/// Made of the YAML by the build script.
const CONTRACT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// A deployment changes it, and nothing else.
const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(crate) async fn describe() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json), (CACHE_CONTROL, FIVE_MINUTES)], CONTRACT).into_response()
}

#[cfg(test)]
mod tests {
    use super::CONTRACT;
    use crate::authenticate::{READ, WRITE};
    use crate::code::Code;
    use crate::routes;
    use axum::body::Body;
    use http::{Method, Request, StatusCode};
    use serde_json::Value;
    use std::collections::BTreeSet;
    use test_support::Fakes;
    use tower::ServiceExt as _;
    use wiring::Api;

    /// Those that an operation may have, but for HEAD, which goes with GET, and OPTIONS, which is for CORS.
    const METHODS: [Method; 6] =
        [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH, Method::TRACE];

    fn contract() -> Value {
        serde_json::from_str(CONTRACT).unwrap()
    }

    /// Follows a reference within the document.
    fn resolve<'c>(contract: &'c Value, value: &'c Value) -> &'c Value {
        match value["$ref"].as_str() {
            None => value,
            Some(reference) => contract.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        }
    }

    /// `(status, code)` of every problem in the components.
    fn listed(contract: &Value) -> BTreeSet<(u64, String)> {
        let mut pairs = BTreeSet::new();
        for schema in contract["components"]["schemas"].as_object().unwrap().values() {
            let properties = &schema["allOf"][1]["properties"];
            let Some(status) = properties["status"]["const"].as_u64() else { continue };
            for code in resolve(contract, &properties["code"])["enum"].as_array().unwrap() {
                assert!(
                    pairs.insert((status, code.as_str().unwrap().to_owned())),
                    "{status} {code} is there twice"
                );
            }
        }
        pairs
    }

    /// The texts in `source` that are in the form of a code.
    fn words(source: &str) -> BTreeSet<&str> {
        let is_code = |text: &&str| {
            text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        source.split('"').filter(is_code).collect()
    }

    #[test]
    fn every_code_is_listed_with_its_statuses_and_no_other_is() {
        let contract = contract();
        let listed = listed(&contract);
        let mut ours = BTreeSet::new();
        for code in Code::OWN {
            for status in code.statuses() {
                ours.insert((u64::from(status.as_u16()), code.as_str().to_owned()));
            }
        }
        // The validator's codes are words of its own, each with one of two statuses.
        let mut refusals = words(include_str!("../../../shared/entra/src/refusal.rs"));
        refusals.extend(words(include_str!("authenticate.rs")));
        assert!(refusals.contains("token_expired") && refusals.contains("duplicate_header"), "{refusals:?}");
        for code in refusals {
            if Code::OWN.iter().any(|own| own.as_str() == code) {
                continue;
            }
            let of: Vec<_> = Code::Refused("")
                .statuses()
                .iter()
                .map(|status| (u64::from(status.as_u16()), code.to_owned()))
                .collect();
            let there: Vec<_> = of.iter().filter(|pair| listed.contains(pair)).collect();
            assert_eq!(there.len(), 1, "openapi.yaml must list {code} as 401 or 403, once");
            ours.insert(there[0].clone());
        }
        assert_eq!(listed, ours);
    }

    #[tokio::test]
    async fn every_route_is_listed_with_its_methods_and_no_other_is() {
        let contract = contract();
        let paths = contract["paths"].as_object().unwrap();
        let served: BTreeSet<_> = routes::all().into_iter().map(|(path, _)| path.to_owned()).collect();
        assert_eq!(served, paths.keys().cloned().collect());
        let api = Api {
            services: Fakes::default().services,
            authenticator: std::sync::Arc::new(Nobody),
            cors_allowed_origins: [].into(),
        };
        for (path, operations) in paths {
            for method in METHODS {
                let request = Request::builder().method(&method).uri(path).body(Body::empty()).unwrap();
                let status = crate::router(api.clone()).oneshot(request).await.unwrap().status();
                let is_listed = operations.get(method.as_str().to_lowercase()).is_some();
                assert_eq!(status != StatusCode::METHOD_NOT_ALLOWED, is_listed, "{method} {path}: {status}");
            }
        }
    }

    /// Lets nobody in.
    struct Nobody;

    #[async_trait::async_trait]
    impl domain::caller::CallerAuthenticator for Nobody {
        async fn authenticate(
            &self,
            _: Option<&str>,
        ) -> Result<domain::caller::Caller, domain::caller::Refusal> {
            Err(domain::caller::Refusal::Missing)
        }
    }

    #[test]
    fn the_scopes_are_those_that_the_routes_take() {
        let contract = contract();
        let scopes = |path: &str, method: &str| -> Vec<String> {
            let security = contract["paths"][path][method]["security"].as_array().unwrap();
            security.iter().map(|any| any["bearerToken"][0].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(scopes("/api/profile", "get"), READ);
        assert_eq!(scopes("/api/background-access", "get"), READ);
        assert_eq!(scopes("/api/background-access", "delete"), WRITE);
        assert!(scopes("/api/health", "get").is_empty());
        assert!(scopes("/api/openapi.json", "get").is_empty());
    }

    #[test]
    fn the_version_is_that_of_the_program() {
        assert_eq!(contract()["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
