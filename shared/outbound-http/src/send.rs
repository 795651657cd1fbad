//! Sending a request over a connection that may be dead without anybody having said so.

use reqwest::{RequestBuilder, Response};
use std::error::Error;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// Sends, and once more when the connection broke off before any answer.
///
/// A kept connection that the other side gave up while Lambda was frozen looks alive until it is written to. `limit` is that
/// of both tries together. The other side may have seen the first one: send what it takes twice.
pub async fn send(request: RequestBuilder, limit: Duration) -> Result<Response, reqwest::Error> {
    let begun = Instant::now();
    let again = request.try_clone();
    match (request.timeout(limit).send().await, again) {
        (Err(error), Some(again)) if broke_off(&error) => {
            tracing::debug!(event = "connection.dead", "sent once more, over another connection");
            again.timeout(limit.saturating_sub(begun.elapsed())).send().await
        }
        (outcome, _) => outcome,
    }
}

/// Whether the connection was there and then was not. One that cannot be made is not tried again.
fn broke_off(error: &reqwest::Error) -> bool {
    if error.is_connect() || error.is_timeout() {
        return false;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        let of_http = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_incomplete_message() || error.is_canceled());
        let of_socket = error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
            )
        });
        if of_http || of_socket {
            return true;
        }
        cause = error.source();
    }
    false
}
