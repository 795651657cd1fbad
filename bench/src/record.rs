//! The figures of a measurement as a file.

use crate::error::{BenchError, cannot};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Writes them as JSON for programs, and tells where.
pub(crate) fn write(folder: &Path, name: &str, figures: &impl Serialize) -> Result<PathBuf, BenchError> {
    let file = folder.join(name);
    let json = serde_json::to_vec_pretty(figures).map_err(cannot("write the figures as JSON"))?;
    fs::write(&file, json).map_err(cannot(format!("write {}", file.display())))?;
    Ok(file)
}
