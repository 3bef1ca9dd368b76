//! The receivers of a table: how they come in, what a newcomer is given first, and who is there.

use std::time::{Duration, Instant};

use bowstring_transport::{
    Arrival, Decision, End, HandshakeConfig, HandshakeError, Listener, OnSlow, ReceiverId, SubscriberStats,
    To,
};
use rustix::fd::{BorrowedFd, OwnedFd};

use super::{SLICE, Sender};
use crate::error::{SendError, SetUpError};
use crate::protocol;

/// How often a busy sender looks whether somebody knocks: seldom enough that the look, a system call, costs nothing.
const TEND_EVERY: Duration = Duration::from_millis(10);

/// A receiver that has come in and has not been given everything yet that it needs to read the table.
#[derive(Debug)]
pub(super) struct Newcomer {
    receiver: ReceiverId,
    /// Its policy from then on. Until then it is waited for.
    on_slow: OnSlow,
    /// How many of the dictionaries in force it has.
    dictionaries: usize,
}

/// The longest sleep while receivers are waited for. A signal ends it, unless it comes just before; an interruption by
/// another thread does not.
const NAP: Duration = Duration::from_secs(1);

impl Sender {
    /// Lets in whoever knocks at `listener`, from now on and while sending.
    pub fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Meets a receiver over one end of a pair of sockets, such as a child's that has the other end.
    pub fn accept_socket(&mut self, socket: OwnedFd) -> Result<ReceiverId, SetUpError> {
        self.tell_past();
        let greeting = self.greeting.after(self.stats.rows, self.stats.batches);
        let arrival = self.outlet.sender.accept_socket(socket, &HandshakeConfig::new(greeting))?;
        self.note(&arrival);
        self.welcome_all().map_err(set_up)?;
        Ok(arrival.receiver)
    }

    /// Waits until `count` receivers are there; an end may be set to that, and an interruption ends it too.
    pub fn wait_for_receivers(&mut self, count: u32, patience: Option<Duration>) -> Result<(), SetUpError> {
        self.tell_past();
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        while self.receivers() < count {
            let left = until.map_or(NAP, |until| until.saturating_duration_since(Instant::now()));
            if self.outlet.interrupt.is_set() {
                return Err(SetUpError::Interrupted);
            }
            let late = SetUpError::Meet(HandshakeError::TimedOut("a connection"));
            let Some(listener) = self.listener.as_ref().filter(|_| !left.is_zero()) else { return Err(late) };
            let greeting = self.greeting.after(self.stats.rows, self.stats.batches);
            match self.outlet.sender.poll_accept(listener, &mut |_| Decision::Welcome(greeting))? {
                Some(arrival) => {
                    self.note(&arrival);
                    self.welcome_all().map_err(set_up)?;
                }
                None => self.outlet.sender.await_events(Some(listener), None, Some(left.min(NAP)))?,
            }
        }
        Ok(())
    }

    /// Lets in whoever connects, and goes on with what receivers lack, without waiting for anybody; returns how many came.
    /// Sending does this by itself now and then; who pauses between batches calls it meanwhile.
    pub fn poll_accept(&mut self) -> Result<u32, SendError> {
        let came = self.let_in();
        let mut deadline = None;
        // Who has no room yet is given the rest the next time.
        self.outlet.is_finished(&mut deadline, Duration::ZERO)?;
        self.welcome(&mut deadline, Duration::ZERO)?;
        Ok(came)
    }

    /// Lets in whoever connects, without waiting; returns how many came. Sends nothing.
    pub(super) fn let_in(&mut self) -> u32 {
        self.polled = Instant::now();
        self.tell_past();
        let mut came = 0;
        while let Some(listener) = &self.listener {
            let greeting = self.greeting.after(self.stats.rows, self.stats.batches);
            match self.outlet.sender.poll_accept(listener, &mut |_| Decision::Welcome(greeting)) {
                Ok(Some(arrival)) => {
                    self.note(&arrival);
                    came += 1;
                }
                Ok(None) => break,
                // Whoever is served already shall not suffer from it.
                Err(error) => {
                    self.trouble = Some(error);
                    break;
                }
            }
        }
        came
    }

    /// Notes that somebody came in, who is to be [welcomed](Self::welcome).
    fn note(&mut self, arrival: &Arrival) {
        let (receiver, on_slow) = (arrival.receiver, self.on_slow);
        self.newcomers.push_back(Newcomer { receiver, on_slow, dictionaries: 0 });
    }

    /// Gives newcomers what they need to read the batches to come; false if a slice of waiting for room was not enough.
    /// They are given it before anything that is for all.
    pub(super) fn welcome(
        &mut self,
        deadline: &mut Option<Instant>,
        slice: Duration,
    ) -> Result<bool, SendError> {
        while let Some(newcomer) = self.newcomers.front_mut() {
            let Self { outlet, encoder, dictionaries, stats, .. } = self;
            let receiver = newcomer.receiver;
            let is_there = outlet.sender.peer(receiver).is_some();
            let next = dictionaries.in_force().nth(newcomer.dictionaries).filter(|_| is_there);
            let Some((index, values)) = next else {
                outlet.sender.set_on_slow(receiver, newcomer.on_slow);
                self.newcomers.pop_front();
                continue;
            };
            let len = encoder.dictionary_len(index, values)?;
            if !outlet.has_room(len, deadline, slice)? {
                return Ok(false);
            }
            outlet.publish(len, protocol::dictionary(To::Only(receiver)), |region| {
                Ok(encoder.encode_dictionary(index, values, false, region)?)
            })?;
            newcomer.dictionaries += 1;
            stats.dictionaries += 1;
            stats.dictionary_bytes += len as u64;
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

    /// How many receivers are there.
    #[must_use]
    pub fn receivers(&self) -> u32 {
        self.outlet.sender.receivers()
    }

    /// The stats of each receiver.
    pub fn subscribers(&self) -> impl Iterator<Item = (ReceiverId, SubscriberStats)> {
        let sender = &self.outlet.sender;
        sender.subscribers().filter_map(|subscriber| Some((subscriber, sender.subscriber_stats(subscriber)?)))
    }

    /// Looks at all receivers now and takes back what the dead still held.
    pub(crate) fn reap(&mut self) -> Result<(), SendError> {
        self.outlet.sender.reap().map_err(SendError::Host)
    }

    /// The receivers' sockets: readable when one speaks or is gone.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.outlet.sender.descriptors()
    }

    /// Returns how many connections are on their way in.
    pub(crate) fn handshakes(&self) -> usize {
        self.outlet.sender.handshakes()
    }

    /// The next receiver that has gone since this was last asked, and how it ended.
    pub fn next_departed(&mut self) -> Option<(ReceiverId, End)> {
        self.outlet.sender.next_ended()
    }

    /// What went wrong with a newcomer since this was last asked. It was turned away; nobody else noticed.
    pub fn take_trouble(&mut self) -> Option<HandshakeError> {
        self.trouble.take()
    }

    #[inline]
    pub(crate) fn poll_accept_if_due(&mut self) -> Result<(), SendError> {
        if self.awaits_first {
            self.wait_for_first()?;
        }
        if self.listener.is_some() && self.polled.elapsed() >= TEND_EVERY {
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
            _ => SendError::NoReceiver(None),
        })?;
        self.awaits_first = false;
        Ok(())
    }
}

/// An error of sending to one newcomer, as one of setting up.
fn set_up(error: SendError) -> SetUpError {
    match error {
        SendError::Host(error) => SetUpError::Host(error),
        SendError::Interrupted => SetUpError::Interrupted,
        error => SetUpError::Dictionary(error),
    }
}
