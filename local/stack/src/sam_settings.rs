//! The functions' settings in a file for `sam local --env-vars`, so that containers work on this stack.

use crate::data_folder::write_private;
use serde_json::{Map, json};
use std::io;
use std::path::Path;
use wiring::Environment;

/// What `template.yaml` declares and a stack decides. Names that are not declared there SAM leaves out without a word.
const NAMES: [&str; 27] = [
    "ENTRA_AUTHORITY_HOST",
    "ENTRA_TENANT_ID",
    "ENTRA_CLIENT_ID",
    "ENTRA_APP_ID_URI",
    "ENTRA_CREDENTIAL",
    "ENTRA_CLIENT_SECRET",
    "ENTRA_CLIENT_SECRET_ARN",
    "ENTRA_CLIENT_CERTIFICATE_ARN",
    "ENTRA_ALLOWED_CLIENTS",
    "ENTRA_ALLOWED_TENANTS",
    "GRAPH_BASE_URL",
    "TABLE_NAME",
    "EVENT_BUS_NAME",
    "SEALING_KEY_ARN",
    "SEALING_LOCAL_KEY",
    "SEALING_KEY_ROTATION_DAYS",
    "TOKEN_CACHE_TTL_SECONDS",
    "SWEEP_IDLE_SECONDS",
    "SWEEP_INTERVAL_SECONDS",
    "SWEEP_SHARDS",
    "SWEEP_SHARDS_GENERATION",
    "SWEEP_SHARDS_DRAINING",
    "SWEEP_CONCURRENCY",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
];

/// Writes the settings for all functions, readable by their owner only. What the stack leaves out is there as an empty text,
/// which counts as unset: the template's own value must not win.
///
/// The addresses are those of this machine. Containers reach it by the name `localhost` (`add_host` in `samconfig.toml`), where
/// the stack listens for them too (`cargo local --bridge`).
pub(crate) fn write(environment: &Environment, file: &Path) -> io::Result<()> {
    let settings: Map<_, _> = NAMES
        .iter()
        .map(|name| ((*name).to_owned(), environment.get(name).unwrap_or_default().into()))
        .collect();
    write_private(file, &serde_json::to_vec_pretty(&json!({ "Parameters": settings }))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn what_the_stack_does_not_set_is_emptied() {
        let folder = std::env::temp_dir().join(format!("sam-settings-{}", uuid::Uuid::new_v4()));
        let environment: Environment =
            [("TABLE_NAME", "tokens"), ("SEALING_LOCAL_KEY", "key"), ("HOME", "/home")].into_iter().collect();
        write(&environment, &folder).unwrap();
        let written: Value = serde_json::from_slice(&std::fs::read(&folder).unwrap()).unwrap();
        std::fs::remove_file(&folder).unwrap();
        let settings = written["Parameters"].as_object().unwrap();
        assert_eq!(settings["TABLE_NAME"], "tokens");
        assert_eq!(
            (&settings["SEALING_LOCAL_KEY"], &settings["SEALING_KEY_ARN"]),
            (&"key".into(), &"".into())
        );
    }

    /// A variable that the template declares and a stack does not write would keep the template's value.
    #[test]
    fn the_names_are_those_that_the_template_declares() {
        let template = include_str!("../../../template.yaml");
        let globals = template.split("\nGlobals:\n").nth(1).expect("there are globals");
        let variables = globals.split("\n      Variables:\n").nth(1).expect("they declare variables");
        // The first line with less in front of it ends them.
        let declared: BTreeSet<&str> = variables
            .lines()
            .map_while(|line| line.strip_prefix("        "))
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| Some(line.split_once(':')?.0))
            .collect();
        assert_eq!(declared, BTreeSet::from(NAMES));
    }
}
