//! Words that mean the same to both programs on the command line, and their looks.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, ValueEnum};

/// The name of a table that is given none.
pub const DEFAULT_NAME: &str = "default";

/// The variable in which a sender that starts its receiver says which descriptor is the socket.
pub const FD_VARIABLE: &str = "BOWSTRING_FD";

/// The colours of `--help`.
pub const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// The options for messages and reports.
#[derive(Args, Debug)]
#[command(next_help_heading = "What is said about it")]
pub struct OutputArgs {
    /// Say nothing but data and errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Say more at the end: heap allocations, system calls, seals, where the time went.
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// State the statistics at the end in this form [default: text, or nothing with --quiet].
    #[arg(long, value_name = "AS")]
    pub report: Option<ReportAs>,
    /// Write the figures as JSON to a file too.
    #[arg(long, value_name = "FILE")]
    pub report_to: Option<PathBuf>,
}

/// `--report`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportAs {
    /// A line for people.
    Text,
    /// One JSON object.
    Json,
}

/// `--delivery`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// Read where the sender wrote: no copy, but the sender must be honest.
    Pooled,
    /// Copied by the receiver before it is looked at: the sender can be anyone.
    Copied,
    /// A file for each message, which the kernel makes immutable: the sender can be anyone.
    Sealed,
}

/// `--format`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Arrow IPC file (Feather V2).
    Arrow,
    /// Arrow IPC stream.
    Arrows,
    /// Parquet.
    Parquet,
    /// Separated values.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Reads a number of seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a possible time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_times_are_refused() {
        for text in ["-1", "nan", "inf", "1e300", "soon", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
    }
}
