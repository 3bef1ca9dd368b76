//! From what was said on the command line to what will be done: every default is decided here, once.

use std::ffi::OsStr;
use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bowstring::Wish;
use bowstring::names::Address;
use bowstring::transport::{Deliveries, Delivery};
use bowstring_cli::args::{DEFAULT_NAME, FD_VARIABLE, Format, Handover};
use bowstring_cli::output_options::OutputOptions;

use crate::args::{ChoiceArgs, MeetingArgs, Receive, Reconnect, SinkArgs, Validate, WatchArgs};
use crate::every::Every;
use crate::failure::Failure;

/// The wait for a sender.
const WAIT: Duration = Duration::from_secs(5);

/// The plan of a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) endpoint: Endpoint,
    /// The tables, if there are several.
    pub(crate) channels: Vec<(String, Endpoint)>,
    /// The column for the table that a row is from.
    pub(crate) source_column: Option<String>,
    /// The time to wait for a sender, if at all.
    pub(crate) wait: Option<Duration>,
    /// Going on when the sender is gone, if that is wanted.
    pub(crate) reconnect: Option<Again>,
    pub(crate) idle: Option<Duration>,
    pub(crate) deliveries: Deliveries,
    /// Other users whose senders are talked to.
    pub(crate) users: Vec<u32>,
    pub(crate) handling: Handling,
    /// The table is only looked at.
    pub(crate) inspect: Option<Inspect>,
    pub(crate) columns: Vec<String>,
    pub(crate) limit: Option<u64>,
    /// Aggregates that are wanted instead of rows.
    pub(crate) agg: Option<Agg>,
    /// Rows that are wanted, in SQL.
    pub(crate) condition: Option<String>,
    pub(crate) require_zero_copy: bool,
    /// A file may lack its beginning.
    pub(crate) from_now: bool,
    /// Batches that were skipped are no failure.
    pub(crate) allow_gaps: bool,
    pub(crate) output_options: OutputOptions,
}

/// `--reconnect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// After a clean end too.
    pub(crate) always: bool,
    pub(crate) wait: Duration,
}

/// `--inspect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inspect {
    /// The most batches to look at.
    pub(crate) batches: u64,
    /// As one JSON object.
    pub(crate) json: bool,
}

/// Aggregates instead of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agg {
    /// In SQL.
    pub(crate) sql: String,
    /// The length of a window; else the whole table is one.
    pub(crate) every: Option<Every>,
    /// The most groups.
    pub(crate) groups: usize,
}

/// The handling of each batch. Only arrays need checked values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// Checked this far and let go, perhaps with a look at every byte.
    Look { full: bool, what: Look },
    /// Made arrays of, for a sink.
    Keep(SinkPlan),
}

/// The handling without arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing.
    Null,
    /// The rows are counted, and the count printed.
    Count,
    /// All 64-bit words are added up, and the sum printed.
    Touch,
}

/// The destination of arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SinkPlan {
    /// First rows and a summary.
    Table { head: usize },
    /// A summary.
    Summary,
    /// A recording, to a file.
    Record { path: PathBuf },
    /// A format, to a file or else standard output.
    Write { format: Format, path: Option<PathBuf> },
}

/// The sender's endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// An address that it listens at.
    At(Address),
    /// A connected socket that this program was started with.
    Inherited(i32),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::At(address) => address.fmt(f),
            Endpoint::Inherited(fd) => write!(f, "inherited descriptor {fd}"),
        }
    }
}

impl Plan {
    /// Returns the wish that the sender learns of. A condition may use any column, and any number of rows.
    pub(crate) fn wish(&self) -> Wish {
        if self.condition.is_some() || self.inspect.is_some() {
            return Wish::default();
        }
        Wish { columns: (!self.columns.is_empty()).then(|| self.columns.clone()), rows: self.limit }
    }

    /// Decides what was left open.
    pub(crate) fn resolve(args: Receive) -> Result<Plan, Failure> {
        let Receive {
            sink,
            inspect,
            watch,
            choice: ChoiceArgs { columns, limit, condition },
            meeting,
            output_options,
        } = args;
        let inspect = inspect.inspect.map(|batches| Inspect { batches, json: sink.json });
        let mut handling = handling(&sink, meeting.validate)?;
        let WatchArgs { record, agg, every, groups } = watch;
        if let Some(path) = record {
            handling = Handling::Keep(SinkPlan::Record { path });
        }
        let agg = agg.map(|sql| Agg { sql, every, groups });
        // Windows are shown as they end, and the table only at the end of all.
        if let (Some(Agg { every: Some(_), .. }), Handling::Keep(SinkPlan::Table { .. }), false) =
            (&agg, &handling, sink.table)
        {
            handling = Handling::Keep(SinkPlan::Write { format: Format::Jsonl, path: None });
        }
        let mut output_options = OutputOptions::resolve(output_options);
        // A bar and rows on one terminal would write over each other. All else is shown once everything has come.
        output_options.progress &= !(handling.writes_rows() && std::io::stdout().is_terminal());
        let endpoint = endpoint(&meeting)?;
        if meeting.reconnect.is_some() && matches!(endpoint, Endpoint::Inherited(_)) {
            return Err(Failure::Usage {
                what: "--reconnect: nobody comes back over an inherited socket".to_owned(),
                advice: "name the table, or its sender's socket with --socket PATH",
            });
        }
        let channels = several::channels(&meeting, &sink, &handling, inspect.is_some())?;
        Ok(Plan {
            channels,
            source_column: meeting.source_column,
            endpoint,
            wait: Some(meeting.wait.unwrap_or(WAIT)).filter(|wait| !wait.is_zero()),
            reconnect: meeting.reconnect.map(|when| Again {
                always: when == Reconnect::Always,
                wait: meeting.wait.unwrap_or(Duration::MAX),
            }),
            idle: meeting.idle,
            deliveries: deliveries(meeting.delivery),
            users: users(meeting.allow_user),
            handling,
            inspect,
            columns,
            limit,
            agg,
            condition,
            require_zero_copy: meeting.require_zero_copy,
            from_now: meeting.from_now,
            allow_gaps: meeting.allow_gaps,
            output_options,
        })
    }
}

impl Plan {
    /// Returns true if a file is written that is only kept when whole.
    pub(crate) fn writes_file(&self) -> bool {
        matches!(self.handling, Handling::Keep(SinkPlan::Write { .. })) && !self.handling.writes_rows()
    }
}

impl Handling {
    /// Returns true if rows go to standard output as they come.
    fn writes_rows(&self) -> bool {
        match self {
            Handling::Keep(SinkPlan::Write { path, .. }) => {
                path.as_ref().is_none_or(|path| path.as_os_str() == "-")
            }
            Handling::Keep(SinkPlan::Table { .. } | SinkPlan::Summary | SinkPlan::Record { .. })
            | Handling::Look { .. } => false,
        }
    }
}

pub(crate) fn handling(args: &SinkArgs, validate: Validate) -> Result<Handling, Failure> {
    // Clap waives what an option requires where it contradicts another one that was said.
    if args.touch && !args.null || args.format.is_some() && args.output.is_none() {
        return Err(Failure::Usage {
            what: "--touch belongs to --null, and --format to --output".to_owned(),
            advice: "say both, or neither",
        });
    }
    let full = validate == Validate::Full;
    let look = |what| Ok(Handling::Look { full, what });
    match args {
        SinkArgs { null: true, touch: false, .. } => return look(Look::Null),
        SinkArgs { null: true, touch: true, .. } => return look(Look::Touch),
        SinkArgs { count: true, .. } => return look(Look::Count),
        _ => {}
    }
    if !full {
        return Err(Failure::Usage {
            what:
                "--validate structure leaves values unchecked, and what shows or stores them relies on them"
                    .to_owned(),
            advice: "use it with --count or --null",
        });
    }
    let write = |format, path| SinkPlan::Write { format, path };
    let plan = match args {
        SinkArgs { output: Some(path), format, .. } => {
            write(format.map_or_else(|| by_extension(path), Ok)?, Some(path.clone()))
        }
        SinkArgs { csv: true, .. } => write(Format::Csv, None),
        SinkArgs { json: true, .. } => write(Format::Jsonl, None),
        SinkArgs { summary: true, .. } => SinkPlan::Summary,
        SinkArgs { table: true, head, .. } => SinkPlan::Table { head: *head },
        SinkArgs { head, .. } if std::io::stdout().is_terminal() => SinkPlan::Table { head: *head },
        _ => write(Format::Jsonl, None),
    };
    Ok(Handling::Keep(plan))
}

/// Returns the format that a file's extension names.
fn by_extension(path: &Path) -> Result<Format, Failure> {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    Ok(match extension.as_deref() {
        Some("arrow" | "feather" | "ipc") => Format::Arrow,
        Some("arrows") => Format::Arrows,
        Some("parquet" | "pq") => Format::Parquet,
        Some("csv") => Format::Csv,
        Some("jsonl" | "ndjson" | "json") => Format::Jsonl,
        _ => {
            return Err(Failure::Usage {
                what: format!("{:?} does not say what format to write", path.display().to_string()),
                advice: "name it with --format arrow, arrows, parquet, csv or jsonl",
            });
        }
    })
}

fn endpoint(args: &MeetingArgs) -> Result<Endpoint, Failure> {
    if let Some(fd) = args.fd {
        return Ok(Endpoint::Inherited(fd));
    }
    if let Some(socket) = &args.socket {
        return Ok(Endpoint::At(Address::from_path(socket)));
    }
    if let Some(name) = args.names.first() {
        return named(name);
    }
    if let Some(value) = std::env::var_os(FD_VARIABLE) {
        let fd = value.to_str().and_then(|text| text.parse().ok());
        return fd.map(Endpoint::Inherited).ok_or_else(|| Failure::Usage {
            what: format!("{FD_VARIABLE} is {value:?}, which is no descriptor"),
            advice: "unset it, or name the sender's socket with --socket PATH",
        });
    }
    Ok(Endpoint::At(Address::Name(DEFAULT_NAME.to_owned())))
}

fn named(name: &OsStr) -> Result<Endpoint, Failure> {
    let address = Address::parse(name).map_err(|error| Failure::Usage {
        what: error.to_string(),
        advice: "list the names with `receiver ls`; files are read by `sender FILE`",
    })?;
    Ok(Endpoint::At(address))
}

/// This user beside the others, if there are any.
fn users(others: Vec<u32>) -> Vec<u32> {
    match others.is_empty() {
        true => others,
        false => others.into_iter().chain([rustix::process::geteuid().as_raw()]).collect(),
    }
}

fn deliveries(handover: Option<Handover>) -> Deliveries {
    match handover {
        None => Deliveries::ANY,
        Some(Handover::Pooled) => Deliveries::only(Delivery::Pooled),
        Some(Handover::Copied) => Deliveries::only(Delivery::Copied),
        Some(Handover::Sealed) => Deliveries::SEALED,
    }
}

mod several;
#[cfg(test)]
mod tests;
