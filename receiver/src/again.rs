//! `--reconnect`: from one sender to the next of the same name.

// claim: reconnect

use std::time::{Duration, Instant};

use bowstring::{Missed, SetUpError, TableReceiver};
use bowstring_cli::signals::Signals;
use bowstring_cli::{output_options, text};
use serde_json::{Value, json};

use crate::drain::Ending;
use crate::failure::Failure;
use crate::meet;
use crate::plan::Plan;
use crate::sink::Missing;
use crate::zero_copy;

/// The pause before connecting again if the last sender has given nothing.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// The changes from one sender to the next, and the rows missed of each.
#[derive(Debug)]
pub(crate) struct History {
    /// Sent by the first sender before this receiver came.
    first: Missed,
    changes: Vec<Change>,
    /// Batches received when the present sender came.
    batches: u64,
}

/// A change from one sender to the next.
#[derive(Debug)]
pub(crate) struct Change {
    /// The error that the old one ended with; `None` if its table ended.
    pub(crate) error: Option<String>,
    /// Rows received by then.
    pub(crate) rows: u64,
    /// The time without a sender.
    pub(crate) waited: Duration,
    /// The new one's process.
    pub(crate) pid: i32,
    /// Sent by the new one before this receiver came.
    pub(crate) before: Missed,
}

impl Change {
    /// Returns the line that says so.
    pub(crate) fn line(&self) -> String {
        let came = format!("a new sender (process {}) after {}", self.pid, text::time(self.waited));
        match self.before {
            Missed { batches: 0, .. } => came,
            Missed { batches, rows } => format!(
                "{came}: {} of its rows in {} went before",
                text::grouped(rows),
                text::count(batches, "batch", "batches")
            ),
        }
    }

    /// Returns the change for the report.
    pub(crate) fn json(&self) -> Value {
        json!({
            "error": self.error,
            "rows_received": self.rows,
            "seconds": self.waited.as_secs_f64(),
            "pid": self.pid,
            "before": { "rows": self.before.rows, "batches": self.before.batches },
        })
    }
}

impl History {
    /// Begins with the first sender. Fails if rows were sent before, a file is to be written, and nobody has allowed for it.
    pub(crate) fn begin(receiver: &TableReceiver, plan: &Plan) -> Result<History, Failure> {
        let first = receiver.missed_before();
        allowed(first, plan)?;
        Ok(History { first, changes: Vec::new(), batches: 0 })
    }

    /// Returns what all senders together had sent before this receiver came to them.
    pub(crate) fn before(&self) -> Missed {
        self.changes.iter().fold(self.first, |sum, change| Missed {
            batches: sum.batches.saturating_add(change.before.batches),
            rows: sum.rows.saturating_add(change.before.rows),
        })
    }

    /// Returns how many tables broke off and were taken up again.
    pub(crate) fn interruptions(&self) -> u64 {
        self.changes.iter().filter(|change| change.error.is_some()).count() as u64
    }

    /// Returns true if there was more than one sender.
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Returns what this receiver was not given.
    pub(crate) fn missing(&self, receiver: &TableReceiver) -> Missing {
        let before = self.before();
        Missing {
            skipped: receiver.stats().transport.missed,
            batches_before: before.batches,
            rows_before: before.rows,
            interruptions: self.interruptions(),
        }
    }

    /// Returns the changes for the report.
    pub(crate) fn json(&self) -> Value {
        self.changes.iter().map(Change::json).collect()
    }

    /// Waits for another sender after the end of one, if that was asked for. Returns the ending if that is the end.
    pub(crate) fn go_on(
        &mut self,
        receiver: &mut TableReceiver,
        ending: Ending,
        plan: &Plan,
        signals: &Signals,
    ) -> Result<(), Ending> {
        let Some(reconnect) = plan.reconnect else { return Err(ending) };
        let error = match &ending {
            Ending::Whole if reconnect.always => None,
            Ending::Failed(Failure::Receive(error)) if error.is_gone() => Some(error.to_string()),
            _ => return Err(ending),
        };
        let say = |line: String| {
            if !plan.output_options.quiet {
                output_options::say(&format!("receiver: {}", text::escaped(&line)));
            }
        };
        say(match &error {
            None => "the table has ended; waiting for the next".to_owned(),
            Some(error) => format!("interrupted: {error}; waiting for another sender"),
        });
        let began = Instant::now();
        let stats = receiver.stats();
        if stats.batches == self.batches {
            meet::pause(PAUSE, signals);
        }
        let next = match meet::again(plan, reconnect.wait, signals) {
            Ok(Some(next)) => next,
            Ok(None) => {
                say(format!("no sender came back within {} s", reconnect.wait.as_secs_f64()));
                return Err(ending);
            }
            Err(Failure::Interrupted(signal)) => return Err(Ending::Interrupted(signal)),
            Err(failure) => return Err(Ending::Failed(failure)),
        };
        let pid = next.peer().pid;
        let before = receiver.continue_with(next).map_err(|mismatch| {
            let error = SetUpError::Schema(mismatch).into();
            Ending::Failed(Failure::SetUp { endpoint: plan.endpoint.clone(), error })
        })?;
        self.batches = stats.batches;
        let change = Change { error, rows: stats.rows, waited: began.elapsed(), pid, before };
        say(change.line());
        self.changes.push(change);
        allowed(before, plan).map_err(Ending::Failed)?;
        if plan.require_zero_copy {
            zero_copy::demand(receiver).map_err(Ending::Failed)?;
        }
        Ok(())
    }
}

/// Fails if a file would lack what went before.
pub(crate) fn allowed(before: Missed, plan: &Plan) -> Result<(), Failure> {
    match before.batches > 0 && plan.writes_file() && !plan.from_now {
        true => Err(Failure::Late { rows: before.rows, batches: before.batches }),
        false => Ok(()),
    }
}
