//! What every answer of the HTTP API is held to, whatever led to it: the contract that it serves itself.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request};
use serde_json::Value;
use tower::ServiceExt as _;

/// An answer with its body read.
pub(crate) struct ApiAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl ApiAnswer {
    /// Sends one request through the router.
    pub(crate) async fn of(router: Router, request: Request<Body>) -> Self {
        let Ok(response) = router.oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1024 * 1024).await.expect("an answer of a usual size");
        Self { status: parts.status.as_u16(), headers: parts.headers, body: body.to_vec() }
    }

    /// The contract as the API serves it.
    pub(crate) async fn contract(router: Router) -> Value {
        let request = Request::get("/api/openapi.json").body(Body::empty()).expect("a good request");
        let answer = Self::of(router, request).await;
        serde_json::from_slice(&answer.body).expect("a contract in JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text in a header")).unwrap_or_default()
    }

    pub(crate) fn problem(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a problem in JSON")
    }

    /// Whether the contract lets this method of this path answer so.
    ///
    /// # Panics
    /// When it does not, or the answer lacks what every answer has.
    pub(crate) fn is_in_the_contract(&self, contract: &Value, method: &Method, path: &str) {
        let shown = || format!("{method} {path}: {} {}", self.status, String::from_utf8_lossy(&self.body));
        assert!((1..=128).contains(&self.header("x-request-id").len()), "{}", shown());
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{}", shown());
        assert_eq!(self.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        for name in ["server", "x-powered-by", "via", "set-cookie", "access-control-allow-credentials"] {
            assert!(!self.headers.contains_key(name), "{name}: {}", shown());
        }
        let operations = contract["paths"].get(path);
        let name = match *method {
            // HEAD goes wherever GET does.
            Method::GET | Method::HEAD => "get",
            Method::DELETE => "delete",
            Method::PUT => "put",
            Method::POST => "post",
            Method::PATCH => "patch",
            Method::TRACE => "trace",
            _ => "",
        };
        let operation = operations.and_then(|operations| operations.get(name));
        let responses = match (operations, operation) {
            // What goes before a request of a browser (CORS) is answered anywhere.
            _ if method == Method::OPTIONS => return assert_eq!(self.status, 200, "{}", shown()),
            (_, Some(operation)) => statuses(&operation["responses"]),
            (Some(_), None) => vec![405, 413, 431],
            (None, _) => vec![404, 413, 431],
        };
        assert!(responses.contains(&self.status), "not in the contract: {}", shown());
        if path != "/api/openapi.json" || self.status != 200 {
            assert_eq!(self.header("cache-control"), "no-store", "{}", shown());
        }
        if self.status < 300 {
            if !self.body.is_empty() {
                assert_eq!(self.header("content-type"), "application/json", "{}", shown());
            }
            return;
        }
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", shown());
        if *method == Method::HEAD {
            return assert!(self.body.is_empty(), "{}", shown());
        }
        let problem = self.problem();
        assert_eq!(problem["status"].as_u64(), Some(self.status.into()), "{problem}");
        assert_eq!(problem["requestId"].as_str(), Some(self.header("x-request-id")), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        let code = problem["code"].as_str().unwrap_or_default();
        assert_ne!(code, "internal_error", "something panicked: {}", shown());
        assert!(codes(contract, self.status).contains(&code), "not in the contract: {}", shown());
        if self.status == 401 {
            assert!(self.header("www-authenticate").starts_with("Bearer"), "{}", shown());
        }
        if let Some(pause) = self.headers.get("retry-after") {
            let seconds: u32 = pause.to_str().expect("text").parse().expect("whole seconds");
            assert!((1..=3600).contains(&seconds), "Retry-After: {seconds}");
        }
    }
}

fn statuses(responses: &Value) -> Vec<u16> {
    let statuses = responses.as_object().expect("an object of responses").keys();
    statuses.map(|status| status.parse().expect("a status")).collect()
}

/// Those that a problem of this status may have.
fn codes(contract: &Value, status: u16) -> Vec<&str> {
    let schemas = contract["components"]["schemas"].as_object().expect("an object of schemas");
    let of_status = schemas.values().map(|schema| &schema["allOf"][1]["properties"]);
    let of_status = of_status.filter(|properties| properties["status"]["const"] == status);
    let lists = of_status.map(|properties| match properties["code"]["$ref"].as_str() {
        Some(reference) => contract.pointer(reference.trim_start_matches('#')).expect("a schema"),
        None => &properties["code"],
    });
    lists.flat_map(|list| list["enum"].as_array().expect("a list")).filter_map(Value::as_str).collect()
}
