//! The command line: what can be said, and how it is explained.
//!
//! Nothing is decided here: see [`plan`](crate::plan).

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bowstring_cli::args::{Handover, OutputArgs, STYLES, seconds};
use bowstring_cli::bytes;
use bowstring_cli::users::user;
use bowstring_source::options::SourceOptions;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::pace::Rate;

/// The text after the options in `--help` and in the manual page.
pub(crate) const AFTER: &str = "\
Examples:
  sender trips.parquet                       waits for `receiver`
  sender trips.parquet --name trips          waits for `receiver trips`
  sender demo:1000 -- receiver --json        starts the receiver itself
  cat x.arrows | sender - --socket s         standard input, its format recognised
  sender jan.csv feb.csv --schema trips.arrow
  sender x.arrow --rows 1000000..1000100 -- receiver
  sender big.csv --delivery sealed --receivers 8
  sender doctor                              what this host allows, and how fast it is

Inputs:
  Arrow IPC files and streams (compressed ones and Feather V2 too), Parquet, CSV, and JSON with an object a line; `-` is
  standard input. The format is detected from the first bytes. `demo` and `demo:ROWS` are generated in place.

Exit codes:
  0  everything was sent, or as much as the receivers wanted
  1  something else went wrong
  2  the command line
  3  the input is malformed, or of a type that cannot be sent
  4  the receiver refused, or speaks another version
  5  the receiver crashed, or was cut off
  6  no receiver came in time
  7  no permission
  8  the report cannot be written
  130, 143  interrupted by SIGINT, by SIGTERM
  With `-- COMMAND`, the exit code of the command where it is not 0 and nothing else went wrong.";

/// Sends a table to `receiver`s on this host, through memory that they read it in.
#[derive(Parser, Debug)]
#[command(name = "sender", version, styles = STYLES, after_help = AFTER, max_term_width = 110)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) send: Send,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Look at what this host allows, what that means for speed, and how fast it is.
    Doctor(DoctorArgs),
    Top(bowstring_top::Top),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

#[derive(Args, Debug)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) source: SourceOptions,
    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,
    #[command(flatten)]
    pub(crate) meeting: MeetingArgs,
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
    #[command(flatten)]
    pub(crate) output_options: OutputArgs,
    /// The receiver to start: looked for beside this program, then on PATH. It inherits its socket.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) receiver: Vec<OsString>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What to send")]
pub(crate) struct RepeatArgs {
    /// Repeat the input N times; 0 is forever.
    #[arg(long, value_name = "TIMES", default_value_t = 1)]
    pub(crate) repeat: u64,
    /// Send no faster than this: rows a second, or bytes as in `100MB`.
    #[arg(long, value_name = "RATE", value_parser = Rate::parse)]
    pub(crate) rate: Option<Rate>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Whom to send it to")]
pub(crate) struct MeetingArgs {
    /// Publish the table under this name, for `receiver NAME` [default: default].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Wait for receivers on this socket: a path, or @NAME in the abstract namespace.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["receiver", "name"])]
    pub(crate) socket: Option<PathBuf>,
    /// Also let in receivers of these users, by name or number. They need a socket that they can reach: --socket PATH in a
    /// directory that they can enter, or --socket @NAME. The socket at PATH is then open to everybody, and whoever
    /// connects is asked for by the kernel's word.
    #[arg(long, value_name = "USER", value_delimiter = ',', value_parser = user, conflicts_with = "receiver")]
    pub(crate) allow_user: Vec<u32>,
    /// Begin once this many receivers are there. Others may join later, and get what is sent from then on.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) receivers: u32,
    /// Keep the last N batches for receivers that join later: they get those first, then everything that follows. Once
    /// begun, the sender goes on while nobody is there.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        conflicts_with = "receiver"
    )]
    pub(crate) keep: usize,
    /// Give up if they are not there after SECONDS.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,
    /// The policy for receivers that cannot keep up.
    #[arg(long, value_name = "WHAT", default_value = "block")]
    pub(crate) on_slow: Slow,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "How to send it")]
pub(crate) struct PoolArgs {
    /// The deliveries to offer [default: all; the receiver chooses].
    #[arg(long, value_name = "HOW", value_delimiter = ',')]
    pub(crate) delivery: Vec<Handover>,
    /// Bytes of the memory that receivers read in. `64MiB` counts by 1024, `64MB` and `64M` by 1000.
    #[arg(long, value_name = "BYTES", default_value = "16MiB", value_parser = bytes::parse)]
    pub(crate) pool: u64,
    /// Bytes of each of its slots; a message takes as many as it needs.
    #[arg(long, value_name = "BYTES", default_value = "64KiB", value_parser = bytes::parse)]
    pub(crate) slot: u64,
    /// Ask for huge pages.
    #[arg(long)]
    pub(crate) huge: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Measure for half a second instead of ten.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `--on-slow`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slow {
    /// Wait for them.
    Block,
    /// Leave out batches that they have no room for.
    Skip,
    /// Cut them off.
    Cut,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
