//! Builds a sender.

use std::ffi::OsStr;
use std::time::Duration;

use arrow_schema::SchemaRef;
use bowstring_transport::names::Address;
use bowstring_transport::{Deliveries, OnSlow, SenderConfig};
use rustix::fd::OwnedFd;

use super::{Interrupt, Sender};
use crate::Hints;
use crate::error::SetUpError;

/// The configuration of a sender.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use arrow_schema::{DataType, Field, Schema};
/// use bowstring::Sender;
/// let schema = Schema::new(vec![Field::new("price", DataType::Float64, false)]);
/// let sender = Sender::builder(schema).slots(16, 1 << 20).bind("prices")?;
/// # Ok::<(), bowstring::SetUpError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SenderBuilder {
    schema: SchemaRef,
    config: SenderConfig,
    on_slow: OnSlow,
    hints: Hints,
    interrupt: Interrupt,
    patience: Option<Duration>,
    keep: usize,
    users: Vec<u32>,
}

impl SenderBuilder {
    /// Sets the shape of the pool: a message takes neighbouring slots, and half the pool at most.
    pub fn slots(mut self, slots: u32, slot_size: usize) -> SenderBuilder {
        self.config = self.config.slots(slots, slot_size);
        self
    }

    /// Offers only these deliveries; all of them by default.
    pub fn deliveries(mut self, deliveries: Deliveries) -> SenderBuilder {
        self.config = self.config.deliveries(deliveries);
        self
    }

    /// Sets the policy for slow receivers; by default the sender waits for them.
    pub fn on_slow(mut self, on_slow: OnSlow) -> SenderBuilder {
        self.on_slow = on_slow;
        self
    }

    /// Keeps the last `messages` for receivers that connect later: see [`Sender::set_keep`].
    pub fn keep(mut self, messages: usize) -> SenderBuilder {
        self.keep = messages;
        self
    }

    /// Also lets in receivers of this user: see [`Sender::allow_user`].
    pub fn allow_user(mut self, uid: u32) -> SenderBuilder {
        self.users.push(uid);
        self
    }

    /// Sets hints about the table for receivers.
    pub fn hints(mut self, hints: Hints) -> SenderBuilder {
        self.hints = hints;
        self
    }

    /// Ends every wait of the sender once `interrupt` is set.
    pub fn interrupt(mut self, interrupt: Interrupt) -> SenderBuilder {
        self.interrupt = interrupt;
        self
    }

    /// Sets the longest wait for a first receiver and for room; unlimited by default.
    pub fn timeout(mut self, patience: Duration) -> SenderBuilder {
        self.patience = Some(patience);
        self
    }

    /// Creates the sender and accepts receivers under this name, or at this path: a text with a `/` in it is a path,
    /// `@NAME` an abstract name.
    pub fn bind(self, address: impl AsRef<OsStr>) -> Result<Sender, SetUpError> {
        let text = address.as_ref();
        let failed = |error| SetUpError::address(text, error);
        let address = Address::parse(text).map_err(|error| failed(error.into()))?;
        let listener = address.listen().map_err(failed)?;
        let mut sender = self.build()?;
        sender.listen(listener);
        sender.awaits_first = !sender.history.is_on();
        Ok(sender)
    }

    /// Creates the sender, and accepts a receiver over a connected socket.
    pub fn accept_socket(self, socket: OwnedFd) -> Result<Sender, SetUpError> {
        let mut sender = self.build()?;
        sender.accept_socket(socket)?;
        Ok(sender)
    }

    /// Creates the sender; accepts nobody yet.
    pub fn build(self) -> Result<Sender, SetUpError> {
        let mut sender = Sender::new(self.schema, self.config)?;
        sender.set_on_slow(self.on_slow);
        sender.set_hints(&self.hints);
        sender.interrupt_by(self.interrupt);
        sender.outlet.patience = self.patience;
        sender.set_keep(self.keep);
        self.users.into_iter().for_each(|uid| sender.allow_user(uid));
        Ok(sender)
    }
}

impl Sender {
    /// Accepts receivers under this name, or at this path.
    ///
    /// The first batch waits until there is a receiver.
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    /// use bowstring::Sender;
    /// # let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
    /// # let batch = RecordBatch::try_from_iter([("n", column)])?;
    /// let mut sender = Sender::bind("ticks", batch.schema())?;
    /// sender.send(&batch)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(address: impl AsRef<OsStr>, schema: impl Into<SchemaRef>) -> Result<Sender, SetUpError> {
        Sender::builder(schema).bind(address)
    }

    /// Returns a builder for everything that [`bind`](Self::bind) leaves at its default.
    pub fn builder(schema: impl Into<SchemaRef>) -> SenderBuilder {
        SenderBuilder {
            schema: schema.into(),
            config: SenderConfig::new(),
            on_slow: OnSlow::Block,
            hints: Hints::default(),
            interrupt: Interrupt::default(),
            patience: None,
            keep: 0,
            users: Vec::new(),
        }
    }
}
