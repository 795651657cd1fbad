//! `cargo local create-table`.

use crate::program::{ADELE, Running, Scratch, assert_refused, run};

#[tokio::test]
async fn a_table_is_made_checked_and_made_anew() {
    let scratch = Scratch::new();
    let stack = Running::start(&scratch, "--ephemeral");
    let url = stack.addresses.dynamodb.clone().unwrap();
    let settings = scratch.path("settings").to_str().unwrap().to_owned();
    let create = |table: &str, more: &[&str]| {
        let mut arguments = vec!["create-table".to_owned(), "--env-file".to_owned(), settings.clone()];
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let output = run(&arguments, &[("AWS_ENDPOINT_URL_DYNAMODB", &url), ("TABLE_NAME", table)]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(create("tokens", &[]).contains("Table tokens"));
    assert!(create("tokens", &[]).contains("was there already"));
    stack.visit(ADELE).await;
    assert_eq!(stack.accounts().await.len(), 1);
    // The stack's own table, while it runs: emptied under its hands.
    assert!(create("shared-token-cache", &["--recreate"]).contains("made anew"));
    assert!(stack.accounts().await.is_empty());
    stack.visit(ADELE).await;
    assert_eq!(stack.accounts().await.len(), 1);
}

#[test]
fn nothing_is_deleted_at_amazon() {
    let scratch = Scratch::new();
    let settings = scratch.path("settings").to_str().unwrap().to_owned();
    let arguments = ["create-table", "--recreate", "--env-file", &settings].map(str::to_owned);
    let amazon = ("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.us-east-1.amazonaws.com");
    for variables in [&[("TABLE_NAME", "tokens")] as &[_], &[("TABLE_NAME", "tokens"), amazon]] {
        assert_refused(&run(&arguments, variables), &["--recreate is refused at Amazon's own endpoints"]);
    }
}

#[test]
fn a_table_needs_a_name() {
    let scratch = Scratch::new();
    let settings = scratch.path("settings").to_str().unwrap().to_owned();
    let output = run(&["create-table", "--env-file", &settings].map(str::to_owned), &[]);
    assert_refused(&output, &["TABLE_NAME is not set"]);
}
