//! Workers in other languages: programs that acquire one token silently, through the plugin of their language.

use crate::lab::Lab;
use serde::Deserialize;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;
use wiring::Environment;

/// A language that there is a plugin for, or MSAL.NET by one of its two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    Python,
    Node,
    /// `AcquireTokenSilent`
    DotNetSilent,
    /// `AcquireTokenInLongRunningProcess`
    DotNetLongRunning,
}

impl Language {
    pub(crate) const WITH_PLUGIN: [Self; 2] = [Self::Python, Self::Node];
    pub(crate) const DOT_NET: [Self; 2] = [Self::DotNetSilent, Self::DotNetLongRunning];

    /// Whose worker is at work, for a step of a cell.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node",
            Self::DotNetSilent => ".NET silent",
            Self::DotNetLongRunning => ".NET long-running",
        }
    }
}

/// Interpreters of the languages, and a KMS if there is one.
pub(crate) struct Programs {
    environment: Environment,
    python: String,
    node: String,
    dot_net: Option<String>,
}

/// What a worker said of its acquisition. It never prints the token.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Acquired {
    pub(crate) library: String,
    pub(crate) source: String,
    pub(crate) token_requests: u64,
    #[serde(rename = "metadataRequests")]
    pub(crate) _metadata_requests: u64,
    pub(crate) username: Option<String>,
    pub(crate) graph_user: Option<String>,
    pub(crate) written: bool,
}

const KMS: [&str; 2] = ["AWS_ENDPOINT_URL_KMS", "SEALING_KEY_ARN"];

impl Programs {
    /// `None` without both interpreters (`INTEROP_PYTHON`, `INTEROP_NODE`), said past the test runner, which keeps the output
    /// of tests that pass to itself.
    pub(crate) fn of_process() -> Option<Self> {
        let environment = Environment::of_process();
        let program = |name: &str| environment.get(name).map(str::to_owned);
        let (Some(python), Some(node)) = (program("INTEROP_PYTHON"), program("INTEROP_NODE")) else {
            let line = "skipped: INTEROP_PYTHON and INTEROP_NODE are not both set; `cargo xtask test --only interop-matrix` sets them\n";
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return None;
        };
        let dot_net = program("INTEROP_DOTNET");
        Some(Self { environment, python, node, dot_net })
    }

    /// The same with MSAL.NET, which is not to be had everywhere: `INTEROP_DOTNET` names a Python made ready for it.
    pub(crate) fn with_dot_net() -> Option<Self> {
        let programs = Self::of_process()?;
        if programs.dot_net.is_none() {
            let line =
                "skipped: INTEROP_DOTNET is not set; local/e2e/dotnet/README.md says how to have MSAL.NET\n";
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return None;
        }
        Some(programs)
    }

    /// Variables that make a lab seal with KMS; without one it has a local key.
    pub(crate) fn sealing(&self) -> Vec<(&str, &str)> {
        let variables = KMS.iter().filter_map(|name| Some((*name, self.environment.get(name)?)));
        let variables: Vec<_> = variables.collect();
        assert!(variables.is_empty() || variables.len() == KMS.len(), "expected both or none of {KMS:?}");
        variables
    }

    fn command(&self, language: Language) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let dot_net = || (self.dot_net.as_ref().unwrap(), "local/e2e/dotnet/worker.py");
        let (program, script) = match language {
            Language::Python => (&self.python, "local/e2e/python/worker.py"),
            Language::Node => (&self.node, "local/e2e/node/worker.mjs"),
            Language::DotNetSilent | Language::DotNetLongRunning => dot_net(),
        };
        let mut command = Command::new(program);
        command.arg(root.join(script)).current_dir(root).kill_on_drop(true).stdin(Stdio::null()).env_clear();
        command.env("PATH", self.environment.get("PATH").unwrap_or_default());
        let modules = ["interop/python/src", "local/e2e/python"].map(|folder| root.join(folder));
        command.env("PYTHONPATH", std::env::join_paths(modules).unwrap()).env("PYTHONDONTWRITEBYTECODE", "1");
        let call = if language == Language::DotNetSilent { "silent" } else { "long-running" };
        command.env("MSAL_NET_API", call);
        if let Some(folder) = self.environment.get("MSAL_NET_FOLDER") {
            command.env("MSAL_NET_FOLDER", folder);
        }
        command
    }

    /// Runs a worker on the one account of a lab, whose clock is `ahead` of the machine's by so many seconds.
    pub(crate) async fn acquire(
        &self,
        lab: &Lab,
        language: Language,
        scopes: &str,
        force_refresh: bool,
        ahead: i64,
    ) -> Result<Acquired, String> {
        let accounts = lab.accounts().await;
        let account = accounts.first().unwrap().account.to_string();
        let environment = lab.stack.environment();
        let mut command = self.command(language);
        for name in [
            "TABLE_NAME",
            "AWS_ENDPOINT_URL_DYNAMODB",
            "AWS_ENDPOINT_URL_KMS",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "SEALING_LOCAL_KEY",
            "SEALING_KEY_ARN",
            "ENTRA_CLIENT_ID",
            "ENTRA_CLIENT_SECRET",
            "ENTRA_TENANT_ID",
        ] {
            if let Some(value) = environment.get(name) {
                command.env(name, value);
            }
        }
        // boto3 knows the region by this name only.
        command.env("AWS_DEFAULT_REGION", environment.get("AWS_REGION").unwrap_or_default());
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("STACK_EMULATOR_URL", lab.stack.addresses().emulator.as_ref().unwrap());
        command.env("ACCOUNT", account).env("SCOPES", scopes);
        command.env("CLOCK_OFFSET_SECONDS", ahead.to_string());
        command.env("FORCE_REFRESH", if force_refresh { "1" } else { "0" });
        let output = command.output().await.unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&out).map_err(|error| format!("{error}: {} {out}\n{err}", output.status))
    }
}
