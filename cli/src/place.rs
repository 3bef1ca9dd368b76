//! What `--socket` names.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A place where a sender and its receivers meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A socket's path.
    Path(PathBuf),
    /// A name in the abstract namespace, without the `@`.
    Abstract(Vec<u8>),
}

impl Place {
    /// The place that a word names.
    #[must_use]
    pub fn named(name: PathBuf) -> Place {
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_at_sign_with_a_name_behind_it_is_abstract() {
        assert_eq!(Place::named("@x".into()), Place::Abstract(b"x".to_vec()));
        assert_eq!(Place::named("@x".into()).to_string(), "@x");
        assert_eq!(Place::named("@".into()), Place::Path("@".into()));
        assert_eq!(Place::named("./@x".into()), Place::Path("./@x".into()));
    }
}
