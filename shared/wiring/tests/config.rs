//! Settings as people get them right and wrong.

#![cfg(test)]

use domain::shard::Shards;
use std::num::NonZeroU32;
use time::Duration;
use wiring::config::SealingConfig;
use wiring::{Config, Environment, Function};

const TENANT: &str = "aaaabbbb-0000-4000-8000-000000000001";
const CLIENT: &str = "aaaabbbb-0000-4000-8000-000000000002";
const SPA: &str = "aaaabbbb-0000-4000-8000-000000000003";

const KEY_ARN: &str = "arn:aws:kms:eu-north-1:123456789012:key/aaaabbbb-0000-4000-8000-000000000004";

fn complete() -> Environment {
    [
        ("ENTRA_TENANT_ID", TENANT),
        ("ENTRA_CLIENT_ID", CLIENT),
        ("ENTRA_CLIENT_SECRET", "a-client-secret"),
        ("ENTRA_ALLOWED_CLIENTS", SPA),
        ("TABLE_NAME", "accounts"),
        ("SEALING_LOCAL_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ]
    .into_iter()
    .collect()
}

fn with(name: &str, value: &str) -> Environment {
    let mut environment = complete();
    environment.set(name, value);
    environment
}

fn problems(environment: &Environment) -> Vec<String> {
    Config::read(environment, Function::ProfileApi).unwrap_err().problems
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let config = Config::read(&complete(), Function::ProfileApi).unwrap();
    assert_eq!(config.graph_base_url.as_str(), "https://graph.microsoft.com/v1.0");
    assert_eq!(config.authority.cache_environment(), "login.windows.net");
    assert_eq!(config.token_cache_ttl, Duration::days(14));
    assert_eq!(config.sweep.idle, Duration::seconds(30));
    assert_eq!(config.sweep.interval, Duration::hours(1));
    assert_eq!(
        (config.sweep.shards, config.sweep.concurrency),
        (Shards::first(NonZeroU32::new(64).unwrap()), 32)
    );
    assert_eq!(config.event_bus_name, None);
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let missing = problems(&Environment::default());
    for name in [
        "ENTRA_TENANT_ID",
        "ENTRA_CLIENT_ID",
        "ENTRA_CLIENT_SECRET",
        "ENTRA_ALLOWED_CLIENTS",
        "TABLE_NAME",
        "SEALING_KEY_ARN",
    ] {
        assert!(missing.iter().any(|problem| problem.starts_with(name)), "{name} in {missing:?}");
    }
    assert_eq!(missing.len(), 6);
}

#[test]
fn the_sweep_needs_no_list_of_callers() {
    let mut environment = complete();
    environment.set("ENTRA_ALLOWED_CLIENTS", "");
    assert!(Config::read(&environment, Function::BackgroundSweep).unwrap().callers.is_none());
    assert!(Config::read(&environment, Function::ProfileApi).is_err());
}

#[test]
fn the_app_id_uri_is_taken_as_it_stands() {
    let app_id_uri = |environment: &Environment| {
        Config::read(environment, Function::ProfileApi).unwrap().callers.unwrap().app_id_uri
    };
    assert_eq!(app_id_uri(&complete()), None);
    let own = "https://Lakeside.example/api";
    assert_eq!(app_id_uri(&with("ENTRA_APP_ID_URI", own)).as_deref(), Some(own));
    let [problem] = &problems(&with("ENTRA_APP_ID_URI", "profile"))[..] else { panic!("one problem") };
    assert!(problem.starts_with("ENTRA_APP_ID_URI: expected the App ID URI"), "{problem}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let environment = with("GRAPH_BASE_URL", "");
    let config = Config::read(&environment, Function::ProfileApi).unwrap();
    assert_eq!(config.graph_base_url.host_str(), Some("graph.microsoft.com"));
    assert!(environment.is_blank("GRAPH_BASE_URL") && !environment.is_blank("RUST_LOG"));
}

#[test]
fn bad_values_are_refused_by_name_and_never_shown_when_secret() {
    for (name, value) in [
        ("ENTRA_TENANT_ID", "common"),
        ("ENTRA_CLIENT_ID", "api://my-app"),
        ("ENTRA_AUTHORITY_HOST", "http://login.example.com"),
        ("ENTRA_AUTHORITY_HOST", "not a url"),
        ("ENTRA_CREDENTIAL", "password"),
        ("ENTRA_CLIENT_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"),
        ("ENTRA_ALLOWED_CLIENTS", "spa, other"),
        ("ENTRA_ALLOWED_TENANTS", "contoso"),
        ("GRAPH_BASE_URL", "ftp://graph.microsoft.com"),
        ("TOKEN_CACHE_TTL_SECONDS", "two weeks"),
        ("SWEEP_IDLE_SECONDS", "0"),
        ("SWEEP_SHARDS", "1000000"),
        ("SWEEP_CONCURRENCY", "-1"),
        ("CORS_ALLOWED_ORIGINS", "https://app.example.com/"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("SEALING_LOCAL_KEY", "c2hvcnQ="),
        ("SEALING_KEY_ARN", KEY_ARN),
        ("SEALING_KEY_ROTATION_DAYS", "0"),
    ] {
        let found = problems(&with(name, value));
        let about = if name == "ENTRA_CLIENT_SECRET_ARN" { "ENTRA_CLIENT_SECRET" } else { name };
        assert!(found.iter().any(|problem| problem.starts_with(about)), "{name}={value}: {found:?}");
        let secret =
            found.iter().any(|problem| problem.contains("a-client-secret") || problem.contains("c2hvcnQ="));
        assert!(!secret, "{found:?}");
    }
}

#[test]
fn tokens_are_sealed_with_kms_or_with_a_local_key() {
    let config = Config::read(&complete(), Function::BackgroundSweep).unwrap();
    assert!(matches!(config.sealing, SealingConfig::Local(_)));
    let with_kms = |name: &str, value: &str| {
        let mut environment = with("SEALING_LOCAL_KEY", "");
        environment.set("SEALING_KEY_ARN", KEY_ARN);
        environment.set(name, value);
        Config::read(&environment, Function::BackgroundSweep)
    };
    for (days, expected) in [("", 90), ("30", 30)] {
        let config = with_kms("SEALING_KEY_ROTATION_DAYS", days).unwrap();
        let SealingConfig::Kms { key_arn, rotation_days } = config.sealing else { unreachable!() };
        assert_eq!((key_arn.as_str(), rotation_days), (KEY_ARN, expected));
    }
    assert!(with_kms("SEALING_KEY_ARN", "arn:aws-cn:kms:cn-north-1:123456789012:alias/tokens").is_ok());
    for other in ["tokens", "arn:aws:kms:eu-north-1:123456789012:key/", "arn:aws:s3:::key/x"] {
        let problems = with_kms("SEALING_KEY_ARN", other).unwrap_err().problems;
        assert!(problems.len() == 1 && problems[0].starts_with("SEALING_KEY_ARN: expected"), "{problems:?}");
    }
}

#[test]
fn many_tenants_need_a_list_of_them() {
    assert!(problems(&with("ENTRA_TENANT_ID", "organizations"))[0].starts_with("ENTRA_ALLOWED_TENANTS"));
    let mut environment = with("ENTRA_TENANT_ID", "organizations");
    environment.set("ENTRA_ALLOWED_TENANTS", format!("{TENANT}, {SPA}"));
    assert!(Config::read(&environment, Function::ProfileApi).is_ok());
}

#[test]
fn secrets_do_not_print() {
    let environment = complete();
    let config = Config::read(&environment, Function::ProfileApi).unwrap();
    let shown = format!("{environment:?} {config:?}");
    assert!(!shown.contains("a-client-secret") && !shown.contains("AAECAwQF"), "{shown}");
}

#[test]
fn a_new_number_of_shards_is_a_new_generation_that_names_the_old_one() {
    let mut environment = complete();
    environment.set("SWEEP_SHARDS", "16");
    environment.set("SWEEP_SHARDS_GENERATION", "2");
    environment.set("SWEEP_SHARDS_DRAINING", "4");
    let shards = Config::read(&environment, Function::BackgroundSweep).unwrap().sweep.shards;
    assert_eq!((shards.generation, shards.count.get(), shards.draining.unwrap().get()), (2, 16, 4));

    environment.set("SWEEP_SHARDS_GENERATION", "1");
    let error = Config::read(&environment, Function::BackgroundSweep).unwrap_err();
    assert!(error.to_string().contains("raise SWEEP_SHARDS_GENERATION"), "{error}");
    environment.set("SWEEP_SHARDS_GENERATION", "2");
    for bad in ["0", "-1", "many"] {
        environment.set("SWEEP_SHARDS_DRAINING", bad);
        assert!(Config::read(&environment, Function::BackgroundSweep).is_err(), "{bad}");
    }
}
