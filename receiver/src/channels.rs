//! `--record` of several tables: a receiver each, on a thread of its own, and one file.

use std::thread;

use bowstring::TableReceiver;
use bowstring_cli::output_options::Several;
use bowstring_cli::signals::Signals;

use crate::again::History;
use crate::choice::Choice;
use crate::drain::{self, Ending};
use crate::failure::Failure;
use crate::plan::{Handling, Plan, SinkPlan};
use crate::report::{Before, Report};
use crate::sink::record::Recording;
use crate::stopwatch::Stopwatch;
use crate::{exit, meet, tell};

/// A table that is recorded.
struct Channel {
    name: String,
    plan: Plan,
    receiver: TableReceiver,
    before: Before,
    history: History,
    stopwatch: Stopwatch,
}

/// Records all tables; returns the first exit code that is not 0. What came of each is kept, however it ends.
pub(crate) fn record(plan: &Plan, signals: &Signals) -> Result<u8, Failure> {
    let Handling::Keep(SinkPlan::Record { path }) = &plan.handling else { return Ok(0) };
    let mut channels = Vec::with_capacity(plan.channels.len());
    for (name, endpoint) in &plan.channels {
        let mut plan = Plan { endpoint: endpoint.clone(), ..plan.clone() };
        // Bars of several tables would write over each other.
        plan.output_options.progress = false;
        let receiver = meet::meet(&plan, signals)?;
        let before = Before::look(&receiver);
        let history = History::begin(&receiver, &plan)?;
        let (name, stopwatch) = (name.clone(), Stopwatch::new());
        channels.push(Channel { name, plan, receiver, before, history, stopwatch });
    }
    let recording = Recording::create(path, channels.len(), signals.flag())?;
    let sinks = channels.iter().map(|channel| {
        let Channel { name, plan, receiver, .. } = channel;
        let choice = Choice::new(receiver.schema(), &plan.columns, plan.limit, plan.condition.as_deref())?;
        recording.begin(name, choice.schema())
    });
    let sinks: Vec<_> = sinks.collect::<Result<_, Failure>>()?;
    let endings = thread::scope(|scope| {
        let threads: Vec<_> = channels
            .iter_mut()
            .zip(sinks)
            .map(|(channel, sink)| {
                scope.spawn(move || {
                    let Channel { plan, receiver, stopwatch, history, .. } = channel;
                    let ending = drain::drain_to(receiver, plan, signals, stopwatch, history, Box::new(sink));
                    ending.unwrap_or_else(Ending::Failed)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    let broken = || Failure::Choice("a thread that receives has broken off".to_owned());
    let endings: Vec<_> =
        endings.into_iter().map(|ending| ending.unwrap_or_else(|_| Ending::Failed(broken()))).collect();
    let finished = recording.finish();
    let mut exits = Vec::with_capacity(channels.len());
    for (channel, ending) in channels.iter().zip(&endings) {
        exits.push(exit(ending, channel.history.missing(&channel.receiver), &channel.plan));
    }
    let reports = channels.iter().zip(&endings).zip(&exits).map(|((channel, ending), exit)| {
        let Channel { name, receiver, before, history, stopwatch, .. } = channel;
        (name.as_str(), Report::new(receiver, *before, history, stopwatch, ending, *exit))
    });
    let reports = Several(reports.collect());
    plan.output_options.state(&reports).map_err(|(name, error)| Failure::Output { name, error })?;
    if let Err(failure) = finished {
        exits.push(tell(&failure));
    }
    Ok(exits.into_iter().find(|exit| *exit != 0).unwrap_or(0))
}
