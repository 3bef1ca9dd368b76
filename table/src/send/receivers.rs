//! The receivers of a table: how they come in, what a newcomer is given first, and who is there.

use std::time::{Duration, Instant};

use bowstring_transport::{
    Answer, Arrival, End, Introduction, LaneFigures, LaneId, Listener, MeetError, To, Wait,
};
use rustix::fd::OwnedFd;

use super::{SLICE, TableSender};
use crate::error::{SendError, SetUpError};
use crate::protocol;

/// How often a busy sender looks whether somebody knocks: seldom enough that the look, a system call, costs nothing.
const TEND_EVERY: Duration = Duration::from_millis(10);

impl TableSender {
    /// Lets in whoever knocks at `listener`, from now on and while sending.
    pub fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Meets a receiver over one end of a pair of sockets, such as a child's that has the other end.
    pub fn meet(&mut self, socket: OwnedFd) -> Result<LaneId, SetUpError> {
        let arrival = self.outlet.sender.meet(socket, &Introduction::new(&self.greeting))?;
        self.welcome(&arrival).map_err(set_up)
    }

    /// Waits until `count` receivers are there; an end may be set to that, and an interruption ends it too.
    pub fn await_receivers(&mut self, count: u32, patience: Option<Duration>) -> Result<(), SetUpError> {
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        while self.receivers() < count {
            let left = until.map_or(SLICE, |until| until.saturating_duration_since(Instant::now()));
            if self.outlet.interrupt.is_set() {
                return Err(SetUpError::Interrupted);
            }
            let late = SetUpError::Meet(MeetError::TimedOut("a connection"));
            let Some(listener) = self.listener.as_ref().filter(|_| !left.is_zero()) else { return Err(late) };
            let greeting = &self.greeting;
            let wait = Wait::sleeping().at_most(left.min(SLICE));
            match self.outlet.sender.accept(listener, wait, &mut |_| Answer::Welcome(greeting)) {
                Ok(arrival) => {
                    self.welcome(&arrival).map_err(set_up)?;
                }
                Err(MeetError::TimedOut(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Lets in whoever knocks, without waiting for anybody, and says how many came. Sending does this by itself now and
    /// then; who pauses between batches calls it meanwhile.
    pub fn tend(&mut self) -> Result<u32, SendError> {
        self.tended = Instant::now();
        let mut came = 0;
        while let Some(listener) = &self.listener {
            let greeting = &self.greeting;
            match self.outlet.sender.tend(listener, &mut |_| Answer::Welcome(greeting)) {
                Ok(Some(arrival)) => {
                    self.welcome(&arrival)?;
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
        Ok(came)
    }

    /// Gives a newcomer what it needs to read the batches to come.
    fn welcome(&mut self, arrival: &Arrival) -> Result<LaneId, SendError> {
        let Self { outlet, encoder, dictionaries, .. } = self;
        let receiver = arrival.receiver;
        for (index, values) in dictionaries.in_force() {
            let len = encoder.dictionary_len(index, values)?;
            outlet.publish(len, protocol::DICTIONARY, To::Only(receiver), |region| {
                Ok(encoder.encode_dictionary(index, values, false, region)?)
            })?;
            self.figures.dictionaries += 1;
            self.figures.dictionary_bytes += len as u64;
        }
        outlet.sender.set_on_slow(receiver, self.on_slow);
        Ok(receiver)
    }

    /// How many receivers are there.
    #[must_use]
    pub fn receivers(&self) -> u32 {
        self.outlet.sender.receivers()
    }

    /// The figures of each receiver.
    pub fn lanes(&self) -> impl Iterator<Item = (LaneId, LaneFigures)> {
        let sender = &self.outlet.sender;
        sender.lanes().filter_map(|lane| Some((lane, sender.lane_figures(lane)?)))
    }

    /// The next receiver that has gone since this was last asked, and how it ended.
    pub fn next_departed(&mut self) -> Option<(LaneId, End)> {
        self.outlet.sender.next_ended()
    }

    /// What went wrong with a newcomer since this was last asked. It was turned away; nobody else noticed.
    pub fn take_trouble(&mut self) -> Option<MeetError> {
        self.trouble.take()
    }

    #[inline]
    pub(super) fn tend_if_due(&mut self) -> Result<(), SendError> {
        if self.listener.is_some() && self.tended.elapsed() >= TEND_EVERY {
            self.tend()?;
        }
        Ok(())
    }
}

/// An error of sending to one newcomer, as one of setting up.
fn set_up(error: SendError) -> SetUpError {
    match error {
        SendError::Host(error) => SetUpError::Host(error),
        SendError::Interrupted => SetUpError::Interrupted,
        _ => SetUpError::Meet(MeetError::HungUp),
    }
}
