//! `cargo xtask package`: what a release consists of, in one folder with checksums.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sha2::{Digest as _, Sha256};

use crate::console::Console;
use crate::install::{self, find_program, python_tool};
use crate::run::{Run, Stop, fail_to, failed};

const FUNCTIONS: [&str; 2] = ["profile-api", "background-sweep"];
const CHECKSUMS: &str = "SHA256SUMS";
/// The workspace has one version, and this program is part of it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Processors that Lambda has: its own name for them, and rustc's.
const ARCHITECTURES: [(&str, &str); 2] =
    [("x86_64", "x86_64-unknown-linux-gnu"), ("arm64", "aarch64-unknown-linux-gnu")];

/// How to pack.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Package {
    /// Packs changes that CHANGELOG.md does not list under a version yet.
    #[arg(long)]
    unreleased: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask package                 the version of Cargo.toml, which CHANGELOG.md must have a section for
  cargo xtask package --unreleased    what is there, for a trial

Everything goes to target/package/<version>: both functions as zip files for x86_64, and for arm64 where
`rustup target add aarch64-unknown-linux-gnu` has been run; the page; the changes; and SHA256SUMS (`sha256sum --check`).";

/// Packs, and shows what came of it.
pub(crate) fn package(root: &Path, console: &Console, package: &Package) -> ExitCode {
    match pack(root, console, package.unreleased) {
        Ok(folder) => {
            console.line(&format!("packed: {}", folder.display()));
            ExitCode::SUCCESS
        }
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => {
            console.line(&reason);
            ExitCode::FAILURE
        }
    }
}

fn pack(root: &Path, console: &Console, unreleased: bool) -> Result<PathBuf, Stop> {
    let mut run = Run::open(root, "package")?;
    let changelog = run.path("CHANGELOG.md");
    let changelog =
        fs::read_to_string(&changelog).map_err(fail_to(format!("read {}", changelog.display())))?;
    let (name, changes) = release(&changelog, unreleased)?;
    install::python_tools(&mut run)?;
    install::npm_packages(&mut run, "spa")?;
    let folder = run.path("target/package").join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(fail_to(format!("empty {}", folder.display())))?;
    }
    fs::create_dir_all(&folder).map_err(fail_to(format!("create {}", folder.display())))?;
    let sysroot = sysroot(&mut run)?;
    let mut files = Vec::new();
    for (architecture, target) in ARCHITECTURES {
        // cargo-lambda would download what is missing, from outside the package registries.
        if !sysroot.join("lib/rustlib").join(target).join("lib").is_dir() {
            console.line(&format!(
                "{architecture}: left out; `rustup target add {target}` brings what is missing"
            ));
            continue;
        }
        console.line(&format!("{architecture}: building both functions; the first time takes minutes"));
        build(&mut run, architecture, &folder, &mut files)?;
    }
    console.line("the page");
    files.push(page(&mut run, &folder)?);
    files.push(write(&folder, "CHANGES.md", &changes)?);
    files.sort();
    let sums = checksums(&files)?;
    files.push(write(&folder, CHECKSUMS, &sums)?);
    for file in &files {
        let bytes = fs::metadata(file).map_err(fail_to(format!("measure {}", file.display())))?.len();
        console.line(&format!("  {:<34} {:>9}", file_name(file), size(bytes)));
    }
    Ok(folder)
}

/// The folder's name and the changes. A version is packed once the changelog says what is in it.
fn release(changelog: &str, unreleased: bool) -> Result<(String, String), Stop> {
    if unreleased {
        let changes = section(changelog, "Unreleased").unwrap_or_default();
        return Ok((format!("{VERSION}-unreleased"), changes));
    }
    let changes = section(changelog, VERSION).ok_or_else(|| {
        failed(format!(
            "CHANGELOG.md has no section `## [{VERSION}]`: give what is unreleased this version and a date, or pack it as it is \
             with --unreleased"
        ))
    })?;
    Ok((VERSION.to_owned(), changes))
}

/// The section `## [name]` of a changelog, with its heading.
fn section(changelog: &str, name: &str) -> Option<String> {
    let heading = format!("## [{name}]");
    let from = changelog.lines().skip_while(|line| !line.starts_with(&heading));
    let lines: Vec<&str> = from
        .enumerate()
        .take_while(|(at, line)| *at == 0 || !line.starts_with("## ["))
        .map(|(_, line)| line)
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n").trim_end().to_owned() + "\n")
}

fn sysroot(run: &mut Run) -> Result<PathBuf, Stop> {
    let mut command = run.command("rustc");
    command.args(["--print", "sysroot"]);
    Ok(PathBuf::from(run.output(command)?.trim()))
}

fn build(run: &mut Run, architecture: &str, folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Stop> {
    let built = run.path("target/package/lambda").join(architecture);
    let mut command = python_tool(run, "cargo-lambda");
    command
        .args(["lambda", "build", "--release", "--locked", "--output-format", "zip", "--lambda-dir"])
        .arg(&built);
    match architecture {
        "arm64" => command.arg("--arm64"),
        _ => command.arg("--x86-64"),
    };
    for function in FUNCTIONS {
        command.args(["--bin", function]);
    }
    run.execute(command)?;
    for function in FUNCTIONS {
        let to = folder.join(format!("{function}-{architecture}.zip"));
        let from = built.join(function).join("bootstrap.zip");
        fs::copy(&from, &to).map_err(fail_to(format!("copy {} to {}", from.display(), to.display())))?;
        files.push(to);
    }
    Ok(())
}

/// The page as it is put into its bucket, but for `config.json`, which each deployment has its own of.
fn page(run: &mut Run, folder: &Path) -> Result<PathBuf, Stop> {
    find_program(&["tar"]).ok_or_else(|| failed("`tar` is not installed"))?;
    let mut build = run.command("npm");
    build.args(["run", "--silent", "build"]).current_dir(run.path("spa"));
    run.execute(build)?;
    let archive = folder.join("page.tar.gz");
    let mut pack = run.command("tar");
    pack.arg("-C")
        .arg(run.path("spa/dist"))
        .args(["--exclude", "./config.json", "-czf"])
        .arg(&archive)
        .arg(".");
    run.execute(pack)?;
    Ok(archive)
}

/// One line a file, as `sha256sum --check` reads it.
fn checksums(files: &[PathBuf]) -> Result<String, Stop> {
    let mut sums = String::new();
    for file in files {
        let bytes = fs::read(file).map_err(fail_to(format!("read {}", file.display())))?;
        for byte in Sha256::digest(&bytes) {
            let _ = write!(sums, "{byte:02x}");
        }
        let _ = writeln!(sums, "  {}", file_name(file));
    }
    Ok(sums)
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Stop> {
    let file = folder.join(name);
    fs::write(&file, text).map_err(fail_to(format!("write {}", file.display())))?;
    Ok(file)
}

#[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.2} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [0.2.0] - 2026-11-28\n\n- two\n\n## [0.1.9]\n\n- one\n";

    #[test]
    fn a_section_ends_where_the_next_begins() {
        assert_eq!(section(CHANGELOG, "0.2.0").unwrap(), "## [0.2.0] - 2026-11-28\n\n- two\n");
        assert_eq!(section(CHANGELOG, "Unreleased").unwrap(), "## [Unreleased]\n\n- new\n");
        assert_eq!(section(CHANGELOG, "0.1.9").unwrap(), "## [0.1.9]\n\n- one\n");
        assert_eq!(section(CHANGELOG, "0.1"), None);
    }

    #[test]
    fn a_version_that_the_changelog_does_not_know_is_not_packed() {
        let Err(Stop::Failed(reason)) = release(CHANGELOG, false) else { panic!("it was packed") };
        assert!(reason.contains(VERSION) && reason.contains("--unreleased"), "{reason}");
        let of_this_version = CHANGELOG.replace("0.2.0", VERSION);
        assert_eq!(release(&of_this_version, false).ok().unwrap().0, VERSION);
        let (name, changes) = release(CHANGELOG, true).ok().unwrap();
        assert_eq!((name, changes.contains("- new")), (format!("{VERSION}-unreleased"), true));
    }

    #[test]
    fn checksums_are_as_sha256sum_writes_them() {
        let folder = std::env::temp_dir().join(format!("package-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = write(&folder, "abc", "abc").ok().unwrap();
        let sums = checksums(&[file]).ok().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(sums, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n");
    }
}
