//! Tools that steps need and a fresh machine lacks. All go to target/tools except Chromium, which only the system's
//! packages can bring.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Run, StepResult, Stop, fail_to, failed};

/// The npm package that carries Amazon's DynamoDB Local, and the checksum of that version as npm states it.
const DYNAMODB_LOCAL: &str = "amplify-dynamodb-simulator@2.9.30";
const DYNAMODB_LOCAL_INTEGRITY: &str =
    "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==";
/// Makes a virtual environment where Python's own `venv` cannot (Debian splits it off into python3-venv).
const VIRTUALENV: &str = "virtualenv==20.35.4";
const CHROMIUM_NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The first program of these names on `PATH`.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// Skips the step when a program is missing; `why` says what to do.
pub(crate) fn need_program(name: &str, why: &str) -> Result<PathBuf, Stop> {
    find_program(&[name]).ok_or_else(|| Stop::Skipped(format!("`{name}` is not installed: {why}")))
}

/// `npm ci` in a folder, unless its lock file is the one already installed.
pub(crate) fn npm_packages(run: &mut Run, folder: &str) -> StepResult {
    need_program("npm", "install Node.js 20 or later")?;
    let lock = run.path(folder).join("package-lock.json");
    let wanted = fs::read_to_string(&lock).map_err(fail_to(format!("read {}", lock.display())))?;
    let stamp = run.path(folder).join("node_modules/.installed-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        run.note("up to date");
        return Ok(());
    }
    let mut command = run.command("npm");
    command.args(["ci", "--no-audit", "--no-fund", "--prefer-offline"]).current_dir(run.path(folder));
    run.execute(command)?;
    write(&stamp, &wanted)
}

/// The virtual environment with the pinned Python tools.
pub(crate) fn python_tools(run: &mut Run) -> StepResult {
    let folder = venv(run);
    python_environment(run, &folder, "xtask/python-requirements.txt")
}

/// Checkov, in an environment of its own: it asks for other versions of libraries than the other tools.
pub(crate) fn checkov(run: &mut Run) -> Result<PathBuf, Stop> {
    let folder = run.tools().join("checkov");
    python_environment(run, &folder, "xtask/checkov-requirements.txt")?;
    Ok(folder.join("bin/checkov"))
}

/// A virtual environment with what a requirements file names, at the versions of the constraints file beside it, else of that of
/// the tools; made anew when one of them changed.
pub(crate) fn python_environment(run: &mut Run, folder: &Path, requirements: &str) -> StepResult {
    let python = need_program("python3", "install Python 3.10 or later")?;
    let beside = requirements.replace("requirements.txt", "constraints.txt");
    let constraints =
        if run.path(&beside).exists() { beside.as_str() } else { "xtask/python-constraints.txt" };
    let mut wanted = String::new();
    for name in [requirements, constraints] {
        let file = run.path(name);
        wanted += &fs::read_to_string(&file).map_err(fail_to(format!("read {}", file.display())))?;
    }
    let stamp = folder.join("installed-requirements.txt");
    // The environment's interpreter is a link that breaks when the system's Python goes away.
    if folder.join("bin/python").exists()
        && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted)
    {
        run.note("up to date");
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(fail_to(format!("remove {}", folder.display())))?;
    }
    make_virtual_environment(run, &python, folder)?;
    let mut command = run.command(folder.join("bin/python"));
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command.args(["--requirement", requirements, "--constraint", constraints]);
    run.execute(command)?;
    write(&stamp, &wanted)
}

fn make_virtual_environment(run: &mut Run, python: &Path, folder: &Path) -> StepResult {
    let mut venv = run.command(python);
    venv.args(["-m", "venv"]).arg(folder);
    if run.execute(venv).is_ok() {
        return Ok(());
    }
    run.note("Python's venv module does not work here (on Debian: python3-venv); trying virtualenv");
    let _ = fs::remove_dir_all(folder);
    let packages = run.tools().join("virtualenv");
    let mut install = run.command(python);
    install.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(&packages).arg(VIRTUALENV);
    let made = run.execute(install).and_then(|()| {
        let mut command = run.command(python);
        command.args(["-m", "virtualenv", "--quiet"]).arg(folder).env("PYTHONPATH", &packages);
        run.execute(command)
    });
    if made.is_ok() {
        return Ok(());
    }
    if can_install_packages() {
        apt_install(run, &["python3-venv"])?;
        let mut again = run.command(python);
        again.args(["-m", "venv"]).arg(folder);
        return run.execute(again);
    }
    Err(Stop::Skipped("no Python virtual environment: install python3-venv (or pip)".to_owned()))
}

fn venv(run: &Run) -> PathBuf {
    run.tools().join("venv")
}

/// A program of the virtual environment, with the environment's folder first on `PATH` (cargo-lambda looks for zig).
pub(crate) fn python_tool(run: &Run, program: &str) -> Command {
    let bin = venv(run).join("bin");
    let mut command = run.command(bin.join(program));
    command.env("PATH", path_with(&bin)).env("VIRTUAL_ENV", venv(run));
    command
}

fn path_with(first: &Path) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(first.to_path_buf()).chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).unwrap_or(rest)
}

/// Amazon's DynamoDB Local, unpacked under target/tools from the npm package that carries it.
pub(crate) fn dynamodb_local(run: &mut Run) -> StepResult {
    need_program("npm", "install Node.js 20 or later")?;
    need_program("tar", "install tar")?;
    let folder = dynamodb_local_folder(run);
    let stamp = folder.join("installed-version");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == DYNAMODB_LOCAL) {
        run.note("up to date");
        return Ok(());
    }
    fs::create_dir_all(&folder).map_err(fail_to(format!("create {}", folder.display())))?;
    // `npm pack` brings this one package; `npm install` would add the 300 that its unused JavaScript asks for.
    let mut pack = run.command("npm");
    pack.args(["pack", "--json", DYNAMODB_LOCAL]).current_dir(&folder);
    let answer = run.output(pack)?;
    let answer: serde_json::Value =
        serde_json::from_str(&answer).map_err(fail_to("read the answer of npm pack"))?;
    let (file, integrity) = (&answer[0]["filename"], &answer[0]["integrity"]);
    if integrity != DYNAMODB_LOCAL_INTEGRITY {
        return Err(failed(format!(
            "{DYNAMODB_LOCAL}: expected {DYNAMODB_LOCAL_INTEGRITY}, npm brought {integrity}"
        )));
    }
    let archive = file.as_str().ok_or_else(|| failed("npm pack named no file"))?;
    let mut unpack = run.command("tar");
    unpack.args(["-xzf", archive, "--strip-components=2", "package/emulator"]).current_dir(&folder);
    run.execute(unpack)?;
    fs::remove_file(folder.join(archive)).map_err(fail_to("remove the archive"))?;
    write(&stamp, DYNAMODB_LOCAL)
}

pub(crate) fn dynamodb_local_folder(run: &Run) -> PathBuf {
    run.tools().join("dynamodb-local")
}

/// A Chromium for the browser tests: `CHROMIUM`, or one on `PATH`, or the system's package when that can be installed.
pub(crate) fn chromium(run: &mut Run) -> Result<PathBuf, Stop> {
    if let Some(file) = std::env::var_os("CHROMIUM").filter(|value| !value.is_empty()) {
        return Ok(file.into());
    }
    if let Some(file) = find_program(&CHROMIUM_NAMES) {
        return Ok(file);
    }
    let mac = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    if mac.exists() {
        return Ok(mac);
    }
    if can_install_packages() {
        apt_install(run, &["chromium", "fonts-liberation"])?;
    }
    find_program(&CHROMIUM_NAMES).ok_or_else(|| {
        Stop::Skipped("no Chromium: install it, or name it in the variable CHROMIUM".to_owned())
    })
}

/// Whether this is root on a Debian, in whose packages missing programs can be found.
pub(crate) fn can_install_packages() -> bool {
    rustix::process::geteuid().is_root() && find_program(&["apt-get"]).is_some()
}

pub(crate) fn apt_install(run: &mut Run, packages: &[&str]) -> StepResult {
    let mut update = run.command("apt-get");
    update.args(["-qq", "update"]);
    run.execute(update)?;
    let mut install = run.command("apt-get");
    install.args(["-qq", "install", "--yes", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run.execute(install)
}

fn write(path: &Path, text: &str) -> StepResult {
    fs::write(path, text).map_err(fail_to(format!("write {}", path.display())))
}
