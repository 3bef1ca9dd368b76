//! From what was said on the command line to what will be done: every default is decided here, once.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use bowstring::names::{self, Address};
use bowstring::transport::region::Pages;
use bowstring::transport::{Deliveries, Delivery, OnSlow, SenderConfig};
use bowstring_cli::args::{DEFAULT_NAME, Handover};
use bowstring_cli::bytes;
use bowstring_cli::output_options::OutputOptions;
use bowstring_source::options::{Choice, Input, Reading, SourceOptions};

use crate::args::{MeetingArgs, PoolArgs, Send, Slow};
use crate::compact;
use crate::failure::Failure;
use crate::pace::Rate;

/// The most slots that a pool may have.
const MAX_SLOTS: u32 = 65536;

/// The plan of a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) inputs: Vec<Input>,
    pub(crate) reading: Reading,
    pub(crate) choice: Choice,
    pub(crate) repeat: u64,
    pub(crate) rate: Option<Rate>,
    pub(crate) endpoint: Endpoint,
    /// The endpoint was chosen by the user.
    pub(crate) endpoint_asked: bool,
    /// The receiver to start.
    pub(crate) command: Vec<OsString>,
    pub(crate) receivers: u32,
    /// Other users whose receivers are let in.
    pub(crate) users: Vec<u32>,
    /// Batches to keep for receivers that join later.
    pub(crate) keep: usize,
    pub(crate) wait: Option<Duration>,
    pub(crate) on_slow: OnSlow,
    pub(crate) config: SenderConfig,
    pub(crate) output_options: OutputOptions,
}

/// The receivers' endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// An address that they connect to.
    At(Address),
    /// A socket pair: the receiver is started.
    Child,
}

impl Plan {
    pub(crate) fn resolve(args: Send) -> Result<Plan, Failure> {
        let Send { source, repeat, meeting, pool, output_options, receiver } = args;
        let endpoint = endpoint(&meeting, &receiver)?;
        let endpoint_asked =
            endpoint == Endpoint::Child || meeting.name.is_some() || meeting.socket.is_some();
        let (inputs, reading, choice) = inputs(&source, repeat.repeat)?;
        if meeting.receivers > 1 && endpoint == Endpoint::Child {
            return Err(Failure::usage("one receiver is started, so --receivers cannot be more than 1"));
        }
        if matches!(endpoint, Endpoint::At(Address::Name(_)))
            && meeting.allow_user.iter().any(|&uid| uid != 0)
        {
            return Err(Failure::usage("--allow-user: a name lies in a directory that only you can enter")
                .advise("give a socket that they can reach, with --socket PATH or --socket @NAME"));
        }
        let mut output_options = OutputOptions::resolve(output_options);
        // A receiver that was started shares the terminal, and shows how far it has come itself.
        output_options.progress &= endpoint != Endpoint::Child;
        let (config, slots) = config(&pool)?;
        // A slow receiver may hold half of the pool, or what is left of that in a pool of one slot.
        let quota = (slots / 2).max(1);
        let plan = Plan {
            inputs,
            reading,
            choice,
            repeat: repeat.repeat,
            rate: repeat.rate,
            endpoint,
            endpoint_asked,
            command: receiver,
            receivers: meeting.receivers,
            users: meeting.allow_user,
            keep: meeting.keep,
            wait: meeting.wait,
            on_slow: match meeting.on_slow {
                Slow::Block => OnSlow::Block,
                Slow::Skip => OnSlow::Skip { quota },
                Slow::Cut => OnSlow::CutOff { quota },
            },
            config,
            output_options,
        };
        compact::check(&plan)?;
        Ok(plan)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::At(address) => address.fmt(f),
            Endpoint::Child => f.write_str("the receiver that was started"),
        }
    }
}

fn endpoint(meeting: &MeetingArgs, command: &[OsString]) -> Result<Endpoint, Failure> {
    match (&meeting.socket, command) {
        (_, [_, ..]) => Ok(Endpoint::Child),
        (Some(socket), []) => Ok(Endpoint::At(Address::from_path(socket))),
        (None, []) => {
            let name = meeting.name.as_deref().unwrap_or(DEFAULT_NAME);
            names::check(name).map_err(|error| Failure::usage(error.to_string()))?;
            Ok(Endpoint::At(Address::Name(name.to_owned())))
        }
    }
}

fn inputs(source: &SourceOptions, repeat: u64) -> Result<(Vec<Input>, Reading, Choice), Failure> {
    let resolved = source.resolve()?;
    match repeat != 1 && resolved.0.contains(&Input::Stdin) {
        true => Err(Failure::usage("standard input cannot be repeated")),
        false => Ok(resolved),
    }
}

fn config(args: &PoolArgs) -> Result<(SenderConfig, u32), Failure> {
    let wrong = |what: &str| Err(Failure::usage(what.to_owned()));
    if args.slot == 0 || !args.slot.is_multiple_of(64) {
        return wrong("--slot must be a multiple of 64 bytes");
    }
    // A pool smaller than a slot is one slot.
    let slots = (args.pool / args.slot).max(1);
    let Some(slots) = u32::try_from(slots).ok().filter(|&slots| slots <= MAX_SLOTS) else {
        // The next power of two, which is a multiple of 64.
        let slot = args.pool.div_ceil(MAX_SLOTS.into()).max(64).next_power_of_two();
        return wrong(&format!(
            "--pool {} has {slots} slots of --slot {}, and there may be {MAX_SLOTS}: say --slot {}",
            bytes::exact(args.pool),
            bytes::exact(args.slot),
            bytes::exact(slot)
        ));
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
