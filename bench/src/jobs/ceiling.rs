//! What emulator and table can do by themselves: nobody who is measured against them can be quicker.

use crate::error::{BenchError, cannot};
use crate::figures::as_f64;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Requests under way at once.
const CONCURRENCY: usize = 16;

/// Requests per second. Whoever asks takes its processor time on the same machine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ceiling {
    pub(crate) graph: f64,
    pub(crate) signing_keys: f64,
    pub(crate) table: f64,
}

/// Where the servers are, and a token that Graph takes.
pub(crate) struct Servers<'s> {
    pub(crate) graph_me: &'s str,
    pub(crate) signing_keys: &'s str,
    pub(crate) table: &'s str,
    pub(crate) table_name: &'s str,
    pub(crate) graph_token: &'s str,
}

pub(crate) async fn measure(servers: &Servers<'_>, time: Duration) -> Result<Ceiling, BenchError> {
    let http = reqwest::Client::new();
    let graph = http.get(servers.graph_me).bearer_auth(servers.graph_token);
    let signing_keys = http.get(servers.signing_keys);
    let read = serde_json::json!({
        "TableName": servers.table_name,
        "Key": { "pk": { "S": "ACCOUNT#nobody" }, "sk": { "S": "ACTIVITY" } },
        "ConsistentRead": true,
    });
    let table = super::peer_table::request(&http, servers.table, "GetItem", &read);
    Ok(Ceiling {
        graph: per_second(&graph, time).await?,
        signing_keys: per_second(&signing_keys, time).await?,
        table: per_second(&table, time).await?,
    })
}

async fn per_second(request: &reqwest::RequestBuilder, time: Duration) -> Result<f64, BenchError> {
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let request = copy(request)?;
        workers.spawn(async move {
            let mut done = 0_usize;
            while begun.elapsed() < time {
                let answer = copy(&request)?.send().await.and_then(reqwest::Response::error_for_status);
                let answer = answer.map_err(cannot("ask a server for its ceiling"))?;
                answer.bytes().await.map_err(cannot("ask a server for its ceiling"))?;
                done += 1;
            }
            Ok::<_, BenchError>(done)
        });
    }
    let mut done = 0;
    while let Some(worker) = workers.join_next().await {
        done += worker.map_err(cannot("ask a server for its ceiling"))??;
    }
    Ok(as_f64(done) / begun.elapsed().as_secs_f64())
}

fn copy(request: &reqwest::RequestBuilder) -> Result<reqwest::RequestBuilder, BenchError> {
    let stream = || BenchError::NotMeasured("a request whose body is a stream cannot be repeated".to_owned());
    request.try_clone().ok_or_else(stream)
}
