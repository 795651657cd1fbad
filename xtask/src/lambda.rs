//! The deployed form: template, release builds, `cargo lambda`, and deployments to moto.

use std::process::Command;

use crate::install::python_tool;
use crate::run::{Run, StepResult, Stop};
use crate::services::{self, Page, Service, Stack};

const REGION: &str = "us-east-1";

/// `sam validate --lint`: the schema, cfn-lint's rules.
pub(crate) fn validate_template(run: &mut Run) -> StepResult {
    let mut command = sam(run);
    command.args(["validate", "--lint", "--template", "template.yaml"]);
    run.execute(command)
}

/// Assertions on what the template becomes once SAM has translated it.
pub(crate) fn test_template(run: &mut Run) -> StepResult {
    let mut command = python_tool(run, "python");
    command.args(["-m", "pytest", "-p", "no:cacheprovider"]);
    let tests = ["template", "parameters", "permissions", "page"];
    command.args(tests.map(|name| format!("xtask/python/test_{name}.py")));
    command.env("AWS_DEFAULT_REGION", REGION);
    run.execute(command)
}

/// Both functions as `sam deploy` would take them, for `x86_64`: an arm64 build would make cargo-lambda fetch a toolchain.
pub(crate) fn sam_build(run: &mut Run) -> StepResult {
    let mut command = sam(run);
    command.args(["build", "--beta-features", "--template", "template.yaml"]);
    run.execute(command)
}

/// The programs that `sam build` compiled, under `cargo lambda watch`, on a table and an emulator of their own.
pub(crate) fn watch_and_invoke(run: &mut Run) -> StepResult {
    let stack = services::stack(run, Page::Without)?;
    let mut create_table = run.command(run.path("target/debug/local"));
    on_table(create_table.arg("create-table"), &stack);
    run.execute(create_table)?;
    let mut command = python_tool(run, "python");
    on_table(&mut command, &stack).env("STACK_EMULATOR_URL", &stack.emulator);
    command.args(["-m", "pytest", "-p", "no:cacheprovider", "xtask/python/test_functions.py"]);
    run.execute(command)
}

/// `cargo lambda deploy` of both functions.
pub(crate) fn deploy(run: &mut Run) -> StepResult {
    let (_moto, mut command) = against_moto(run)?;
    command.args(["-m", "pytest", "-p", "no:cacheprovider", "xtask/python/test_deploy.py"]);
    run.execute(command)
}

/// The translated template as one stack.
pub(crate) fn deploy_template(run: &mut Run) -> StepResult {
    let (_moto, mut command) = against_moto(run)?;
    command.args(["-m", "pytest", "-p", "no:cacheprovider", "xtask/python/test_stack.py"]);
    run.execute(command)
}

fn on_table<'a>(command: &'a mut Command, stack: &Stack) -> &'a mut Command {
    command
        .env("AWS_ENDPOINT_URL_DYNAMODB", &stack.dynamodb)
        .env("TABLE_NAME", "functions")
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
}

fn against_moto(run: &mut Run) -> Result<(Service, Command), Stop> {
    let (moto, url) = services::moto(run)?;
    let mut command = python_tool(run, "python");
    command.env("AWS_ENDPOINT_URL", url).env("AWS_DEFAULT_REGION", REGION).env("AWS_REGION", REGION);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    Ok((moto, command))
}

fn sam(run: &Run) -> Command {
    let mut command = python_tool(run, "sam");
    command.env("AWS_DEFAULT_REGION", REGION);
    command
}
