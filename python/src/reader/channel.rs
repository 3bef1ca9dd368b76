//! A reader's channels from their connection to their end, for one thread at a time.

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::transport::Delivery;
use bowstring::transport::fd::OwnedFd;
use bowstring::{BufferStats, Connecting, Keep, Kept, Merge, MergeError, ReceiveError, Receiver, SetUpError};
use bowstring_query::{Choice, ConditionError, QueryError};

use super::again::Again;
use super::missing::Missing;
use super::poll::Poll;
use super::source::{Source, SourceError, Summary};
use super::wanted::Wanted;
use crate::wait::SLICE;

pub(crate) struct Channel {
    pub(super) state: State,
    /// The path of the first socket, for messages.
    pub(crate) path: PathBuf,
    pub(super) wanted: Wanted,
    choice: Option<Choice>,
    pub(super) again: Option<Again>,
    pub(super) missing: Missing,
    poll: Option<Poll>,
    warning: Option<String>,
    warned: bool,
    pub(super) copied_to_keep: u64,
    pub(super) reconnects: u64,
    /// By writer: true if forked children inherit its pool's mapping.
    pub(super) inherited: Vec<bool>,
}

pub(super) enum State {
    /// Handshakes go on: a writer replies once it knows its schema.
    Connecting(Vec<Pending>),
    Open(Source),
    /// Nothing more is wanted, or it was closed.
    Ended(Option<Summary>),
}

/// A writer that was reached.
pub(crate) struct Pending {
    name: String,
    connecting: Option<Connecting>,
    receiver: Option<Receiver>,
}

/// The part of what comes that is going to be kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// A batch at a time: in place, until what is kept fills half the pool.
    InPlace,
    /// As `InPlace`, and there is nobody to warn.
    Quietly,
    /// Everything, so slots are copied.
    Everything,
}

/// A reason that there is no batch.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It was not received.
    Receive(ReceiveError),
    /// It was not received from one of several writers.
    Merge(MergeError),
    /// The writer that took the place of another was not reached, or has other columns.
    SetUp(SetUpError),
    /// The condition cannot be evaluated.
    Choice(QueryError),
}

/// A reason that a table was not begun.
#[derive(Debug)]
pub(crate) enum OpenFault {
    SetUp(SetUpError),
    Merge(MergeError),
    Condition(ConditionError),
}

/// A batch, and where it lies.
pub(crate) struct Next {
    pub(crate) batch: RecordBatch,
    pub(crate) shared: Range<usize>,
    number: u64,
}

impl Next {
    pub(crate) fn into_batch(self) -> crate::batch::Batch {
        crate::batch::Batch::new(self.batch, self.shared, self.number)
    }
}

impl Channel {
    /// Begins the handshakes over connected sockets.
    pub(crate) fn connect(
        sockets: Vec<(String, OwnedFd)>,
        path: PathBuf,
        wanted: Wanted,
        again: Option<Again>,
    ) -> Result<Channel, SetUpError> {
        let builder = wanted.builder();
        let begin = |(name, socket)| {
            let connecting = builder.connect_socket_in_background(socket)?;
            Ok(Pending { name, connecting: Some(connecting), receiver: None })
        };
        let pending = sockets.into_iter().map(begin).collect::<Result<_, SetUpError>>()?;
        Ok(Channel {
            state: State::Connecting(pending),
            path,
            wanted,
            choice: None,
            again,
            missing: Missing::default(),
            poll: None,
            warning: None,
            warned: false,
            copied_to_keep: 0,
            reconnects: 0,
            inherited: Vec::new(),
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, State::Connecting(_))
    }

    /// Waits up to `slice` for the writers' replies.
    pub(crate) fn open_within(&mut self, slice: Duration) -> Option<Result<(), OpenFault>> {
        let State::Connecting(pending) = &mut self.state else { return Some(Ok(())) };
        let until = Instant::now() + slice.min(SLICE);
        for one in pending.iter_mut() {
            let Some(connecting) = &one.connecting else { continue };
            match connecting.wait(until.saturating_duration_since(Instant::now()))? {
                Ok(receiver) => (one.connecting, one.receiver) = (None, Some(receiver)),
                Err(error) => return Some(Err(OpenFault::SetUp(error))),
            }
        }
        let receivers = std::mem::take(pending).into_iter();
        let receivers = receivers.filter_map(|one| Some((one.name, one.receiver?))).collect();
        let opened = self.open(receivers);
        if opened.is_err() {
            self.state = State::Ended(None);
        }
        Some(opened)
    }

    fn open(&mut self, mut receivers: Vec<(String, Receiver)>) -> Result<(), OpenFault> {
        let source = match (&self.wanted.source_column, receivers.len()) {
            (None, 1) => Source::One(Box::new(receivers.remove(0).1)),
            (column, _) => {
                let mut merge = Merge::new(receivers).map_err(OpenFault::Merge)?;
                if let Some(column) = column {
                    merge = merge.with_source_column(column).map_err(OpenFault::Merge)?;
                }
                Source::Several(Box::new(merge))
            }
        };
        self.choice = self.wanted.choice(source.schema()).map_err(OpenFault::Condition)?;
        self.missing.add_before(source.summary().before());
        self.state = State::Open(source);
        Ok(())
    }

    pub(super) fn summary(&self) -> Option<Summary> {
        match &self.state {
            State::Connecting(_) => None,
            State::Open(source) => Some(source.summary()),
            State::Ended(summary) => summary.clone(),
        }
    }

    /// Returns the schema of what is wanted; `None` if the table was never begun.
    pub(crate) fn schema(&self) -> Option<SchemaRef> {
        match (&self.choice, &self.state) {
            (Some(choice), _) => Some(choice.schema().clone()),
            (None, State::Open(source)) => Some(source.schema().clone()),
            (None, State::Ended(summary)) => summary.as_ref().map(|summary| summary.schema.clone()),
            (None, State::Connecting(_)) => None,
        }
    }

    /// Returns what is missing and was not accepted.
    pub(crate) fn missing(&self) -> Missing {
        self.all_missing().without(self.wanted.from_now, self.wanted.allow_gaps)
    }

    /// Returns all that is missing.
    pub(crate) fn all_missing(&self) -> Missing {
        let skipped = match &self.state {
            State::Open(source) => source.skipped(),
            State::Ended(Some(summary)) => summary.skipped,
            _ => 0,
        };
        Missing { skipped, ..self.missing }
    }

    /// Waits up to `slice` for the next batch. `None` if none came; `Some(Ok(None))` is the end.
    pub(crate) fn next_within(
        &mut self,
        slice: Duration,
        keep: Keeping,
    ) -> Option<Result<Option<Next>, Fault>> {
        let began = Instant::now();
        let mut slice = slice;
        loop {
            let outcome = self.look(slice, keep)?;
            match outcome {
                // Nothing of it is wanted. What is there already is looked at for a while.
                Ok(Some(next)) if next.batch.num_rows() == 0 && self.wanted.condition.is_some() => {
                    slice = slice.saturating_sub(began.elapsed());
                    if began.elapsed() > SLICE {
                        return None;
                    }
                }
                outcome => return Some(outcome),
            }
        }
    }

    fn look(&mut self, slice: Duration, keep: Keeping) -> Option<Result<Option<Next>, Fault>> {
        if self.again.as_ref().is_some_and(|again| again.waiting.is_some()) {
            return self.look_for_another(slice);
        }
        let State::Open(source) = &mut self.state else { return Some(Ok(None)) };
        if self.choice.as_ref().is_some_and(Choice::is_satisfied) {
            self.leave();
            return Some(Ok(None));
        }
        if let Some(poll) = &mut self.poll {
            poll.before(source);
        }
        let outcome = source.next(slice, if keep == Keeping::Everything { Keep::All } else { Keep::Some });
        if let Some(poll) = &mut self.poll {
            poll.after(source);
        }
        match outcome? {
            Ok(Some((place, kept))) => Some(self.arrived(place, kept, keep).map(Some)),
            Ok(None) => self.wait_for_another(None, || Ok(None)),
            Err(SourceError::One(error)) if error.is_gone() => {
                self.wait_for_another(Some(error.clone()), || Err(Fault::Receive(error)))
            }
            Err(SourceError::One(error)) => Some(Err(Fault::Receive(error))),
            Err(SourceError::Several(error)) => Some(Err(Fault::Merge(error))),
        }
    }

    /// Keeps the columns and rows that are wanted of a batch.
    fn arrived(&mut self, place: usize, kept: Kept, keep: Keeping) -> Result<Next, Fault> {
        let Kept { batch, number, mut shared, copied, held } = kept;
        if let (Some((messages, bytes, pool)), Keeping::InPlace, false) = (held, keep, self.warned) {
            self.warned = true;
            self.warning = Some(format!(
                "{messages} batches that this reader's arrays keep alive hold {bytes} of the {pool} bytes of the writer's \
                 pool. Batches are copied from now on, so that the writer can go on. Release batches with \
                 batch.release() or `with batch:`, keep copies (batch.copy()), use read_all(), or have the writer make \
                 a larger pool: Writer(size=…)"
            ));
        }
        self.copied_to_keep += u64::from(copied);
        self.let_inherit(place, &shared);
        let Some(choice) = &mut self.choice else { return Ok(Next { batch, shared, number }) };
        let chosen = choice.of(&batch).map_err(Fault::Choice)?.into_owned();
        // A condition copies the rows that it keeps.
        if choice.has_condition() && BufferStats::of_arrays(&chosen, &shared).outside > 0 {
            shared = 0..0;
        }
        if choice.is_satisfied() {
            self.leave();
        }
        Ok(Next { batch: chosen, shared, number })
    }

    fn let_inherit(&mut self, place: usize, shared: &Range<usize>) {
        if self.inherited.len() <= place {
            self.inherited.resize(place + 1, false);
        }
        let pooled = match &self.state {
            State::Open(Source::One(receiver)) => receiver.delivery() == Delivery::Pooled,
            State::Open(Source::Several(merge)) => {
                merge.sources().get(place).is_some_and(|source| source.delivery() == Delivery::Pooled)
            }
            _ => false,
        };
        if pooled && !shared.is_empty() && !std::mem::replace(&mut self.inherited[place], true) {
            super::fork::inherit(shared);
        }
    }

    pub(crate) fn reconnects_at_all(&self) -> bool {
        self.again.is_some()
    }

    pub(crate) fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// A descriptor that is readable when there is something to read; `None` if there cannot be one.
    pub(crate) fn fileno(&mut self) -> Option<Result<i32, ReceiveError>> {
        let State::Open(source) = &self.state else { return Some(Ok(-1)) };
        if self.again.is_some() {
            return None;
        }
        if self.poll.is_none() {
            match Poll::new(source) {
                Ok(poll) => self.poll = Some(poll),
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(self.poll.as_ref().map_or(-1, Poll::fileno)))
    }

    /// Leaves the writers: nothing more is wanted. The descriptor for `poll` shows that there is an end to read.
    fn leave(&mut self) {
        if let State::Open(source) = &self.state {
            self.state = State::Ended(Some(source.summary()));
        }
        if let Some(poll) = &self.poll {
            poll.ring();
        }
    }

    pub(crate) fn close(&mut self) {
        self.leave();
        self.poll = None;
        self.again = None;
        if let State::Connecting(_) = self.state {
            self.state = State::Ended(None);
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.close();
    }
}
