//! The sending end: one schema, one pool, any number of receivers that come and go.

// claim: streaming, streaming-deep

mod builder;
mod draft;
mod ends;
mod greeting;
mod history;
mod in_place;
mod interrupt;
mod outlet;
mod receivers;
mod slices;
mod stats;
mod wishes;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_codec::{Dictionaries, DictionaryUpdate, Encoder, OnGrowth, Plan};
use bowstring_transport::{HandshakeError, Listener, OnSlow, Past, SenderConfig, To, Wait};

pub use self::builder::SenderBuilder;
pub use self::draft::Draft;
use self::greeting::Greeting;
use self::history::{History, Kept};
pub use self::interrupt::Interrupt;
use self::outlet::Outlet;
use self::receivers::Newcomer;
pub use self::stats::SenderStats;
use self::wishes::Wishes;
use crate::error::{SendError, SetUpError};
use crate::{Hints, heap, protocol};

/// The time to wait before checking for newcomers and interruptions.
const SLICE: Duration = Duration::from_millis(50);

/// Sends the batches of one table to up to 64 receivers.
///
/// Dropping it closes the table: receivers get what was sent, and then its end.
///
/// ```no_run
/// use bowstring::{Sender, transport::{Listener, SenderConfig}};
/// # use std::sync::Arc;
/// # use arrow_array::{Int64Array, RecordBatch};
/// # let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = RecordBatch::try_from_iter([("n", column)])?;
/// let mut sender = Sender::new(batch.schema(), SenderConfig::new())?;
/// sender.listen(Listener::bind(b"/run/user/1000/numbers.sock")?);
/// sender.wait_for_receivers(1, None)?;
/// sender.send(&batch)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender {
    outlet: Outlet,
    encoder: Encoder,
    /// The dictionaries that every receiver has.
    dictionaries: Dictionaries,
    updates: Vec<DictionaryUpdate>,
    /// The rest of a batch that was sent in part.
    rest: Option<RecordBatch>,
    newcomers: VecDeque<Newcomer>,
    wishes: Wishes,
    history: History,
    hints: Hints,
    greeting: Greeting,
    listener: Option<Listener>,
    /// True if the first batch waits for a receiver.
    awaits_first: bool,
    polled: Instant,
    /// The error of a newcomer that no caller has seen yet.
    trouble: Option<HandshakeError>,
    on_slow: OnSlow,
    /// The users to accept, if not only this one.
    users: Vec<u32>,
    stats: SenderStats,
}

impl Sender {
    /// Creates a sender of batches of this schema, with its own pool.
    pub fn new(schema: SchemaRef, config: SenderConfig) -> Result<Sender, SetUpError> {
        let plan = Plan::new(schema)?;
        Ok(Sender {
            outlet: Outlet::new(config.build()?),
            dictionaries: Dictionaries::new(plan.clone(), OnGrowth::Delta),
            updates: Vec::new(),
            rest: None,
            newcomers: VecDeque::new(),
            wishes: Wishes::default(),
            history: History::default(),
            hints: Hints::default(),
            greeting: Greeting::new(&protocol::greeting(&plan, &Hints::default(), OnSlow::Block)),
            encoder: Encoder::new(plan),
            listener: None,
            awaits_first: false,
            polled: Instant::now(),
            trouble: None,
            on_slow: OnSlow::Block,
            users: Vec::new(),
            stats: SenderStats::default(),
        })
    }

    /// Sets the hints for later receivers.
    pub fn set_hints(&mut self, hints: &Hints) {
        self.hints = hints.clone();
        self.greeting = Greeting::new(&protocol::greeting(self.encoder.plan(), &self.hints, self.on_slow));
    }

    /// Sets the policy for later receivers that are slow. For those that skip, the dictionaries of a table may take
    /// twice the quota, since no later batch could be read without them; a receiver without room for one even so is
    /// cut off.
    pub fn set_on_slow(&mut self, on_slow: OnSlow) {
        self.on_slow = on_slow;
        self.greeting = Greeting::new(&protocol::greeting(self.encoder.plan(), &self.hints, on_slow));
    }

    /// Also lets in receivers of this user, over a [`Listener`]. They can read what is sent and change nothing of it.
    ///
    /// The socket of a `Listener` at a path is this user's alone until its mode is changed.
    pub fn allow_user(&mut self, uid: u32) {
        if self.users.is_empty() {
            self.users.push(rustix::process::geteuid().as_raw());
        }
        self.users.push(uid);
    }

    /// Keeps the last `messages` for receivers that connect later: they are sent those first, and then everything
    /// from then on. A batch that takes several messages counts as several. With 0, the default, nothing is kept.
    ///
    /// While there is no receiver, sending succeeds, and what is sent is kept. Arrays are kept as they are, so they
    /// live on; what was built in place is copied.
    pub fn set_keep(&mut self, messages: usize) {
        self.history.set_most(messages);
        self.awaits_first &= messages == 0;
    }

    /// Sets how to wait for room: spinning first or not, and for how long.
    pub fn set_wait(&mut self, wait: Wait, patience: Option<Duration>) {
        self.outlet.wait = wait;
        self.outlet.patience = patience;
    }

    /// Ends every wait once `interrupt` is set.
    pub fn interrupt_by(&mut self, interrupt: Interrupt) {
        self.outlet.interrupt = interrupt;
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.encoder.plan().schema()
    }

    /// Returns the plan of the schema, for building batches in place.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        self.encoder.plan()
    }

    /// Sends a batch: its dictionaries if receivers lack them, then the batch itself, copied once, into the slots
    /// that receivers read. A batch with more than half the pool's bytes is sent as several. Columns that no receiver
    /// [wants](crate::Wish) are left out.
    ///
    /// After an error:
    ///
    /// - [`SendError::Unfinished`]: the batch is sent, and some receiver still lacks it. [`SendError::Partly`]: some
    ///   rows are sent, and the sender keeps the others. Do not send the batch again: [`resume`](Self::resume)
    ///   continues, and so does the next call that sends.
    /// - [`SendError::TooLarge`] and [`SendError::NoReceiver`]: of a batch that takes several messages, some may have
    ///   been sent, and the rest is dropped.
    /// - Any other: nothing of the batch was sent, except dictionaries, which are not sent twice.
    pub fn send(&mut self, batch: &RecordBatch) -> Result<(), SendError> {
        self.poll_accept_if_due()?;
        self.resume_first()?;
        self.forget_wishes();
        loop {
            self.wishes.mark();
            let len = self.encoder.encoded_len(batch)?;
            self.send_dictionaries_of(batch)?;
            match self.outlet.most() {
                Some(most) if len > most => return self.send_in_slices(batch, false),
                _ if self.send_whole(batch, len)? => return Ok(()),
                // Somebody came who may want more of it.
                _ => {}
            }
        }
    }

    /// Sends the dictionaries of a batch that receivers lack.
    fn send_dictionaries_of(&mut self, batch: &RecordBatch) -> Result<(), SendError> {
        if self.plan().layout().dictionaries().is_empty() {
            return Ok(());
        }
        let mut updates = std::mem::take(&mut self.updates);
        let Self { dictionaries, encoder, .. } = self;
        let is_sent = |column| !encoder.leaves_out(column);
        let sent = dictionaries.updates_for(batch, is_sent, &mut updates).map_err(SendError::Encode);
        let sent = sent.and_then(|()| self.send_dictionaries(&mut updates));
        updates.clear();
        self.updates = updates;
        sent
    }

    /// Checks that a batch fits the schema.
    pub(crate) fn check(&mut self, batch: &RecordBatch) -> Result<(), SendError> {
        Ok(self.encoder.encoded_len(batch).map(drop)?)
    }

    /// Sends a batch that fits into one message of `len` bytes. Returns false, with nothing sent, if somebody came since
    /// [`Wishes::mark`]: it may have become longer, and need more dictionaries.
    fn send_whole(&mut self, batch: &RecordBatch, len: usize) -> Result<bool, SendError> {
        let before = heap::allocations();
        if self.has_room_or_keeps(len)? {
            if self.wishes.has_grown() {
                return Ok(false);
            }
            let Self { outlet, encoder, history, .. } = self;
            match outlet.publish_batch(len, encoder, batch) {
                // The last one has just left; later receivers find the batch kept.
                Err(SendError::NoReceiver(_)) if history.is_on() => {}
                published => published?,
            }
        }
        self.stats.sent(batch.num_rows(), len, heap::allocations() - before);
        if self.history.is_on() {
            self.history.push(Kept::batch(batch));
        }
        self.finish().map(|()| true)
    }

    fn send_dictionaries(&mut self, updates: &mut Vec<DictionaryUpdate>) -> Result<(), SendError> {
        for update in updates.drain(..) {
            let len = self.encoder.dictionary_len(update.index, &update.values)?;
            if !self.has_room_or_keeps(len)? {
                // Newcomers are sent it later.
                self.dictionaries.note(update);
                continue;
            }
            let Self { outlet, encoder, .. } = self;
            outlet.publish(len, protocol::dictionary(To::All), |region| {
                Ok(encoder.encode_dictionary(update.index, &update.values, update.delta, region)?)
            })?;
            self.stats.dictionaries += 1;
            self.stats.dictionary_bytes += len as u64;
            self.dictionaries.note(update);
        }
        Ok(())
    }

    /// Waits for room, and accepts newcomers meanwhile. Afterwards nobody lacks what was sent before, and every
    /// receiver has what it needs to read the next message.
    #[inline]
    fn make_room(&mut self, len: usize) -> Result<(), SendError> {
        let mut deadline = None;
        loop {
            let ready = self.newcomers.is_empty() || self.welcome(&mut deadline, SLICE)?;
            if ready && self.outlet.has_room(len, &mut deadline, SLICE)? {
                return Ok(());
            }
            self.let_in();
        }
    }

    /// Waits for room; returns false if there is no receiver and what is sent is kept.
    #[inline]
    fn has_room_or_keeps(&mut self, len: usize) -> Result<bool, SendError> {
        match self.make_room(len) {
            Ok(()) => Ok(true),
            Err(SendError::NoReceiver(_)) if self.history.is_on() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the largest message in bytes, beyond which batches are sent in slices: half the pool. `None` without a
    /// pool.
    #[must_use]
    pub fn longest_message(&self) -> Option<usize> {
        self.outlet.most()
    }

    /// Sets what newcomers learn was sent before them.
    fn tell_past(&mut self) {
        let SenderStats { batches, rows, .. } = self.stats;
        let (kept, kept_rows) = self.history.totals();
        let past = Past { messages: batches.saturating_sub(kept), items: rows.saturating_sub(kept_rows) };
        self.outlet.sender.set_past(past);
    }

    /// Returns the counts of what was sent.
    #[must_use]
    pub fn stats(&self) -> SenderStats {
        let transport = self.outlet.sender.stats();
        // Dictionaries are never skipped.
        SenderStats { transport, skipped: transport.skips, ..self.stats }
    }
}
