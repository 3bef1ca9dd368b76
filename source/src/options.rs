//! The command line options of inputs, for programs to flatten into theirs.

mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use bowstring_compact::OnMisfit;
use clap::{Args, ValueEnum};

use self::words::{delimiter, demo_rows, infer_rows, misfit, range, sample};
use crate::Position;
use crate::SourceError;
use crate::compact::{Compact, Sample};
use crate::error::name;
use crate::replay::{self, Replay, Speed};
use crate::schema::NAMES;

/// Rows in a batch of an input without batches of its own.
const BATCH_ROWS: usize = 1 << 16;

/// Rows of a demonstration.
const DEMO_ROWS: u64 = 1_000_000;

/// The options.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Input")]
pub struct SourceOptions {
    /// Files, `-`, or `demo[:ROWS]`; several are sent one after the other as one table.
    #[arg(value_name = "INPUT", required_unless_present = "replay")]
    pub inputs: Vec<PathBuf>,
    /// Format of the inputs [default: detected from the first bytes].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Types of columns of text: a file, or the types themselves.
    #[arg(long, value_name = "FILE|TYPES", help = schema_help())]
    pub schema: Option<String>,
    /// Rows that types are inferred from: a number, `all`, or `auto`, which is all of a file of up to 64 MiB, and
    /// samples of a longer one. `all` keeps what comes through a pipe in a file first.
    #[arg(long, value_name = "N|all", default_value = "auto", value_parser = infer_rows)]
    pub infer_rows: InferRows,
    /// Delimiter of CSV fields [default: recognised: `,`, `;`, tab or `|`].
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// Sheet of a workbook, by name or by number from 1 [default: the first].
    #[arg(long, value_name = "NAME|N")]
    pub sheet: Option<String>,
    /// The CSV or sheet has no line of names.
    #[arg(long)]
    pub no_header: bool,
    /// Words that are null in CSV [default: NA, N/A, NaN, null, None in columns that are not text].
    #[arg(long, value_name = "WORD,...", value_delimiter = ',')]
    pub null_values: Option<Vec<String>>,
    /// Skip lines of CSV that begin with this.
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub comment: Option<u8>,
    /// Read `""` in CSV as empty text, not as null.
    #[arg(long)]
    pub quoted_empty: bool,
    /// Fill CSV lines that are too short with nulls.
    #[arg(long)]
    pub ragged: bool,
    /// Send columns in the smallest types that hold their values. Types are decided over all rows, which are read twice, or
    /// over the first ROWS, which are kept in memory until they are sent.
    #[arg(long, value_name = "all|ROWS", num_args = 0..=1, require_equals = true, default_missing_value = "all", value_parser = sample)]
    pub compact: Option<Sample>,
    /// With --compact=ROWS: how to go on at a value that does not fit. `widen` ends the table before its row, and sends the
    /// rest as a second table in the input's types, under the name NAME.rest.
    #[arg(long, value_name = "error|widen", default_value = "error", value_parser = misfit)]
    pub compact_misfit: OnMisfit,
    /// Send a recording of `receiver --record` at its own pace. The channels of a recording of several are sent each under
    /// its name, and begin together.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inputs", "rows", "batch", "batch_rows", "compact"])]
    pub replay: Option<PathBuf>,
    /// With --replay: only this channel, of a recording of several.
    #[arg(long, value_name = "NAME", requires = "replay")]
    pub channel: Option<String>,
    /// With --replay: this much faster, or slower: `2x`, `0.5x`, or `max`.
    #[arg(long, value_name = "FACTOR", requires = "replay", default_value = "1x", value_parser = replay::speed)]
    pub speed: Speed,
    /// With --replay: leave out what arrived earlier than this after the beginning, such as `90s` or `1.5h`.
    #[arg(long, value_name = "TIME", requires = "replay", default_value = "0", value_parser = replay::time)]
    pub from: Duration,
    /// With --replay: leave out what arrived later than this after the beginning.
    #[arg(long, value_name = "TIME", requires = "replay", value_parser = replay::time)]
    pub to: Option<Duration>,
    /// Threads that parse [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Send the rows of a pipe or terminal after this many milliseconds at the latest.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub flush_every: u64,
    /// Only these rows, counted from 0, without the end: `A..B`, `A..` or `..B`.
    #[arg(long, value_name = "A..B", value_parser = range, conflicts_with = "batch")]
    pub rows: Option<Range>,
    /// Only this batch of an Arrow file or stream, counted from 0.
    #[arg(long, value_name = "K")]
    pub batch: Option<usize>,
    /// Rows in a batch, at most.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..=1 << 31))]
    pub batch_rows: Option<u64>,
}

/// The format of an input.
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
    /// JSON: objects one after the other, or arrays of them.
    #[value(alias = "json")]
    Jsonl,
    /// Workbook: .xlsx, .xls or .ods.
    #[value(aliases = ["xlsx", "xls", "ods"])]
    Excel,
}

/// The rows that types are inferred from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InferRows {
    /// All of a file that is not too long, and samples of others.
    Auto,
    /// The first rows.
    Rows(u64),
    /// All rows.
    All,
}

/// A range of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first row.
    pub start: u64,
    /// The row after the last, if there is an end.
    pub end: Option<u64>,
}

/// A source of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A generated table.
    Demo {
        /// Its rows.
        rows: u64,
    },
    /// A recording.
    Replay(Replay),
}

/// Settings for reading inputs.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The format, unless it is to be detected.
    pub format: Option<Format>,
    /// The types of columns, as text or in a file.
    pub schema: Option<String>,
    /// The rows that types are inferred from.
    pub infer_rows: InferRows,
    /// Delimiter of CSV fields, unless it is to be detected.
    pub delimiter: Option<u8>,
    /// The sheet of a workbook, by name or by number from 1, if not the first.
    pub sheet: Option<String>,
    /// True if CSV or a sheet begins with a line of names.
    pub header: bool,
    /// Words that are null in CSV, if not the usual ones.
    pub null_values: Option<Vec<String>>,
    /// The first byte of a comment in CSV.
    pub comment: Option<u8>,
    /// True if `""` in CSV is empty text, not null.
    pub quoted_empty: bool,
    /// True if CSV lines that are too short are filled with nulls.
    pub ragged: bool,
    /// The way to smaller types, if columns are to be made smaller.
    pub compact: Option<Compact>,
    /// Threads that parse.
    pub threads: usize,
    /// The time that rows of a pipe wait for more.
    pub flush_every: Duration,
    /// Set this to give up waiting for an input while it is opened.
    pub interrupt: Option<Arc<AtomicBool>>,
    /// Counts the bytes of text read.
    pub read: Arc<AtomicU64>,
    /// The position in the inputs, for showing progress.
    pub position: Arc<Position>,
    /// True if the rows in a batch were set by the user.
    pub batch_rows_asked: bool,
    /// Rows in a batch, if the input does not determine them.
    pub batch_rows: usize,
}

/// The requested part of the inputs.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Only these rows.
    pub rows: Option<Range>,
    /// Only this batch.
    pub batch: Option<usize>,
    /// The most rows of a batch, if requested.
    pub most: Option<usize>,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading {
            format: None,
            schema: None,
            infer_rows: InferRows::Auto,
            delimiter: None,
            sheet: None,
            header: true,
            null_values: None,
            comment: None,
            quoted_empty: false,
            ragged: false,
            compact: None,
            threads: cores(),
            flush_every: Duration::from_millis(100),
            interrupt: None,
            read: Arc::default(),
            position: Arc::default(),
            batch_rows: BATCH_ROWS,
            batch_rows_asked: false,
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn schema_help() -> String {
    format!(
        "Types of columns of CSV and JSON: an Arrow file, a file of lines `name type`, or the text itself, as in \
         `id int64, at timestamp[us, UTC]`; those of other columns are inferred. Types: {NAMES}"
    )
}

impl SourceOptions {
    /// Returns the options that read inputs as they are.
    #[must_use]
    pub fn new(inputs: Vec<PathBuf>) -> SourceOptions {
        SourceOptions {
            inputs,
            format: None,
            schema: None,
            infer_rows: InferRows::Auto,
            delimiter: None,
            sheet: None,
            no_header: false,
            null_values: None,
            comment: None,
            quoted_empty: false,
            ragged: false,
            compact: None,
            compact_misfit: OnMisfit::Error,
            replay: None,
            channel: None,
            speed: Speed(Some(1000)),
            from: Duration::ZERO,
            to: None,
            threads: None,
            flush_every: 100,
            rows: None,
            batch: None,
            batch_rows: None,
        }
    }

    /// Checks the options, and splits them into what to read, how, and which part.
    pub fn resolve(&self) -> Result<(Vec<Input>, Reading, Choice), SourceError> {
        if let Some(path) = self.replay.clone() {
            let (channel, clock) = (self.channel.clone(), Arc::default());
            let replay = Replay { path, channel, speed: self.speed, from: self.from, to: self.to, clock };
            return Ok((
                vec![Input::Replay(replay)],
                Reading::default(),
                Choice { rows: None, batch: None, most: None },
            ));
        }
        // Clap waives what an option requires where that contradicts another one that was said.
        let chosen = self.channel.is_some() || self.from != Duration::ZERO || self.to.is_some();
        if chosen || self.speed != Speed(Some(1000)) {
            return Err(SourceError::usage("--channel, --speed, --from and --to belong to --replay"));
        }
        let inputs: Vec<_> = self.inputs.iter().cloned().map(Input::named).collect::<Result<_, _>>()?;
        let stdin = inputs.iter().filter(|input| **input == Input::Stdin).count();
        let demo = inputs.iter().any(|input| matches!(input, Input::Demo { .. }));
        let wrong = match inputs.len() {
            _ if stdin > 1 => Some("standard input can be read once only"),
            2.. if demo => Some("a demonstration is sent alone"),
            2.. if self.batch.is_some() => Some("--batch needs a single input"),
            _ if self.compact_misfit == OnMisfit::Widen && !matches!(self.compact, Some(Sample::Rows(_))) => {
                Some("--compact-misfit widen is for a sample: say how many rows, as in --compact=100000")
            }
            _ if demo && self.compact.is_some() => {
                Some("a demonstration is made in place; --compact needs an input")
            }
            _ if stdin > 0 && self.compact == Some(Sample::All) => {
                Some("standard input is read once: say how many rows to look at, as in --compact=100000")
            }
            _ if demo && self.batch.is_some() => Some("--batch needs an Arrow file or stream"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(SourceError::usage(wrong));
        }
        let most = self.batch_rows.and_then(|rows| usize::try_from(rows).ok());
        let reading = Reading {
            format: self.format,
            schema: self.schema.clone(),
            delimiter: self.delimiter,
            sheet: self.sheet.clone(),
            header: !self.no_header,
            infer_rows: self.infer_rows,
            null_values: self.null_values.clone(),
            comment: self.comment,
            quoted_empty: self.quoted_empty,
            ragged: self.ragged,
            compact: self.compact.map(|sample| Compact { sample, on_misfit: self.compact_misfit }),
            threads: self.threads.map_or_else(cores, usize::from),
            flush_every: Duration::from_millis(self.flush_every),
            batch_rows_asked: most.is_some(),
            batch_rows: most.unwrap_or(BATCH_ROWS),
            ..Reading::default()
        };
        Ok((inputs, reading, Choice { rows: self.rows, batch: self.batch, most }))
    }
}

impl Input {
    fn named(path: PathBuf) -> Result<Input, SourceError> {
        let text = path.to_string_lossy();
        if text == "-" {
            return Ok(Input::Stdin);
        }
        match text.strip_prefix("demo") {
            Some("") => Ok(Input::Demo { rows: DEMO_ROWS }),
            Some(rows) if rows.starts_with(':') => match demo_rows(&rows[1..]) {
                Some(rows) => Ok(Input::Demo { rows }),
                None => Err(SourceError::usage(format!("{text}: not a number of rows"))
                    .advise("as in demo:1000000 or demo:100M")),
            },
            _ => Ok(Input::File(path)),
        }
    }

    /// Returns the name for people.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Input::File(path) => name(path),
            Input::Stdin => "standard input".to_owned(),
            Input::Demo { .. } => "demo".to_owned(),
            Input::Replay(replay) => name(&replay.path),
        }
    }
}

#[cfg(test)]
mod tests;
