//! One receiver in place of another, after its sender is gone.

// claim: reconnect

use std::ffi::OsStr;

use super::{Missed, Receiver, ReceiverBuilder};
use crate::error::SetUpError;
use crate::{ReceiveError, SchemaMismatch};

impl Receiver {
    /// Goes on with the channel of another receiver, whose schema must be the same except for metadata. Counts go on
    /// too; arrays of the old channel stay valid. Returns what the new sender sent before: see
    /// [`missed_before`](Self::missed_before).
    ///
    /// Nobody knows how two senders' rows relate. The old one's were received up to where it ended; the new one counts
    /// its own from 0, and may repeat or leave out some of them.
    pub fn continue_with(&mut self, mut next: Receiver) -> Result<Missed, SchemaMismatch> {
        SchemaMismatch::check(self.schema(), next.schema())?;
        next.align = self.align;
        next.outstanding = self.outstanding.clone();
        next.earlier = self.stats();
        *self = next;
        Ok(self.missed_before())
    }
}

impl ReceiverBuilder {
    /// Connects again, in place of a receiver whose sender is gone: see [`ReceiveError::is_gone`] and
    /// [`Receiver::continue_with`]. Waits for a sender as [`connect`](Self::connect) does, also after one that is about
    /// to end and hangs up. If it fails, `receiver` is as it was.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use bowstring::{ReceiveError, Receiver};
    ///
    /// let senders = Receiver::builder().wait_for_sender(Duration::from_secs(60));
    /// let mut receiver = senders.connect("ticks")?;
    /// while let Some(batch) = receiver.next() {
    ///     match batch {
    ///         Ok(batch) => println!("{} rows", batch.num_rows()),
    ///         Err(error) if ReceiveError::of(&error).is_some_and(ReceiveError::is_gone) => {
    ///             let missed = senders.reconnect("ticks", &mut receiver)?;
    ///             println!("{error}; a new sender: {} of its rows went before", missed.rows);
    ///         }
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconnect(
        &self,
        address: impl AsRef<OsStr>,
        receiver: &mut Receiver,
    ) -> Result<Missed, SetUpError> {
        let next = self.connect_until(address.as_ref(), true, None)?;
        receiver.continue_with(next).map_err(SetUpError::Schema)
    }
}

impl ReceiveError {
    /// Returns true if the channel is gone and connecting again can help: the sender died, broke off, or disconnected
    /// this receiver.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Crashed | Self::BrokenOff { .. } | Self::CutOff)
    }
}
