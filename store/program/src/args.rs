//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use bowstring_adbc::{Drivers, Kind};
use bowstring_cli::args::{STYLES, seconds};
use bowstring_cli::bytes;
use bowstring_receiver::keep::KeepOptions;
use bowstring_source::options::SourceOptions;
use clap::{Args, Parser, Subcommand, ValueEnum};

const AFTER: &str = "\
Examples:
  bowstring serve pins=pins.parquet metrics=metrics.csv 'orders=app.db#orders'
  bowstring ls
  bowstring get pins --columns cid,size --where \"size > 1e6 and backend in ('s3', 'ipfs')\" --limit 100
  bowstring put trips trips.arrow                  several files, or - for standard input
  bowstring append ticks more.arrow
  bowstring follow ticks                           what is there, then each new row as it comes
  bowstring get pins -o pins.parquet --method shared

Exit codes:
  0  done
  1  something else went wrong
  2  invalid command line, or there is no such table or column
  3  malformed input, or a store that breaks the protocol
  4  the store refused (a version, a limit, a table that is read from a file), or a database is locked
  5  the store went away
  6  no store, or no answer in time
  7  no permission
  8  the output cannot be written";

/// Keeps named Arrow tables in memory for every process of this host, and uses them.
#[derive(Parser, Debug)]
#[command(name = "bowstring", version, styles = STYLES, after_help = AFTER, max_term_width = 110)]
pub(crate) struct Cli {
    /// The store's socket: a path, or @NAME in the abstract namespace [default: store.sock in the user's directory].
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The configuration of store and clients [default: bowstring/tables.toml in $XDG_CONFIG_HOME].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say nothing but data and errors.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// The ADBC driver of a kind of database: sqlite, duckdb or postgresql [default: as installed].
    #[arg(long = "driver", global = true, value_name = "KIND=PATH", value_parser = Drivers::parse)]
    pub(crate) drivers: Vec<(Kind, PathBuf)>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the store. Reads each file again when it is replaced, and all of them upon SIGHUP; ends upon SIGTERM.
    Serve(Serve),
    /// List the tables.
    Ls {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Open a table, and show or write it.
    Get(Get),
    /// Show the first rows of a table.
    Head {
        /// The table.
        name: String,
        /// Number of rows.
        #[arg(short = 'n', long, default_value_t = 10)]
        rows: usize,
    },
    /// Print the columns of a table.
    Schema {
        /// The table.
        name: String,
    },
    /// Write what a table has, and then each new row as it comes.
    Follow(Follow),
    /// Put a table in the place of what has that name.
    Put(Put),
    /// Add rows to a table.
    Append {
        /// The table.
        name: String,
        #[command(flatten)]
        source: SourceOptions,
    },
    /// Remove a table. Processes that have opened it keep it.
    Rm {
        /// The table.
        name: String,
        /// Only if it has this version.
        #[arg(long, value_name = "N")]
        if_version: Option<u64>,
    },
    /// Give a table another name.
    Rename {
        /// The table.
        name: String,
        /// Its new name, which must be free.
        to: String,
    },
    /// Set keys of a table to values; an empty value takes the key away.
    Set {
        /// The table.
        name: String,
        /// Keys and values.
        #[arg(value_name = "KEY=VALUE", required = true, value_parser = pair)]
        pairs: Vec<(String, String)>,
    },
    /// Print what the store has counted, in the text format of Prometheus; or all about one table.
    Stat {
        /// The table.
        name: Option<String>,
    },
    /// Show the tables and how they are used, again and again.
    Top {
        /// Seconds between two updates.
        #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
        interval: Duration,
        /// End after this many updates.
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Tables that are read from files, or from databases: FILE#TABLE, FILE#QUERY, postgresql://…#TABLE.
    #[arg(value_name = "NAME=SOURCE", value_parser = pair)]
    pub(crate) tables: Vec<(String, String)>,
    /// Keep tables put by clients on disk, so that they survive a crash.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Most bytes of a table.
    #[arg(long, value_name = "BYTES", value_parser = bytes::parse)]
    pub(crate) max_table_size: Option<u64>,
    /// Most bytes of all tables.
    #[arg(long, value_name = "BYTES", value_parser = bytes::parse)]
    pub(crate) max_total_size: Option<u64>,
    /// Most clients.
    #[arg(long, value_name = "N")]
    pub(crate) max_clients: Option<usize>,
    /// Give a client up to SECONDS to finish a request.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) request_timeout: Option<Duration>,
    /// Replaced versions to keep.
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
    /// Other users who may read, by number.
    #[arg(long, value_name = "UID", value_delimiter = ',')]
    pub(crate) readers: Vec<u32>,
    /// Other users who may read and write, by number.
    #[arg(long, value_name = "UID", value_delimiter = ',')]
    pub(crate) writers: Vec<u32>,
    /// Serve Prometheus at this address; a port alone is on the loopback address.
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<String>,
}

/// A way to get a table.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The store's descriptors: no copy.
    Shared,
    /// Lines of JSON over the store's socket.
    Json,
    /// The file or database that the configuration names.
    Source,
}

#[derive(Args, Debug)]
pub(crate) struct Get {
    /// The table.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) keep: KeepOptions,
    /// An earlier version.
    #[arg(long = "version", value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) version_number: u64,
    /// Only the rows that came after a version, or after a position: BASE:ROW.
    #[arg(long, value_name = "N|BASE:ROW", value_parser = since, conflicts_with = "version_number")]
    pub(crate) since: Option<Since>,
    /// The methods to try, in this order.
    #[arg(long, value_name = "WAY", value_delimiter = ',', default_value = "shared,json,source")]
    pub(crate) method: Vec<Method>,
    /// Report as a JSON object on standard error how the table was opened.
    #[arg(long)]
    pub(crate) report: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Follow {
    /// The table.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) keep: KeepOptions,
    /// Continue after a position that an earlier run printed at its end: BASE:ROW.
    #[arg(long, value_name = "BASE:ROW", value_parser = position)]
    pub(crate) since: Option<(u64, u64)>,
}

#[derive(Args, Debug)]
pub(crate) struct Put {
    /// The table.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) source: SourceOptions,
    /// Only if there is no such table.
    #[arg(long, conflicts_with = "if_version")]
    pub(crate) create: bool,
    /// Only if the table has this version.
    #[arg(long, value_name = "N")]
    pub(crate) if_version: Option<u64>,
    /// Keys and values of the table.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("not of the form NAME=VALUE".to_owned()),
    }
}

/// The start of the requested rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    /// A version.
    Version(u64),
    /// A base and a row.
    Position(u64, u64),
}

fn since(text: &str) -> Result<Since, String> {
    match text.parse() {
        Ok(version) => Ok(Since::Version(version)),
        Err(_) => position(text)
            .map(|(base, row)| Since::Position(base, row))
            .map_err(|_| "neither a version nor BASE:ROW".to_owned()),
    }
}

fn position(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once(':').and_then(|(base, row)| Some((base.parse().ok()?, row.parse().ok()?)));
    parts.ok_or_else(|| "not of the form BASE:ROW".to_owned())
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
