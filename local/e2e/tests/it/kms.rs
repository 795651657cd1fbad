//! A KMS with the two operations that the functions use, and a counter of each.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

pub(crate) const KEY_ARN: &str =
    "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111";

#[derive(Clone, Default)]
pub(crate) struct Kms(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// Keys by what they are wrapped as, with the context that they are for.
    keys: BTreeMap<String, (Value, Value)>,
    counts: BTreeMap<String, u64>,
}

impl Kms {
    /// Serves it until the test ends; its address.
    pub(crate) async fn serve(&self) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    /// Requests per operation since the last call of this.
    pub(crate) fn take_counts(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.0.lock().unwrap().counts)
    }
}

async fn answer(State(kms): State<Kms>, headers: HeaderMap, body: String) -> Response {
    let operation = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    let asked: Value = serde_json::from_str(&body).unwrap();
    let mut known = kms.0.lock().unwrap();
    *known.counts.entry(operation.clone()).or_default() += 1;
    let context = asked["EncryptionContext"].clone();
    match operation.as_str() {
        "GenerateDataKey" => {
            let plaintext = json!(BASE64_STANDARD.encode(uuid::Uuid::new_v4().as_bytes().repeat(2)));
            let wrapped = BASE64_STANDARD.encode(uuid::Uuid::new_v4().as_bytes());
            known.keys.insert(wrapped.clone(), (context, plaintext.clone()));
            let key = json!({ "KeyId": KEY_ARN, "Plaintext": plaintext, "CiphertextBlob": wrapped });
            Json(key).into_response()
        }
        "Decrypt" => match known.keys.get(asked["CiphertextBlob"].as_str().unwrap()) {
            Some((of, plaintext)) if *of == context => {
                Json(json!({ "KeyId": KEY_ARN, "Plaintext": plaintext })).into_response()
            }
            _ => (StatusCode::BAD_REQUEST, Json(json!({ "__type": "InvalidCiphertextException" })))
                .into_response(),
        },
        other => panic!("KMS was asked for {other}"),
    }
}
