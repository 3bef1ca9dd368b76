//! The receiving end.

mod again;
mod alike;
mod batch;
mod builder;
mod channel;
mod connecting;
mod copies;
#[cfg(feature = "derive")]
mod held;
mod iter;
mod kept;
mod outstanding;
mod stats;
mod trust;

use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;
use bowstring_codec::decode::{Decoder, Limits};
use bowstring_codec::interop::{Align, share};
use bowstring_transport::fd::OwnedFd;
use bowstring_transport::{Credentials, Delivery, HandshakeError, Incoming, Meta, Opened, Stats, Wait};

pub use self::alike::SchemaMismatch;
pub use self::batch::Batch;
pub use self::builder::ReceiverBuilder;
use self::channel::{Channel, Memory};
pub use self::connecting::Connecting;
#[cfg(feature = "derive")]
pub(crate) use self::held::Held;
pub use self::kept::{Keep, Kept};
pub use self::outstanding::{Outstanding, in_forked_child};
pub use self::stats::ReceiverStats;
use crate::error::{ReceiveError, SetUpError};
use crate::{Hints, heap, protocol};

/// The batches and rows sent before a receiver connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missed {
    /// Batches, as messages.
    pub batches: u64,
    /// Rows of these.
    pub rows: u64,
}

/// Receives the batches of one table.
///
/// It is an iterator of `RecordBatch`es whose buffers are the memory that they came in, and a
/// [`RecordBatchReader`](arrow_array::RecordBatchReader). [`next_batch`](Self::next_batch) borrows instead and needs
/// no heap. The cost of receiving depends on the delivery agreed to: see [`transport`](bowstring_transport#).
///
/// ```no_run
/// use bowstring::Receiver;
/// let mut receiver = Receiver::connect("ticks")?;
/// for batch in &mut receiver {
///     println!("{} rows", batch?.num_rows());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Receiver {
    channel: Channel,
    decoder: Decoder,
    hints: Hints,
    /// True if the sender announced that it may skip this receiver.
    may_skip: bool,
    /// The number of the last message.
    last: u64,
    /// Batches missed, as last reported to the caller.
    missed: u64,
    /// A message after a gap, held back until the gap has been reported.
    behind_gap: Option<(Memory<'static>, Meta)>,
    align: Align,
    /// Set once the table has ended.
    ended: bool,
    /// Set once iterating has returned an error, which is the last item.
    failed: bool,
    outstanding: Arc<Outstanding>,
    stats: ReceiverStats,
    /// The counts of the channels before this one.
    earlier: ReceiverStats,
}

impl Receiver {
    /// Receives from an untrusted sender: with pooled delivery, messages are copied out of the pool before they are
    /// read.
    pub fn open(incoming: Incoming) -> Result<Receiver, SetUpError> {
        let opened = match incoming.foreign() {
            Ok(receiver) => Opened::Copied(receiver.copying()?),
            Err(incoming) => match incoming.sealed() {
                Ok(receiver) => Opened::Sealed(receiver),
                Err(_) => {
                    return Err(HandshakeError::Internal("a channel that is neither slots nor files").into());
                }
            },
        };
        Receiver::from_opened(opened)
    }

    /// Receives over an open channel: opened with [`Incoming::open`](bowstring_transport::Incoming::open) if the
    /// sender is known to be honest, in which case batches are read where the sender wrote them.
    pub fn from_opened(opened: Opened) -> Result<Receiver, SetUpError> {
        let greeting = match &opened {
            Opened::Pooled(receiver) => receiver.greeting(),
            Opened::Copied(receiver) => receiver.inner().greeting(),
            Opened::Sealed(receiver) => receiver.greeting(),
        };
        let mut decoder = Decoder::from_schema_message(greeting).map_err(SetUpError::Greeting)?;
        let (_, len) = decoder.measure(greeting).map_err(SetUpError::Greeting)?;
        let lines = greeting.get(len..).unwrap_or_default();
        let (hints, may_skip) = (Hints::parse(lines), protocol::may_skip(lines));
        // From here on every datagram is exactly one message.
        decoder.refuse_trailing_bytes();
        let stats = ReceiverStats::default();
        Ok(Receiver {
            channel: Channel::new(opened),
            decoder,
            hints,
            may_skip,
            last: 0,
            missed: 0,
            behind_gap: None,
            align: Align::Copy,
            ended: false,
            failed: false,
            outstanding: Arc::default(),
            stats,
            earlier: ReceiverStats::default(),
        })
    }

    /// Refuses batches with a buffer that would have to be copied to become a Rust array (by default it is copied,
    /// and counted). Senders of this project never send one.
    pub fn refuse_misaligned(&mut self) {
        self.align = Align::Refuse;
    }

    /// Sets the limits of a message; [`Limits::default`] by default. A message beyond a limit returns
    /// [`ReceiveError::Malformed`].
    pub fn set_limits(&mut self, limits: Limits) {
        self.decoder.set_limits(limits);
    }

    /// Reads only these columns, in this order, from now on: schema, views and arrays have no others. The sender leaves
    /// the others out only if it was told so when this receiver connected: see [`ReceiverBuilder::columns`]. Returns false,
    /// and changes nothing, if the table lacks one of them or if a choice was made before.
    pub fn choose_columns(&mut self, names: &[impl AsRef<str>]) -> bool {
        let places = names.iter().map(|name| self.schema().index_of(name.as_ref()).ok());
        let places: Option<Vec<usize>> = places.collect();
        places.is_some_and(|places| self.decoder.choose(&places))
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.decoder.schema()
    }

    /// Returns the hints that the sender gave about the table.
    #[must_use]
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Returns what the sender sent before this receiver connected and will not send to it: with 0 rows, the table is
    /// complete. A sender in another language may not report it, which looks like 0.
    #[must_use]
    pub fn missed_before(&self) -> Missed {
        let past = self.channel.past();
        Missed { batches: past.messages, rows: past.items }
    }

    /// Returns the batches that senders have skipped this receiver for, as far as is known: up to the last gap before a
    /// batch that was received, and all of them at the table's end. Costs nothing, unlike the count in
    /// [`stats`](Self::stats), which is read from the sender.
    #[must_use]
    pub fn missed_so_far(&self) -> u64 {
        self.earlier.transport.missed.saturating_add(self.missed)
    }

    /// True if the sender announced that it may skip this receiver for being slow. Otherwise [`next`](Self::next)
    /// returns [`ReceiveError::Missed`] where a batch is missing.
    #[must_use]
    pub fn may_skip(&self) -> bool {
        self.may_skip
    }

    /// Returns the delivery agreed to.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.channel.delivery()
    }

    /// Returns the identity of the sender.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.channel.peer()
    }

    /// Waits for the next batch. `None` once the sender has closed the table.
    ///
    /// The batch borrows this receiver and needs no heap; iterating over the receiver makes `RecordBatch`es instead.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>, ReceiveError> {
        self.next_batch_with(Wait::sleeping())
    }

    /// Waits for the next batch as `wait` says; [`ReceiveError::TimedOut`] if none came in time.
    pub fn next_batch_with(&mut self, wait: Wait) -> Result<Option<Batch<'_>>, ReceiveError> {
        let Self { channel, decoder, align, ended, outstanding, stats, last, behind_gap, .. } = self;
        let (missed, may_skip) = (&mut self.missed, self.may_skip);
        if *ended {
            return Ok(None);
        }
        let mut before = heap::allocations();
        let pool = channel.pool();
        let (memory, meta) = loop {
            let (memory, meta) = match behind_gap.take().map_or_else(|| channel.receive(wait), Ok) {
                Ok(message) => message,
                Err(error) => match ReceiveError::from_transport(error, || channel.reason()) {
                    Some(error) => return Err(error),
                    None => {
                        note_missed(channel, missed, may_skip)?;
                        *ended = true;
                        return Ok(None);
                    }
                },
            };
            // Only a gap in the numbers can mean that something was missed: the count is on a line that the sender
            // writes for every message, and reading it costs that line.
            if meta.number != last.wrapping_add(1)
                && let Err(error) = note_missed(channel, missed, may_skip)
            {
                *behind_gap = Some((memory.detach(), meta));
                return Err(error);
            }
            *last = meta.number;
            match meta.tag {
                protocol::BATCH => break (memory, meta),
                protocol::DICTIONARY => {
                    stats.dictionaries += 1;
                    stats.dictionary_bytes += memory.len() as u64;
                    let buffer = keep(memory, stats);
                    let received = decoder.dictionary(&buffer);
                    let received = received.map_err(ReceiveError::malformed(meta.number))?;
                    stats.dictionary_deltas += u64::from(received.is_delta);
                    before = heap::allocations();
                }
                tag => return Err(ReceiveError::UnknownTag { message: meta.number, tag }),
            }
        };
        stats.batches += 1;
        stats.bytes += memory.len() as u64;
        if let Memory::Copy(_) = memory {
            stats.bytes_copied += memory.len() as u64;
        }
        stats.note_allocations(before);
        Ok(Some(Batch::new(memory, meta, pool, decoder, *align, outstanding, stats)))
    }

    /// Returns the counts of what was received, over all channels that it had.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.earlier + ReceiverStats { transport: self.channel.stats(), ..self.stats }
    }

    /// Returns what the arrays made of batches still hold.
    #[must_use]
    pub fn outstanding(&self) -> &Arc<Outstanding> {
        &self.outstanding
    }

    /// Returns a new descriptor for `poll`, `epoll` or an async runtime: readable, after [`arm`](Self::arm), when a
    /// message comes or the sender is gone. The caller owns it; make it once.
    pub fn pollable(&self) -> Result<OwnedFd, ReceiveError> {
        self.channel.pollable().map_err(ReceiveError::Host)
    }

    /// Announces that this receiver will sleep on its [`pollable`](Self::pollable) descriptor. Returns `false` if
    /// there is a message or the end already: then receive at once.
    pub fn arm(&self) -> bool {
        !self.ended && self.channel.arm()
    }

    /// Ends the sleep that [`arm`](Self::arm) announced. The next receive returns any error.
    pub fn disarm(&self) {
        self.channel.disarm();
    }

    /// Returns the stats that the sender shows; a sender of sealed messages shows none.
    #[must_use]
    pub fn sender_stats(&self) -> Option<Stats> {
        self.channel.sender_stats()
    }
}

/// Checks whether the sender has skipped batches, and whether it announced that it might.
#[cold]
fn note_missed(channel: &Channel, missed: &mut u64, may_skip: bool) -> Result<(), ReceiveError> {
    let now = channel.stats().missed;
    let batches = now.saturating_sub(*missed);
    *missed = now;
    if batches == 0 || may_skip { Ok(()) } else { Err(ReceiveError::Missed { batches }) }
}

/// Returns a dictionary's message, to be kept while batches refer to it. One in the sender's slots is copied: on
/// lease it would occupy them forever.
fn keep(memory: Memory<'_>, stats: &mut ReceiverStats) -> Buffer {
    match memory {
        Memory::Lease(lease) => {
            stats.dictionary_bytes_copied += lease.len() as u64;
            Buffer::from(&*lease)
        }
        Memory::Copy(copy) => {
            stats.dictionary_bytes_copied += copy.len() as u64;
            share(copy)
        }
        Memory::Sealed(message) => share(message),
    }
}
