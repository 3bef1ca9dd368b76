//! A batch that its receiver's user holds, so that a view of it can be borrowed from both.

use std::ops::Range;

use bowstring_codec::view::{BatchView, Full};
use bowstring_transport::Wait;

use super::channel::Memory;
use super::{Receiver, batch};
use crate::error::ReceiveError;
use crate::heap;

/// The memory of a batch.
#[derive(Debug)]
pub(crate) struct Held {
    memory: Memory<'static>,
    number: u64,
    /// The addresses of what is shared with the sender.
    shared: Range<usize>,
}

impl Held {
    pub(super) fn new(memory: Memory<'static>, number: u64, shared: Range<usize>) -> Self {
        Self { memory, number, shared }
    }
}

impl Receiver {
    /// Gives back what is held, waits for the next batch, holds it, and returns a view of it that was checked in full.
    /// Takes no heap.
    pub(crate) fn next_held<'a>(
        &'a mut self,
        held: &'a mut Option<Held>,
        wait: Wait,
    ) -> Result<Option<BatchView<'a, Full>>, ReceiveError> {
        *held = None;
        let Some(batch) = self.next_batch_with(wait)? else { return Ok(None) };
        let Held { memory, number, shared } = held.insert(batch.into_held());
        let before = heap::allocations();
        let view = self.decoder.decode(memory).and_then(BatchView::validate);
        let view = view.map_err(ReceiveError::malformed(*number))?;
        batch::count(&view, shared, &mut self.stats, &mut false);
        self.stats.note_allocations(before);
        Ok(Some(view))
    }
}
