//! `cargo xtask soak fuzz`: libFuzzer on whatever reads a token item, a request, or an answer of Entra or Graph. What was
//! found worth keeping is in `fuzz/corpus`, which the tests of the crates replay on stable.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::console::Console;
use crate::install::find_program;
use crate::process::Group;
use crate::run::{Run, StepResult, Stop, fail_to, failed, log_path, text_of};

const CARGO_FUZZ: &str = "0.13.2";

/// A target of `fuzz/`, and folders with inputs to start from besides `fuzz/corpus/<name>`.
struct Target {
    name: &'static str,
    seeds: &'static [&'static str],
    /// Longer inputs show nothing that shorter ones do not.
    longest: u32,
    dictionary: Option<&'static str>,
}

const TARGETS: [Target; 6] = [
    Target { name: "answers", seeds: &[], longest: 4096, dictionary: Some("fuzz/answers.dict") },
    Target { name: "bearer", seeds: &[], longest: 4096, dictionary: Some("fuzz/bearer.dict") },
    Target { name: "jwks", seeds: &[], longest: 8192, dictionary: Some("fuzz/jwks.dict") },
    Target {
        name: "msal_cache",
        seeds: &["shared/msal-cache/tests/caches"],
        longest: 8192,
        dictionary: Some("fuzz/msal_cache.dict"),
    },
    Target { name: "requests", seeds: &[], longest: 4096, dictionary: Some("fuzz/requests.dict") },
    Target { name: "unseal", seeds: &[], longest: 2560, dictionary: None },
];

/// How long a run may take to load its inputs and to end, besides its time.
const GRACE: Duration = Duration::from_mins(5);

/// The names of the targets, as they are given on the command line.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().map(|target| target.name)
}

/// Builds the targets with the nightly toolchain and runs those of `chosen`, or all if it names none, for so many seconds
/// each. New inputs go to `target/fuzz`.
///
/// # Errors
/// A crash, with the input that causes it; or what is missing to fuzz here.
pub(crate) fn fuzz(root: &Path, console: &Console, seconds: u32, chosen: &[String]) -> StepResult {
    let mut run = Run::open(root, "fuzz")?;
    let host = nightly_host(&mut run)?;
    let cargo_fuzz = cargo_fuzz(&mut run, console)?;
    console.line("building the fuzz targets; the first time takes minutes");
    // The versions that the product is built with; only the fuzzer's own are added.
    fs::copy(root.join("Cargo.lock"), root.join("fuzz/Cargo.lock")).map_err(fail_to("copy Cargo.lock"))?;
    let mut build = nightly(&run, &cargo_fuzz);
    build.args(["build", "--target-dir"]).arg(run.path("target/fuzz"));
    run.execute(build).map_err(|stop| with_end_of_log(stop, &log_path(root, "fuzz")))?;
    for target in TARGETS.iter().filter(|target| is_chosen(target.name, chosen)) {
        let program = root.join("target/fuzz").join(&host).join("release").join(target.name);
        target.run(root, console, &program, seconds)?;
    }
    Ok(())
}

fn is_chosen(name: &str, chosen: &[String]) -> bool {
    chosen.is_empty() || chosen.iter().any(|one| one == name)
}

impl Target {
    fn run(&self, root: &Path, console: &Console, program: &Path, seconds: u32) -> StepResult {
        let step = format!("fuzz-{}", self.name);
        let mut run = Run::open(root, &step)?;
        let log = log_path(root, &step);
        console.line(&format!("{}: {seconds} s, log in {}", self.name, log.display()));
        let found = root.join("target/fuzz/found").join(self.name);
        let crashes = root.join("target/fuzz/crashes").join(self.name);
        for folder in [&found, &crashes] {
            fs::create_dir_all(folder).map_err(fail_to(format!("create {}", folder.display())))?;
        }
        let mut command = run.command(program);
        command
            .arg(&found)
            .arg(root.join("fuzz/corpus").join(self.name))
            .args(self.seeds.iter().map(|folder| root.join(folder)))
            .arg(format!("-artifact_prefix={}/", crashes.display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", self.longest))
            .args(["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"])
            .args(self.dictionary.map(|file| format!("-dict={}", root.join(file).display())));
        run.redirect(&mut command)?;
        let limit = Duration::from_secs(seconds.into()) + GRACE;
        let mut group = Group::start(command).map_err(fail_to(format!("start {}", program.display())))?;
        let status = group.wait(limit).map_err(fail_to(format!("wait for {}", self.name)))?;
        let text = text_of(&log);
        match status {
            Some(status) if status.success() => {
                console.line(&format!("{}: {}, no crash", self.name, Figures::read(&text)));
                Ok(())
            }
            Some(_) => {
                console.line(&format!("{}: {}, CRASHED", self.name, Figures::read(&text)));
                let input = text.lines().find_map(|line| line.split_once("Test unit written to "));
                let input = input.map_or_else(|| "see the log".to_owned(), |(_, file)| file.to_owned());
                let why: Vec<&str> =
                    text.lines().skip_while(|line| !line.contains("panicked at")).take(3).collect();
                let crash = failed(format!("{}\n{} crashes; the input: {input}", why.join("\n"), self.name));
                Err(with_end_of_log(crash, &log))
            }
            None => Err(failed(format!("{} did not end in time; see {}", self.name, log.display()))),
        }
    }
}

/// What libFuzzer says of a run.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    executions: String,
    edges: String,
    inputs: String,
}

impl Figures {
    fn read(log: &str) -> Self {
        let unknown = || "?".to_owned();
        let statistic = |name: &str| {
            log.lines().rev().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
        };
        // `#1234	REDUCE cov: 567 ft: 890 corp: 12/345b lim: …`
        let last = |label: &str| {
            log.lines().rev().filter(|line| line.starts_with('#')).find_map(|line| {
                let mut words = line.split_whitespace().skip_while(|word| *word != label);
                words.nth(1).map(str::to_owned)
            })
        };
        Self {
            executions: statistic("stat::number_of_executed_units:").unwrap_or_else(unknown),
            edges: last("cov:").unwrap_or_else(unknown),
            inputs: last("corp:").unwrap_or_else(unknown),
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { executions, edges, inputs } = self;
        write!(formatter, "{executions} executions, {edges} edges covered, corpus {inputs}")
    }
}

/// The nightly toolchain's own name for this machine.
fn nightly_host(run: &mut Run) -> Result<String, Stop> {
    let missing =
        "fuzzing needs rustup and a nightly toolchain: `rustup toolchain install nightly --profile minimal`";
    if find_program(&["rustup"]).is_none() {
        return Err(failed(missing));
    }
    let version = nightly(run, Path::new("rustc"));
    let version = with_arguments(version, &["--version", "--verbose"]);
    let text = run.output(version).map_err(|_| failed(missing))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned);
    host.ok_or_else(|| failed("`rustc --version --verbose` names no host"))
}

/// cargo-fuzz of the pinned version, installed when it is not there.
fn cargo_fuzz(run: &mut Run, console: &Console) -> Result<PathBuf, Stop> {
    let program = run.tools().join("bin/cargo-fuzz");
    let version = with_arguments(run.command(&program), &["--version"]);
    let installed = program.exists() && run.output(version)?.trim() == format!("cargo-fuzz {CARGO_FUZZ}");
    if !installed {
        console.line("installing cargo-fuzz");
        let mut install =
            run.cargo(["install", "--locked", "--force", "cargo-fuzz", "--version", CARGO_FUZZ]);
        install.arg("--root").arg(run.tools());
        run.execute(install)?;
    }
    Ok(program)
}

/// A command that sees the nightly toolchain, and nothing of the one that runs this program.
fn nightly(run: &Run, program: &Path) -> Command {
    let mut command = run.command("rustup");
    for name in ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command.args(["run", "nightly"]).arg(program);
    command
}

fn with_arguments(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}

/// The reason with the last lines of the log, which for a crash say where.
fn with_end_of_log(stop: Stop, log: &Path) -> Stop {
    let (Stop::Failed(reason) | Stop::Skipped(reason)) = stop;
    let text = text_of(log);
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(40)..].join("\n");
    failed(format!("{end}\n{reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_run_unless_some_are_chosen() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for target in &TARGETS {
            assert!(root.join("fuzz/targets").join(target.name).with_extension("rs").is_file());
            assert!(root.join("fuzz/corpus").join(target.name).is_dir());
            assert!(target.dictionary.is_none_or(|file| root.join(file).is_file()));
            assert!(is_chosen(target.name, &[]));
        }
        assert_eq!(fs::read_dir(root.join("fuzz/targets")).unwrap().count(), TARGETS.len());
        assert!(is_chosen("jwks", &["jwks".to_owned()]) && !is_chosen("bearer", &["jwks".to_owned()]));
    }

    #[test]
    fn the_figures_of_a_run_are_read() {
        let log = "INFO: seed corpus: files: 3\n#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0\n\
            #4096\tREDUCE cov: 120 ft: 300 corp: 42/9Kb lim: 4096 exec/s: 900 rss: 50Mb\n\
            Done 5000 runs in 11 second(s)\nstat::number_of_executed_units: 5000\n";
        let figures = Figures::read(log);
        assert_eq!(figures.to_string(), "5000 executions, 120 edges covered, corpus 42/9Kb");
        assert_eq!(Figures::read("").to_string(), "? executions, ? edges covered, corpus ?");
    }
}
