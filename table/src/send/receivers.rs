//! The receivers of a table: accepting them, what a newcomer is given first, and the list of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bowstring_codec::{Dictionaries, DictionaryUpdate, OnGrowth};

use bowstring_transport::{
    Access, Arrival, End, HandshakeConfig, HandshakeError, Label, Listener, OnSlow, ReceiverId,
    SubscriberStats, To,
};
use rustix::fd::{BorrowedFd, OwnedFd};

use super::history::Kept;
use super::{SLICE, Sender};
use crate::error::{SendError, SetUpError};
use crate::{Wish, protocol};

/// The time between two checks of a busy sender for connections: long enough that the system call costs nothing.
const ACCEPT_EVERY: Duration = Duration::from_millis(10);

/// A receiver that has connected and still lacks something that it needs to read the table.
#[derive(Debug)]
pub(super) struct Newcomer {
    receiver: ReceiverId,
    /// Its policy from then on. Until then the sender waits for it.
    on_slow: OnSlow,
    since: Instant,
    /// The dictionaries that it has.
    dictionaries: Dictionaries,
    /// The dictionaries that it is given next.
    updates: VecDeque<DictionaryUpdate>,
    /// The position in the history of the message that it is given next.
    next: u64,
    /// True if `updates` has what the message needs, or everything in force.
    is_prepared: bool,
}

/// The time that the sender waits for a newcomer that may be skipped or cut off.
const WELCOME: Duration = Duration::from_secs(1);

impl Newcomer {
    /// Finds the dictionaries that it needs next: for a kept message, or for later ones.
    fn prepare(&mut self, kept: Option<&Kept>, in_force: &Dictionaries) -> Result<(), SendError> {
        let mut updates = Vec::new();
        match kept {
            Some(kept) => kept.needs(&mut self.dictionaries, &mut updates)?,
            None => in_force
                .in_force()
                .try_for_each(|(index, values)| self.dictionaries.update(index, values, &mut updates))?,
        }
        self.updates = updates.into();
        Ok(())
    }
}

/// The longest sleep while waiting for receivers. A signal ends it, unless it comes just before; an interruption by
/// another thread does not.
const NAP: Duration = Duration::from_secs(1);

/// The longest sleep while somebody lacks what was sent: no descriptor tells that room has come.
const SHORT_NAP: Duration = Duration::from_millis(20);

impl Sender {
    /// Accepts connections at `listener`, from now on and while sending.
    pub fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Takes the listener back, for a thread that serves it: the first batch then waits there for a receiver.
    #[cfg(feature = "tokio")]
    pub(crate) fn take_listener(&mut self) -> Option<Listener> {
        self.awaits_first = false;
        self.listener.take()
    }

    /// Accepts a receiver over one end of a socket pair, such as a child's that has the other end.
    pub fn accept_socket(&mut self, socket: OwnedFd) -> Result<ReceiverId, SetUpError> {
        self.tell_past();
        let greeting = self.greeting.after(self.stats.rows, self.stats.batches);
        let arrival = self.outlet.sender.accept(socket, &HandshakeConfig::new(greeting))?;
        self.note(&arrival);
        self.welcome_all().map_err(set_up)?;
        Ok(arrival.receiver)
    }

    /// Waits until there are `count` receivers; a time limit and an interruption end it too.
    pub fn wait_for_receivers(&mut self, count: u32, patience: Option<Duration>) -> Result<(), SetUpError> {
        self.tell_past();
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        while self.receivers() < count {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if self.outlet.interrupt.is_set() {
                return Err(SetUpError::Interrupted);
            }
            let late = SetUpError::Meet(HandshakeError::TimedOut("a connection"));
            let Some(listener) = self.listener.as_ref().filter(|_| left != Some(Duration::ZERO)) else {
                return Err(late);
            };
            let greeting = self.greeting.after(self.stats.rows, self.stats.batches);
            let config = HandshakeConfig::new(greeting).access(access(&self.users));
            match self.outlet.sender.poll_accept(listener, &config)? {
                Some(arrival) => {
                    self.note(&arrival);
                    self.welcome_all().map_err(set_up)?;
                }
                None => {
                    let wake = self.outlet.interrupt.wake();
                    // Without a descriptor to wake up by, the flag is looked at now and then.
                    let limit =
                        if wake.is_some() { left } else { Some(left.map_or(NAP, |left| left.min(NAP))) };
                    self.outlet.sender.await_events(Some(listener), wake.as_slice(), limit)?;
                }
            }
        }
        Ok(())
    }

    /// Accepts connections, and continues with what receivers lack, without waiting; returns how many connected.
    /// Sending does this itself now and then; a program that pauses between batches calls it meanwhile.
    pub fn poll_accept(&mut self) -> Result<u32, SendError> {
        let came = self.let_in();
        // No wait is under way whose patience could be at its end: the last call's is left out of it.
        let patience = self.outlet.patience.take();
        let served = self.serve_newcomers();
        self.outlet.patience = patience;
        served.map(|()| came)
    }

    fn serve_newcomers(&mut self) -> Result<(), SendError> {
        let mut deadline = None;
        // A receiver without room is given the rest the next time.
        self.outlet.is_finished(&mut deadline, Duration::ZERO)?;
        self.welcome(&mut deadline, Duration::ZERO).map(drop)
    }

    /// Sleeps until there is something to do that is not sending: somebody connects, a receiver leaves or dies, one of `also`
    /// becomes readable, the [`Interrupt`](crate::Interrupt) wakes, or `limit` has passed. Then call [`poll_accept`](Self::poll_accept).
    ///
    /// For who pauses between batches. While some receiver lacks what was sent, the sleep is short.
    pub fn await_events(
        &mut self,
        also: &[BorrowedFd<'_>],
        limit: Option<Duration>,
    ) -> Result<(), SendError> {
        let busy = !self.newcomers.is_empty() || !self.is_finished();
        let limit = if busy { Some(limit.map_or(SHORT_NAP, |limit| limit.min(SHORT_NAP))) } else { limit };
        let wake = self.outlet.interrupt.wake();
        let also: Vec<_> = also.iter().copied().chain(wake).collect();
        let listener = self.listener.as_ref();
        self.outlet.sender.await_events(listener, &also, limit).map_err(SendError::Host)
    }

    /// Accepts connections without waiting; returns how many there were. Sends nothing.
    pub(super) fn let_in(&mut self) -> u32 {
        self.polled = Instant::now();
        self.tell_past();
        let mut came = 0;
        while let Some(listener) = &self.listener {
            let greeting = self.greeting.after(self.stats.rows, self.stats.batches);
            let config = HandshakeConfig::new(greeting).access(access(&self.users));
            match self.outlet.sender.poll_accept(listener, &config) {
                Ok(Some(arrival)) => {
                    self.note(&arrival);
                    came += 1;
                }
                Ok(None) => break,
                // Receivers that are already served must not suffer from it.
                Err(error) => {
                    self.trouble = Some(error);
                    break;
                }
            }
        }
        came
    }

    /// Records a newcomer to be [welcomed](Self::welcome).
    fn note(&mut self, arrival: &Arrival) {
        let (receiver, on_slow) = (arrival.receiver, self.on_slow);
        let wish = Wish::parse(arrival.greeting());
        let until = wish.rows.map(|rows| self.stats.rows.saturating_add(rows));
        self.wishes.add(receiver, wish.of(self.schema()), until);
        let columns = self.schema().fields().len();
        self.encoder.leave_out(self.wishes.unwanted(columns));
        self.newcomers.push_back(Newcomer {
            receiver,
            on_slow,
            since: Instant::now(),
            dictionaries: Dictionaries::new(self.encoder.plan().clone(), OnGrowth::Delta),
            updates: VecDeque::new(),
            next: self.history.oldest(),
            is_prepared: false,
        });
    }

    /// Gives newcomers what is kept and what they need to read later batches; returns false if a slice of waiting for
    /// room was not enough. They get it before anything that is for all.
    pub(super) fn welcome(
        &mut self,
        deadline: &mut Option<Instant>,
        slice: Duration,
    ) -> Result<bool, SendError> {
        while let Some(newcomer) = self.newcomers.front_mut() {
            let receiver = newcomer.receiver;
            if self.outlet.sender.peer(receiver).is_none() {
                self.newcomers.pop_front();
                continue;
            }
            // One that may be skipped or cut off does not delay the others for long.
            let is_late = newcomer.on_slow != OnSlow::Block && newcomer.since.elapsed() > WELCOME;
            if is_late {
                self.outlet.sender.set_on_slow(receiver, newcomer.on_slow);
            }
            let kept = self.history.get(newcomer.next);
            if !std::mem::replace(&mut newcomer.is_prepared, true) {
                newcomer.prepare(kept, &self.dictionaries)?;
            }
            let Self { outlet, encoder, stats, .. } = self;
            if let Some(update) = newcomer.updates.front() {
                let len = encoder.dictionary_len(update.index, &update.values)?;
                if !outlet.has_room(len, deadline, slice)? {
                    return Ok(false);
                }
                outlet.publish(len, protocol::dictionary(To::Only(receiver)), |region| {
                    Ok(encoder.encode_dictionary(update.index, &update.values, update.delta, region)?)
                })?;
                stats.dictionaries += 1;
                stats.dictionary_bytes += len as u64;
                newcomer
                    .updates
                    .pop_front()
                    .into_iter()
                    .for_each(|update| newcomer.dictionaries.note(update));
            } else if let Some(kept) = kept {
                let len = kept.len(encoder)?;
                if !outlet.has_room(len, deadline, slice)? {
                    return Ok(false);
                }
                let label = Label { to: To::Only(receiver), ..protocol::batch() };
                outlet.publish(len, label, |region| kept.write(encoder, region))?;
                newcomer.next += 1;
                newcomer.is_prepared = false;
            } else {
                outlet.sender.set_on_slow(receiver, newcomer.on_slow);
                self.newcomers.pop_front();
            }
        }
        Ok(true)
    }

    fn welcome_all(&mut self) -> Result<(), SendError> {
        let mut deadline = None;
        while !self.welcome(&mut deadline, SLICE)? {
            self.let_in();
        }
        Ok(())
    }

    /// Returns the number of receivers.
    #[must_use]
    pub fn receivers(&self) -> u32 {
        self.outlet.sender.receivers()
    }

    /// Returns the stats of each receiver.
    pub fn subscribers(&self) -> impl Iterator<Item = (ReceiverId, SubscriberStats)> {
        let sender = &self.outlet.sender;
        sender.subscribers().filter_map(|subscriber| Some((subscriber, sender.subscriber_stats(subscriber)?)))
    }

    /// Checks all receivers now and takes back what the dead still held.
    pub(crate) fn reap(&mut self) -> Result<(), SendError> {
        self.outlet.sender.reap().map_err(SendError::Host)
    }

    /// Returns the receivers' sockets: readable when one speaks or is gone.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.outlet.sender.descriptors()
    }

    /// Returns the number of connections in handshake.
    pub(crate) fn handshakes(&self) -> usize {
        self.outlet.sender.handshakes()
    }

    /// Returns true if messages are kept for receivers that connect later.
    pub(crate) fn keeps(&self) -> bool {
        self.history.is_on()
    }

    /// Returns the number of messages kept.
    pub(crate) fn kept(&self) -> usize {
        self.history.totals().0 as usize
    }

    /// Returns the number of receivers that have connected and still lack something that was sent before.
    pub(crate) fn newcomers(&self) -> usize {
        self.newcomers.len()
    }

    /// Returns the next receiver that has left since the last call, and how it ended.
    pub fn next_departed(&mut self) -> Option<(ReceiverId, End)> {
        self.outlet.sender.next_ended()
    }

    /// Returns the error of a newcomer since the last call. It was refused; nobody else noticed.
    pub fn take_trouble(&mut self) -> Option<HandshakeError> {
        self.trouble.take()
    }

    #[inline]
    pub(crate) fn poll_accept_if_due(&mut self) -> Result<(), SendError> {
        if self.awaits_first {
            self.wait_for_first()?;
        }
        if self.listener.is_some() && self.polled.elapsed() >= ACCEPT_EVERY {
            self.poll_accept()?;
        }
        Ok(())
    }
}

impl Sender {
    #[cold]
    fn wait_for_first(&mut self) -> Result<(), SendError> {
        self.wait_for_receivers(1, self.outlet.patience).map_err(|error| match error {
            SetUpError::Meet(HandshakeError::TimedOut(_)) => SendError::TimedOut,
            SetUpError::Meet(HandshakeError::Os(error)) | SetUpError::Host(error) => SendError::Host(error),
            SetUpError::Interrupted => SendError::Interrupted,
            SetUpError::Dictionary(error) => error,
            // No newcomer was accepted.
            _ => SendError::NoReceiver(None),
        })?;
        self.awaits_first = false;
        Ok(())
    }
}

/// Returns the users to accept.
fn access(users: &[u32]) -> Access<'_> {
    if users.is_empty() { Access::SameUser } else { Access::Users(users) }
}

/// Converts an error of sending to one newcomer into one of setting up.
fn set_up(error: SendError) -> SetUpError {
    match error {
        SendError::Host(error) => SetUpError::Host(error),
        SendError::Interrupted => SetUpError::Interrupted,
        error => SetUpError::Dictionary(error),
    }
}
