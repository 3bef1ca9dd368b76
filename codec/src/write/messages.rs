//! The messages of one batch, made one after the other in our own buffer.

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::dictionaries::{Dictionaries, DictionaryUpdate, OnGrowth};
use super::error::WriteError;
use crate::encode::Encoder;
use crate::plan::Plan;
use crate::wire::ALIGNMENT;

/// The content of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dictionary,
    Batch,
}

/// Turns batches into messages.
#[derive(Debug)]
pub(super) struct Messages {
    encoder: Encoder,
    sent: Dictionaries,
    updates: Vec<DictionaryUpdate>,
    scratch: Vec<u8>,
}

impl Messages {
    pub(super) fn new(plan: Arc<Plan>, on_growth: OnGrowth) -> Self {
        let sent = Dictionaries::new(plan.clone(), on_growth);
        Self { encoder: Encoder::new(plan), sent, updates: Vec::new(), scratch: Vec::new() }
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        self.encoder.plan()
    }

    /// Passes each message of a batch to `put`, dictionaries first. Fails before the first of them if the batch
    /// replaces a dictionary and that is not allowed.
    pub(super) fn of(
        &mut self,
        batch: &RecordBatch,
        may_replace: bool,
        mut put: impl FnMut(Kind, &[u8]) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let Self { encoder, sent, updates, scratch } = self;
        // A batch that cannot be written must fail before any of its dictionaries is.
        let len = encoder.encoded_len(batch)?;
        updates.clear();
        sent.updates(batch, updates)?;
        if let Some(update) = updates.iter().find(|update| update.replaces && !may_replace) {
            return Err(WriteError::Replaced { index: update.index });
        }
        for update in updates.drain(..) {
            let len = encoder.dictionary_len(update.index, &update.values)?;
            let region = aligned(scratch, len);
            encoder.encode_dictionary(update.index, &update.values, update.delta, region)?;
            put(Kind::Dictionary, region)?;
            sent.note(update);
        }
        let region = aligned(scratch, len);
        encoder.encode(batch, region)?;
        put(Kind::Batch, region)
    }
}

/// Returns `len` bytes of the buffer that begin at a multiple of 64.
fn aligned(scratch: &mut Vec<u8>, len: usize) -> &mut [u8] {
    let room = len.saturating_add(ALIGNMENT);
    if scratch.len() < room {
        scratch.resize(room, 0);
    }
    let start = scratch.as_ptr().addr().next_multiple_of(ALIGNMENT) - scratch.as_ptr().addr();
    &mut scratch[start..start + len]
}
