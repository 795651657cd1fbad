//! The folder in which a stack's data survives a restart; one stack at a time.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

const DATABASE: &str = "dynamodb.sqlite";
const EMULATOR: &str = "entra.json";
const SEALING_KEY: &str = "sealing.key";
const ADDRESSES: &str = "addresses.json";
const SAM_SETTINGS: &str = "env.json";
const LOCK: &str = "lock";

/// Everything that a stack writes here but the lock; `--reset` removes these and touches nothing else.
const FILES: [&str; 7] =
    [DATABASE, "dynamodb.sqlite-wal", "dynamodb.sqlite-shm", EMULATOR, SEALING_KEY, ADDRESSES, SAM_SETTINGS];

/// Where a stack keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataPlace {
    /// Kept from run to run.
    Folder(PathBuf),
    /// A folder of its own among the system's temporary files, removed at the end.
    Temporary,
}

/// A folder that this process, and no other stack, may use. Dropping it frees it, and removes a temporary one.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    temporary: bool,
    // Held, not read: the lock lives as long as the open file.
    _lock: File,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error(
        "the data folder {} is in use by another `cargo local`; stop that one, or choose another folder with `--data`",
        path.display()
    )]
    InUse { path: PathBuf },
    #[error("cannot {action} {}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the system gives no random numbers for a sealing key")]
    Random,
}

impl DataFolder {
    pub(crate) fn open(place: &DataPlace) -> Result<Self, DataFolderError> {
        let (path, temporary) = match place {
            DataPlace::Folder(path) => (path.clone(), false),
            DataPlace::Temporary => {
                (std::env::temp_dir().join(format!("local-stack-{}", Uuid::new_v4())), true)
            }
        };
        create_private_folder(&path).map_err(failed("create", &path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(failed("create", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, temporary, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataFolderError::InUse { path }),
            Err(TryLockError::Error(source)) => {
                Err(DataFolderError::File { action: "lock", path: lock_path, source })
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    pub(crate) fn emulator(&self) -> PathBuf {
        self.path.join(EMULATOR)
    }

    /// Where a running stack says under which addresses it can be reached.
    pub(crate) fn addresses_of(folder: &Path) -> PathBuf {
        folder.join(ADDRESSES)
    }

    /// Where a running stack leaves its settings for `sam local`.
    pub(crate) fn sam_settings(&self) -> PathBuf {
        self.path.join(SAM_SETTINGS)
    }

    /// Removes what a stack keeps here and returns what that was.
    pub(crate) fn reset(&self) -> Result<Vec<&'static str>, DataFolderError> {
        let mut removed = Vec::new();
        for name in FILES {
            let path = self.path.join(name);
            match fs::remove_file(&path) {
                Ok(()) => removed.push(name),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("remove", &path)(error)),
            }
        }
        Ok(removed)
    }

    /// The sealing key of this folder's data, in base64; made on first use and readable by its owner only.
    pub(crate) fn sealing_key(&self) -> Result<String, DataFolderError> {
        Self::sealing_key_of(&self.path)
    }

    /// The same for a folder that a running stack holds.
    pub(crate) fn sealing_key_of(folder: &Path) -> Result<String, DataFolderError> {
        let path = folder.join(SEALING_KEY);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0_u8; 32];
                rand::fill(&mut bytes).map_err(|_| DataFolderError::Random)?;
                let text = BASE64_STANDARD.encode(bytes);
                write_private(&path, text.as_bytes()).map_err(failed("write", &path))?;
                Ok(text)
            }
            Err(error) => Err(failed("read", &path)(error)),
        }
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.temporary {
            // Whoever stops the stack cannot do anything about a rest in the temporary folder.
            let _ = fs::remove_dir_all(&self.path);
        } else {
            let _ = fs::remove_file(Self::addresses_of(&self.path));
            let _ = fs::remove_file(self.sam_settings());
        }
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", Uuid::new_v4().simple()));
    let part = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&part, path)).inspect_err(|_| {
        let _ = fs::remove_file(&part);
    })
}

fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataFolderError {
    let path = path.to_owned();
    move |source| DataFolderError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let first = DataFolder::open(&DataPlace::Temporary).unwrap();
        let place = DataPlace::Folder(first.path().to_owned());
        let error = DataFolder::open(&place).unwrap_err();
        assert!(matches!(error, DataFolderError::InUse { .. }), "{error}");
        assert!(error.to_string().contains("--data"), "{error}");
    }

    #[test]
    fn a_temporary_folder_goes_with_its_stack() {
        let folder = DataFolder::open(&DataPlace::Temporary).unwrap();
        let path = folder.path().to_owned();
        folder.sealing_key().unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn the_sealing_key_stays_until_a_reset_and_is_private() {
        let folder = DataFolder::open(&DataPlace::Temporary).unwrap();
        let key = folder.sealing_key().unwrap();
        assert_eq!(BASE64_STANDARD.decode(&key).unwrap().len(), 32);
        assert_eq!(folder.sealing_key().unwrap(), key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(SEALING_KEY)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(folder.reset().unwrap(), [SEALING_KEY]);
        assert_ne!(folder.sealing_key().unwrap(), key);
    }

    #[test]
    fn a_reset_leaves_foreign_files() {
        let folder = DataFolder::open(&DataPlace::Temporary).unwrap();
        let foreign = folder.path().join("notes.txt");
        fs::write(&foreign, "mine").unwrap();
        assert!(folder.reset().unwrap().is_empty());
        assert_eq!(fs::read_to_string(foreign).unwrap(), "mine");
    }
}
