//! The writing end of typed rows.

// claim: rows-heap-free

use std::ffi::OsStr;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bowstring_codec::{BuildError, Shape};

use super::measure::{Interner, Making, Measure};
use super::mismatch::Mismatch;
use super::room::Room;
use super::value::Row;
use crate::{SendError, Sender, SenderBuilder, SetUpError};

/// Sends rows of one type: a [`Sender`] whose schema is the row's.
pub struct Writer<T: Row> {
    sender: Sender,
    /// One for each field that is a [`Category`](super::Category), in the order of the schema's dictionaries.
    categories: Vec<Arc<Interner>>,
    /// The room that rows need for each variable-size field, in schema order.
    sizes: Vec<usize>,
    /// The shape of the last rows that were sent.
    sent: Option<(Shape, Vec<usize>)>,
    /// The shape of the last batch that was built.
    built: Option<(Shape, Room)>,
    rows: PhantomData<fn(T)>,
}

impl<T: Row> Writer<T> {
    /// Lets readers in under this name, or at this path; see [`Sender::bind`]. The first batch waits for a reader.
    pub fn bind(address: impl AsRef<OsStr>) -> Result<Self, SetUpError> {
        Ok(Self::over(Self::builder().bind(address)?))
    }

    /// Returns a builder of a sender with the row's schema, for all that [`bind`](Self::bind) leaves at its default.
    /// [`new`](Self::new) makes the sender a writer.
    pub fn builder() -> SenderBuilder {
        Sender::builder(T::schema())
    }

    /// Makes a sender a writer. Its schema must be the row's.
    pub fn new(sender: Sender) -> Result<Self, Mismatch> {
        let (own, expected) = (sender.schema().fields(), T::schema());
        for (index, field) in expected.fields().iter().enumerate() {
            match own.get(index) {
                Some(found) if found == field => {}
                Some(found) => {
                    let (found, expected) = (found.to_string(), field.to_string());
                    return Err(Mismatch::Type { column: field.name().clone(), expected, found });
                }
                None => {
                    let (column, expected) = (field.name().clone(), field.to_string());
                    return Err(Mismatch::Missing { column, expected });
                }
            }
        }
        match own.get(expected.fields().len()) {
            Some(extra) => {
                let (column, found) = (extra.name().clone(), extra.to_string());
                Err(Mismatch::Type { column, expected: "no such column".to_owned(), found })
            }
            None => Ok(Self::over(sender)),
        }
    }

    fn over(sender: Sender) -> Self {
        let categories = std::iter::repeat_with(Arc::default).take(T::ROW_CATEGORIES).collect();
        let sizes = vec![0; T::ROW_SIZES];
        Self { sender, categories, sizes, sent: None, built: None, rows: PhantomData }
    }

    /// Sends rows, each written once, into the memory that readers read it in. Rows that take more than a message may
    /// (half the pool) are sent in several.
    pub fn send(&mut self, rows: &[T]) -> Result<(), RowsError> {
        let mut sent = 0;
        // At most this many at a time; less where a message would be too long.
        let mut most = rows.len().max(1);
        while sent < rows.len() {
            let batch = &rows[sent..rows.len().min(sent + most)];
            match self.send_some(batch) {
                Ok(true) => sent += batch.len(),
                Ok(false) => most = batch.len().div_ceil(2),
                Err(error) => {
                    // What is unfinished is sent, and goes on with the next call.
                    sent += if let SendError::Unfinished(_) = error { batch.len() } else { 0 };
                    return Err(RowsError { sent, error });
                }
            }
        }
        Ok(())
    }

    /// Sends rows as one message. Returns false if it would be too long, and they can be halved.
    fn send_some(&mut self, rows: &[T]) -> Result<bool, SendError> {
        self.sizes.fill(0);
        for row in rows {
            row.measure_row(&mut Measure { sizes: &mut self.sizes, categories: &mut self.categories });
        }
        let longest = self.sender.longest_message().unwrap_or(usize::MAX);
        if !self.sent.as_ref().is_some_and(|(shape, had)| fits(shape, had, rows.len(), &self.sizes)) {
            // Somewhat more, so that the next rows fit too.
            let roomy = self.shape(round(rows.len()), round)?;
            let shape = match roomy {
                (shape, _) if rows.len() > 1 && shape.len() > longest => {
                    self.shape(rows.len(), |size| size)?
                }
                roomy => roomy,
            };
            self.sent = Some(shape);
        }
        let Some((shape, _)) = &self.sent else { return Ok(false) };
        if shape.len() > longest && rows.len() > 1 {
            self.sent = None;
            return Ok(false);
        }
        send_categories(&mut self.sender, &mut self.categories)?;
        let categories = &self.categories;
        self.sender.build(shape, |fields| {
            let mut columns = T::columns(&mut Making { fields, categories, zeroed: false })?;
            for row in rows {
                row.push_row(&mut columns)?;
            }
            T::finish(columns, rows.len())?;
            Ok(rows.len())
        })?;
        Ok(true)
    }

    fn shape(&self, rows: usize, round: impl Fn(usize) -> usize) -> Result<(Shape, Vec<usize>), SendError> {
        let sizes: Vec<usize> = self.sizes.iter().map(|size| round(*size)).collect();
        let mut next = sizes.iter();
        let shape = self.sender.shape(rows, |_| next.next().copied().unwrap_or_default())?;
        Ok((shape, sizes))
    }

    /// Sends a batch whose columns `build` computes straight into the memory that readers read them in. It returns the
    /// number of rows. `columns.field[i] = …` writes numbers and times, `columns.field.push(…)` anything,
    /// `columns.push(&row)` a row; see [`rows`](super) for an example.
    ///
    /// Rows of numbers and times that were not written are zero. Every other column must have exactly as many rows as
    /// `build` returns, or nothing is sent.
    pub fn build(
        &mut self,
        room: Room,
        build: impl for<'a> FnOnce(&mut T::Columns<'a>) -> Result<usize, BuildError>,
    ) -> Result<(), SendError> {
        if !self.built.as_ref().is_some_and(|(_, had)| *had == room) {
            self.built = Some((self.sender.shape(room.all_rows(), |variable| room.of(variable))?, room));
        }
        let Some((shape, _)) = &self.built else { return Ok(()) };
        send_categories(&mut self.sender, &mut self.categories)?;
        let categories = &self.categories;
        self.sender.build(shape, |fields| {
            let mut columns = T::columns(&mut Making { fields, categories, zeroed: true })?;
            let rows = build(&mut columns)?;
            T::finish(columns, rows)?;
            Ok(rows)
        })
    }

    /// Adds categories of a column, before batches are built with them. The column is named with its path, such as
    /// `"legs.item.city"`. Returns false if the row has no such column of categories. [`send`](Self::send) adds the
    /// categories of its rows by itself.
    pub fn add_categories<'t>(&mut self, column: &str, values: impl IntoIterator<Item = &'t str>) -> bool {
        let nodes = self.sender.plan().layout().batch().nodes();
        let mut dictionaries = nodes.iter().filter(|node| node.dictionary.is_some());
        let Some(index) = dictionaries.position(|node| *node.path == *column) else { return false };
        for value in values {
            Interner::intern(&mut self.categories[index], value);
        }
        true
    }

    /// Returns the sender, for everything that has nothing to do with rows.
    pub fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// Returns the sender for good.
    pub fn into_sender(self) -> Sender {
        self.sender
    }
}

impl<T: Row> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("sender", &self.sender).finish_non_exhaustive()
    }
}

/// Sees that receivers have all categories.
fn send_categories(sender: &mut Sender, categories: &mut [Arc<Interner>]) -> Result<(), SendError> {
    for (index, interner) in categories.iter_mut().enumerate() {
        if let Some(values) = interner.unsent() {
            sender.set_dictionary(index, &values)?;
            Interner::note_sent(interner);
        }
    }
    Ok(())
}

/// True if rows fit a shape, and leave no more than three quarters of it empty: all of a message is sent.
fn fits(shape: &Shape, had: &[usize], rows: usize, sizes: &[usize]) -> bool {
    let fits = |room: usize, needed: usize| needed <= room && room / 4 <= needed.max(16);
    fits(shape.rows(), rows) && had.iter().zip(sizes).all(|(room, needed)| fits(*room, *needed))
}

fn round(size: usize) -> usize {
    size.checked_next_power_of_two().unwrap_or(size)
}

/// An error that kept rows from being sent, or some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsError {
    /// The number of rows that are sent, and must not be sent again.
    pub sent: usize,
    /// The errors of the others.
    pub error: SendError,
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { sent: 0, error } => error.fmt(f),
            Self { sent, error } => write!(f, "{error} ({sent} rows are sent)"),
        }
    }
}

impl std::error::Error for RowsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
