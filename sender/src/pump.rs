//! The loop: batch after batch from the source to the receivers.

// claim: programs-heap-free

use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bowstring::transport::End;
use bowstring::{BreakOff, SendError, SenderStats, TableSender};
use bowstring_cli::output_options;
use bowstring_cli::progress::Progress;
use bowstring_cli::signals::Signals;
use bowstring_source::{Next, Position, Source, SourceError};

use crate::failure::{self, Failure};
use crate::meet::{self, Met};
use crate::pace::Pace;
use crate::plan::Plan;

/// The time between two lines of progress while nothing is sent.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// The outcome.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stats: SenderStats,
    pub(crate) ending: Ending,
    pub(crate) failure: Option<Failure>,
    /// From the first batch to the end of the last.
    pub(crate) time: Duration,
    /// Of that, the time in the source: reading, parsing, decompressing.
    pub(crate) source_time: Duration,
    pub(crate) receivers: Receivers,
}

impl Ended {
    /// Returns the reason that receivers get instead of the table's end. A table repeated forever is never whole either.
    pub(crate) fn broken(&self) -> Option<(BreakOff, &str)> {
        match self.ending {
            Ending::Whole | Ending::Enough => None,
            Ending::Interrupted => Some((BreakOff::Interrupted, "")),
            Ending::Failed => Some((BreakOff::Failed, self.failure.as_ref().map_or("", |f| &f.what))),
        }
    }
}

/// The end of the sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All was sent.
    Whole,
    /// The receivers took no more.
    Enough,
    /// A signal came.
    Interrupted,
    /// Something went wrong.
    Failed,
}

/// The ends of the receivers so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Receivers {
    /// The most that were there at a time.
    pub(crate) most: u32,
    pub(crate) closed: u32,
    pub(crate) crashed: u32,
    pub(crate) cut_off: u32,
}

/// A reason to leave the loop.
enum Stop {
    Source(Failure),
    Sending(SendError),
    /// Every receiver has as many rows as it wants.
    Enough,
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Stop {
        Stop::Source(Failure::from(error))
    }
}

impl From<SendError> for Stop {
    fn from(error: SendError) -> Stop {
        Stop::Sending(error)
    }
}

/// Sends everything.
pub(crate) fn pump(met: &mut Met, source: &mut Source, plan: &Plan, signals: &Signals) -> Ended {
    let progress = Progress::new(plan.output_options.progress, meet::rows(plan, source));
    let mut pump = Pump {
        pace: Pace::new(plan.rate),
        progress,
        begun: Instant::now(),
        source_time: Duration::ZERO,
        receivers: Receivers::default(),
        quiet: plan.output_options.quiet,
        shows: plan.output_options.progress,
        position: &plan.reading.position,
        repeat: plan.repeat,
        passes: 0,
        signals,
    };
    let outcome = pump.run(&mut met.sender, source);
    pump.look(&mut met.sender);
    pump.progress.clear();
    let (ending, failure) = match outcome {
        Ok(()) => (Ending::Whole, None),
        Err(Stop::Enough) => (Ending::Enough, None),
        Err(Stop::Source(failure)) => (Ending::Failed, Some(failure)),
        Err(Stop::Sending(SendError::Interrupted)) => (Ending::Interrupted, None),
        Err(Stop::Sending(error)) => match failure::sending(&error) {
            None => (Ending::Enough, None),
            failure => (Ending::Failed, failure),
        },
    };
    Ended {
        stats: met.sender.stats(),
        ending,
        failure,
        time: pump.begun.elapsed(),
        source_time: pump.source_time,
        receivers: pump.receivers,
    }
}

/// Sends a batch, or as much of it as is wanted. Who comes meanwhile may want the rest.
fn send(sender: &mut TableSender, batch: &RecordBatch) -> Result<(), Stop> {
    let mut sent = 0;
    loop {
        let left = batch.num_rows() - sent;
        match sender.rows_wanted().and_then(|wanted| usize::try_from(wanted).ok()) {
            Some(0) => return Err(Stop::Enough),
            Some(wanted) if wanted < left => {
                sender.send(&batch.slice(sent, wanted))?;
                sent += wanted;
            }
            _ if sent == 0 => return Ok(sender.send(batch)?),
            _ => return Ok(sender.send(&batch.slice(sent, left))?),
        }
    }
}

struct Pump<'a> {
    pace: Pace,
    progress: Progress,
    begun: Instant,
    source_time: Duration,
    receivers: Receivers,
    quiet: bool,
    /// True if progress is shown.
    shows: bool,
    /// The position in the input, in this pass.
    position: &'a Position,
    /// Passes over the input; 0 is without end.
    repeat: u64,
    /// Passes that are over.
    passes: u64,
    signals: &'a Signals,
}

impl Pump<'_> {
    fn run(&mut self, sender: &mut TableSender, source: &mut Source) -> Result<(), Stop> {
        loop {
            while self.step(sender, source)? {
                self.look(sender);
                self.keep_pace(sender)?;
            }
            self.passes += 1;
            if self.passes == self.repeat {
                return Ok(());
            }
            source.rewind()?;
        }
    }

    /// Sends one batch; returns true if there was one.
    fn step(&mut self, sender: &mut TableSender, source: &mut Source) -> Result<bool, Stop> {
        if self.signals.caught().is_some() {
            return Err(SendError::Interrupted.into());
        }
        match source {
            _ if sender.rows_wanted() == Some(0) => Err(Stop::Enough),
            Source::Demo(demo) => Ok(demo.send(sender)?),
            Source::Batches(window) => {
                let before = Instant::now();
                match window.poll_next()? {
                    Next::Batch(batch) => send(sender, &batch)?,
                    // Newcomers, the dead and signals do not wait for the input.
                    Next::Idle => {
                        sender.poll_accept()?;
                        let limit = self.shows.then_some(SHOWN_EVERY);
                        sender.await_events(window.ready().as_slice(), limit)?;
                        self.source_time += before.elapsed();
                    }
                    Next::End => return Ok(false),
                }
                Ok(true)
            }
            Source::Replay(replay) => {
                match replay.poll_next()? {
                    Next::Batch(batch) => send(sender, &batch)?,
                    Next::Idle => {
                        sender.poll_accept()?;
                        sender.await_events(&[], Some(replay.pause()))?;
                    }
                    Next::End => return Ok(false),
                }
                Ok(true)
            }
        }
    }

    /// Sees who has gone, and shows how far it has come.
    fn look(&mut self, sender: &mut TableSender) {
        self.receivers.most = self.receivers.most.max(sender.receivers());
        while let Some((_, end)) = sender.next_departed() {
            let (count, how) = match end {
                End::Closed => (&mut self.receivers.closed, None),
                End::CutOff => (&mut self.receivers.cut_off, Some("was too slow and was cut off")),
                End::Crashed => (&mut self.receivers.crashed, Some("crashed")),
                End::Faulty => (&mut self.receivers.crashed, Some("broke the protocol")),
            };
            *count += 1;
            if let Some(how) = how {
                self.say(&format!("a receiver {how}"));
            }
        }
        if let Some(trouble) = sender.take_trouble() {
            self.say(&format!("a receiver was not let in: {trouble}"));
        }
        let (position, passes, repeat) = (self.position, self.passes, self.repeat);
        self.progress.show_part(|| {
            let stats = sender.stats();
            let part = position.part().filter(|_| repeat > 0);
            let part = part.map(|part| (passes as f64 + part) / repeat as f64);
            (stats.rows, stats.bytes, part)
        });
    }

    fn say(&mut self, what: &str) {
        self.progress.clear();
        if !self.quiet {
            output_options::say(&format!("sender: {what}"));
        }
    }

    /// Pauses as long as the rate asks for, and lets newcomers in meanwhile.
    fn keep_pace(&mut self, sender: &mut TableSender) -> Result<(), Stop> {
        while self.pace.is_kept() {
            let stats = sender.stats();
            let pause = self.pace.pause(stats.rows, stats.bytes);
            if pause.is_zero() {
                return Ok(());
            }
            if self.signals.caught().is_some() {
                return Err(SendError::Interrupted.into());
            }
            sender.poll_accept()?;
            sender.await_events(&[], Some(pause))?;
        }
        Ok(())
    }
}
