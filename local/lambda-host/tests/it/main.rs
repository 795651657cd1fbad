#![cfg(test)]
//! A real program on the real runtime crate, invoked over the API.

use lambda_host::{ExecutionEnvironment, Invocation, InvokeError, Program};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;

fn echo() -> Program {
    Program { path: env!("CARGO_BIN_EXE_echo-function").into(), arguments: Vec::new(), variables: Vec::new() }
}

fn of(event: &Value) -> Invocation<'_> {
    Invocation {
        event,
        now: OffsetDateTime::from_unix_timestamp(4_000_000_000).unwrap(),
        time_limit: Duration::from_mins(1),
        client_context: None,
    }
}

#[tokio::test]
async fn one_process_answers_one_event_after_the_other() {
    let mut environment = ExecutionEnvironment::start(&echo()).await.unwrap();
    for number in 0..3 {
        let answer = environment.invoke(of(&json!({ "number": number }))).await.unwrap();
        let expected = json!({
            "event": { "number": number }, "deadlineMs": 4_000_000_060_000_u64, "custom": null,
        });
        assert_eq!(answer, expected);
    }
    let memory = environment.memory().unwrap();
    assert!(memory.peak_kib >= memory.resident_kib && memory.resident_kib > 100, "{memory:?}");
}

#[tokio::test]
async fn the_end_of_the_initialisation_is_told_and_that_of_a_program_without_one_too() {
    let mut environment = ExecutionEnvironment::start(&echo()).await.unwrap();
    environment.initialised().await.unwrap();
    environment.invoke(of(&json!({}))).await.unwrap();

    let quits = Program { path: "/bin/false".into(), ..echo() };
    let ended = ExecutionEnvironment::start(&quits).await.unwrap().initialised().await.unwrap_err();
    assert_eq!(ended.to_string(), "the process ended: exit status: 1");
}

#[tokio::test]
async fn the_client_context_reaches_the_function() {
    let mut environment = ExecutionEnvironment::start(&echo()).await.unwrap();
    let context = json!({ "custom": { "a": "1" } });
    let event = json!({});
    let invocation = Invocation { client_context: Some(&context), ..of(&event) };
    assert_eq!(environment.invoke(invocation).await.unwrap()["custom"], context["custom"]);
}

#[tokio::test]
async fn a_failure_is_told_and_the_next_event_is_taken() {
    let mut environment = ExecutionEnvironment::start(&echo()).await.unwrap();
    let failed = environment.invoke(of(&json!({ "do": "fail" }))).await.unwrap_err();
    assert!(
        matches!(&failed, InvokeError::Function { message, .. } if message == "this was asked for"),
        "{failed}"
    );
    environment.invoke(of(&json!({}))).await.unwrap();
}

#[tokio::test]
async fn an_end_of_the_process_ends_the_invocation() {
    let mut environment = ExecutionEnvironment::start(&echo()).await.unwrap();
    let ended = environment.invoke(of(&json!({ "do": "exit" }))).await.unwrap_err();
    assert_eq!(ended.to_string(), "the process ended: exit status: 7");
    assert!(environment.has_exited() && environment.memory().is_none());
    let again = environment.invoke(of(&json!({}))).await.unwrap_err();
    assert!(matches!(again, InvokeError::Exited { .. }), "{again}");
}

#[tokio::test]
async fn a_kill_ends_the_invocation_under_way() {
    let mut environment = ExecutionEnvironment::start(&echo()).await.unwrap();
    environment.invoke(of(&json!({}))).await.unwrap();
    let killer = environment.killer();
    let hang = json!({ "do": "hang" });
    let (ended, memory) = tokio::join!(environment.invoke(of(&hang)), killer.kill());
    assert!(memory.is_some());
    assert!(
        matches!(ended.as_ref().unwrap_err(), InvokeError::Exited { how } if how.starts_with("signal: 9"))
    );
    assert_eq!(killer.kill().await, None, "it is gone");
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_ended() {
    let mut environment = ExecutionEnvironment::start(&echo()).await.unwrap();
    let hang = json!({ "do": "hang" });
    let invocation = Invocation { time_limit: Duration::from_millis(300), ..of(&hang) };
    let ended = environment.invoke(invocation).await.unwrap_err();
    assert!(matches!(ended, InvokeError::TimedOut { .. }), "{ended}");
    assert!(environment.has_exited());
}

#[tokio::test]
async fn a_program_that_cannot_run_is_named() {
    let gone = Program { path: "/nowhere/function".into(), ..echo() };
    let error = ExecutionEnvironment::start(&gone).await.err().unwrap();
    assert!(error.to_string().contains("/nowhere/function"), "{error}");

    let quits = Program { path: "/bin/false".into(), ..echo() };
    let mut environment = ExecutionEnvironment::start(&quits).await.unwrap();
    let ended = environment.invoke(of(&json!({}))).await.unwrap_err();
    assert_eq!(ended.to_string(), "the process ended: exit status: 1");
}
