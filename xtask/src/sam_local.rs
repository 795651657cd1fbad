//! `sam local` in real containers, against a local stack, by the settings that the stack leaves for it.

use std::fs;

use crate::docker;
use crate::install::python_tool;
use crate::run::{Run, StepResult, fail_to};
use crate::services;

/// What `sam build` made answers a signed-in user through `sam local start-api`, and sweeps through `sam local invoke`.
pub(crate) fn containers(run: &mut Run) -> StepResult {
    let _engine = docker::engine(run)?;
    docker::base_image(run)?;
    let folder = run.scratch()?;
    let bridge = docker::bridge(run)?;
    let stack = services::stack_for_containers(run, &folder, &bridge)?;
    let settings = folder.join("data/env.json");
    fs::metadata(&settings).map_err(fail_to(format!("find {}", settings.display())))?;
    let mut command = python_tool(run, "python");
    command.args(["-m", "pytest", "-p", "no:cacheprovider", "xtask/python/test_sam_local.py"]);
    command
        .env("STACK_EMULATOR_URL", &stack.emulator)
        .env("SAM_ENV_VARS", settings)
        .env("SAM_INVOKE_IMAGE", docker::IMAGE)
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    run.execute(command)
}
