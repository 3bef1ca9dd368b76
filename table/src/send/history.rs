//! The last messages of a table, kept for receivers that connect later.
//!
//! A batch is kept as the arrays that it came as, which costs no copy and no room in the pool; one that was built in
//! place is kept as a copy of its message. A newcomer is sent what is kept, each message with the dictionaries that
//! it needs, then the dictionaries in force, and from then on the same as everybody.

// claim: history

use std::collections::VecDeque;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use bowstring_codec::{Dictionaries, DictionaryUpdate, EncodeError, Encoder};

use crate::error::SendError;

#[derive(Debug)]
pub(super) struct Kept {
    rows: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Batch(RecordBatch),
    /// A message, and the dictionaries that its keys refer to.
    Message(Buffer, Vec<(usize, ArrayRef)>),
}

/// The last messages, up to a number.
#[derive(Debug, Default)]
pub(super) struct History {
    most: usize,
    kept: VecDeque<Kept>,
    /// Messages that were kept once and no longer are.
    gone: u64,
}

impl Kept {
    pub(super) fn batch(batch: &RecordBatch) -> Kept {
        Kept { rows: batch.num_rows(), what: What::Batch(batch.clone()) }
    }

    pub(super) fn message(bytes: Buffer, rows: usize, dictionaries: &Dictionaries) -> Kept {
        let needed = dictionaries.in_force().map(|(index, values)| (index, values.clone()));
        Kept { rows, what: What::Message(bytes, needed.collect()) }
    }

    /// Finds the dictionaries that a receiver with `known` needs first.
    pub(super) fn needs(
        &self,
        known: &mut Dictionaries,
        updates: &mut Vec<DictionaryUpdate>,
    ) -> Result<(), EncodeError> {
        match &self.what {
            What::Batch(batch) => known.updates(batch, updates),
            What::Message(_, dictionaries) => {
                dictionaries.iter().try_for_each(|(index, values)| known.update(*index, values, updates))
            }
        }
    }

    pub(super) fn len(&self, encoder: &mut Encoder) -> Result<usize, EncodeError> {
        match &self.what {
            What::Batch(batch) => encoder.encoded_len(batch),
            What::Message(bytes, _) => Ok(bytes.len()),
        }
    }

    pub(super) fn write(&self, encoder: &mut Encoder, region: &mut [u8]) -> Result<usize, SendError> {
        match &self.what {
            What::Batch(batch) => Ok(encoder.encode(batch, region)?),
            What::Message(bytes, _) => {
                region[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }
}

impl History {
    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most;
        self.trim();
    }

    pub(super) fn is_on(&self) -> bool {
        self.most > 0
    }

    pub(super) fn push(&mut self, kept: Kept) {
        self.kept.push_back(kept);
        self.trim();
    }

    fn trim(&mut self) {
        while self.kept.len() > self.most {
            self.kept.pop_front();
            self.gone += 1;
        }
    }

    /// Returns the position of the oldest message kept, counted from the first ever sent.
    pub(super) fn oldest(&self) -> u64 {
        self.gone
    }

    pub(super) fn get(&self, place: u64) -> Option<&Kept> {
        self.kept.get(usize::try_from(place.checked_sub(self.gone)?).ok()?)
    }

    /// Returns the number of messages and rows kept.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.kept.len() as u64, self.kept.iter().map(|kept| kept.rows as u64).sum())
    }
}
