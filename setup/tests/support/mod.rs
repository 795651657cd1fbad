//! A deployment on this machine, and the program that looks after it, run as a person runs it.

use stack::{Stack, StackOptions};
use std::collections::BTreeMap;
use std::process::Stdio;
use tokio::process::Command;

/// What the functions are configured by.
const VARIABLES: [&str; 24] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "CORS_ALLOWED_ORIGINS",
    "ENTRA_ALLOWED_CLIENTS",
    "ENTRA_ALLOWED_TENANTS",
    "ENTRA_AUTHORITY_HOST",
    "ENTRA_CLIENT_ID",
    "ENTRA_CLIENT_SECRET",
    "ENTRA_CREDENTIAL",
    "ENTRA_TENANT_ID",
    "EVENT_BUS_NAME",
    "GRAPH_BASE_URL",
    "SEALING_KEY_ARN",
    "SEALING_LOCAL_KEY",
    "SPA_CLIENT_ID",
    "SWEEP_IDLE_SECONDS",
    "SWEEP_INTERVAL_SECONDS",
    "SWEEP_SHARDS",
    "TABLE_NAME",
    "TOKEN_CACHE_TTL_SECONDS",
];

/// A running deployment with its settings.
pub(crate) struct Site {
    pub(crate) stack: Box<Stack>,
    pub(crate) variables: BTreeMap<&'static str, String>,
}

/// What a run of the program wrote, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) succeeded: bool,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let stack = Box::new(Box::pin(Stack::start(StackOptions::for_tests())).await.unwrap());
        let settings = stack.environment();
        let variables =
            VARIABLES.into_iter().filter_map(|name| Some((name, settings.get(name)?.to_owned()))).collect();
        Self { stack, variables }
    }

    /// The same settings, but for this one.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> BTreeMap<&'static str, String> {
        let mut variables = self.variables.clone();
        variables.insert(name, value.to_owned());
        variables
    }
}

/// Runs the program with these variables and no others, where no settings file lies.
pub(crate) async fn setup(arguments: &[&str], variables: &BTreeMap<&'static str, String>) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_setup"))
        .args(arguments)
        .env_clear()
        .envs(variables)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    Ran {
        succeeded: output.status.success(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}
