//! The transport's sender, and how to wait for it.

use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bowstring_codec::{EncodeError, Encoder};
use bowstring_transport::{CommitFault, Label, LoanError, Receipt, Sender, Wait};

use super::Interrupt;
use crate::error::SendError;
use crate::protocol;

/// Batches from this length on are written into a file of their own part by part, if that is how they are delivered.
const IN_PARTS: usize = 32 << 10;

#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) sender: Sender,
    pub(super) wait: Wait,
    /// The longest wait for room; `None` is unlimited.
    pub(super) patience: Option<Duration>,
    pub(super) interrupt: Interrupt,
    /// Largest message in bytes: half the pool, so that one can be written while another is read. `None` without a
    /// pool.
    most: Option<usize>,
}

impl Outlet {
    pub(super) fn new(sender: Sender) -> Outlet {
        let stats = sender.stats();
        // The product is the size of a mapping that exists.
        let pool = usize::try_from(stats.slots * stats.slot_size).unwrap_or(usize::MAX);
        let most = (pool > 0).then(|| (pool / 2).max(stats.slot_size as usize));
        let (wait, patience) = (Wait::sleeping(), None);
        Outlet { sender, wait, patience, interrupt: Interrupt::default(), most }
    }

    pub(super) fn most(&self) -> Option<usize> {
        self.most
    }

    /// Waits for up to `slice` until there is room for `len` bytes, and nobody lacks what was sent before. The caller
    /// keeps `deadline` over the slices of one wait, initially empty.
    #[inline]
    pub(super) fn has_room(
        &mut self,
        len: usize,
        deadline: &mut Option<Instant>,
        slice: Duration,
    ) -> Result<bool, SendError> {
        let wait = self.go_on(deadline, slice)?;
        match self.sender.await_room(len, wait) {
            Ok(()) => Ok(true),
            Err(LoanError::TimedOut) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for up to `slice` until nobody lacks what was sent.
    pub(super) fn is_finished(
        &mut self,
        deadline: &mut Option<Instant>,
        slice: Duration,
    ) -> Result<bool, SendError> {
        let Some(unfinished) = self.sender.unfinished() else { return Ok(true) };
        let wait = self.go_on(deadline, slice).map_err(|error| match error {
            SendError::TimedOut => SendError::Unfinished(unfinished),
            error => error,
        })?;
        match self.sender.finish(wait) {
            Ok(()) => Ok(true),
            Err(unfinished) if unfinished.host.is_some() => Err(SendError::Unfinished(unfinished)),
            Err(_) => Ok(false),
        }
    }

    /// Returns the next slice of a wait, unless it is over.
    fn go_on(&self, deadline: &mut Option<Instant>, slice: Duration) -> Result<Wait, SendError> {
        if self.interrupt.is_set() {
            return Err(SendError::Interrupted);
        }
        // An unlimited wait need not read the clock for every message.
        let Some(patience) = self.patience else { return Ok(self.wait.at_most(slice)) };
        let now = Instant::now();
        let left = match *deadline {
            None => {
                *deadline = now.checked_add(patience);
                patience
            }
            Some(end) if now >= end => return Err(SendError::TimedOut),
            Some(end) => end.duration_since(now),
        };
        Ok(self.wait.at_most(left.min(slice)))
    }

    /// Sends a batch that takes `len` bytes, into room that was waited for.
    #[inline]
    pub(super) fn publish_batch(
        &mut self,
        len: usize,
        encoder: &mut Encoder,
        batch: &RecordBatch,
    ) -> Result<(), SendError> {
        if len >= IN_PARTS
            && let Some(mut file) = self.sender.try_file(len)?
        {
            encoder.encode_to(batch, |at, parts| {
                file.write(at, parts);
                Ok::<_, EncodeError>(())
            })?;
            return sent(file.commit_as(protocol::batch()));
        }
        self.publish(len, protocol::batch(), |region| Ok(encoder.encode(batch, region)?))
    }

    /// Sends a message of `len` bytes that `fill` writes, into room that was waited for.
    #[inline]
    pub(super) fn publish(
        &mut self,
        len: usize,
        label: Label,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, SendError>,
    ) -> Result<(), SendError> {
        let mut loan = self.sender.try_loan(len)?;
        let used = fill(&mut loan)?;
        sent(loan.commit_as(used, label))
    }
}

fn sent(outcome: Result<Receipt, CommitFault>) -> Result<(), SendError> {
    match outcome {
        // A receiver that lacks it is given it before anything else is sent.
        Ok(_) | Err(CommitFault::Unfinished(_)) => Ok(()),
        Err(fault) => Err(fault.into()),
    }
}
