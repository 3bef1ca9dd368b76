//! The command line: what can be said, and how it is explained.
//!
//! Nothing is decided here: see [`plan`](crate::plan).

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bowstring_cli::args::{Format, Handover, OutputArgs, STYLES, seconds};
use bowstring_cli::users::user;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// The text after the options in `--help` and in the manual page.
pub(crate) const AFTER: &str = "\
Examples:
  receiver                               the first rows and a summary, if standard output is a terminal
  receiver trips                         the table that `sender --name trips` publishes
  receiver ls                            what is being sent: name, rows, rate, receivers, columns
  receiver trips --inspect               schema, metadata, dictionaries and sizes, from a look at the first batch
  receiver --csv | head                  every row as CSV; `head` closing the pipe is no error
  receiver -o trips.parquet              to a file; the extension says how (.arrow .arrows .parquet .csv .jsonl)
  receiver --columns id,price --limit 20 --json
  receiver --wait 30 --count             wait up to 30 seconds for a sender to appear
  receiver north south --source-column region --csv    several tables as one, in the order of arrival
  receiver trips --reconnect --json     goes on when the sender is started again, and says what it missed
  receiver --delivery copied --null      do not trust the sender; measure only
  sender trips.parquet -- receiver -o -  --format arrows > trips.arrows

A file is complete or it is not there: it gets its name at the clean end and not before.

Exit codes:
  0  everything was received, or as much as was asked for
  1  something else went wrong
  2  the command line, or a column that the table does not have
  3  the sender sent something malformed, or broke the protocol
  4  the sender refused, or speaks another version
  5  the sender crashed or cut this receiver off; what it had sent is delivered, but no file is kept
  6  no sender, or nothing came in time
  7  no permission
  8  the output cannot be written: disk full, a type that the format does not have
  9  rows are missing: the sender skipped this receiver, or --reconnect went on with another (0 with --allow-gaps); or
     it had sent rows before this receiver came and a file was to be written (--from-now takes the rest)
  130, 143  interrupted by SIGINT, by SIGTERM";

/// Receives an Arrow table from a `sender` on this host and shows, stores or measures it.
///
/// Without options the first rows and a summary are shown if standard output is a terminal; otherwise every row is
/// written as a line of JSON. Data goes to standard output and everything else to standard error.
#[derive(Parser, Debug)]
#[command(name = "receiver", version, styles = STYLES, after_help = AFTER, max_term_width = 110)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) receive: Receive,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Top(bowstring_top::Top),
    /// List this user's tables: name, rows sent so far, rate, receivers, columns.
    Ls(Ls),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// `ls`.
#[derive(Args, Debug)]
pub(crate) struct Ls {
    /// Print one JSON object per line for each table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Receive {
    #[command(flatten)]
    pub(crate) sink: SinkArgs,
    #[command(flatten)]
    pub(crate) inspect: InspectArgs,
    #[command(flatten)]
    pub(crate) choice: ChoiceArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) meeting: MeetingArgs,
    #[command(flatten)]
    pub(crate) output_options: OutputArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What to do with the table")]
pub(crate) struct SinkArgs {
    /// Show the first rows and a summary (the default on a terminal).
    #[arg(long, group = "sink")]
    pub(crate) table: bool,
    /// Write one JSON object a line (the default elsewhere).
    #[arg(long, group = "sink")]
    pub(crate) json: bool,
    /// Write CSV with a header line.
    #[arg(long, group = "sink")]
    pub(crate) csv: bool,
    /// Write to a file; `-` is standard output.
    #[arg(short, long, value_name = "FILE", group = "sink")]
    pub(crate) output: Option<PathBuf>,
    /// Show type, nulls, least, greatest, mean and distinct values of each column.
    #[arg(long, group = "sink")]
    pub(crate) summary: bool,
    /// Print the number of rows.
    #[arg(long, group = "sink")]
    pub(crate) count: bool,
    /// Receive, check and let go: for measuring.
    #[arg(long, group = "sink")]
    pub(crate) null: bool,
    /// With --null: read every byte, and print the sum of each message's 64-bit words.
    #[arg(long, requires = "null")]
    pub(crate) touch: bool,
    /// The format of the file, where its extension does not say. Parquet is compressed with Snappy.
    #[arg(long, requires = "output", value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// With the table: how many rows to show.
    #[arg(long, value_name = "ROWS", default_value_t = 10)]
    pub(crate) head: usize,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What to do with the table")]
pub(crate) struct InspectArgs {
    /// Look at the first BATCHES batches that come and leave: schema with metadata, dictionaries, bytes by column. Waits up
    /// to --idle SECONDS for them [1]. A sender that waits for its receivers does not begin for it. With --json, one
    /// JSON object.
    #[arg(
        long,
        value_name = "BATCHES",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        conflicts_with_all = ["table", "csv", "output", "summary", "count", "null", "columns", "limit", "condition",
            "verbose", "report", "report_to"]
    )]
    pub(crate) inspect: Option<u64>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Watching a stream")]
pub(crate) struct WatchArgs {
    /// Record: write an Arrow stream whose batches say when they arrived, for `sender --replay FILE`. It grows as FILE.part,
    /// so that a crash leaves what came until then. Of several tables it has a row a batch: channel, arrived, messages.
    #[arg(long, value_name = "FILE", group = "sink")]
    pub(crate) record: Option<PathBuf>,
    /// Show aggregates of the rows instead of the rows: `count(*), avg(price), max(at) by city`, in DuckDB's syntax. Memory is
    /// constant, up to --groups groups. Anything beyond goes to DuckDB: `receiver -o - --format arrows | duckdb …`.
    #[arg(long, value_name = "AGGREGATES", conflicts_with_all = ["limit", "null", "count", "record"])]
    pub(crate) agg: Option<String>,
    /// With --agg: print aggregates after a number of rows or a time: `10000rows`, `1s`, `500ms`.
    #[arg(long, value_name = "WINDOW", requires = "agg", value_parser = crate::every::parse)]
    pub(crate) every: Option<crate::every::Every>,
    /// With --agg: the most groups of a window.
    #[arg(long, value_name = "N", requires = "agg", default_value_t = 100_000)]
    pub(crate) groups: usize,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "How much of it")]
pub(crate) struct ChoiceArgs {
    /// Only these columns, in this order. The sender learns of it, and leaves out what none of its receivers reads; not
    /// with --where, and not of a table that it makes in place, such as `demo`.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Stop after ROWS rows. The sender learns of it (not with --where), and ends once each of its receivers has as many as it
    /// wants.
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<u64>,
    /// Only rows that this SQL condition is true for, such as "size > 1e6 and backend in ('s3', 'ipfs')". It may use any
    /// column. Rows that are kept are copied.
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) condition: Option<String>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Where it comes from, and how far it is trusted")]
pub(crate) struct MeetingArgs {
    /// The table's name, or the path of its sender's socket, or @NAME in the abstract namespace [default: default]. Several
    /// are received as one, in the order in which batches arrive, and must have the same columns; or recorded into one file
    /// with --record. If one of the senders dies, the others are received to their ends before the program ends with its error; a
    /// file, which could not be kept, ends at once.
    #[arg(value_name = "NAME", conflicts_with_all = ["fd", "socket"])]
    pub(crate) names: Vec<OsString>,
    /// Add a last column with the name of the table that each row is from, encoded by a dictionary.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) source_column: Option<String>,
    /// Connect to this socket: a path, or @NAME in the abstract namespace.
    #[arg(long, value_name = "PATH", conflicts_with = "fd")]
    pub(crate) socket: Option<PathBuf>,
    /// An inherited socket's number, as $BOWSTRING_FD.
    #[arg(long, value_name = "N")]
    pub(crate) fd: Option<i32>,
    /// Wait up to SECONDS for a sender to appear; 0 does not wait [default: 5]. Nothing tells of a new @NAME, so one is looked
    /// for every 20 ms; for a path or a table's name the program sleeps.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,
    /// If the sender dies or breaks off, wait for another of the same name and go on with it; `=always`: after the clean
    /// end of a table too. Waits without end, or up to --wait SECONDS. The new sender's columns must be the same. It
    /// counts its rows anew, so rows may be missing, or come twice: the exit code is 9 unless --allow-gaps is said. Of several
    /// tables, the others go on meanwhile.
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "broken",
        conflicts_with_all = ["fd", "inspect"])]
    pub(crate) reconnect: Option<Reconnect>,
    /// Also receive from a sender of one of these users, by name or number. What it sends is copied, or sealed, before it
    /// is looked at.
    #[arg(long, value_name = "USER", value_delimiter = ',', value_parser = user)]
    pub(crate) allow_user: Vec<u32>,
    /// Take what is sent from now on, although rows were sent before. Without this no file is written that lacks its
    /// beginning.
    #[arg(long)]
    pub(crate) from_now: bool,
    /// Exit with 0 although the sender skipped batches that this receiver was too slow for, or --reconnect went on after
    /// an interruption.
    #[arg(long)]
    pub(crate) allow_gaps: bool,
    /// Give up if no message arrives for SECONDS.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) idle: Option<Duration>,
    /// The delivery of messages [default: the best that the sender offers].
    #[arg(long, value_name = "HOW")]
    pub(crate) delivery: Option<Handover>,
    /// The check of each batch before it is used.
    #[arg(long, value_name = "LEVEL", default_value = "full")]
    pub(crate) validate: Validate,
    /// Fail, naming the columns, if any of the data has to be copied. Sealed delivery copies none; pooled delivery none but
    /// dictionaries.
    #[arg(long)]
    pub(crate) require_zero_copy: bool,
}

/// `--reconnect`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reconnect {
    /// After a sender that died, broke off, or disconnected this receiver.
    Broken,
    /// After a clean end too.
    Always,
}

/// `--validate`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validate {
    /// Lengths and buffers only, no value is looked at; enough for --count and --null.
    Structure,
    /// Every value that another relies on: offsets, text, dictionary keys.
    Full,
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
