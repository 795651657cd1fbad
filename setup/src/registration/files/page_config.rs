//! `config.json` of the page (`spa/README.md`, "Settings").

use serde_json::{Map, Value, json};
use uuid::Uuid;
use wiring::page_settings;

use super::Settings;

/// The API of `cargo local`.
const LOCAL_API: &str = "http://localhost:3001";

/// What `register` sets and `clean-up` takes out, but for the API's address, which is only set when there is none.
const NAMES: [&str; 5] = ["clientId", "authority", "apiScopes", "knownAuthorities", "authorityMetadata"];

/// The text with the page's settings, and the names of those that changed.
///
/// # Errors
/// What was expected, in words.
pub(super) fn apply(text: &str, settings: &Settings) -> Result<(String, Vec<String>), String> {
    let before = parse(text)?;
    let mut after = before.clone();
    for name in NAMES {
        after.remove(name);
    }
    after.extend(members(settings));
    after.entry("apiBaseUrl").or_insert_with(|| json!(LOCAL_API));
    finish(text, &before, &after)
}

/// The text without the page's settings, if they name this application.
///
/// # Errors
/// What was expected, in words.
pub(super) fn forget(text: &str, page: Option<Uuid>) -> Result<(String, Vec<String>), String> {
    let before = parse(text)?;
    let mut after = before.clone();
    if page.is_some_and(|page| before.get("clientId") == Some(&json!(page))) {
        after.retain(|name, _| !NAMES.contains(&name.as_str()));
        if after.len() == 1 && after.get("apiBaseUrl") == Some(&json!(LOCAL_API)) {
            after.clear();
        }
    }
    finish(text, &before, &after)
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|error| format!("a JSON object: {error}"))
}

fn finish(
    text: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(String, Vec<String>), String> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<String> =
        names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    changed.sort();
    changed.dedup();
    if changed.is_empty() {
        return Ok((text.to_owned(), changed));
    }
    if after.is_empty() {
        return Ok((String::new(), changed));
    }
    let text = serde_json::to_string_pretty(after).map_err(|error| error.to_string())?;
    Ok((format!("{text}\n"), changed))
}

fn members(settings: &Settings) -> Map<String, Value> {
    let (tenant, api) = (settings.tenant_id.to_string(), settings.api.to_string());
    let mut members = Map::new();
    members.insert("clientId".into(), json!(settings.page));
    members.extend(page_settings(&settings.hosts.authority, &tenant, &api));
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registration::cloud::{Cloud, Hosts};
    use crate::registration::credential::Kind;

    fn settings(authority: Option<&str>) -> Settings {
        Settings {
            hosts: Hosts::new(Cloud::Public, authority, None).unwrap(),
            tenant_id: Uuid::from_u128(1),
            api: Uuid::from_u128(2),
            page: Uuid::from_u128(3),
            credential: Kind::Secret,
            certificate_file: None,
        }
    }

    #[test]
    fn the_pages_own_settings_stay_and_what_another_authority_needed_goes() {
        let text =
            r#"{ "apiBaseUrl": "https://api.example", "environmentLabel": "test", "clientId": "old" }"#;
        let (local, _) = apply(text, &settings(Some("http://localhost:3002"))).unwrap();
        let parsed = parse(&local).unwrap();
        assert_eq!(parsed["authority"], "https://localhost:3002/00000000-0000-0000-0000-000000000001");
        assert_eq!(parsed["knownAuthorities"], json!(["localhost:3002"]));
        let (real, changed) = apply(&local, &settings(None)).unwrap();
        assert_eq!(changed, ["authority", "authorityMetadata", "knownAuthorities"]);
        let parsed = parse(&real).unwrap();
        assert_eq!(
            (&parsed["apiBaseUrl"], &parsed["environmentLabel"]),
            (&json!("https://api.example"), &json!("test"))
        );
        assert_eq!(apply(&real, &settings(None)).unwrap(), (real.clone(), Vec::new()));
        let (left, _) = forget(&real, Some(Uuid::from_u128(3))).unwrap();
        assert_eq!(parse(&left).unwrap().keys().collect::<Vec<_>>(), ["apiBaseUrl", "environmentLabel"]);
    }

    #[test]
    fn a_file_that_held_nothing_else_is_gone_afterwards() {
        let (text, _) = apply("", &settings(None)).unwrap();
        assert_eq!(parse(&text).unwrap()["apiBaseUrl"], LOCAL_API);
        assert_eq!(forget(&text, Some(Uuid::from_u128(3))).unwrap().0, "");
        assert_eq!(forget(&text, Some(Uuid::from_u128(4))).unwrap().0, text);
        assert!(apply("[]", &settings(None)).is_err());
    }
}
