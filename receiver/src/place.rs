//! Where a sender is met.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A way to a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A socket's path.
    Path(PathBuf),
    /// A name in the abstract namespace, without the `@`.
    Abstract(Vec<u8>),
    /// A connected socket that this program was started with.
    Inherited(i32),
}

impl Place {
    /// The place that `--socket` names.
    pub(crate) fn named(name: PathBuf) -> Place {
        match name.as_os_str().as_bytes() {
            [b'@', rest @ ..] if !rest.is_empty() => Place::Abstract(rest.to_vec()),
            _ => Place::Path(name),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Path(path) => write!(f, "{}", path.display()),
            Place::Abstract(name) => write!(f, "@{}", OsStr::from_bytes(name).display()),
            Place::Inherited(fd) => write!(f, "inherited descriptor {fd}"),
        }
    }
}
