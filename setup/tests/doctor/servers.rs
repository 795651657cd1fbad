//! Servers that answer as they are told.

use serde_json::Value;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// An address at which nobody listens.
pub(crate) async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A service of AWS that answers each of these operations so, and knows no others.
pub(crate) async fn aws(answers: &[(&str, u16, Value)]) -> MockServer {
    let server = MockServer::start().await;
    for (target, status, body) in answers {
        Mock::given(header("x-amz-target", *target))
            .respond_with(ResponseTemplate::new(*status).set_body_json(body))
            .mount(&server)
            .await;
    }
    server
}

/// A web server that answers each of these requests so.
pub(crate) async fn web(answers: Vec<(&str, &str, ResponseTemplate)>) -> MockServer {
    let server = MockServer::start().await;
    for (verb, at, answer) in answers {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&server).await;
    }
    server
}
