//! Connecting to a sender.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use bowstring_codec::decode::Limits;
use bowstring_transport::names::Address;
use bowstring_transport::{Access, Connector, Deliveries, HandshakeError};
use rustix::fd::OwnedFd;

use super::connecting::Stop;
use super::{Receiver, trust};
use crate::Wish;
use crate::error::SetUpError;

/// The pause between two attempts to find a sender.
const PAUSE: Duration = Duration::from_millis(20);

/// The configuration of a receiver.
///
/// ```no_run
/// use std::time::Duration;
/// use bowstring::{Receiver, transport::{Deliveries, Delivery}};
/// let receiver = Receiver::builder()
///     .wait_for_sender(Duration::from_secs(5))
///     .deliveries(Deliveries::only(Delivery::Sealed))
///     .connect("ticks")?;
/// # Ok::<(), bowstring::SetUpError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ReceiverBuilder {
    deliveries: Deliveries,
    users: Vec<u32>,
    greeting: String,
    limits: Limits,
    wish: Wish,
    wait: Duration,
    patience: Duration,
}

impl ReceiverBuilder {
    pub(super) fn new() -> ReceiverBuilder {
        ReceiverBuilder {
            deliveries: Deliveries::ANY,
            users: Vec::new(),
            greeting: String::new(),
            limits: Limits::default(),
            wish: Wish::default(),
            wait: Duration::ZERO,
            patience: Duration::from_secs(2),
        }
    }

    /// Accepts only these deliveries; all of them by default.
    pub fn deliveries(mut self, deliveries: Deliveries) -> ReceiverBuilder {
        self.deliveries = deliveries;
        self
    }

    /// Waits up to `wait` for a sender to appear; by default a sender must be there already.
    pub fn wait_for_sender(mut self, wait: Duration) -> ReceiverBuilder {
        self.wait = wait;
        self
    }

    /// Sets the longest time that the handshake may take; two seconds by default.
    pub fn handshake_timeout(mut self, patience: Duration) -> ReceiverBuilder {
        self.patience = patience;
        self
    }

    /// Also accepts senders of this user. Their messages are not read in place: they are copied, or sealed.
    pub fn allow_user(mut self, uid: u32) -> ReceiverBuilder {
        self.users.push(uid);
        self
    }

    /// Sets a hint for the sender. Control characters become spaces.
    pub fn hint(mut self, key: &str, value: &str) -> ReceiverBuilder {
        let plain = |text: &str| -> String {
            text.chars().map(|c| if c.is_control() || c == '=' { ' ' } else { c }).collect()
        };
        let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.greeting.push_str(&format!("{}={value}\n", plain(key)));
        self
    }

    /// Reads only these columns, in this order, and tells the sender so: it leaves out what no receiver of its reads.
    /// Connecting fails if the table lacks one of them.
    ///
    /// ```no_run
    /// let mut receiver = bowstring::Receiver::builder().columns(["id", "price"]).connect("trips")?;
    /// assert_eq!(receiver.schema().fields().len(), 2);
    /// # Ok::<(), bowstring::SetUpError>(())
    /// ```
    pub fn columns<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> ReceiverBuilder {
        self.wish.columns = Some(names.into_iter().map(S::into).collect());
        self
    }

    /// Tells the sender that no more than this many rows are wanted. It may end the table once every receiver has as many
    /// as it wants, and may also send more, so count them.
    pub fn rows_wanted(mut self, rows: u64) -> ReceiverBuilder {
        self.wish.rows = Some(rows);
        self
    }

    /// Sets the limits of a message; [`Limits::default`] by default.
    pub fn limits(mut self, limits: Limits) -> ReceiverBuilder {
        self.limits = limits;
        self
    }

    /// Connects to the sender of this name, or at this path: a text with a `/` in it is a path, `@NAME` an abstract name.
    pub fn connect(&self, address: impl AsRef<OsStr>) -> Result<Receiver, SetUpError> {
        self.connect_until(address.as_ref(), false, None)
    }

    /// Connects; `again` also tries again if a sender hangs up, as one that is about to end does. Gives up once `stop` is
    /// asked for.
    pub(super) fn connect_until(
        &self,
        text: &OsStr,
        again: bool,
        stop: Option<&Stop>,
    ) -> Result<Receiver, SetUpError> {
        let failed = |error| SetUpError::address(text, error);
        let address = Address::parse(text).map_err(|error| failed(error.into()))?;
        let began = Instant::now();
        loop {
            let error = match address.connect() {
                Ok(socket) => {
                    if let Some(stop) = stop {
                        stop.will_end(&socket)?;
                    }
                    match self.connect_socket(socket) {
                        Err(error @ SetUpError::Meet(HandshakeError::HungUp)) if again => error,
                        met => return met,
                    }
                }
                Err(error) if error.nobody_listens() => failed(error),
                Err(error) => return Err(failed(error)),
            };
            let left = self.wait.saturating_sub(began.elapsed());
            if left.is_zero() || stop.is_some_and(Stop::is_asked) {
                return Err(error);
            }
            std::thread::sleep(PAUSE.min(left));
        }
    }

    /// Connects to a sender over a connected socket, such as one end of a pair whose other end another process has.
    pub fn connect_socket(&self, socket: OwnedFd) -> Result<Receiver, SetUpError> {
        let own = rustix::process::geteuid().as_raw();
        let users: Vec<u32> = self.users.iter().copied().chain([own]).collect();
        let access = if self.users.is_empty() { Access::SameUser } else { Access::Users(&users) };
        let greeting = format!("{}{}", self.greeting, self.wish.lines());
        let connector = Connector::new(self.deliveries)
            .access(access)
            .greeting(greeting.as_bytes())
            .patience(self.patience);
        let mut receiver = trust::open(connector.connect(socket)?)?;
        receiver.set_limits(self.limits);
        if let Some(names) = &self.wish.columns
            && !receiver.choose_columns(names)
        {
            let lacks = |name: &&String| receiver.schema().index_of(name).is_err();
            let name = names.iter().find(lacks).cloned().unwrap_or_default();
            let there = receiver.schema().fields().iter().map(|field| field.name().clone()).collect();
            return Err(SetUpError::NoColumn { name, there });
        }
        Ok(receiver)
    }
}

impl Receiver {
    /// Connects to the sender of this name, or at this path, and receives from now on.
    ///
    /// A sender that runs as the same user is considered honest, and its batches are read in place. Other users are
    /// refused: see [`ReceiverBuilder::allow_user`].
    pub fn connect(address: impl AsRef<OsStr>) -> Result<Receiver, SetUpError> {
        Receiver::builder().connect(address)
    }

    /// Returns a builder for everything that [`connect`](Self::connect) leaves at its default.
    pub fn builder() -> ReceiverBuilder {
        ReceiverBuilder::new()
    }
}
