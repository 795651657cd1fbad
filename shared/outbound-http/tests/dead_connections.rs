//! Kept connections die while a Lambda is frozen; the next request does not notice.

#![cfg(test)]

use reqwest::{Client, Method};
use std::time::{Duration, Instant};
use test_support::{KeptConnections, Manner, NobodyThere, Seen};

/// Longer than any busy machine takes.
const LIMIT: Duration = Duration::from_secs(20);

async fn ask(client: &Client, server: &KeptConnections, method: Method) -> reqwest::Result<u16> {
    let request = client.request(method, &server.url).body("grant_type=refresh_token");
    let response = outbound_http::send(request, LIMIT).await?;
    let status = response.status().as_u16();
    response.bytes().await?;
    Ok(status)
}

fn connections(seen: &[Seen]) -> Vec<usize> {
    seen.iter().map(|seen| seen.connection).collect()
}

#[tokio::test]
async fn a_connection_is_kept_from_one_request_to_the_next() {
    let (client, server) = (outbound_http::client().unwrap(), KeptConnections::start("{}").await);
    for _ in 0..3 {
        assert_eq!(ask(&client, &server, Method::POST).await.unwrap(), 200);
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_costs_nothing_but_a_new_one() {
    for method in [Method::GET, Method::POST] {
        let (client, server) = (outbound_http::client().unwrap(), KeptConnections::start("{}").await);
        ask(&client, &server, method.clone()).await.unwrap();
        server.close_idle();
        assert_eq!(ask(&client, &server, method.clone()).await.unwrap(), 200, "{method}");
        assert_eq!(server.accepted(), 2);
        assert_eq!(connections(&server.take_seen()), [1, 2], "{method}");
    }
}

#[tokio::test]
async fn a_connection_that_dies_under_the_request_is_tried_once_more_on_a_new_one() {
    for method in [Method::GET, Method::POST] {
        let (client, server) = (outbound_http::client().unwrap(), KeptConnections::start("{}").await);
        ask(&client, &server, method.clone()).await.unwrap();
        server.set(Manner::BreakOffOnce);
        assert_eq!(ask(&client, &server, method.clone()).await.unwrap(), 200, "{method}");
        assert_eq!(connections(&server.take_seen()), [1, 1, 2], "{method}: one try more, and no further");
    }
}

#[tokio::test]
async fn an_answer_is_an_answer_and_silence_is_waited_for_once() {
    let (client, server) = (outbound_http::client().unwrap(), KeptConnections::start("{}").await);
    server.set(Manner::Fail);
    assert_eq!(ask(&client, &server, Method::POST).await.unwrap(), 500);
    assert_eq!(server.take_seen().len(), 1);
    server.set(Manner::Hang);
    let begun = Instant::now();
    let request = client.post(&server.url).body("grant_type=refresh_token");
    let error = outbound_http::send(request, Duration::from_millis(200)).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(server.take_seen().len(), 1);
    assert!(begun.elapsed() < LIMIT);
}

#[tokio::test]
async fn nobody_there_is_not_asked_twice() {
    let nobody = NobodyThere::new();
    let request = outbound_http::client().unwrap().get(&nobody.url);
    let error = outbound_http::send(request, LIMIT).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}
