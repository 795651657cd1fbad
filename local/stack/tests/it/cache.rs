//! `cargo local cache`.

use crate::program::{ADELE, Running, Scratch, assert_refused, run};
use serde_json::{Value, json};
use std::process::Output;

fn cache(scratch: &Scratch, words: &[&str]) -> Output {
    let mut arguments = vec!["cache".to_owned()];
    arguments.extend(words.iter().map(|word| (*word).to_owned()));
    arguments.extend(scratch.place());
    run(&arguments, &[])
}

#[track_caller]
fn assert_done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

fn secrets(cache: &Value, section: &str) -> Vec<String> {
    let entities = cache[section].as_object().unwrap();
    entities.values().map(|entity| entity["secret"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_cache_goes_out_and_in_while_the_stack_runs_and_while_it_does_not() {
    let scratch = Scratch::new();
    let stack = Running::start(&scratch, "");
    stack.visit(ADELE).await;
    let account = stack.accounts().await[0]["account"].as_str().unwrap().to_owned();

    let running = cache(&scratch, &["export", &account]);
    assert_done(&running);
    assert!(String::from_utf8_lossy(&running.stderr).contains("holds tokens"));
    let exported: Value = serde_json::from_slice(&running.stdout).unwrap();
    assert_eq!(secrets(&exported, "RefreshToken").len(), 1);
    assert_eq!(exported["Account"].as_object().unwrap().len(), 1);
    assert_eq!(stack.stop(), Some(0));

    let file = scratch.path("cache.json");
    let file_name = file.to_str().unwrap();
    let stopped = cache(&scratch, &["export", &account, "--output", file_name]);
    assert_done(&stopped);
    assert!(stopped.stdout.is_empty());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written, exported);

    // Another program renewed the refresh token; its cache comes back.
    let mut renewed = written;
    for entity in renewed["RefreshToken"].as_object_mut().unwrap().values_mut() {
        entity["secret"] = json!("renewed-elsewhere");
        entity["last_modification_time"] = json!("32503680000");
    }
    std::fs::write(&file, renewed.to_string()).unwrap();
    assert_done(&cache(&scratch, &["import", &account, file_name]));
    let again = cache(&scratch, &["export", &account]);
    assert_done(&again);
    let exported: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(secrets(&exported, "RefreshToken"), ["renewed-elsewhere"]);
}

#[tokio::test]
async fn what_is_not_this_accounts_cache_is_refused_and_nothing_is_written() {
    let scratch = Scratch::new();
    let stack = Running::start(&scratch, "");
    stack.visit(ADELE).await;
    let before = stack.accounts().await;
    let account = before[0]["account"].as_str().unwrap().to_owned();
    let file = scratch.path("cache.json");
    let file_name = file.to_str().unwrap();

    std::fs::write(&file, "eyJ0 secret-looking text").unwrap();
    let output = cache(&scratch, &["import", &account, file_name]);
    assert_refused(&output, &["is not an MSAL cache file", "nothing was written"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret-looking"));

    std::fs::write(&file, "{}").unwrap();
    assert_refused(
        &cache(&scratch, &["import", &account, file_name]),
        &["those of nobody", "nothing was written"],
    );

    let other = "00000000-0000-4000-8000-000000000001.00000000-0000-4000-8000-000000000002";
    assert_done(&cache(&scratch, &["export", &account, "--output", file_name]));
    assert_refused(
        &cache(&scratch, &["import", other, file_name]),
        &[other, &account, "nothing was written"],
    );
    assert_refused(&cache(&scratch, &["export", other]), &["must sign in first"]);
    assert_refused(&cache(&scratch, &["export", ADELE]), &["is not a home account id"]);
    assert_eq!(stack.accounts().await, before);
}
