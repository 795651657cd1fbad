//! What is written down for those who count: each opening with its reason, and nothing secret. In a program of its own,
//! because what is logged is set up once per process.

#![cfg(test)]

use domain::ports::{ItemAddress, Sealer};
use sealing::{BranchKey, LocalSealer};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::filter::LevelFilter;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_opening_is_logged_with_its_reason_and_no_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .json()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();

    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let sealer = LocalSealer::new(BranchKey::local(&key.into()).unwrap());
    let address = ItemAddress {
        table: "accounts".into(),
        partition_key: "ACCOUNT#ana".into(),
        sort_key: "TOKENS#client".into(),
        client_id: "client".into(),
    };
    let blob = sealer.seal(&address, b"a-refresh-token").await.unwrap();
    sealer.open(&address, &blob).await.unwrap();
    let mut other_key = blob.clone();
    other_key[2] = b'L';
    let moved = ItemAddress { partition_key: "ACCOUNT#ben".into(), ..address.clone() };
    for (address, bytes) in
        [(&address, &blob[..5]), (&address, &[2, 0]), (&address, &other_key), (&moved, &blob)]
    {
        sealer.open(address, bytes).await.unwrap_err();
    }

    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let events: Vec<String> = logged
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| line["fields"][name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", field("event"), field("reason"))
        })
        .collect();
    let expected = [
        "sealing.opened ",
        "sealing.unreadable malformed",
        "sealing.unreadable unknown_version",
        "sealing.unreadable unknown_key",
        "sealing.unreadable not_authentic",
    ];
    assert_eq!(events, expected);
    for secret in ["a-refresh-token", key, "ACCOUNT#"] {
        assert!(!logged.contains(secret), "{logged}");
    }
}
