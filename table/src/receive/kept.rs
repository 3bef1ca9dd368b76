//! Arrays that their user may keep for as long as it likes, without taking away all of a sender's pool.

use std::ops::Range;

use arrow_array::RecordBatch;
use bowstring_transport::Delivery;

use super::batch::Batch;
use super::channel::Memory;
use crate::error::ReceiveError;

/// The sealed messages that are kept as mappings of their own; those beyond are copied. The host allows a process some
/// 65,000 mappings.
const MAPPINGS: usize = 1024;

/// The part of what comes that is going to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Perhaps some of it: batches lie where the sender wrote them until what is held takes half of its pool.
    Some,
    /// All of it: batches in slots are copied from the first on.
    All,
}

/// A batch as arrays that may be kept.
#[derive(Debug)]
pub struct Kept {
    /// The arrays.
    pub batch: RecordBatch,
    /// The sender's number of the message.
    pub number: u64,
    /// The addresses of the memory shared with the sender in which the arrays lie; empty if they are copies.
    pub shared: Range<usize>,
    /// True if they were copied so that they may be kept.
    pub copied: bool,
    /// The messages that were held when this batch came, the bytes of their slots, and the bytes of the pool, if they are why
    /// it was copied.
    pub held: Option<(usize, usize, usize)>,
}

impl Batch<'_> {
    /// Returns the batch as Arrow arrays, in place if keeping them leaves the sender enough to go on with, and in private
    /// memory otherwise.
    ///
    /// ```no_run
    /// use bowstring::{Keep, Receiver};
    /// let mut receiver = Receiver::connect("ticks")?;
    /// let mut table = Vec::new();
    /// while let Some(batch) = receiver.next_batch()? {
    ///     table.push(batch.into_kept(Keep::All)?.batch);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_kept(self, keep: Keep) -> Result<Kept, ReceiveError> {
        let (messages, bytes) = (self.outstanding().messages(), self.outstanding().bytes());
        let (number, shared, pool) = (self.number(), self.shared_addresses(), self.shared_addresses().len());
        let copied = match self.delivery() {
            Delivery::Pooled => keep == Keep::All || bytes + self.taken() > pool / 2,
            Delivery::Sealed => messages >= MAPPINGS,
            Delivery::Copied => false,
        };
        let full = copied && self.delivery() == Delivery::Pooled && keep == Keep::Some && messages > 0;
        let held = full.then_some((messages, bytes, pool));
        let batch = if copied { self.into_private_record_batch() } else { self.into_record_batch() }?;
        Ok(Kept { batch, number, shared: if copied { 0..0 } else { shared }, copied, held })
    }
}

impl Memory<'_> {
    pub(super) fn delivery(&self) -> Delivery {
        match self {
            Memory::Lease(_) => Delivery::Pooled,
            Memory::Copy(_) => Delivery::Copied,
            Memory::Sealed(_) => Delivery::Sealed,
        }
    }
}
