//! Secrets that passed through the token endpoint, for tests that look for them where they must not be.

use crate::emulator::lock;
use crate::parameters::Parameters;
use serde_json::Value;
use std::sync::Mutex;

/// Members of an answer that are secret.
const ISSUED: [&str; 3] = ["access_token", "refresh_token", "id_token"];

/// Parameters of a request that are secret.
const PRESENTED: [&str; 4] = ["assertion", "client_assertion", "client_secret", "refresh_token"];

/// Off, which costs nothing, until somebody wants to know.
#[derive(Default)]
pub(crate) struct SecretsSeen(Mutex<Option<Vec<String>>>);

impl SecretsSeen {
    pub(crate) fn keep(&self) {
        lock(&self.0).get_or_insert_default();
    }

    pub(crate) fn note(&self, request: &Parameters, answer: Option<&Value>) {
        if let Some(kept) = lock(&self.0).as_mut() {
            let issued = ISSUED.iter().filter_map(|name| answer?.get(*name)?.as_str());
            let presented = PRESENTED.iter().filter_map(|name| request.first(name));
            kept.extend(issued.chain(presented).map(str::to_owned));
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        let mut all = lock(&self.0).clone().unwrap_or_default();
        all.sort_unstable();
        all.dedup();
        all
    }
}
