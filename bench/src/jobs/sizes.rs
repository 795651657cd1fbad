//! How large what is deployed is.

use crate::error::{BenchError, cannot};
use flate2::Compression;
use flate2::bufread::DeflateEncoder;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a ZIP archive says of each file, besides twice its name.
const ZIP_HEADERS: u64 = 30 + 46;

/// What is compiled or fetched for the machine of whoever builds, and not deployed.
const NOT_DEPLOYED: [&str; 3] = ["__pycache__", "pip", ".bin"];

/// In bytes.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Size {
    pub(crate) plain: u64,
    pub(crate) zipped: u64,
}

/// Files, and folders with all in them.
pub(crate) fn of(paths: &[PathBuf]) -> Result<Size, BenchError> {
    let mut size = Size::default();
    for path in paths {
        add(path, &mut size)?;
    }
    Ok(size)
}

fn add(path: &Path, size: &mut Size) -> Result<(), BenchError> {
    let failed = || cannot(format!("measure {}", path.display()));
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name();
            let left_out = NOT_DEPLOYED.iter().any(|left_out| name == *left_out);
            if !left_out {
                add(&entry.path(), size)?;
            }
        }
        return Ok(());
    }
    let bytes = fs::read(path).map_err(failed())?;
    let name = path.as_os_str().len() as u64;
    size.plain += bytes.len() as u64;
    // As `zip -9` compresses.
    let mut compressed = DeflateEncoder::new(bytes.as_slice(), Compression::best());
    let compressed = io::copy(&mut compressed, &mut io::sink()).map_err(failed())?;
    size.zipped += compressed + ZIP_HEADERS + 2 * name;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_as_large_as_its_files_and_zipped_smaller() {
        let folder = std::env::temp_dir().join(format!("bench-sizes-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        fs::create_dir_all(folder.join("__pycache__")).unwrap();
        fs::write(folder.join("inner/a"), vec![b'x'; 10_000]).unwrap();
        fs::write(folder.join("b"), vec![b'y'; 10_000]).unwrap();
        fs::write(folder.join("__pycache__/c"), vec![b'z'; 10_000]).unwrap();
        let size = of(std::slice::from_ref(&folder)).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(size.plain, 20_000);
        assert!((100..2_000).contains(&size.zipped), "{}", size.zipped);
    }
}
