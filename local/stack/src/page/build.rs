//! Building the single-page app, on first use and when its sources are newer than the build.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;
use tokio::process::Command;

/// What the build is made from, relative to the app's folder. A folder counts with everything in it.
const SOURCES: [&str; 9] = [
    "src",
    "public",
    "index.html",
    "redirect.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
    ".npmrc",
];

/// Written by npm at the end of an installation.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// Why there is no built app.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(
        "npm was not found. Install Node.js 20.19 or later (which brings npm) and start `cargo local` again. \
         Everything but the page works without it."
    )]
    NoNpm,
    #[error("`npm {arguments}` in {} failed ({status}); what it printed is above", folder.display())]
    Failed { arguments: String, folder: PathBuf, status: std::process::ExitStatus },
    #[error("there is no single-page app in {}", folder.display())]
    NoSources { folder: PathBuf },
    #[error("cannot run npm")]
    Run(#[source] io::Error),
}

/// The single-page app of this workspace.
#[derive(Debug, Clone)]
pub struct SinglePageApp {
    folder: PathBuf,
}

impl SinglePageApp {
    /// The app in this folder, which holds its `package.json`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the build goes.
    pub fn built(&self) -> PathBuf {
        self.folder.join("dist")
    }

    /// Whether the build is there and no source is newer.
    pub fn is_built(&self) -> bool {
        let Some(built) = modified(&self.built().join("index.html")) else { return false };
        SOURCES.iter().filter_map(|name| newest(&self.folder.join(name))).all(|source| source <= built)
    }

    /// Installs the packages where that is needed, and builds. What npm prints goes to this process's output.
    pub async fn build(&self) -> Result<(), BuildError> {
        if modified(&self.folder.join("package.json")).is_none() {
            return Err(BuildError::NoSources { folder: self.folder.clone() });
        }
        let installed = modified(&self.folder.join(INSTALLED));
        let locked = modified(&self.folder.join("package-lock.json"));
        if installed.is_none() || installed < locked {
            self.npm(&["ci", "--no-audit", "--no-fund"]).await?;
        }
        self.npm(&["run", "build"]).await
    }

    async fn npm(&self, arguments: &[&str]) -> Result<(), BuildError> {
        let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let status = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => BuildError::NoNpm,
                _ => BuildError::Run(error),
            })?;
        if status.success() {
            return Ok(());
        }
        Err(BuildError::Failed { arguments: arguments.join(" "), folder: self.folder.clone(), status })
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// The time of the newest file or folder at or below `path`; a removed file shows in the time of its folder.
fn newest(path: &Path) -> Option<SystemTime> {
    let own = modified(path)?;
    let Ok(entries) = std::fs::read_dir(path) else { return Some(own) };
    entries.filter_map(|entry| newest(&entry.ok()?.path())).chain([own]).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::Duration;

    fn set(path: &Path, time: SystemTime) {
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_build_is_good_until_a_source_is_newer() {
        let folder = std::env::temp_dir().join(format!("page-build-{}", uuid::Uuid::new_v4()));
        let app = SinglePageApp::new(folder.clone());
        std::fs::create_dir_all(folder.join("src/deep")).unwrap();
        std::fs::write(folder.join("src/deep/page.tsx"), "1").unwrap();
        assert!(!app.is_built(), "nothing was built yet");

        std::fs::create_dir_all(app.built()).unwrap();
        let index = app.built().join("index.html");
        std::fs::write(&index, "app").unwrap();
        let written = modified(&folder.join("src/deep/page.tsx")).unwrap();
        set(&index, written + Duration::from_secs(10));
        assert!(app.is_built());

        set(&folder.join("src/deep/page.tsx"), written + Duration::from_secs(20));
        assert!(!app.is_built());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
