//! The command line options of inputs, for programs to flatten into theirs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::SourceError;
use crate::error::name;

/// Rows in a batch of what has no batches of its own.
const BATCH_ROWS: usize = 1 << 16;

/// Rows of a demonstration.
const DEMO_ROWS: u64 = 1_000_000;

/// The options.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Input")]
pub struct SourceOptions {
    /// Files, `-`, or `demo[:ROWS]`; several are sent one after the other as one table.
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Format of the inputs [default: detected from the first bytes].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Types of the columns, for CSV and JSON: an Arrow file, or lines of `name type` [default: inferred].
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// Delimiter of CSV fields.
    #[arg(long, value_name = "CHAR", default_value = ",", value_parser = delimiter)]
    pub delimiter: u8,
    /// The CSV has no line of names.
    #[arg(long)]
    pub no_header: bool,
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
    /// One JSON object a line.
    Jsonl,
}

/// A range of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first row.
    pub start: u64,
    /// The row after the last, if there is an end.
    pub end: Option<u64>,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A made-up table.
    Demo {
        /// Its rows.
        rows: u64,
    },
}

/// Settings for reading inputs.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The format, if it is not to be detected.
    pub format: Option<Format>,
    /// A file that gives the types of columns.
    pub schema: Option<PathBuf>,
    /// Delimiter of CSV fields.
    pub delimiter: u8,
    /// Whether CSV begins with a line of names.
    pub header: bool,
    /// Rows in a batch, where the input leaves that open.
    pub batch_rows: usize,
}

/// The part of the inputs that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Only these rows.
    pub rows: Option<Range>,
    /// Only this batch.
    pub batch: Option<usize>,
    /// The most rows of a batch, if that was asked for.
    pub most: Option<usize>,
}

impl SourceOptions {
    /// Checks the options, and splits them into what to read, how, and which part.
    pub fn resolve(&self) -> Result<(Vec<Input>, Reading, Choice), SourceError> {
        let inputs: Vec<_> = self.inputs.iter().cloned().map(Input::named).collect::<Result<_, _>>()?;
        let stdin = inputs.iter().filter(|input| **input == Input::Stdin).count();
        let demo = inputs.iter().any(|input| matches!(input, Input::Demo { .. }));
        let wrong = match inputs.len() {
            _ if stdin > 1 => Some("standard input can be read once only"),
            2.. if demo => Some("a demonstration is sent alone"),
            2.. if self.batch.is_some() => Some("--batch needs a single input"),
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
            header: !self.no_header,
            batch_rows: most.unwrap_or(BATCH_ROWS),
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
            Some(rows) if rows.starts_with(':') => match rows[1..].replace('_', "").parse() {
                Ok(rows) => Ok(Input::Demo { rows }),
                Err(_) => Err(SourceError::usage(format!("{text}: not a number of rows"))),
            },
            _ => Ok(Input::File(path)),
        }
    }

    /// The name that people know it by.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Input::File(path) => name(path),
            Input::Stdin => "standard input".to_owned(),
            Input::Demo { .. } => "demo".to_owned(),
        }
    }
}

fn range(text: &str) -> Result<Range, String> {
    let (start, end) = text.split_once("..").ok_or("not of the form A..B")?;
    let number = |text: &str| text.replace('_', "").parse().map_err(|_| format!("{text:?} is no number"));
    let start = if start.is_empty() { 0 } else { number(start)? };
    let end = if end.is_empty() { None } else { Some(number(end)?) };
    match end.is_some_and(|end| end < start) {
        true => Err("the end is before the start".to_owned()),
        false => Ok(Range { start, end }),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("it must be one ASCII character, or \\t".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_rows() {
        assert_eq!(range("2..5"), Ok(Range { start: 2, end: Some(5) }));
        assert_eq!(range("1_000.."), Ok(Range { start: 1000, end: None }));
        assert_eq!(range("..5"), Ok(Range { start: 0, end: Some(5) }));
        for wrong in ["5..2", "7", "a..b", "-1..2", "1..2..3"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
