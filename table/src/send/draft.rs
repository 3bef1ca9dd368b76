//! A batch that is computed in the slots it is sent from, over several calls: for languages in which what fills the columns
//! is not one function.
//!
//! [`Sender::build`] finds room, has the columns filled and sends, all in one call. Here the first call finds the room and
//! the second one sends what was written there meanwhile. A loan takes nothing out of the pool, so in between there is
//! nothing to give back, and nobody else may use the sender.

use std::ops::Range;
use std::time::Duration;

use bowstring_codec::build::Fields;
use bowstring_codec::{BuildError, Shape};
use bowstring_transport::CommitFault;

use super::Sender;
use crate::error::SendError;
use crate::{heap, protocol};

/// Room in the pool for a batch of one shape.
#[derive(Debug)]
pub struct Draft {
    shape: Shape,
    slot: u32,
    address: usize,
    pool: Range<usize>,
}

impl Draft {
    /// Returns the addresses of the message, which lie within the pool.
    #[must_use]
    pub fn addresses(&self) -> Range<usize> {
        self.address..self.address + self.shape.len()
    }

    /// Returns the addresses of the whole pool.
    #[must_use]
    pub fn pool(&self) -> Range<usize> {
        self.pool.clone()
    }
}

impl Sender {
    /// Waits up to `patience` for room for a batch of this shape, and shows its columns to `look`, which may note where they
    /// lie. Returns `None` where the batch cannot be written in slots: nobody is there, or no room in time; a receiver takes
    /// sealed messages; the batch is larger than half the pool; messages are kept for those who come later.
    pub fn draft(
        &mut self,
        shape: Shape,
        patience: Duration,
        look: impl FnOnce(&mut Fields<'_>) -> Result<(), BuildError>,
    ) -> Result<Option<Draft>, SendError> {
        let len = shape.len();
        if self.history.is_on() || self.receivers() == 0 || self.outlet.most().is_none_or(|most| len > most) {
            return Ok(None);
        }
        self.poll_accept_if_due()?;
        let before = self.outlet.patience.replace(patience);
        let room = self.resume_first().and_then(|()| self.make_room(len));
        self.outlet.patience = before;
        match room {
            Ok(()) => {}
            Err(SendError::TimedOut | SendError::NoReceiver(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut loan = self.outlet.sender.try_loan(len)?;
        let (Some(pool), Some(slot)) = (loan.pool_addresses(), loan.slot()) else { return Ok(None) };
        let address = loan.as_ptr().addr();
        look(&mut shape.begin(&mut loan)?.fields())?;
        Ok(Some(Draft { shape, slot, address, pool }))
    }

    /// Sends a draft. `settle` is handed its columns, which hold what was written there since, and says how many rows they
    /// have. Returns false if the room is not there any more, because the receivers have gone: then nothing was sent.
    ///
    /// Nothing may have been sent since [`draft`](Self::draft). Newcomers are let in with the next batch.
    pub fn send_draft(
        &mut self,
        draft: &Draft,
        settle: impl FnOnce(&mut Fields<'_>) -> Result<usize, BuildError>,
    ) -> Result<bool, SendError> {
        let before = heap::allocations();
        let len = draft.shape.len();
        // Filling the columns may have taken long, and what is sent to those who have gone is lost.
        self.reap()?;
        let Ok(mut loan) = self.outlet.sender.try_loan_at(len, draft.slot) else { return Ok(false) };
        let mut message = draft.shape.begin(&mut loan)?;
        let rows = settle(&mut message.fields())?;
        let used = message.finish(rows)?;
        match loan.commit_as(used, protocol::batch()) {
            Ok(_) | Err(CommitFault::Unfinished(_)) => {}
            Err(fault) => return Err(fault.into()),
        }
        self.stats.sent(rows, len, heap::allocations() - before);
        self.finish().map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_schema::{DataType, Field, Schema};
    use bowstring_transport::{Connector, Delivery, SenderConfig, socket_pair};

    use super::*;
    use crate::Receiver;

    fn sender() -> Sender {
        let schema = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
        Sender::new(Arc::new(schema), SenderConfig::new().slots(64, 1 << 17)).unwrap()
    }

    fn meet(sender: &mut Sender, delivery: Delivery) -> Receiver {
        let (here, there) = socket_pair().unwrap();
        let receiving = std::thread::spawn(move || {
            let connector = Connector::new(bowstring_transport::Deliveries::only(delivery));
            Receiver::open(connector.connect(there).unwrap()).unwrap()
        });
        sender.accept_socket(here).unwrap();
        receiving.join().unwrap()
    }

    fn draft(sender: &mut Sender, rows: usize) -> Option<(Draft, usize)> {
        let shape = sender.shape(rows, |_| 0).unwrap();
        let mut at = 0;
        let draft = sender.draft(shape, Duration::ZERO, |fields| {
            at = fields.fixed::<Int64Type>()?.stale_rest_mut().as_ptr().addr();
            Ok(())
        });
        draft.unwrap().map(|draft| (draft, at))
    }

    #[test]
    fn a_draft_is_sent_from_where_it_was_shown() {
        let mut sender = sender();
        assert!(draft(&mut sender, 4).is_none());
        let mut receiver = meet(&mut sender, Delivery::Copied);
        for round in 0..3 {
            let (draft, at) = draft(&mut sender, 4).unwrap();
            assert!(draft.addresses().contains(&at) && draft.pool().contains(&at));
            let sent = sender.send_draft(&draft, |fields| {
                let mut column = fields.fixed::<Int64Type>()?;
                let places = column.stale_rest_mut();
                assert_eq!(places.as_ptr().addr(), at);
                places.fill(round);
                column.advance(4)?;
                column.finish()?;
                Ok(4)
            });
            assert_eq!(sent, Ok(true));
            let batch = receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap();
            assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[round; 4]);
        }
        assert_eq!(sender.stats().rows, 12);
        // Long messages take the first free place, which may be another one by the time the draft is sent.
        let rows = (2 << 20) / 8;
        let send = |sender: &mut Sender, draft: &Draft, value: i64| {
            sender.send_draft(draft, |fields| {
                let mut column = fields.fixed::<Int64Type>()?;
                column.stale_rest_mut()[0] = value;
                column.advance(rows)?;
                column.finish()?;
                Ok(rows)
            })
        };
        let (one, first) = self::draft(&mut sender, rows).unwrap();
        assert_eq!(send(&mut sender, &one, 1), Ok(true));
        let (two, second) = self::draft(&mut sender, rows).unwrap();
        assert_ne!(first, second);
        drop(receiver.next_batch().unwrap().unwrap());
        assert_eq!(send(&mut sender, &two, 2), Ok(true));
        drop(receiver.next_batch().unwrap().unwrap());
        let (left, _) = draft(&mut sender, 4).unwrap();
        drop(receiver);
        assert_eq!(sender.send_draft(&left, |_| unreachable!("nobody is there")), Ok(false));
    }

    #[test]
    fn what_is_not_read_from_slots_or_is_kept_is_no_draft() {
        let mut sender = sender();
        let sealed = meet(&mut sender, Delivery::Sealed);
        assert!(draft(&mut sender, 4).is_none());
        drop(sealed);
        let _receiver = meet(&mut sender, Delivery::Copied);
        assert!(draft(&mut sender, 1 << 40).is_none());
        sender.set_keep(1);
        assert!(draft(&mut sender, 4).is_none());
    }
}
