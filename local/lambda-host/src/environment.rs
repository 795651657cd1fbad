//! One execution environment: a process and the runtime API that it asks for work.

use crate::memory::Memory;
use crate::runtime_api::{Ended, Handed, RuntimeApi};
use serde_json::Value;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// What is run in an environment.
#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    pub arguments: Vec<String>,
    /// All variables that it gets, besides those that Lambda itself sets.
    pub variables: Vec<(String, String)>,
}

/// The environment cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {}", program.display())]
pub struct StartError {
    pub program: PathBuf,
    #[source]
    source: io::Error,
}

/// One call of the function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    pub event: &'a Value,
    /// The time on the function's clock, from which its deadline is counted.
    pub now: OffsetDateTime,
    /// The environment is ended when the function takes longer, as at Lambda.
    pub time_limit: Duration,
    /// What the function gets as its client context, a JSON object.
    pub client_context: Option<&'a Value>,
}

/// Why an invocation has no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function itself said so. The environment can be used again.
    #[error("the function failed with {error_type}: {message}")]
    Function { error_type: String, message: String },
    /// The process ended before or during the invocation; the environment is of no more use.
    #[error("the process ended: {how}")]
    Exited { how: String },
    /// The process was killed at the end of its time.
    #[error("the function was not done after {} s", time_limit.as_secs_f64())]
    TimedOut { time_limit: Duration },
}

/// A process that takes one invocation after the other. Dropping it kills the process.
pub struct ExecutionEnvironment {
    pid: u32,
    hand: mpsc::Sender<Handed>,
    api: RuntimeApi,
    server: AbortHandle,
    killer: Killer,
}

impl Drop for ExecutionEnvironment {
    fn drop(&mut self) {
        self.killer.wish.notify_one();
        self.server.abort();
    }
}

impl ExecutionEnvironment {
    /// Starts the program. Returns as soon as it runs; its first invocation waits for the end of its initialisation.
    /// Its standard error is this process's, its standard output goes nowhere.
    pub async fn start(program: &Program) -> Result<Self, StartError> {
        let failed = |source| StartError { program: program.path.clone(), source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (hand, waiting) = mpsc::channel(1);
        let api = RuntimeApi::new(waiting);
        let router = api.router();
        let child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .envs(program.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/function")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let pid = child.id().unwrap_or_default();
        // A connection that fails is the program's business.
        let serve = async move { drop(axum::serve(listener, router).await) };
        let server = tokio::spawn(serve).abort_handle();
        Ok(Self { pid, hand, api, server, killer: Killer::of(child, pid) })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// `None` once the process has ended.
    pub fn memory(&self) -> Option<Memory> {
        Memory::of(self.pid)
    }

    pub fn has_exited(&self) -> bool {
        self.killer.exited.borrow().is_some()
    }

    /// Kills the process while somebody else waits for an invocation.
    pub fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// Waits until the program asks for its first invocation, which is the end of its initialisation.
    ///
    /// # Errors
    /// [`InvokeError::Exited`] when it ends before.
    pub async fn initialised(&self) -> Result<(), InvokeError> {
        let (mut asked, mut exited) = (self.api.asked(), self.killer.exited.clone());
        // Blocks of their own, so that what they borrow from the channels is not held while anything is waited for.
        let asked = async { asked.wait_for(|asked| *asked).await.is_ok() };
        let exit = async { exited.wait_for(Option::is_some).await.ok().and_then(|how| how.clone()) };
        tokio::select! {
            biased;
            true = asked => Ok(()),
            how = exit => Err(self.exited(how)),
        }
    }

    /// Calls the function and waits for its answer.
    pub async fn invoke(&mut self, invocation: Invocation<'_>) -> Result<Value, InvokeError> {
        let (answer, answered) = oneshot::channel();
        let handed = Handed {
            request_id: Uuid::new_v4().to_string(),
            headers: headers(invocation),
            event: invocation.event.clone(),
            answer,
        };
        let mut exited = self.killer.exited.clone();
        // A block of its own, so that what it borrows from the channel is not held while anything is waited for.
        let exit = async { exited.wait_for(Option::is_some).await.ok().and_then(|how| how.clone()) };
        let work = async {
            self.hand.send(handed).await.ok()?;
            answered.await.ok()
        };
        let ended = tokio::select! {
            biased;
            Some(ended) = work => ended,
            how = exit => return Err(self.exited(how)),
            () = tokio::time::sleep(invocation.time_limit) => {
                self.killer.kill().await;
                return Err(InvokeError::TimedOut { time_limit: invocation.time_limit });
            }
        };
        match ended {
            Ended::Answered(answer) => Ok(answer),
            Ended::Failed(error) => {
                Err(InvokeError::Function { error_type: error.error_type, message: error.error_message })
            }
        }
    }

    fn exited(&self, how: Option<String>) -> InvokeError {
        let how = how.unwrap_or_else(|| "with its host".to_owned());
        let why = self.api.init_error().map(|error| format!(", {error}")).unwrap_or_default();
        InvokeError::Exited { how: format!("{how}{why}") }
    }
}

fn headers(invocation: Invocation<'_>) -> Vec<(&'static str, String)> {
    let deadline = invocation.now + invocation.time_limit;
    let mut headers = vec![
        ("lambda-runtime-deadline-ms", (deadline.unix_timestamp_nanos() / 1_000_000).to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:function".to_owned(),
        ),
    ];
    if let Some(context) = invocation.client_context {
        headers.push(("lambda-runtime-client-context", context.to_string()));
    }
    headers
}

/// Ends an environment's process with SIGKILL. Clones are for the same process.
#[derive(Debug, Clone)]
pub struct Killer {
    pid: u32,
    wish: Arc<Notify>,
    /// How it ended, once it has.
    exited: watch::Receiver<Option<String>>,
}

impl Killer {
    fn of(mut child: Child, pid: u32) -> Self {
        let wish = Arc::new(Notify::new());
        let (told, exited) = watch::channel(None);
        let wished = wish.clone();
        tokio::spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status,
                () = wished.notified() => {
                    // An error means that it has ended already.
                    let _ = child.start_kill();
                    child.wait().await
                }
            };
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            told.send_replace(Some(how));
        });
        Self { pid, wish, exited }
    }

    /// Returns when the process is gone, with the memory that it had just before; `None` if it had ended already.
    pub async fn kill(&self) -> Option<Memory> {
        let memory = Memory::of(self.pid);
        self.wish.notify_one();
        let mut exited = self.exited.clone();
        // An error means that the runtime is shutting down, which kills it too.
        let _ = exited.wait_for(Option::is_some).await;
        memory
    }
}
