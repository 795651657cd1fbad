//! Microsoft Graph from outside.

use super::finding::Finding;
use super::http::send;
use reqwest::StatusCode;
use wiring::Probe;

const GRAPH: &str = "graph";

/// Asks for `/me` without a token, which Graph answers 401.
pub(super) async fn check(probe: &Probe) -> Vec<Finding> {
    let base = probe.config().graph_base_url.as_str().trim_end_matches('/');
    let fix = "is GRAPH_BASE_URL right (with /v1.0), and may this machine reach it?";
    vec![match send(probe.http().get(format!("{base}/me"))).await {
        Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => {
            Finding::ok(GRAPH, "answers, and wants a token")
        }
        Ok(answer) if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS => {
            let detail = format!("answers with HTTP {}", answer.status.as_u16());
            Finding::failed(GRAPH, detail, "it passes by itself; Microsoft 365's service health tells more")
        }
        Ok(answer) => {
            let detail = format!("expected HTTP 401 without a token, got {}", answer.status.as_u16());
            Finding::failed(GRAPH, detail, fix)
        }
        Err(error) => Finding::failed(GRAPH, error, fix),
    }]
}
