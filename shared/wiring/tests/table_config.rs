//! The settings by which an operator reaches the accounts.

#![cfg(test)]

use wiring::{Environment, TableConfig};

#[test]
fn a_table_is_reached_without_credential_and_keys() {
    let environment: Environment = [
        ("ENTRA_CLIENT_ID", "aaaabbbb-0000-4000-8000-000000000002"),
        ("TABLE_NAME", "accounts"),
        ("SWEEP_SHARDS", "8"),
        ("SWEEP_SHARDS_GENERATION", "2"),
    ]
    .into_iter()
    .collect();
    let config = TableConfig::read(&environment).unwrap();
    assert_eq!(
        (config.table_name.as_str(), config.shards.count.get(), config.shards.generation),
        ("accounts", 8, 2)
    );
}

#[test]
fn all_that_is_missing_is_named_at_once() {
    let environment: Environment = [("SWEEP_SHARDS", "0")].into_iter().collect();
    let problems = TableConfig::read(&environment).unwrap_err().problems;
    let names: Vec<&str> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
    assert_eq!(names, ["TABLE_NAME", "ENTRA_CLIENT_ID", "SWEEP_SHARDS"]);
}
