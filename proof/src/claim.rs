//! The parts of a claim.

use core::fmt;
use std::time::Duration;

use crate::figure::Figure;

/// The strength of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// The compiler or the linker would have refused.
    Compiled,
    /// Every case within a bound.
    Exhaustive,
    /// Cases chosen by hand or at random.
    Sampled,
    /// A count or a time taken on this machine.
    Measured,
}

impl Strength {
    /// In the order of the page.
    pub(crate) const ALL: [Strength; 4] =
        [Strength::Compiled, Strength::Exhaustive, Strength::Sampled, Strength::Measured];

    /// Returns the name of the table on the page.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Strength::Compiled => "by the compiler",
            Strength::Exhaustive => "exhaustively within a bound",
            Strength::Sampled => "by sampling",
            Strength::Measured => "by measurement",
        }
    }
}

/// The required range of a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(u64),
    AtMost(u64),
}

impl Bound {
    /// Returns true if a figure is within bounds. Zero shows nothing, whatever the bound.
    pub(crate) fn allows(self, figure: u64) -> bool {
        match self {
            Bound::AtLeast(least) => figure >= least.max(1),
            Bound::AtMost(most) => figure <= most,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(least) => write!(f, "at least {least}"),
            Bound::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}

/// The occasion on which a claim is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Quick,
    Deep,
}

impl Level {
    /// Returns the time after which a check counts as hung; generous, for unattended runs.
    pub(crate) fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Level::Quick => 30 * 60,
            Level::Deep => 24 * 60 * 60,
        })
    }
}

/// A tool that a command needs in addition to cargo.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tool {
    Compiler,
    Binutils,
    Python,
    Spin,
    Nightly,
    CargoFuzz,
    Valgrind,
    Tarpaulin,
    Mutants,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Compiler => "C compiler (cc)",
            Tool::Binutils => "nm, objdump and addr2line (binutils)",
            Tool::Python => "python3",
            Tool::Spin => "spin (the Debian package of that name)",
            Tool::Nightly => "nightly toolchain",
            Tool::CargoFuzz => "cargo-fuzz (cargo install --locked cargo-fuzz)",
            Tool::Valgrind => "valgrind",
            Tool::Tarpaulin => "cargo-tarpaulin (cargo install --locked cargo-tarpaulin)",
            Tool::Mutants => "cargo-mutants (cargo install --locked cargo-mutants)",
        }
    }

    /// Returns a command that succeeds if the tool is there.
    pub(crate) fn probe(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Tool::Compiler => ("cc", &["--version"]),
            Tool::Binutils => ("objdump", &["--version"]),
            Tool::Python => ("python3", &["--version"]),
            Tool::Spin => ("spin", &["-V"]),
            Tool::Nightly => ("cargo", &["+nightly", "--version"]),
            Tool::CargoFuzz => ("cargo", &["fuzz", "--version"]),
            Tool::Valgrind => ("valgrind", &["--version"]),
            Tool::Tarpaulin => ("cargo", &["tarpaulin", "--version"]),
            Tool::Mutants => ("cargo", &["mutants", "--version"]),
        }
    }
}

/// A statement that this project makes about itself, and how to check it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) id: &'static str,
    pub(crate) statement: &'static str,
    pub(crate) strength: Strength,
    /// The assumptions of the check.
    pub(crate) rests_on: &'static str,
    /// Run by bash in the project's root.
    pub(crate) command: &'static str,
    pub(crate) figure: Figure,
    pub(crate) bound: Bound,
    /// The extent of the check.
    pub(crate) scope: &'static str,
    pub(crate) needs: &'static [Tool],
    pub(crate) level: Level,
}
