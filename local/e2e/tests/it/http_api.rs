//! What the API does with requests that are not what it expects, and with those of other pages.

use crate::lab::{ADELE, Lab};
use reqwest::Method;
use reqwest::header::{ALLOW, AUTHORIZATION, ORIGIN};

#[tokio::test]
async fn health_touches_nothing() {
    let lab = Lab::start().await;
    lab.database.take_counts();
    lab.take_requests();
    let answer = lab.send(lab.request(Method::GET, "/api/health")).await;
    answer.assert_ok();
    assert_eq!(answer.body["status"], "ok");
    assert!(lab.database.take_counts().is_empty());
    assert!(lab.emulator().counters().is_empty());
}

#[tokio::test]
async fn unknown_routes_wrong_methods_and_large_bodies_are_problems() {
    let lab = Lab::start().await;
    let adele = lab.sign_in(ADELE).await;
    for path in ["/", "/api", "/api/profile/", "/api/profiles", "/api/profile/../health", "/.env"] {
        lab.call(Method::GET, path, &adele.access_token).await;
    }
    lab.send(lab.request(Method::GET, "/api/nothing")).await.assert_problem(404, "unknown_route");
    let answer = lab.call(Method::POST, "/api/profile", &adele.access_token).await;
    answer.assert_problem(405, "wrong_method");
    assert!(answer.headers[ALLOW].to_str().unwrap().contains("GET"));
    let large = lab.request(Method::GET, "/api/profile").bearer_auth(&adele.access_token);
    let answer = lab.send(large.body(vec![b'x'; 64 * 1024])).await;
    answer.assert_problem(413, "body_too_large");
    assert!(lab.items().await.is_empty());
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let lab = Lab::start().await;
    let adele = lab.sign_in(ADELE).await;
    let bearer = format!("Bearer {}", adele.access_token);
    let request = lab.request(Method::GET, "/api/profile");
    let request = request.header(AUTHORIZATION, &bearer).header(AUTHORIZATION, &bearer);
    lab.send(request).await.assert_problem(401, "duplicate_header");
}

#[tokio::test]
async fn only_the_page_may_read_answers() {
    let lab = Lab::start().await;
    let page = lab.stack.addresses().page.clone();
    let preflight = |origin: &str| {
        lab.request(Method::OPTIONS, "/api/background-access")
            .header(ORIGIN, origin)
            .header("access-control-request-method", "DELETE")
            .header("access-control-request-headers", "authorization")
    };
    let answer = lab.send(preflight(&page)).await;
    answer.assert_ok();
    assert_eq!(answer.headers["access-control-allow-origin"], page.as_str());
    assert!(answer.headers["access-control-allow-methods"].to_str().unwrap().contains("DELETE"));
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    let answer = lab.send(preflight("https://evil.example")).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");

    // A refusal must be readable too, or the page could not answer the challenge in it.
    let refused = lab.request(Method::GET, "/api/profile").header(ORIGIN, &page);
    let answer = lab.send(refused).await;
    answer.assert_problem(401, "missing_token");
    assert_eq!(answer.headers["access-control-allow-origin"], page.as_str());
    assert!(answer.headers["access-control-expose-headers"].to_str().unwrap().contains("www-authenticate"));
}
