//! What a step's code has at hand: the checkout, its log, and ways to run commands.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::Group;

/// Longest time one command may take unless the step says otherwise. Far above what is normal; CI must not hang.
const COMMAND_LIMIT: Duration = Duration::from_mins(45);

/// Why a step did not pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Something is wrong: the reason in one line, the rest is in the log.
    Failed(String),
    /// It cannot run on this machine: what is missing.
    Skipped(String),
}

pub(crate) type StepResult = Result<(), Stop>;

/// A failure with its reason.
pub(crate) fn failed(reason: impl Into<String>) -> Stop {
    Stop::Failed(reason.into())
}

/// Used as `.map_err(fail_to("read the file"))`.
pub(crate) fn fail_to<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Stop {
    let what = what.into();
    move |error| Stop::Failed(format!("cannot {what}: {error}"))
}

/// One run of one step.
pub(crate) struct Run {
    root: PathBuf,
    log_path: PathBuf,
    log: File,
}

impl Run {
    /// Opens the log `target/xtask/logs/<step>.log`, emptied.
    pub(crate) fn open(root: &Path, step: &str) -> Result<Self, Stop> {
        let log_path = log_path(root, step);
        let folder = log_path.parent().unwrap_or(root);
        fs::create_dir_all(folder).map_err(fail_to(format!("create {}", folder.display())))?;
        let log = File::create(&log_path).map_err(fail_to(format!("write {}", log_path.display())))?;
        Ok(Self { root: root.to_path_buf(), log_path, log })
    }

    /// A path in the checkout.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder for downloaded tools, kept between runs.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    /// A new, empty folder for this step's data.
    pub(crate) fn scratch(&self) -> Result<PathBuf, Stop> {
        let stem = self.log_path.file_stem().unwrap_or_default();
        let folder = self.root.join("target/xtask/scratch").join(stem);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(fail_to(format!("empty {}", folder.display())))?;
        }
        fs::create_dir_all(&folder).map_err(fail_to(format!("create {}", folder.display())))?;
        Ok(folder)
    }

    /// Writes a line to the step's log.
    pub(crate) fn note(&mut self, line: &str) {
        // The log is an aid: a full disk shows up in the commands themselves.
        let _ = writeln!(self.log, "{line}");
    }

    /// What this step's log holds so far; empty when it cannot be read.
    pub(crate) fn log_text(&self) -> String {
        text_of(&self.log_path)
    }

    /// A command that starts in the checkout and sees none of the developer's own accounts: variables of AWS, Entra ID
    /// and this project are removed, so that a test never reaches a real service by accident.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            if is_private(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("SAM_CLI_TELEMETRY", "0")
            .env("npm_config_update_notifier", "false");
        command
    }

    /// The cargo that runs this program, with these arguments.
    pub(crate) fn cargo<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Set for this process by the outer `cargo run`; an inner cargo would take them for its own settings.
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
        if std::env::var_os("CI").is_some() {
            // Nothing is compiled twice there: notes for the next time would only cost time and disk.
            command.env("CARGO_INCREMENTAL", "0");
        }
        command.args(arguments);
        command
    }

    /// Sends a command's output to the log.
    pub(crate) fn redirect(&mut self, command: &mut Command) -> Result<(), Stop> {
        self.note(&format!("$ {}", describe(command)));
        let out = self.log.try_clone().map_err(fail_to("use the log"))?;
        let err = self.log.try_clone().map_err(fail_to("use the log"))?;
        command.stdout(out).stderr(err);
        Ok(())
    }

    /// Runs a command to its end, output to the log.
    ///
    /// # Errors
    /// `Failed` when it cannot be started, exits with anything but 0, or takes longer than 45 minutes.
    pub(crate) fn execute(&mut self, mut command: Command) -> StepResult {
        self.redirect(&mut command)?;
        finish(command)
    }

    /// Runs a command whose standard output is wanted as text; its standard error goes to the log.
    pub(crate) fn output(&mut self, mut command: Command) -> Result<String, Stop> {
        self.redirect(&mut command)?;
        let file = self.log_path.with_extension("out");
        let out = File::create(&file).map_err(fail_to(format!("write {}", file.display())))?;
        command.stdout(out);
        finish(command)?;
        fs::read_to_string(&file).map_err(fail_to(format!("read {}", file.display())))
    }
}

fn finish(command: Command) -> StepResult {
    let description = describe(&command);
    let mut group = Group::start(command).map_err(fail_to(format!("start `{description}`")))?;
    let status = group.wait(COMMAND_LIMIT).map_err(fail_to(format!("wait for `{description}`")))?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(failed(format!("`{description}`: {status}"))),
        None => Err(failed(format!("`{description}` was ended after {} s", COMMAND_LIMIT.as_secs()))),
    }
}

/// Where a step's output is kept.
pub(crate) fn log_path(root: &Path, step: &str) -> PathBuf {
    root.join("target/xtask/logs").join(format!("{step}.log"))
}

/// What a log holds so far; empty when it cannot be read.
pub(crate) fn text_of(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}

/// The program's name and its arguments, cut to one readable line.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    let line = words.join(" ");
    match line.char_indices().nth(160) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// Whether a variable of the caller's environment is kept from the steps.
fn is_private(name: &str) -> bool {
    let ours = ["AWS_", "ENTRA_", "GRAPH_", "SEALING_", "SWEEP_", "STACK_", "DYNAMODB_", "TOKEN_CACHE_"];
    let single = ["TABLE_NAME", "EVENT_BUS_NAME", "CORS_ALLOWED_ORIGINS"];
    // `AWS_LC_…` are build settings of the crypto library, set in `.cargo/config.toml`.
    !name.starts_with("AWS_LC_")
        && (ours.iter().any(|prefix| name.starts_with(prefix)) || single.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_the_caller_are_kept_from_the_steps() {
        assert!(is_private("AWS_PROFILE"));
        assert!(is_private("AWS_ENDPOINT_URL_DYNAMODB"));
        assert!(is_private("ENTRA_CLIENT_SECRET"));
        assert!(is_private("TABLE_NAME"));
        assert!(!is_private("AWS_LC_SYS_NO_JITTER_ENTROPY"));
        assert!(!is_private("PATH"));
    }

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let root = tempdir("failing");
        let mut run = Run::open(&root, "step").unwrap();
        let mut command = run.command("sh");
        command.args(["-c", "echo to the log; exit 3"]);
        let stop = run.execute(command).unwrap_err();
        assert_eq!(stop, Stop::Failed("`sh -c echo to the log; exit 3`: exit status: 3".to_owned()));
        let log = fs::read_to_string(log_path(&root, "step")).unwrap();
        assert!(log.lines().any(|line| line == "to the log"), "{log}");
    }

    #[test]
    fn output_is_what_the_command_printed() {
        let root = tempdir("output");
        let mut run = Run::open(&root, "step").unwrap();
        let mut command = run.command("sh");
        command.args(["-c", "echo answer; echo chatter >&2"]);
        assert_eq!(run.output(command).unwrap(), "answer\n");
    }

    fn tempdir(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }
}
