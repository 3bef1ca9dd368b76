//! The end of sending: of a batch that some receiver lacks, and of the table before its time.

use bowstring_transport::{BreakOff, Unfinished};

use super::{SLICE, Sender};
use crate::error::SendError;

impl Sender {
    /// Waits until nobody lacks what was sent, and accepts newcomers meanwhile.
    #[inline]
    pub(super) fn finish(&mut self) -> Result<(), SendError> {
        let mut deadline = None;
        while !self.outlet.is_finished(&mut deadline, SLICE)? {
            self.let_in();
        }
        Ok(())
    }

    /// Continues after [`SendError::Unfinished`], [`SendError::Partly`] or an interruption, and waits as sending
    /// does. Does nothing if everything is sent.
    pub fn resume(&mut self) -> Result<(), SendError> {
        if let Some(rest) = self.rest.take() {
            self.send_in_slices(&rest, true)?;
        }
        self.finish()
    }

    /// Sends the rest of an earlier batch before a new one begins. For the new one an error only means that it is not
    /// sent.
    #[inline]
    pub(super) fn resume_first(&mut self) -> Result<(), SendError> {
        if self.rest.is_none() {
            return Ok(());
        }
        self.resume().map_err(|error| match error {
            SendError::Unfinished(Unfinished { host, .. }) | SendError::Partly { host, .. } => {
                host.map_or(SendError::TimedOut, SendError::Host)
            }
            error => error,
        })
    }

    /// True if every receiver was given everything that was sent, and no batch was sent in part.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.rest.is_none() && self.outlet.sender.unfinished().is_none()
    }

    /// Returns the message that some receiver lacks, with that receiver.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.outlet.sender.unfinished()
    }

    /// Gives up the table before its end. Receivers get what was sent, and then
    /// [`ReceiveError::Crashed`](crate::ReceiveError::Crashed) instead of the end, so nobody takes a part for the
    /// whole.
    pub fn abandon(self) {
        self.outlet.sender.abandon();
    }

    /// Gives up the table before its end, with a reason: receivers get
    /// [`ReceiveError::BrokenOff`](crate::ReceiveError::BrokenOff) with the first 96 bytes of `reason`.
    pub fn abandon_with(self, how: BreakOff, reason: &str) {
        self.outlet.sender.abandon_with(how, reason);
    }
}
