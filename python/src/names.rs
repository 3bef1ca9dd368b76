//! Names and paths.

use std::path::{Path, PathBuf};

use bowstring::transport::{HandshakeError, fd::OwnedFd};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// Where a channel is: its name as the program says it, and its socket.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) said: String,
    pub(crate) path: PathBuf,
}

impl Address {
    /// Reads a name (`prices`) or, with a slash in it, a path.
    pub(crate) fn of(said: &Bound<'_, PyAny>) -> PyResult<Address> {
        let fs: PathBuf = said.extract()?;
        let said = fs.display().to_string();
        if said.contains('/') {
            return Ok(Address { said, path: fs });
        }
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let first = said.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !first || said.len() > 128 || !said.chars().all(good) {
            return Err(PyValueError::new_err(format!(
                "{said:?} is no name: letters, digits, '.', '_' and '-', the first a letter or a digit, 128 at most; or a path with a '/' in it"
            )));
        }
        let path = directory()?.join(format!("{said}.sock"));
        Ok(Address { said, path })
    }
}

/// The directory of this user's channels. It is made if it is not there.
pub(crate) fn directory() -> PyResult<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let uid = std::fs::metadata("/proc/self")?.uid();
    let run = PathBuf::from(format!("/run/user/{uid}"));
    let path = match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_absolute()) {
        Some(path) => PathBuf::from(path).join("bowstring"),
        None if run.is_dir() => run.join("bowstring"),
        None => PathBuf::from(format!("/tmp/bowstring-{uid}")),
    };
    let _ = std::fs::DirBuilder::new().mode(0o700).recursive(false).create(&path);
    let found = std::fs::symlink_metadata(&path)?;
    if !found.is_dir() || found.uid() != uid || found.mode() & 0o077 != 0 {
        return Err(PyOSError::new_err((
            1,
            "this directory must belong to you, and nobody else may enter it (mode 0700)",
            path.display().to_string(),
        )));
    }
    Ok(path)
}

/// Connects to a channel; `None` if nobody listens there now.
pub(crate) fn dial(path: &Path) -> Result<Option<OwnedFd>, HandshakeError> {
    match bowstring::transport::dial(path.as_os_str().as_encoded_bytes()) {
        Ok(socket) => Ok(Some(socket)),
        Err(HandshakeError::Os(error)) if matches!(error.raw_os_error(), 2 | 11 | 104 | 111) => Ok(None),
        Err(error) => Err(error),
    }
}
