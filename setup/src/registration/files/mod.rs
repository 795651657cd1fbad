//! The files that say which registration this checkout works with. What is not about that stays as it is, comments too.

pub(crate) mod dot_env;
mod page_config;
mod sam_config;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::cloud::Hosts;
use super::credential::Kind;
use dot_env::{DotEnv, LocalSecret};

/// Which files.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    /// Made when it is not there; its owner's alone.
    pub(crate) env: PathBuf,
    /// Left alone when it is not there.
    pub(crate) sam_config: PathBuf,
    /// The environment in it.
    pub(crate) sam_environment: String,
    /// Made when its folder is there.
    pub(crate) page_config: PathBuf,
}

/// What the files say.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) hosts: Hosts,
    pub(crate) tenant_id: Uuid,
    pub(crate) api: Uuid,
    pub(crate) page: Uuid,
    pub(crate) credential: Kind,
    pub(crate) certificate_file: Option<PathBuf>,
}

/// A file as it is and as it should be.
pub(crate) struct Edit {
    pub(crate) path: PathBuf,
    /// Names of the settings that change; values are not shown.
    pub(crate) names: Vec<String>,
    /// `None` removes the file.
    after: Option<SecretString>,
    private: bool,
}

/// A file cannot be read as what it should be, or not be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {}; nothing in it was changed", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: expected {expected}", path.display())]
    Malformed { path: PathBuf, expected: String },
}

impl Targets {
    /// The secret that the settings file holds, and the kind of credential that it names.
    pub(crate) fn local(&self) -> Result<(LocalSecret, Option<String>), FileError> {
        let file = DotEnv::parse(&read(&self.env)?.unwrap_or_default());
        Ok((file.secret(), file.get("ENTRA_CREDENTIAL")))
    }

    /// What must change for the files to say this.
    pub(crate) fn edits(&self, settings: &Settings) -> Result<Vec<Edit>, FileError> {
        let mut edits = Vec::new();
        edits.extend(self.env_edit(|file| file.apply(settings))?);
        if let Some(text) = read(&self.sam_config)? {
            let edited = sam_config::apply(&text, &self.sam_environment, settings);
            edits.extend(Edit::of(&self.sam_config, edited)?);
        }
        let folder = self.page_config.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_none_or(Path::is_dir) {
            let text = read(&self.page_config)?.unwrap_or_default();
            edits.extend(Edit::of(&self.page_config, page_config::apply(&text, settings))?);
        }
        Ok(edits)
    }

    /// What must change for the files to say nothing of these applications.
    pub(crate) fn removals(&self, api: Option<Uuid>, page: Option<Uuid>) -> Result<Vec<Edit>, FileError> {
        let mut edits = Vec::new();
        edits.extend(self.env_edit(|file| file.forget(api, page))?);
        if let Some(text) = read(&self.sam_config)? {
            let edited = sam_config::forget(&text, &self.sam_environment, api);
            edits.extend(Edit::of(&self.sam_config, edited)?);
        }
        if let Some(text) = read(&self.page_config)? {
            edits.extend(Edit::of(&self.page_config, page_config::forget(&text, page))?);
        }
        Ok(edits)
    }

    /// Writes the name that a secret will have before there is one, so that a lost one is known for what it is.
    pub(crate) fn announce_secret(&self, name: &str) -> Result<(), FileError> {
        let announced = self.env_edit(|file| file.set("ENTRA_CLIENT_SECRET_NAME", name))?;
        announced.map_or(Ok(()), |edit| edit.write())
    }

    pub(crate) fn keep_secret(&self, text: &SecretString) -> Result<(), FileError> {
        let kept = self.env_edit(|file| {
            file.set("ENTRA_CLIENT_SECRET", text.expose_secret());
            // It is not lost any more, wherever it is moved to from here.
            file.remove("ENTRA_CLIENT_SECRET_NAME");
            // Both at once are refused by the functions.
            file.clear("ENTRA_CLIENT_SECRET_ARN");
        })?;
        kept.map_or(Ok(()), |edit| edit.write())
    }

    fn env_edit(&self, change: impl FnOnce(&mut DotEnv)) -> Result<Option<Edit>, FileError> {
        let text = read(&self.env)?.unwrap_or_default();
        let mut file = DotEnv::parse(&text);
        change(&mut file);
        let (after, names) = file.finish();
        let edit = Edit::of(&self.env, Ok((after, names)))?;
        Ok(edit.map(|edit| Edit { private: true, ..edit }))
    }
}

impl Edit {
    fn of(path: &Path, edited: Result<(String, Vec<String>), String>) -> Result<Option<Self>, FileError> {
        let (after, names) =
            edited.map_err(|expected| FileError::Malformed { path: path.to_owned(), expected })?;
        let after = (!after.trim().is_empty()).then(|| SecretString::from(after));
        let unchanged = names.is_empty();
        Ok((!unchanged).then(|| Self { path: path.to_owned(), names, after, private: false }))
    }

    pub(crate) fn removes_file(&self) -> bool {
        self.after.is_none()
    }

    /// Replaces the file in one step, so that a crash leaves the old or the new one.
    pub(crate) fn write(&self) -> Result<(), FileError> {
        let result = match &self.after {
            None => std::fs::remove_file(&self.path),
            Some(text) => replace(&self.path, text.expose_secret(), self.private),
        };
        result.map_err(|source| FileError::Unwritable { path: self.path.clone(), source })
    }
}

fn read(path: &Path) -> Result<Option<String>, FileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::Unreadable { path: path.to_owned(), source }),
    }
}

fn replace(path: &Path, text: &str, private: bool) -> io::Result<()> {
    // What a link points to is replaced, not the link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(&temporary)?;
    if !private && let Ok(before) = std::fs::metadata(&path) {
        file.set_permissions(before.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, &path)
}

/// The page among those that may call: added to a list that is this API's, in place of another's.
fn allowed_clients(before: Option<&str>, same_api: bool, page: Uuid) -> String {
    let page = page.to_string();
    let Some(before) = before.map(str::trim).filter(|before| same_api && !before.is_empty()) else {
        return page;
    };
    if before == "*" || before.split(',').any(|one| one.trim().eq_ignore_ascii_case(&page)) {
        return before.to_owned();
    }
    format!("{before},{page}")
}
