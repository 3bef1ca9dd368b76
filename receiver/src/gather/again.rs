//! `--reconnect` of several tables: whoever is gone is waited for on a thread, and the others go on meanwhile.

// claim: reconnect

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use bowstring::{Merge, MergeError, MergeSource, SetUpError, TableReceiver};
use bowstring_cli::output_options;
use bowstring_cli::signals::Signals;
use bowstring_cli::text;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use super::Broken;
use crate::again::{Change, PAUSE, allowed};
use crate::failure::Failure;
use crate::meet;
use crate::plan::{Again, Plan};

/// The outcome of waiting for a sender at a place: `None` if none came in time.
type Met = (usize, Result<Option<TableReceiver>, Failure>);

/// The senders that are waited for, and those that came in the place of others.
pub(super) struct Comebacks<'a> {
    plan: &'a Plan,
    signals: &'a Signals,
    tables: Vec<Table>,
    met: (Sender<Met>, Receiver<Met>),
    /// A byte for each outcome: so the loop wakes up.
    bell: (PipeReader, PipeWriter),
}

/// The history of one table.
#[derive(Default)]
struct Table {
    changes: Vec<Change>,
    waits: Option<Waits>,
    /// Batches received when the present sender came.
    batches: u64,
}

/// A wait for another sender.
struct Waits {
    /// The error that the last one ended with; `None` if its table ended.
    error: Option<Failure>,
    since: Instant,
}

impl<'a> Comebacks<'a> {
    pub(super) fn new(plan: &'a Plan, signals: &'a Signals) -> Result<Comebacks<'a>, Failure> {
        let bell = io::pipe().map_err(|error| Failure::Host { what: "cannot make a pipe", error })?;
        let tables = plan.channels.iter().map(|_| Table::default()).collect();
        Ok(Comebacks { plan, signals, tables, met: mpsc::channel(), bell })
    }

    pub(super) fn signals(&self) -> &'a Signals {
        self.signals
    }

    /// Returns the descriptors that a sleep of the loop must watch.
    pub(super) fn wakes(&self) -> [BorrowedFd<'_>; 2] {
        [self.signals.wake(), self.bell.0.as_fd()]
    }

    /// Returns true while somebody is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        self.tables.iter().any(|table| table.waits.is_some())
    }

    /// Sleeps until a sender has come or is given up, a signal comes, or `limit` has passed.
    pub(super) fn sleep(&self, limit: Option<Duration>) {
        let mut fds = self.wakes().map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN));
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        // All is looked at afterwards, whatever ended the sleep.
        let _ = poll(&mut fds, limit.as_ref());
    }

    /// Waits for another sender in the place of one that is gone; returns the table if nobody is to be waited for.
    pub(super) fn gone(&mut self, merge: &Merge, place: usize, broken: Broken) -> Vec<Broken> {
        let Broken { name, failure } = broken;
        let is_gone = matches!(&failure, Failure::Receive(error) if error.is_gone());
        let failure = match self.plan.reconnect.filter(|_| is_gone) {
            Some(reconnect) => self.wait_at(merge, place, Some(failure), reconnect).err(),
            None => Some(failure),
        };
        failure.map(|failure| Broken { name, failure }).into_iter().collect()
    }

    /// Waits for another sender in the place of one whose table has ended, if that was asked for.
    pub(super) fn ended(&mut self, merge: &Merge, place: usize) -> Vec<Broken> {
        let (Some(reconnect), Some(source)) = (self.plan.reconnect, merge.sources().get(place)) else {
            return Vec::new();
        };
        let failure = self.wait_at(merge, place, None, reconnect).err();
        failure.map(|failure| Broken { name: source.name().to_owned(), failure }).into_iter().collect()
    }

    fn wait_at(
        &mut self,
        merge: &Merge,
        place: usize,
        error: Option<Failure>,
        reconnect: Again,
    ) -> Result<(), Failure> {
        let (Some(table), Some((name, endpoint)), Some(source)) =
            (self.tables.get_mut(place), self.plan.channels.get(place), merge.sources().get(place))
        else {
            return Ok(());
        };
        let what = match &error {
            None => "the table has ended; waiting for the next".to_owned(),
            Some(error) => format!("interrupted: {error}; waiting for another sender"),
        };
        say(self.plan, name, &what);
        let gave_nothing = source.stats().batches == table.batches;
        let plan = Plan { endpoint: endpoint.clone(), ..self.plan.clone() };
        let (signals, met) = (self.signals.clone(), self.met.0.clone());
        let host = |error| Failure::Host { what: "cannot wait for a sender", error };
        let mut bell = self.bell.1.try_clone().map_err(host)?;
        // Not waited for: it ends with the program, if nobody comes.
        let waiting = thread::Builder::new().spawn(move || {
            if gave_nothing {
                meet::pause(PAUSE, &signals);
            }
            let outcome = meet::again(&plan, reconnect.wait, &signals);
            if met.send((place, outcome)).is_ok() {
                let _ = bell.write_all(b"!");
            }
        });
        waiting.map_err(host)?;
        table.waits = Some(Waits { error, since: Instant::now() });
        Ok(())
    }

    /// Takes in the senders that have come; returns the tables that end with an error after all.
    pub(super) fn take(&mut self, merge: &mut Merge) -> Vec<Broken> {
        let mut broken = Vec::new();
        while let Ok((place, outcome)) = self.met.1.try_recv() {
            // Its byte is there, or about to come.
            let _ = self.bell.0.read(&mut [0]);
            let (Some(table), Some((name, endpoint))) =
                (self.tables.get_mut(place), self.plan.channels.get(place))
            else {
                continue;
            };
            let Some(Waits { error, since }) = table.waits.take() else { continue };
            let failure = match outcome {
                Ok(Some(next)) => {
                    let pid = next.peer().pid;
                    let rows = merge.sources().get(place).map(MergeSource::stats).unwrap_or_default();
                    match merge.continue_with(place, next) {
                        Ok(before) => {
                            let error = error.map(|error| error.to_string());
                            let change =
                                Change { error, rows: rows.rows, waited: since.elapsed(), pid, before };
                            say(self.plan, name, &change.line());
                            table.changes.push(change);
                            table.batches = rows.batches;
                            allowed(before, self.plan).err()
                        }
                        Err(MergeError::Changed { mismatch, .. }) => {
                            let error = SetUpError::Schema(mismatch).into();
                            Some(Failure::SetUp { endpoint: endpoint.clone(), error })
                        }
                        Err(other) => Some(Failure::Choice(other.to_string())),
                    }
                }
                Ok(None) => {
                    let wait = self.plan.reconnect.map_or(0.0, |reconnect| reconnect.wait.as_secs_f64());
                    say(self.plan, name, &format!("no sender came back within {wait} s"));
                    error
                }
                // The loop looks at the signal itself.
                Err(Failure::Interrupted(_)) => None,
                Err(failure) => Some(failure),
            };
            broken.extend(failure.map(|failure| Broken { name: name.clone(), failure }));
        }
        broken
    }

    /// Returns how many tables broke off and were taken up again.
    pub(super) fn interruptions(&self) -> u64 {
        self.changes().filter(|change| change.error.is_some()).count() as u64
    }

    fn changes(&self) -> impl Iterator<Item = &Change> {
        self.tables.iter().flat_map(|table| &table.changes)
    }

    /// Returns the changes of the table at a place: how many broke off, and all of them for the report.
    pub(super) fn of(&self, place: usize) -> (u64, Value) {
        let changes = self.tables.get(place).map(|table| &table.changes[..]).unwrap_or_default();
        let broke_off = changes.iter().filter(|change| change.error.is_some()).count() as u64;
        (broke_off, changes.iter().map(Change::json).collect())
    }
}

fn say(plan: &Plan, name: &str, what: &str) {
    if !plan.output_options.quiet {
        output_options::say(&format!("receiver: {}: {}", text::escaped(name), text::escaped(what)));
    }
}
