//! An error that ends a program: a message, an exit code, and what to do next.

use std::fmt;
use std::io;

use crate::exit::Exit;
use crate::{output_options, text};

/// The name of standard output.
pub const STDOUT: &str = "standard output";

/// An error that ends a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: u8,
    /// The fault and its position.
    pub what: String,
    /// Advice on what to do next, if there is some.
    pub advice: Option<String>,
}

impl Failure {
    /// Creates a failure without advice.
    pub fn new(exit: Exit, what: impl Into<String>) -> Failure {
        Failure { exit: exit as u8, what: what.into(), advice: None }
    }

    /// Adds advice.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Failure {
        Failure { advice: Some(advice.into()), ..self }
    }

    /// Creates the failure of an invalid command line.
    pub fn usage(what: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, what)
    }

    /// Creates the failure of an output that cannot be written.
    #[must_use]
    pub fn output(name: &str, error: &io::Error) -> Failure {
        Failure::new(Exit::of_io(error, Exit::Output), format!("cannot write {name}: {error}"))
    }

    /// Creates the failure of something that the host would not do.
    #[must_use]
    pub fn host(what: &str, error: &io::Error) -> Failure {
        Failure::new(Exit::of_io(error, Exit::Other), format!("{what}: {}", text::io_error(error)))
    }

    /// Prints the failure, and below it the advice, in this program's name; returns the exit code.
    #[must_use]
    pub fn tell(&self, program: &str) -> u8 {
        output_options::tell(program, self, self.advice.as_deref());
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}
