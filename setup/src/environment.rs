//! A deployment's settings: the variables of this process, then those of a file.

use std::path::{Path, PathBuf};
use wiring::{DotEnvError, Environment, read_env_file};

/// Where settings are read from if nothing is said.
const DEFAULT_FILE: &str = ".env";

/// Which deployment is meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EnvironmentArguments {
    /// File of NAME=value lines with the deployment's settings; variables of this process go first [default: .env, if it
    /// is there]
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

impl EnvironmentArguments {
    pub(crate) fn read(&self) -> Result<Environment, DotEnvError> {
        let mut environment = Environment::of_process();
        match &self.env_file {
            Some(file) => read_env_file(file, &mut environment)?,
            None if Path::new(DEFAULT_FILE).exists() => {
                read_env_file(Path::new(DEFAULT_FILE), &mut environment)?;
            }
            None => {}
        }
        Ok(environment)
    }
}
