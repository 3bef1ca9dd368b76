//! Batches that wait for a first receiver.

use std::collections::VecDeque;

use arrow_array::RecordBatch;

use crate::copy::copy_batch;
use crate::error::SendError;
use crate::send::Sender;

/// Copies of batches that were sent without a receiver, oldest first.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    batches: VecDeque<(RecordBatch, usize)>,
    bytes: usize,
    /// Bytes that may wait. One batch always may.
    room: usize,
}

impl WaitingRoom {
    pub(super) fn new(room: usize) -> WaitingRoom {
        WaitingRoom { batches: VecDeque::new(), bytes: 0, room }
    }

    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Keeps a copy if there is room. Returns true if there was.
    pub(super) fn keep(&mut self, batch: &RecordBatch) -> Result<bool, SendError> {
        let bytes = batch.get_array_memory_size();
        // The size of a slice is known once it was copied; a far larger parent must not count.
        if !self.batches.is_empty() && self.bytes.saturating_add(self.slice_bytes(batch, bytes)) > self.room {
            return Ok(false);
        }
        let copy = copy_batch(batch).map_err(|error| match error {
            crate::CopyError::Encode(error) => SendError::Encode(error),
            // The schema was laid out before, and what was just written is valid.
            _ => SendError::Internal("a copy of a batch that cannot be read back"),
        })?;
        let bytes = copy.get_array_memory_size();
        self.bytes += bytes;
        self.batches.push_back((copy, bytes));
        Ok(true)
    }

    fn slice_bytes(&self, batch: &RecordBatch, most: usize) -> usize {
        let sum: Option<usize> =
            batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().ok()).sum();
        sum.map_or(most, |sum| sum.min(most))
    }

    /// Sends what waits. What was not sent stays, in order; what never can be is given up.
    pub(super) fn hand_over(&mut self, sender: &mut Sender) -> Result<(), SendError> {
        while let Some((batch, bytes)) = self.batches.front() {
            // Messages counted from here on are this batch's.
            sender.resume()?;
            let before = sender.stats().batches;
            let sent = sender.send(batch);
            let stays = match sent {
                Ok(()) => false,
                // The next receiver is sent all of it.
                Err(SendError::NoReceiver(_)) => true,
                Err(error) if is_hopeless(&error) => false,
                // The sender continues what it has begun.
                Err(_) => sender.stats().batches == before,
            };
            if !stays {
                self.bytes -= bytes;
                self.batches.pop_front();
            }
            sent?;
        }
        Ok(())
    }
}

/// Returns true if the batch itself is at fault, so that it can never be sent.
pub(super) fn is_hopeless(error: &SendError) -> bool {
    matches!(
        error,
        SendError::Encode(_) | SendError::Build(_) | SendError::TooLarge { .. } | SendError::Internal(_)
    )
}
