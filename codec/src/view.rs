//! Borrowed views: a decoded batch, its columns, and their values, all in the memory the message came in.
//!
//! A view is a few pointers and copies nothing. How far it can be trusted is part of its type: see [`Level`].
//!
//! | | after *structure* | after *full* |
//! |---|---|---|
//! | lengths, fixed-width slices, bitmaps | as declared, in bounds, aligned | the same |
//! | null counts | as declared | true |
//! | `get(i)`, `range(i)`, `key(i)`, … | in bounds or `None` | `None` only past the end |
//! | `str(i)`, `iter_str()` | not there | there |
//! | turning into a `RecordBatch` | not there | there |

mod bitmap;
mod bytes;
mod column;
mod dictionary;
mod fixed;
mod level;
mod list;
mod nested;
mod text;
mod views;

use std::collections::HashMap;

use arrow_schema::SchemaRef;

pub use self::bitmap::Bitmap;
pub use self::bytes::{Bytes, Offsets};
pub use self::column::{ColumnView, Values};
pub use self::dictionary::Keys;
pub use self::fixed::Fixed;
pub use self::level::{Full, Level, Structure};
pub use self::list::{FixedSizeList, List, ListView};
pub use self::nested::{RunEnd, Struct, Union};
pub use self::views::{View, Views};

pub(crate) use self::column::Source;

use crate::message::{ReadError, metadata, schema};

/// A batch, in the memory its message came in.
#[derive(Debug, Clone, Copy)]
pub struct BatchView<'a, L: Level> {
    schema: &'a SchemaRef,
    /// Nodes.
    columns: &'a [u32],
    source: Source<'a>,
    metadata: &'a [u8],
    level: std::marker::PhantomData<L>,
}

impl<'a> BatchView<'a, Structure> {
    /// Creates a batch whose table was just loaded; `metadata` is the private copy of the message's metadata.
    /// `columns` are nodes of its columns, all of which have the batch's rows.
    pub(crate) fn new(
        schema: &'a SchemaRef,
        columns: &'a [u32],
        source: Source<'a>,
        metadata: &'a [u8],
    ) -> Self {
        Self { schema, columns, source, metadata, level: std::marker::PhantomData }
    }
}

impl<'a, L: Level> BatchView<'a, L> {
    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &'a SchemaRef {
        self.schema
    }

    /// Returns the number of rows of each column.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.source.table.rows
    }

    /// Returns the number of columns.
    #[must_use]
    pub fn num_columns(&self) -> usize {
        self.columns.len()
    }

    /// Returns the column at `index`, if there is one.
    #[must_use]
    pub fn column(&self, index: usize) -> Option<ColumnView<'a, L>> {
        let node = *self.columns.get(index)?;
        Some(ColumnView::at(self.source, node as usize))
    }

    /// Returns all columns in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = ColumnView<'a, L>> + use<'a, L> {
        let source = self.source;
        self.columns.iter().map(move |&node| ColumnView::at(source, node as usize))
    }

    /// Returns the message's custom metadata. Allocates the map.
    ///
    /// Read, and checked, only here: a batch may be valid and this not.
    pub fn custom_metadata(&self) -> Result<HashMap<String, String>, ReadError> {
        let message = metadata::message(self.metadata)?;
        Ok(schema::strings(message.custom_metadata()))
    }

    /// Returns the nodes of the columns; `None` if they are all of the message's.
    pub(crate) fn chosen(&self) -> Option<&'a [u32]> {
        (!std::ptr::eq(self.columns, self.source.tree.columns())).then_some(self.columns)
    }

    pub(crate) fn source(&self) -> Source<'a> {
        self.source
    }
}
