//! Opens tables: by the store's descriptors, else as JSON over its socket, else from the file that the configuration
//! names. `--method` chooses among them.

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use arrow_array::RecordBatchReader;
use arrow_schema::SchemaRef;
use bowstring_cli::exit::Exit;
use bowstring_cli::output_options;
use bowstring_cli::signals::Signals;
use bowstring_cli::text::{count, escaped};
use bowstring_receiver::keep::{KeepOptions, keep};
use bowstring_source::Source;
use bowstring_store::{Client, Code, Event, Get as Which, Position, Reader, StoreError, Table};

use crate::args::{Follow, Get, Method, Since};
use crate::config::Config;
use crate::failure::{self, Failure};
use crate::input;

/// The method by which a table was opened, and its result.
struct Came {
    method: &'static str,
    source: String,
    version: u64,
    /// The time until the table could be read.
    opened: Duration,
    /// The reason that a better method did not work.
    warning: Option<String>,
}

impl Came {
    fn say(&self, name: &str, rows: u64, json: bool, quiet: bool) {
        let Came { method, source, version, opened, warning } = self;
        let millis = opened.as_secs_f64() * 1000.0;
        if json {
            let line = serde_json::json!({
                "table": name, "method": method, "source": source, "version": version, "rows": rows,
                "opened_ms": millis, "warning": warning,
            });
            output_options::say(&line.to_string());
            return;
        }
        if let Some(warning) = warning {
            output_options::say(&format!("bowstring: {}", escaped(warning)));
        }
        if !quiet {
            let rows = count(rows, "row", "rows");
            let of = if *version > 0 { format!(", version {version}") } else { String::new() };
            output_options::say(&format!(
                "{}: {rows}, {method}{of}, opened in {millis:.2} ms",
                escaped(name)
            ));
        }
    }
}

/// Connects to the store.
pub(crate) fn connect(config: &Config) -> Result<Client, Failure> {
    Client::connect(&config.socket()).map_err(|error| failure::store(config, &error))
}

/// `bowstring get`.
pub(crate) fn get(config: &Config, args: &Get, quiet: bool) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut reasons: Vec<String> = Vec::new();
    let mut last = None;
    for method in &args.method {
        let tried = match method {
            Method::Shared => shared(config, args, begun),
            Method::Json => json(config, args, begun),
            Method::Source => source(config, args, begun),
        };
        match tried {
            Ok((mut came, rows)) => {
                came.warning = (!reasons.is_empty()).then(|| reasons.join("; "));
                came.say(&args.name, rows, args.report, quiet);
                return Ok(());
            }
            Err(Tried { failure, go_on }) => {
                if !go_on {
                    return Err(failure);
                }
                reasons.push(failure.what.clone());
                // The store's error matters more than the lack of a file.
                last = match last {
                    None => Some(failure),
                    before => before,
                };
            }
        }
    }
    Err(last.unwrap_or_else(|| Failure::usage("no method is left to try")))
}

/// A method that failed, and whether to try another.
struct Tried {
    failure: Failure,
    go_on: bool,
}

impl From<Failure> for Tried {
    fn from(failure: Failure) -> Tried {
        Tried { failure, go_on: false }
    }
}

/// Reports the error of a source, and whether the store has the table.
pub(crate) fn or_the_store(config: &Config, name: &str, inputs: &[PathBuf], failure: Failure) -> Failure {
    let origins: Vec<String> = inputs
        .iter()
        .filter_map(|input| input::database(input).ok().flatten())
        .map(|origin| origin.to_string())
        .collect();
    let entries = Client::connect(&config.socket()).and_then(|mut client| client.list()).unwrap_or_default();
    // One without a version was not read either.
    let mut there = entries.into_iter().filter(|entry| entry.version > 0);
    match there
        .find(|entry| origins.contains(&entry.source) || (entry.name == name && !entry.source.is_empty()))
    {
        Some(entry) => failure.advise(format!("the store has the table: bowstring get {}", entry.name)),
        None => failure,
    }
}

fn by_store(config: &Config, error: &StoreError) -> Tried {
    // The store is not running, has no such table, or cannot pass descriptors. What it refuses for any other reason
    // it would refuse again.
    let go_on = match error {
        StoreError::Refused(refused) => matches!(refused.code, Code::NoTable | Code::Denied | Code::Full),
        _ => true,
    };
    Tried { failure: failure::store(config, error), go_on }
}

fn shared(config: &Config, args: &Get, begun: Instant) -> Result<(Came, u64), Tried> {
    let failed = |error: StoreError| by_store(config, &error);
    let mut client = Client::connect(&config.socket()).map_err(failed)?;
    let since = match args.since {
        None => None,
        Some(Since::Position(base, row)) => Some(Position { base, row }),
        Some(Since::Version(version)) => {
            let before = client.get_as(&args.name, Which { version, since: None }).map_err(failed)?;
            Some(before.position())
        }
    };
    let table = client.get_as(&args.name, Which { version: args.version_number, since }).map_err(failed)?;
    let came = Came {
        method: "shared",
        source: said_source(&table, config),
        version: table.version(),
        opened: begun.elapsed(),
        warning: None,
    };
    // What is not needed is neither checked nor read.
    let batches = match args.keep.needs(table.schema()) {
        Some(columns) => table.batches_of(&columns),
        None => table.batches(),
    };
    let reader = Reader(batches.map_err(failed)?);
    let rows = keep(&args.keep, &reader.schema(), reader)?;
    Ok((came, rows))
}

fn said_source(table: &Table, config: &Config) -> String {
    match table.source() {
        "" => config.socket().display().to_string(),
        source => source.to_owned(),
    }
}

/// Lines of JSON are read like any file of them, with inferred types.
fn json(config: &Config, args: &Get, begun: Instant) -> Result<(Came, u64), Tried> {
    if args.version_number != 0 || args.since.is_some() {
        return Err(Tried {
            failure: Failure::usage("JSON lines are all of the newest version"),
            go_on: true,
        });
    }
    let failed = |error: StoreError| by_store(config, &error);
    let mut client = Client::connect(&config.socket()).map_err(failed)?;
    let mut spool = spool().map_err(|error| Failure::host("cannot keep the lines", &error))?;
    let limit = args.keep.limit().unwrap_or(0);
    client.get_json(&args.name, limit, |bytes| spool.write_all(bytes)).map_err(failed)?;
    let opened = begun.elapsed();
    let rewound = spool.seek(SeekFrom::Start(0));
    rewound.map_err(|error| Failure::host("cannot read the lines", &error))?;
    let path = format!("/proc/self/fd/{}", rustix::fd::AsRawFd::as_raw_fd(&spool));
    let came = Came {
        method: "json",
        source: config.socket().display().to_string(),
        version: 0,
        opened,
        warning: None,
    };
    let mut options = input::options(path.as_ref());
    options.format = Some(bowstring_source::options::Format::Jsonl);
    let rows = keep_source(&options, &args.keep)?;
    Ok((came, rows))
}

/// Returns an unnamed file in memory.
fn spool() -> std::io::Result<std::fs::File> {
    let fd = rustix::fs::memfd_create(c"bowstring-lines", rustix::fs::MemfdFlags::CLOEXEC)?;
    Ok(fd.into())
}

fn source(config: &Config, args: &Get, begun: Instant) -> Result<(Came, u64), Tried> {
    if args.version_number != 0 || args.since.is_some() {
        return Err(Tried { failure: Failure::usage("a source has no versions"), go_on: true });
    }
    let Some(path) = config.source(&args.name) else {
        let what = format!("the configuration names no file for {}", args.name);
        return Err(Tried { failure: Failure::usage(what), go_on: true });
    };
    let came = |source: String| Came {
        method: "source",
        source,
        version: 0,
        opened: begun.elapsed(),
        warning: None,
    };
    if let Some(origin) = input::database(path)? {
        let opened = origin.open(&config.drivers()?).map_err(|error| failure::database(&error));
        let failed = |failure| or_the_store(config, &args.name, &[path.to_owned()], failure);
        let batches = opened.map_err(failed)?;
        let came = came(origin.to_string());
        let rows = keep(&args.keep, &batches.schema(), batches)?;
        return Ok((came, rows));
    }
    let came = came(path.display().to_string());
    let rows = keep_source(&input::options(path), &args.keep)?;
    Ok((came, rows))
}

fn keep_source(
    options: &bowstring_source::options::SourceOptions,
    wanted: &KeepOptions,
) -> Result<u64, Failure> {
    let mut source = input::opened(options)?;
    let schema = source.schema();
    let Source::Batches(window) = &mut source else {
        return Err(Failure::usage("a demonstration is no table"));
    };
    let batches = std::iter::from_fn(|| window.next_batch().map_err(|error| error.what).transpose());
    keep(wanted, &schema, batches)
}

/// `bowstring head`.
pub(crate) fn head(config: &Config, name: String, rows: usize) -> Result<(), Failure> {
    let keep = KeepOptions::head(rows);
    let method = vec![Method::Shared, Method::Json, Method::Source];
    get(config, &Get { name, keep, version_number: 0, since: None, method, report: false }, true)
}

/// `bowstring schema`.
pub(crate) fn schema(config: &Config, name: &str) -> Result<(), Failure> {
    let table = connect(config)?.get(name).map_err(|error| failure::store(config, &error))?;
    let mut text = String::new();
    for field in table.schema().fields() {
        let null = if field.is_nullable() { "" } else { " not null" };
        text.push_str(&format!("{} {}{null}\n", escaped(field.name()), field.data_type()));
    }
    for (key, value) in table.metadata() {
        text.push_str(&format!("# {}={}\n", escaped(key), escaped(value)));
    }
    crate::show::print(&text)
}

/// `bowstring follow`.
pub(crate) fn follow(config: &Config, args: &Follow, quiet: bool) -> Result<(), Failure> {
    let signals = Signals::catch().map_err(|error| Failure::host("cannot catch signals", &error))?;
    let failed = |error: StoreError| failure::store(config, &error);
    let since = args.since.map(|(base, row)| Position { base, row });
    let mut follower = connect(config)?.follow(&args.name, since).map_err(failed)?;
    let next = |follower: &mut bowstring_store::Follower| loop {
        if signals.caught().is_some() {
            return Ok(None);
        }
        match follower.next_event(Some(Duration::from_millis(200)))? {
            None => {}
            Some(Event::Removed) => return Ok(None),
            Some(event) => return Ok(Some(event)),
        }
    };
    let Some(first) = next(&mut follower).map_err(failed)? else { return Ok(()) };
    let (Event::Rows(first) | Event::Replaced(first)) = first else { return Ok(()) };
    let schema: SchemaRef = first.schema().clone();
    let mut current = Some(first.batches().map_err(failed)?);
    let mut wrong: Option<StoreError> = None;
    let mut changed = false;
    let batches = std::iter::from_fn(|| {
        loop {
            if let Some(batches) = &mut current {
                match batches.next() {
                    Some(Ok(batch)) => return Some(Ok(batch)),
                    Some(Err(error)) => return Some(Err(error.to_string())),
                    None => current = None,
                }
            }
            let event = match next(&mut follower) {
                Ok(event) => event?,
                Err(error) => {
                    wrong = Some(error);
                    return None;
                }
            };
            let table = match event {
                Event::Rows(table) => table,
                Event::Replaced(table) => {
                    if !quiet {
                        output_options::say(&format!("bowstring: {} was replaced", escaped(&args.name)));
                    }
                    table
                }
                Event::Removed => return None,
            };
            if *table.schema() != schema {
                changed = true;
                return None;
            }
            match table.batches() {
                Ok(batches) => current = Some(batches),
                Err(error) => return Some(Err(error.to_string())),
            }
        }
    });
    let kept = keep(&args.keep, &schema, batches);
    if let Some(position) = follower.position()
        && !quiet
    {
        output_options::say(&format!("bowstring: go on with --since {}:{}", position.base, position.row));
    }
    kept?;
    if let Some(error) = wrong {
        return Err(failed(error));
    }
    if changed {
        let what = format!("{} was replaced by a table of other columns", args.name);
        return Err(Failure::new(Exit::Refused, what).advise("follow it anew"));
    }
    Ok(())
}
