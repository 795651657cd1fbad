//! Starts workers, and kills them.

use crate::error::{SoakError, cannot};
use crate::kills::gate::Release;
use crate::worker::Ended;
use crate::world::Variables;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The longest that a worker may take, killed or not. It needs a second.
const LIMIT: Duration = Duration::from_mins(1);

/// How a worker is started.
pub(crate) struct Start {
    pub(crate) program: PathBuf,
    /// What comes after `soak worker`.
    pub(crate) arguments: Vec<String>,
    /// All variables that it gets.
    pub(crate) variables: Variables,
    /// What it reads from its standard input.
    pub(crate) input: String,
}

/// What became of a worker.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It was killed where it was to be.
    Killed,
    /// It did all its work without coming there.
    Ended,
}

impl Start {
    async fn spawn(self) -> Result<Child, SoakError> {
        let mut child = Command::new(self.program)
            .arg("worker")
            .args(self.arguments)
            .env_clear()
            .envs(self.variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot("start a worker"))?;
        let mut stdin = child.stdin.take();
        if let Some(stdin) = &mut stdin {
            stdin.write_all(self.input.as_bytes()).await.map_err(cannot("write to a worker"))?;
        }
        Ok(child)
    }

    /// Lets it work to its end.
    pub(crate) async fn run(self) -> Result<Ended, SoakError> {
        let child = self.spawn().await?;
        ended(child).await
    }

    /// Kills it (SIGKILL) as soon as `reached` says so, and only then lets go of what waits at the gate.
    pub(crate) async fn run_until(
        self,
        reached: oneshot::Receiver<()>,
        release: Release,
    ) -> Result<Fate, SoakError> {
        let mut child = self.spawn().await?;
        let killed = tokio::select! {
            biased;
            reached = reached => reached.is_ok(),
            status = timeout(LIMIT, child.wait()) => {
                status.map_err(cannot("wait for a worker"))?.map_err(cannot("wait for a worker"))?;
                false
            }
        };
        if killed {
            child.kill().await.map_err(cannot("kill a worker"))?;
            release.go();
            return Ok(Fate::Killed);
        }
        ended(child).await?;
        Ok(Fate::Ended)
    }
}

async fn ended(child: Child) -> Result<Ended, SoakError> {
    let output = timeout(LIMIT, child.wait_with_output()).await.map_err(cannot("wait for a worker"))?;
    let output = output.map_err(cannot("wait for a worker"))?;
    serde_json::from_slice(&output.stdout).map_err(|_| SoakError::Cannot {
        action: "read how a worker ended",
        reason: format!("{}, it printed {:?}", output.status, String::from_utf8_lossy(&output.stdout)),
    })
}
