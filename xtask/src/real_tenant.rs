//! `docs/real-tenant.md`, followed to the letter on the emulator and moto.

use std::path::PathBuf;

use crate::install::python_environment;
use crate::lambda::against_moto;
use crate::run::{Run, StepResult, Stop};
use crate::services;

/// Runs every command of the guide that does not need the real clouds.
pub(crate) fn follow(run: &mut Run) -> StepResult {
    let aws = aws_command_line(run)?;
    let (_emulator, emulator) = services::emulator(run)?;
    let (_moto, mut command) = against_moto(run)?;
    command.args(["-m", "pytest", "-p", "no:cacheprovider", "xtask/python/test_real_tenant.py"]);
    command.env("STACK_EMULATOR_URL", emulator).env("AWS_CLI", aws);
    run.execute(command)
}

/// The AWS command line, in an environment of its own: it asks for other versions of libraries than the other tools.
fn aws_command_line(run: &mut Run) -> Result<PathBuf, Stop> {
    let folder = run.tools().join("awscli");
    python_environment(run, &folder, "xtask/awscli-requirements.txt")?;
    Ok(folder.join("bin/aws"))
}
