//! The program that is deployed, under a Lambda runtime API of the test's own
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use crate::fixture::Moves;
use crate::stack::{ADELE, with_adele};
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Notify;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const PROGRAM: &str = env!("CARGO_BIN_EXE_report-moves");

/// What the stack sets for its own functions.
const SETTINGS: [&str; 12] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "ENTRA_AUTHORITY_HOST",
    "ENTRA_CLIENT_ID",
    "ENTRA_CLIENT_SECRET",
    "ENTRA_TENANT_ID",
    "GRAPH_BASE_URL",
    "SEALING_LOCAL_KEY",
    "SWEEP_SHARDS",
    "TABLE_NAME",
];

/// A Lambda host with one event to give.
struct Host {
    server: MockServer,
    answered: Arc<Notify>,
}

impl Host {
    async fn with(event: &Value) -> Self {
        let (server, answered) = (MockServer::start().await, Arc::new(Notify::new()));
        let next = || Mock::given(method("GET")).and(path_regex("/runtime/invocation/next$"));
        let invocation = ResponseTemplate::new(200)
            .insert_header("lambda-runtime-aws-request-id", "the-only-one")
            // The end of the year 2100.
            .insert_header("lambda-runtime-deadline-ms", "4133980799000")
            .insert_header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:f",
            )
            .set_body_json(event);
        next().respond_with(invocation).up_to_n_times(1).mount(&server).await;
        next()
            .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_hours(1)))
            .mount(&server)
            .await;
        let told = Arc::clone(&answered);
        let answer = Mock::given(method("POST")).and(path_regex("/runtime/invocation/the-only-one/"));
        let taken = move |_: &Request| {
            told.notify_one();
            ResponseTemplate::new(202)
        };
        answer.respond_with(taken).mount(&server).await;
        Self { server, answered }
    }

    /// What the function answered, and whether it was a `response` or an `error`.
    async fn answer(&self) -> (String, Value) {
        self.answered.notified().await;
        let requests = self.server.received_requests().await.unwrap();
        let answer = requests.into_iter().find(|request| request.method == "POST").unwrap();
        let kind = answer.url.path().rsplit('/').next().unwrap().to_owned();
        (kind, serde_json::from_slice(&answer.body).unwrap())
    }
}

#[tokio::test]
async fn the_deployed_program_runs_the_job_when_it_is_invoked() {
    let (stack, moves) = (with_adele().await, Moves::start().await);
    let one = json!({ "account": ADELE });
    // The shipped job's snapshot serves as well as one of this job's own.
    stack.sweeper().invoke(one.clone()).await.unwrap();
    stack.emulator().unwrap().change_profile(ADELE, &json!({ "department": "Procurement" })).unwrap();

    let host = Host::with(&one).await;
    let mut program = Command::new(PROGRAM);
    program.env_clear().kill_on_drop(true).stdout(Stdio::null()).env("MOVES_URL", moves.url());
    for name in SETTINGS {
        program.env(name, stack.environment().get(name).unwrap());
    }
    program.env("AWS_LAMBDA_RUNTIME_API", host.server.uri()).env("AWS_LAMBDA_FUNCTION_NAME", "report-moves");
    program.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    program.env("AWS_LAMBDA_LOG_STREAM_NAME", "log").env("AWS_LAMBDA_LOG_GROUP_NAME", "logs");
    let mut program = program.spawn().unwrap();
    let answer = tokio::select! {
        answer = host.answer() => answer,
        ended = program.wait() => panic!("the program ended: {ended:?}"),
    };
    assert_eq!((answer.0.as_str(), &answer.1["outcomes"]), ("response", &json!({ "acted": 1 })));
    let told = moves.told().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].body["changed"], json!(["department"]));
    program.kill().await.unwrap();
    stack.stop().await;
}

#[tokio::test]
async fn without_a_receiver_the_program_says_what_is_missing_and_ends() {
    let stack = with_adele().await;
    let mut program = Command::new(PROGRAM);
    program.env_clear().kill_on_drop(true);
    for name in SETTINGS {
        program.env(name, stack.environment().get(name).unwrap());
    }
    let ended = program.output().await.unwrap();
    assert!(!ended.status.success());
    let log = String::from_utf8(ended.stdout).unwrap();
    assert!(log.contains("start.failed") && log.contains("MOVES_URL"), "{log}");
    stack.stop().await;
}
