//! One request byte for byte, as no HTTP client would send it.

use serde_json::Value;
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer; header names in small letters.
#[derive(Debug)]
pub(super) struct RawAnswer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) text: String,
}

impl RawAnswer {
    /// The `code` of a problem.
    pub(super) fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.text).ok()?;
        body["code"].as_str().map(str::to_owned)
    }
}

/// Sends `head` (lines with CR LF) and `body` after the request line, and reads to the end of the connection.
pub(super) async fn send(base: &str, method: &str, target: &str, head: &[u8], body: &[u8]) -> RawAnswer {
    let host = base.strip_prefix("http://").unwrap();
    let line = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    let request = [line.as_bytes(), head, b"\r\n", body].concat();
    let stream = TcpStream::connect(host).await.unwrap();
    let (mut answers, mut requests) = stream.into_split();
    // A server that has seen enough closes before it has read all: what it said still counts.
    let sent = tokio::spawn(async move {
        let _ = requests.write_all(&request).await;
        requests
    });
    let mut answer = Vec::new();
    let _ = answers.read_to_end(&mut answer).await;
    drop(sent.await);
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    RawAnswer { status, headers, text: text.to_owned() }
}
