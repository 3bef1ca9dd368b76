//! From what was said on the command line to what will be done: every default is decided here, once.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bowstring::transport::region::Pages;
use bowstring::transport::{Deliveries, Delivery, OnSlow, SenderConfig, session};
use bowstring_cli::args::{Format, Handover};
use bowstring_cli::manners::Manners;
use bowstring_cli::place::Place;

use crate::args::{MeetingArgs, PoolArgs, Range, Send, Slow, SourceArgs};
use crate::failure::{Failure, name};
use crate::pace::Rate;

/// Rows in a batch of what has no batches of its own.
const BATCH_ROWS: usize = 1 << 16;

/// Rows of a demonstration.
const DEMO_ROWS: u64 = 1_000_000;

/// What will be done.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) inputs: Vec<Input>,
    pub(crate) reading: Reading,
    pub(crate) choice: Choice,
    pub(crate) repeat: u64,
    pub(crate) rate: Option<Rate>,
    pub(crate) venue: Venue,
    /// The receiver to start.
    pub(crate) command: Vec<OsString>,
    pub(crate) receivers: u32,
    pub(crate) wait: Option<Duration>,
    pub(crate) on_slow: OnSlow,
    pub(crate) config: SenderConfig,
    pub(crate) manners: Manners,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    File(PathBuf),
    Stdin,
    Demo { rows: u64 },
}

/// How inputs are read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) format: Option<Format>,
    /// A file that tells the types of columns.
    pub(crate) schema: Option<PathBuf>,
    pub(crate) delimiter: u8,
    pub(crate) header: bool,
    /// Rows in a batch, where the input leaves that open.
    pub(crate) batch_rows: usize,
}

/// What of the input is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) rows: Option<Range>,
    pub(crate) batch: Option<usize>,
    /// The most rows of a batch, if that was asked for.
    pub(crate) most: Option<usize>,
}

/// Where receivers are met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Venue {
    /// Where they come to.
    At(Place),
    /// Nowhere: the receiver is started, with a socket of its own.
    Child,
}

impl Plan {
    pub(crate) fn resolve(args: Send) -> Result<Plan, Failure> {
        let Send { source, meeting, pool, manners, receiver } = args;
        let venue = venue(&meeting, &receiver)?;
        let (inputs, reading, choice) = inputs(&source)?;
        if meeting.receivers > 1 && venue == Venue::Child {
            return Err(Failure::usage("one receiver is started, so --receivers cannot be more than 1"));
        }
        let mut manners = Manners::resolve(manners);
        // A receiver that was started shares the terminal, and shows how far it has come itself.
        manners.progress &= venue != Venue::Child;
        let (config, slots) = config(&pool)?;
        // A slow receiver may hold half of the pool, or what is left of that in a pool of one slot.
        let quota = (slots / 2).max(1);
        Ok(Plan {
            inputs,
            reading,
            choice,
            repeat: source.repeat,
            rate: source.rate,
            venue,
            command: receiver,
            receivers: meeting.receivers,
            wait: meeting.wait,
            on_slow: match meeting.on_slow {
                Slow::Block => OnSlow::Block,
                Slow::Skip => OnSlow::Skip { quota },
                Slow::Cut => OnSlow::CutOff { quota },
            },
            config,
            manners,
        })
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Venue::At(place) => place.fmt(f),
            Venue::Child => f.write_str("the receiver that was started"),
        }
    }
}

impl Input {
    fn named(path: PathBuf) -> Result<Input, Failure> {
        let text = path.to_string_lossy();
        if text == "-" {
            return Ok(Input::Stdin);
        }
        match text.strip_prefix("demo") {
            Some("") => Ok(Input::Demo { rows: DEMO_ROWS }),
            Some(rows) if rows.starts_with(':') => match rows[1..].replace('_', "").parse() {
                Ok(rows) => Ok(Input::Demo { rows }),
                Err(_) => Err(Failure::usage(format!("{text}: not a number of rows"))),
            },
            _ => Ok(Input::File(path)),
        }
    }

    /// What people call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Input::File(path) => name(path),
            Input::Stdin => "standard input".to_owned(),
            Input::Demo { .. } => "demo".to_owned(),
        }
    }
}

fn venue(meeting: &MeetingArgs, command: &[OsString]) -> Result<Venue, Failure> {
    match (&meeting.socket, command) {
        (_, [_, ..]) => Ok(Venue::Child),
        (Some(socket), []) => Ok(Venue::At(Place::named(socket.clone()))),
        (None, []) => session::default_socket().map(|path| Venue::At(Place::Path(path))).ok_or_else(|| {
            Failure::usage(
                "there is no default socket: $XDG_RUNTIME_DIR is not set, and /run/user has no place",
            )
            .advise("name one with --socket PATH, and give it to the receiver too")
        }),
    }
}

fn inputs(args: &SourceArgs) -> Result<(Vec<Input>, Reading, Choice), Failure> {
    let inputs: Vec<_> = args.inputs.iter().cloned().map(Input::named).collect::<Result<_, _>>()?;
    let stdin = inputs.iter().filter(|input| **input == Input::Stdin).count();
    let demo = inputs.iter().any(|input| matches!(input, Input::Demo { .. }));
    let wrong = match (inputs.len(), args.repeat) {
        _ if stdin > 1 => Some("standard input can be read once only"),
        (_, repeat) if stdin == 1 && repeat != 1 => Some("standard input cannot be repeated"),
        (2.., _) if demo => Some("a demonstration is sent alone"),
        (2.., _) if args.batch.is_some() => Some("--batch needs a single input"),
        (_, _) if demo && args.batch.is_some() => Some("--batch needs an Arrow file or stream"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        return Err(Failure::usage(wrong));
    }
    let most = args.batch_rows.and_then(|rows| usize::try_from(rows).ok());
    let reading = Reading {
        format: args.format,
        schema: args.schema.clone(),
        delimiter: args.delimiter,
        header: !args.no_header,
        batch_rows: most.unwrap_or(BATCH_ROWS),
    };
    Ok((inputs, reading, Choice { rows: args.rows, batch: args.batch, most }))
}

fn config(args: &PoolArgs) -> Result<(SenderConfig, u32), Failure> {
    let wrong = |what: &str| Err(Failure::usage(what.to_owned()));
    if args.slot == 0 || !args.slot.is_multiple_of(64) {
        return wrong("--slot must be a multiple of 64 bytes");
    }
    // A pool smaller than a slot is one slot.
    let slots = (args.pool / args.slot).max(1);
    let Ok(slots) = u32::try_from(slots) else {
        return wrong("--pool has too many slots: make --slot larger");
    };
    let Ok(slot) = usize::try_from(args.slot) else { return wrong("--slot is too large") };
    let all = || Deliveries::ANY;
    let one = |handover: &Handover| match handover {
        Handover::Pooled => Delivery::Pooled,
        Handover::Copied => Delivery::Copied,
        Handover::Sealed => Delivery::Sealed,
    };
    let deliveries = match args.delivery.split_first() {
        None => all(),
        Some((first, rest)) => {
            rest.iter().fold(Deliveries::only(one(first)), |deliveries, next| deliveries.and(one(next)))
        }
    };
    let pages = if args.huge { Pages::Huge } else { Pages::Normal };
    Ok((SenderConfig::new().slots(slots, slot).deliveries(deliveries).pages(pages), slots))
}
