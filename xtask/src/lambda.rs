//! The deployed form: template, release builds, `cargo lambda`, and deployments to moto.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{self, python_tool};
use crate::run::{Run, StepResult, Stop};
use crate::services::{self, Page, Service, Stack};

const REGION: &str = "us-east-1";

/// `sam validate --lint`: the schema, cfn-lint's rules.
pub(crate) fn validate_template(run: &mut Run) -> StepResult {
    let mut command = sam(run);
    command.args(["validate", "--lint", "--template", "template.yaml"]);
    run.execute(command)
}

/// cfn-lint with the rules for serverless applications, and on what SAM makes of the template: only there stand all references.
pub(crate) fn lint_template(run: &mut Run) -> StepResult {
    let mut serverless = python_tool(run, "cfn-lint");
    serverless.args(["--append-rules", "cfn_lint_serverless.rules", "--template", "template.yaml"]);
    run.execute(serverless)?;
    let translated = translated_template(run)?;
    let mut plain = python_tool(run, "cfn-lint");
    plain.arg("--template").arg(translated);
    run.execute(plain)
}

/// Checkov, without the network, on the template as it is written and as SAM translates it.
pub(crate) fn scan_template(run: &mut Run) -> StepResult {
    let checkov = install::checkov(run)?;
    let translated = translated_template(run)?;
    // By names below the checkout: it puts a file's name in place of references, and takes a long one for a secret.
    let translated = translated.strip_prefix(run.path("")).unwrap_or(&translated);
    for template in [Path::new("template.yaml"), translated] {
        let mut command = run.command(&checkov);
        command
            .args(["--framework", "cloudformation", "--skip-download", "--compact", "--quiet", "--file"])
            .arg(template);
        run.execute(command)?;
    }
    Ok(())
}

fn translated_template(run: &mut Run) -> Result<PathBuf, Stop> {
    let file = run.scratch()?.join("translated.json");
    let mut command = python_tool(run, "python");
    command.arg("xtask/python/translated.py").arg(&file).env("AWS_DEFAULT_REGION", REGION);
    run.execute(command)?;
    Ok(file)
}

/// Assertions on what the template becomes once SAM has translated it.
pub(crate) fn test_template(run: &mut Run) -> StepResult {
    let mut command = python_tool(run, "python");
    command.args(["-m", "pytest", "-p", "no:cacheprovider"]);
    let tests = ["template", "parameters", "permissions", "alarms", "page"];
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

/// The functions at work on such a stack, with the emulator; every request of theirs to AWS is compared with their roles.
pub(crate) fn use_deployed(run: &mut Run) -> StepResult {
    let (_emulator, emulator) = services::emulator(run)?;
    let (_moto, mut command) = against_moto(run)?;
    command.args(["-m", "pytest", "-p", "no:cacheprovider", "xtask/python/test_deployed.py"]);
    command.env("STACK_EMULATOR_URL", emulator);
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

/// A server of moto, and Python with its address in the environment.
pub(crate) fn against_moto(run: &mut Run) -> Result<(Service, Command), Stop> {
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
