//! The Arrow project's test data, and its contents.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the data's directory; the error names the places that were tried.
pub(crate) fn root() -> Result<PathBuf, String> {
    let root = match std::env::var_os("ARROW_TEST_DATA") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/data"),
    };
    match root.join("arrow-ipc-stream").is_dir() {
        true => Ok(root),
        false => Err(format!("no Arrow test data: set ARROW_TEST_DATA (tried {})", root.display())),
    }
}

/// Returns the entries of a directory, sorted.
pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

/// Returns a path's last part.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
