//! Batches that are built in the slots that receivers read.

use arrow_array::ArrayRef;
use arrow_buffer::{Buffer, MutableBuffer};
use bowstring_codec::build::{Fields, Variable};
use bowstring_codec::{BuildError, Shape};

use super::Sender;
use super::history::Kept;
use crate::error::SendError;
use crate::{heap, protocol};

impl Sender {
    /// Returns the shape of batches of up to `rows` rows; see [`Shape::new`] for `capacity`.
    pub fn shape(
        &self,
        rows: usize,
        capacity: impl FnMut(Variable<'_>) -> usize,
    ) -> Result<Shape, BuildError> {
        Shape::new(self.plan(), rows, capacity)
    }

    /// Sends a batch whose columns `build` computes in the slots that receivers read. It gets the columns to fill,
    /// and returns the number of rows it made.
    ///
    /// Dictionaries are not part of it: see [`set_dictionary`](Self::set_dictionary).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use arrow_array::types::Int64Type;
    /// # use bowstring::{Sender, Receiver, transport};
    /// # use bowstring::transport::{Deliveries, Connector, SenderConfig};
    /// # let (here, there) = transport::socket_pair()?;
    /// # let receiving = std::thread::spawn(move || {
    /// #     let mut receiver = Receiver::open(Connector::new(Deliveries::ANY).connect(there).unwrap()).unwrap();
    /// #     receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap()
    /// # });
    /// let schema = Schema::new(vec![Field::new("square", DataType::Int64, false)]);
    /// let mut sender = Sender::new(Arc::new(schema), SenderConfig::new())?;
    /// # sender.accept_socket(here)?;
    /// let shape = sender.shape(1000, |_| 0)?;
    /// sender.build(&shape, |fields| {
    ///     let mut squares = fields.fixed::<Int64Type>()?;
    ///     squares.fill_with(1000, |row| (row * row) as i64)?;
    ///     squares.finish()?;
    ///     Ok(1000)
    /// })?;
    /// # assert_eq!(receiving.join().unwrap().num_rows(), 1000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(
        &mut self,
        shape: &Shape,
        build: impl FnOnce(&mut Fields<'_>) -> Result<usize, BuildError>,
    ) -> Result<(), SendError> {
        self.poll_accept_if_due()?;
        self.resume_first()?;
        let before = heap::allocations();
        let len = shape.len();
        let (keeps, mut kept) = (self.history.is_on(), None);
        let mut rows = 0;
        let fill = |region: &mut [u8]| {
            let mut message = shape.begin(region)?;
            rows = build(&mut message.fields())?;
            Ok::<_, SendError>(message.finish(rows)?)
        };
        if self.has_room_or_keeps(len)? {
            self.outlet.publish(len, protocol::batch(), |region| {
                let used = fill(region)?;
                kept = keeps.then(|| Buffer::from(&region[..used]));
                Ok(used)
            })?;
        } else {
            let mut memory = MutableBuffer::from_len_zeroed(len);
            let used = fill(&mut memory)?;
            memory.truncate(used);
            kept = Some(memory.into());
        }
        self.stats.sent(rows, len, heap::allocations() - before);
        if let Some(message) = kept {
            self.history.push(Kept::message(message, rows, &self.dictionaries));
        }
        self.finish()
    }

    /// Gives receivers these values for the dictionary at `index` of
    /// [`Layout::dictionaries`](bowstring_codec::Layout::dictionaries), before batches are built with keys into it.
    pub fn set_dictionary(&mut self, index: usize, values: &ArrayRef) -> Result<(), SendError> {
        self.poll_accept_if_due()?;
        self.resume_first()?;
        let mut updates = Vec::new();
        self.dictionaries.update(index, values, &mut updates)?;
        self.send_dictionaries(&mut updates)
    }
}
