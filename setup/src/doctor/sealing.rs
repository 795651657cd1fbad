//! The key under which cached tokens are sealed.

use super::finding::Finding;
use wiring::{Probe, SealingFound};

const SEALING_KEY: &str = "sealing-key";

pub(super) async fn check(probe: &Probe) -> Vec<Finding> {
    vec![match probe.find_sealing_key().await {
        Ok(SealingFound::Local) => {
            Finding::ok(SEALING_KEY, "SEALING_LOCAL_KEY, in the configuration; KMS is not used")
        }
        Ok(SealingFound::Kms { newest: None }) => {
            Finding::ok(SEALING_KEY, "KMS wraps and unwraps; no branch key is in the table yet")
        }
        Ok(SealingFound::Kms { newest: Some(date) }) => Finding::ok(
            SEALING_KEY,
            format!("KMS wraps and unwraps, and so it does the branch key of {date}"),
        ),
        Err(error) => Finding::failed(
            SEALING_KEY,
            format!("{}: {}", error.operation, error.reason),
            "SEALING_KEY_ARN must be the key that sealed what is there, enabled, and allowed to the function's role \
             (kms:GenerateDataKey, kms:Decrypt)",
        ),
    }]
}
