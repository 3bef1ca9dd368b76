//! Errors of databases.

use std::fmt;
use std::path::PathBuf;

use crate::driver::Kind;
use crate::lock::Holder;

/// An error that kept a table or query from being read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdbcError {
    /// A database without the table.
    NoTable {
        /// The database.
        database: String,
        /// Its kind.
        kind: Kind,
    },
    /// No driver is installed.
    NoDriver {
        /// Of which kind.
        kind: Kind,
    },
    /// A driver cannot be loaded.
    Driver {
        /// Of which kind.
        kind: Kind,
        /// Its location.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// Somebody holds a lock on the file.
    Locked {
        /// The file.
        path: PathBuf,
        /// The holder, if visible.
        holder: Option<Holder>,
        /// The driver's error.
        why: String,
    },
    /// The driver refused.
    Refused {
        /// The text that was read.
        origin: String,
        /// The driver's error.
        why: String,
    },
}

impl AdbcError {
    /// Returns what to do next, if there is something.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::NoTable { database, .. } => {
                Some(format!("name a table or a query: '{database}#orders', '{database}#select …'"))
            }
            Self::NoDriver { kind } => Some(format!(
                "install it: {}; or name its library with {} or --driver {}=PATH",
                kind.install(),
                kind.variable(),
                kind.name()
            )),
            Self::Driver { kind, .. } => Some(format!("{} installs one that works", kind.install())),
            Self::Locked { .. } => Some("try again once it has let go, or ask that process".to_owned()),
            Self::Refused { .. } => None,
        }
    }
}

impl fmt::Display for AdbcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable { database, kind } => {
                write!(f, "{database} is a {kind} database; a table is missing")
            }
            Self::NoDriver { kind } => write!(f, "there is no ADBC driver for {kind}"),
            Self::Driver { kind, path, why } => {
                write!(f, "the ADBC driver for {kind}, {}: {why}", path.display())
            }
            Self::Locked { path, holder: Some(holder), .. } => {
                write!(f, "{} is locked by {holder}", path.display())
            }
            Self::Locked { path, holder: None, why } => write!(f, "{} is locked: {why}", path.display()),
            Self::Refused { origin, why } => write!(f, "{origin}: {why}"),
        }
    }
}

impl std::error::Error for AdbcError {}
