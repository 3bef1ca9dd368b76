//! The reading end of typed rows.

use std::ffi::OsStr;
use std::fmt;
use std::ops::Deref;

use bowstring_transport::Wait;

use super::lookup::{Lookup, Parent};
use super::mismatch::{ConnectError, Mismatch};
use super::value::Row;
use crate::receive::Held;
use crate::{ReceiveError, Receiver};

/// Receives rows of one type: a [`Receiver`] whose schema was found to fit.
pub struct Reader<T: Row> {
    /// The last batch's memory. It is given back before the receiver goes.
    held: Option<Held>,
    receiver: Receiver,
    plan: T::RowPlan,
}

impl<T: Row> Reader<T> {
    /// Connects to the writer, or any other sender, of this name; see [`Receiver::connect`].
    pub fn connect(address: impl AsRef<OsStr>) -> Result<Self, ConnectError> {
        Ok(Self::new(Receiver::connect(address)?)?)
    }

    /// Makes a receiver a reader, if its schema fits the row: [`rows`](super#schemas-that-differ) has the rules.
    pub fn new(receiver: Receiver) -> Result<Self, Mismatch> {
        let plan = T::row_plan(&Lookup { fields: receiver.schema().fields(), prefix: "" })?;
        Ok(Self { held: None, receiver, plan })
    }

    /// Waits for the next batch; `None` once the sender has closed the table. The batch before it is given back first.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_, T>>, ReceiveError> {
        self.next_batch_with(Wait::sleeping())
    }

    /// Waits for the next batch as `wait` says; [`ReceiveError::TimedOut`] if none came in time.
    pub fn next_batch_with(&mut self, wait: Wait) -> Result<Option<Batch<'_, T>>, ReceiveError> {
        let Self { held, receiver, plan } = self;
        let Some(view) = receiver.next_held(held, wait)? else { return Ok(None) };
        Ok(Some(Batch { rows: view.num_rows(), columns: T::batch(plan, Parent::Batch(view)) }))
    }

    /// Gives the last batch back, where the next one is not asked for soon.
    pub fn release(&mut self) {
        self.held = None;
    }

    /// Returns the receiver, for everything that has nothing to do with rows.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }
}

impl<T: Row> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

/// A batch of rows, in the memory that it came in.
///
/// It derefs to the row's columns: `batch.price()`. Where a column has the name of a method here: `(*batch).len()`.
#[must_use]
pub struct Batch<'a, T: Row> {
    rows: usize,
    columns: T::Batch<'a>,
}

impl<'a, T: Row> Batch<'a, T> {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<T::View<'a>> {
        (row < self.rows).then(|| T::view(self.columns, row))
    }

    /// Returns the rows in their order.
    #[must_use]
    pub fn iter(&self) -> Iter<'a, T> {
        Iter { columns: self.columns, rows: 0..self.rows }
    }
}

impl<T: Row> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("rows", &self.rows).field("columns", &self.columns).finish()
    }
}

impl<'a, T: Row> Deref for Batch<'a, T> {
    type Target = T::Batch<'a>;
    fn deref(&self) -> &T::Batch<'a> {
        &self.columns
    }
}

impl<'a, T: Row> IntoIterator for &Batch<'a, T> {
    type Item = T::View<'a>;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Row> IntoIterator for Batch<'a, T> {
    type Item = T::View<'a>;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// The rows of a batch.
pub struct Iter<'a, T: Row> {
    columns: T::Batch<'a>,
    rows: std::ops::Range<usize>,
}

impl<T: Row> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<'a, T: Row> Iterator for Iter<'a, T> {
    type Item = T::View<'a>;

    #[inline]
    fn next(&mut self) -> Option<T::View<'a>> {
        self.rows.next().map(|row| T::view(self.columns, row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl<T: Row> ExactSizeIterator for Iter<'_, T> {}
