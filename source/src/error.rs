//! Errors of inputs: the fault, and what to do next.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use bowstring::codec::decode::{FileFault, FrameFault, ReadError};
use bowstring::codec::interop::ImportError;
use bowstring::codec::read::IoError;
use bowstring_cli::exit::Exit;
use bowstring_cli::failure::Failure;

/// Advice for an input that ends too early.
const CUT: &str = "it was cut short, or is still being written";

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Invalid options.
    Usage,
    /// The input is malformed.
    Malformed,
    /// No permission to read the input.
    Permission,
    /// The system failed.
    Host,
    /// The flag of [`Reading::interrupt`](crate::options::Reading::interrupt) was set.
    Interrupted,
    /// A bug of this crate.
    Internal,
}

/// An error of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// The kind of the error.
    pub kind: Kind,
    /// The fault and its position.
    pub what: String,
    /// Advice on what to do next, if there is some.
    pub advice: Option<String>,
}

impl Kind {
    /// Returns the exit code of a program that ends with such an error.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Kind::Usage => Exit::Usage,
            Kind::Malformed => Exit::Malformed,
            Kind::Permission => Exit::Permission,
            Kind::Host | Kind::Interrupted | Kind::Internal => Exit::Other,
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Failure {
        Failure { advice: error.advice, ..Failure::new(error.kind.exit(), error.what) }
    }
}

impl SourceError {
    fn new(kind: Kind, what: impl Into<String>) -> SourceError {
        SourceError { kind, what: what.into(), advice: None }
    }

    pub(crate) fn advise(self, advice: impl Into<String>) -> SourceError {
        SourceError { advice: Some(advice.into()), ..self }
    }

    pub(crate) fn usage(what: impl Into<String>) -> SourceError {
        SourceError::new(Kind::Usage, what)
    }

    /// Creates the error of a malformed input.
    pub(crate) fn malformed(name: &str, why: impl Display) -> SourceError {
        SourceError::new(Kind::Malformed, format!("{name}: {why}"))
    }

    /// Creates the error of an input that cannot be read.
    pub(crate) fn input(name: &str, error: &io::Error) -> SourceError {
        let failure = SourceError::host(&format!("cannot read {name}"), error);
        match error.kind() {
            io::ErrorKind::NotFound => SourceError { kind: Kind::Usage, ..failure },
            _ => failure,
        }
    }

    pub(crate) fn interrupted() -> SourceError {
        SourceError::new(Kind::Interrupted, "interrupted while waiting for input")
    }

    pub(crate) fn internal(what: &str) -> SourceError {
        SourceError::new(Kind::Internal, what)
    }

    pub(crate) fn host(what: &str, error: &io::Error) -> SourceError {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => Kind::Permission,
            _ => Kind::Host,
        };
        SourceError::new(kind, format!("{what}: {error}"))
    }

    /// Creates an error from the readers of Arrow's own formats.
    pub(crate) fn arrow(name: &str, error: &IoError) -> SourceError {
        match error {
            IoError::Io(error) => SourceError::input(name, error),
            IoError::Import(ImportError::Misaligned { .. }) => {
                SourceError::new(Kind::Host, error.to_string())
            }
            IoError::Import(ImportError::Read(read)) => match read.innermost() {
                ReadError::Frame { fault: FrameFault::Truncated { needed, present }, .. } => {
                    let what =
                        format!("it ends within a message: {needed} bytes are needed, and {present} there");
                    SourceError::malformed(name, what).advise(CUT)
                }
                ReadError::File(FileFault::NoTrailingMagic) => {
                    SourceError::malformed(name, "it does not end as an Arrow file does").advise(CUT)
                }
                _ => SourceError::malformed(name, error),
            },
            error => SourceError::malformed(name, error),
        }
    }
}

impl Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for SourceError {}

/// Formats a path for people.
pub(crate) fn name(path: &Path) -> String {
    path.display().to_string()
}
