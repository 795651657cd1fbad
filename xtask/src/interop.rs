//! Workers in other languages: the packages under `interop/`, and the matrix of who goes on from what whom left.

use crate::install::{self, need_program, python_tool};
use crate::run::{Run, StepResult};
use crate::rust_tests::{passes_one, system_test};
use crate::services::{self, Page};

const MATRIX: &str = "interop::each_library_goes_on_from_what_the_others_left_as_documented";
const DOT_NET: &str = "interop::dot_net::msal_net_goes_on_from_what_the_others_left_as_documented";
/// The region of the local stack: a KMS key is found in its own region only.
const REGION: &str = "us-east-1";
const MAKE_KEY: &str = "import boto3; print(boto3.client('kms').create_key()['KeyMetadata']['Arn'])";

/// The plugin for MSAL Python: types, the wheel, and its tests on the stack's DynamoDB and moto's KMS.
pub(crate) fn python(run: &mut Run) -> StepResult {
    let folder = run.path("interop/python");
    let mut types = python_tool(run, "python");
    types.args(["-m", "mypy"]).current_dir(&folder);
    run.execute(types)?;
    let wheels = run.scratch()?;
    let mut wheel = python_tool(run, "python");
    wheel.args([
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
    ]);
    wheel.arg("--wheel-dir").arg(wheels).arg(&folder);
    run.execute(wheel)?;
    let stack = services::stack(run, Page::Without)?;
    let (_moto, kms) = services::moto(run)?;
    let mut tests = python_tool(run, "python");
    tests.args(["-m", "pytest"]).current_dir(&folder).env("PYTHONDONTWRITEBYTECODE", "1");
    tests.env("AWS_ENDPOINT_URL_DYNAMODB", &stack.dynamodb).env("AWS_ENDPOINT_URL_KMS", kms);
    run.execute(tests)
}

/// The plugin for MSAL Node: types, and its tests on moto's DynamoDB and KMS.
pub(crate) fn node(run: &mut Run) -> StepResult {
    install::npm_packages(run, "interop/node")?;
    let folder = run.path("interop/node");
    let mut types = run.command("npm");
    types.args(["run", "--silent", "check"]).current_dir(&folder);
    run.execute(types)?;
    let (_moto, url) = services::moto(run)?;
    let mut tests = run.command("npm");
    tests.args(["run", "--silent", "test"]).current_dir(&folder);
    tests.env("AWS_ENDPOINT_URL_DYNAMODB", &url).env("AWS_ENDPOINT_URL_KMS", &url);
    run.execute(tests)
}

/// API, workers in both languages and sweep on one cache, sealed by moto's KMS; the table in `docs/interop.md` says what
/// they do. With `BLESS=1` the table is written anew. MSAL.NET joins in where `INTEROP_DOTNET` says that it is to be had.
pub(crate) fn matrix(run: &mut Run) -> StepResult {
    let node = need_program("node", "install Node.js 20 or later")?;
    install::npm_packages(run, "local/e2e/node")?;
    let (_moto, kms) = services::moto(run)?;
    let mut make_key = python_tool(run, "python");
    make_key.args(["-c", MAKE_KEY]).env("AWS_ENDPOINT_URL_KMS", &kms).env("AWS_DEFAULT_REGION", REGION);
    make_key.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
    let key_arn = run.output(make_key)?;
    let python = python_tool(run, "python").get_program().to_owned();

    let dot_net = std::env::var_os("INTEROP_DOTNET").is_some().then_some(DOT_NET);
    for test in [MATRIX].into_iter().chain(dot_net) {
        let mut command = system_test(run, test)?;
        command.env("INTEROP_PYTHON", &python).env("INTEROP_NODE", &node);
        command.env("AWS_ENDPOINT_URL_KMS", &kms).env("SEALING_KEY_ARN", key_arn.trim());
        passes_one(run, command, test)?;
    }
    Ok(())
}
