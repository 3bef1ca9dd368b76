//! The channels of one recording: a table each, under its name, on a thread of its own, all at the pace of one clock.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bowstring::names::{self, Address};
use bowstring::{BreakOff, SendError, TableSender};
use bowstring_cli::signals::Signals;
use bowstring_source::Source;
use bowstring_source::options::Input;
use rustix::event::{EventfdFlags, eventfd};

use crate::failure::{self, Exit, Failure};
use crate::meet::{self, Met, NotMet};
use crate::plan::{Endpoint, Plan};
use crate::pump::{self, Ended};
use crate::{exit, report};

/// Returns the channels to send, if the plan is to send a recording of several. One that is chosen is published under
/// its own name, unless another was given.
pub(crate) fn all(plan: &mut Plan) -> Result<Vec<String>, Failure> {
    let [Input::Replay(replay)] = &plan.inputs[..] else { return Ok(Vec::new()) };
    let mut names = bowstring_source::channels(&replay.path)?;
    let chosen = match (&replay.channel, &names[..]) {
        (Some(channel), [_, ..]) => Some(channel),
        (None, [only]) => Some(only),
        _ => None,
    };
    if let Some(channel) = chosen {
        if !plan.endpoint_asked {
            plan.endpoint = published(channel)?;
        }
        names.clear();
    }
    if !names.is_empty() {
        let wrong = match plan {
            Plan { endpoint_asked: true, .. } => Some("it cannot go to one place"),
            Plan { repeat, .. } if *repeat != 1 => Some("it cannot be repeated"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let what = format!("this recording has {} channels: {wrong}", names.len());
            return Err(
                Failure::usage(what).advise(format!("choose one with --channel: {}", names.join(", ")))
            );
        }
    }
    Ok(names)
}

/// Returns the place of a channel's name.
fn published(channel: &str) -> Result<Endpoint, Failure> {
    names::check(channel).map_err(|error| {
        let what = format!("channel {channel:?} cannot be published under its name: {error}");
        Failure::usage(what).advise("send it alone, with --channel and --name")
    })?;
    Ok(Endpoint::At(Address::Name(channel.to_owned())))
}

/// A channel that is to be sent.
struct Channel<'a> {
    name: &'a str,
    plan: Plan,
    source: Source,
    sender: TableSender,
}

/// Sends all channels; returns the first exit code that is not 0.
pub(crate) fn send(plan: &Plan, names: &[String], signals: &Signals) -> Result<u8, Failure> {
    // All are listening before anybody is waited for: one that cannot ends the others before they begin.
    let channels = names.iter().map(|name| prepare(plan, name, signals)).collect::<Result<Vec<_>, _>>()?;
    let gate = Gate::new(channels.len())?;
    let sent = thread::scope(|scope| {
        let run = |channel: Channel<'_>| (channel.name.to_owned(), replay(channel, &gate, signals));
        let threads: Vec<_> = channels.into_iter().map(|channel| scope.spawn(move || run(channel))).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    let (mut exits, mut ended) = (Vec::new(), Vec::new());
    for outcome in sent {
        let (name, outcome) =
            outcome.map_err(|_| Failure::new(Exit::Other, "a thread that sends has broken off"))?;
        match outcome {
            Ok(Some((end, exit))) => {
                exits.push(exit);
                ended.push((name, end, exit));
            }
            Ok(None) => exits.push(signals.caught().map_or(0, |signal| signal.exit())),
            Err(failure) => exits.push(failure.tell("sender")),
        }
    }
    report::state_all(&ended, &plan.output_options)?;
    Ok(exits.into_iter().find(|exit| *exit != 0).unwrap_or(0))
}

fn prepare<'a>(plan: &Plan, name: &'a str, signals: &Signals) -> Result<Channel<'a>, Failure> {
    let mut plan = Plan { endpoint: published(name)?, ..plan.clone() };
    // Bars of several channels would write over each other.
    plan.output_options.progress = false;
    if let [Input::Replay(replay)] = &mut plan.inputs[..] {
        replay.channel = Some(name.to_owned());
    }
    let source = bowstring_source::open(&plan.inputs, &plan.reading, plan.choice)?;
    let sender = meet::listen(&plan, &source, signals)?;
    Ok(Channel { name, plan, source, sender })
}

/// Waits for a channel's receivers, then for those of the others, and sends. Returns nothing if it did not begin.
fn replay(channel: Channel<'_>, gate: &Gate, signals: &Signals) -> Result<Option<(Ended, u8)>, Failure> {
    let Channel { plan, mut source, sender, .. } = channel;
    let mut met = match meet::wait(&plan, sender) {
        Ok(met) => met,
        Err(error) => {
            gate.give_up();
            return match (error, signals.caught()) {
                (_, Some(_)) => Ok(None),
                (NotMet::Failed(failure), None) => Err(failure),
                (NotMet::Ended { .. }, None) => Ok(None),
            };
        }
    };
    gate.arrive();
    match gate.wait(&mut met, signals) {
        Ok(true) => {}
        not => {
            // What was not even begun must not look like a whole table.
            drop(met.close(Some((BreakOff::Interrupted, "another channel could not begin"))));
            return not.map(|_| None);
        }
    }
    let ended = pump::pump(&mut met, &mut source, &plan, signals);
    let exit = exit(&ended, &source, signals);
    let waited = met.close(ended.broken()).wait();
    let exit = if exit == 0 { waited? } else { exit };
    Ok(Some((ended, exit)))
}

/// Opens once every channel has its receivers.
struct Gate {
    missing: AtomicUsize,
    open: AtomicBool,
    given_up: AtomicBool,
    /// Readable once it is open or given up.
    event: OwnedFd,
}

impl Gate {
    fn new(channels: usize) -> Result<Gate, Failure> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Failure::host("cannot make an eventfd", &error.into()))?;
        let (open, given_up) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Gate { missing: AtomicUsize::new(channels), open, given_up, event })
    }

    fn arrive(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.open.store(true, Ordering::Release);
            self.ring();
        }
    }

    fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
        self.ring();
    }

    fn ring(&self) {
        // A counter that cannot be raised is readable already.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// Lets newcomers in until all may begin; returns false if they may not.
    fn wait(&self, met: &mut Met, signals: &Signals) -> Result<bool, Failure> {
        let mut wait = || -> Result<bool, SendError> {
            while !self.open.load(Ordering::Acquire) {
                if self.given_up.load(Ordering::Acquire) || signals.caught().is_some() {
                    return Ok(false);
                }
                met.sender.poll_accept()?;
                met.sender.await_events(&[self.event.as_fd()], None)?;
            }
            Ok(true)
        };
        match wait() {
            Ok(open) => Ok(open),
            Err(SendError::Interrupted) => Ok(false),
            Err(error) => {
                self.give_up();
                failure::sending(&error).map_or(Ok(false), Err)
            }
        }
    }
}
