//! Arrow arrays over memory that somebody else owns, without copying it.
//!
//! A [`Buffer`] made by [`share`] holds the memory's owner: a lease, a mapping, a vector. Arrays made from a message
//! in such a buffer are slices of it, so they hold the owner too; when the last of them is dropped, on any thread,
//! the owner is dropped.
//!
//! ```
//! use bowstring_codec::decode::Decoder;
//! use bowstring_codec::interop::{Align, share};
//! # use std::sync::Arc;
//! # use arrow_array::{Int64Array, RecordBatch};
//! # let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
//! # let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
//! # let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
//! # let at = writer.get_ref().len();
//! # writer.write(&batch).unwrap();
//! # let stream = writer.into_inner().unwrap();
//! # let mut decoder = Decoder::from_schema_message(&stream).unwrap();
//! # let lease = stream[at..].to_vec();
//! let memory = share(lease);
//! let view = decoder.decode(&memory)?.validate()?;
//! let arrow = view.to_record_batch(&memory, Align::Refuse)?;
//! drop(memory); // The arrays keep the lease.
//! assert_eq!(arrow.batch.num_rows(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arrays;
mod concat;
mod import;
mod share;

use std::fmt;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;

pub use self::share::share;

use crate::decode::Decoder;
use crate::message::ReadError;
use crate::view::{BatchView, Full, Structure};

/// The treatment of data that is aligned well enough for Arrow, but not for Rust.
///
/// Arrow requires buffers to be aligned to 8 bytes. Decimals of 128 and 256 bits and views are read in Rust as
/// 16-byte numbers, which need 16. Writers that align to 64 (this crate, and C++) never make a copy necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Refuse: [`ImportError::Misaligned`] names the fields.
    Refuse,
    /// Copy those buffers, and only those: [`Imported::copied`] names the fields.
    Copy,
}

/// A batch as Arrow arrays.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The arrays, in the memory they came in.
    pub batch: RecordBatch,
    /// The fields with a buffer that was copied for alignment: names joined by dots.
    pub copied: Vec<Box<str>>,
}

/// A batch that did not become Arrow arrays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportError {
    /// The message is malformed.
    Read(ReadError),
    /// The view's message is not in the given memory.
    ForeignMemory,
    /// Fields with a buffer that would have to be copied, which was not allowed.
    Misaligned {
        /// The field names, joined by dots.
        fields: Vec<Box<str>>,
    },
    /// The schema that was given has other fields than the columns that were named.
    UnlikeSchema,
    /// A dictionary's deltas cannot be joined into the one array that Arrow has for a dictionary. Borrowed views,
    /// which keep the parts apart, can still use it.
    DictionaryParts {
        /// The dictionary's id.
        id: i64,
        /// The reason.
        why: &'static str,
    },
}

impl BatchView<'_, Full> {
    /// Returns the batch as Arrow arrays, which are slices of `memory`, the buffer that holds the message.
    ///
    /// Allocates the arrays, and copies no data unless [`Align::Copy`] allows it. The deltas of a dictionary are
    /// joined into one array, which does copy, once for each delta.
    pub fn to_record_batch(&self, memory: &Buffer, align: Align) -> Result<Imported, ImportError> {
        import::batch(self, memory, align)
    }
}

impl BatchView<'_, Structure> {
    /// Checks some columns in full, and returns them as Arrow arrays in the order in which they are named. `schema` has
    /// their fields in that order. The values of other columns are neither checked nor read, so their pages need not even
    /// be in memory.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    /// # use bowstring_codec::{decode::Decoder, interop::{Align, share}};
    /// # let columns: [(&str, ArrayRef); 2] =
    /// #     [("n", Arc::new(Int64Array::from(vec![1]))), ("word", Arc::new(StringArray::from(vec!["one"])))];
    /// # let batch = RecordBatch::try_from_iter(columns).unwrap();
    /// # let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    /// # let at = writer.get_ref().len();
    /// # writer.write(&batch).unwrap();
    /// # let stream = writer.into_inner().unwrap();
    /// # let mut decoder = Decoder::from_schema_message(&stream).unwrap();
    /// let words = Arc::new(decoder.schema().project(&[1])?);
    /// let memory = share(stream[at..].to_vec());
    /// let arrow = decoder.decode(&memory)?.columns_to_record_batch(&words, &[1], &memory, Align::Copy)?;
    /// assert_eq!(arrow.batch.num_columns(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn columns_to_record_batch(
        &self,
        schema: &SchemaRef,
        columns: &[usize],
        memory: &Buffer,
        align: Align,
    ) -> Result<Imported, ImportError> {
        import::columns(self, schema, columns, memory, align)
    }
}

impl Decoder {
    /// Decodes and fully checks a batch, and makes Arrow arrays of it: see [`BatchView::to_record_batch`].
    pub fn record_batch(&mut self, message: &Buffer, align: Align) -> Result<Imported, ImportError> {
        self.decode(message)?.validate()?.to_record_batch(message, align)
    }
}

impl ImportError {
    /// Adds the position of the error's message in a stream or file.
    pub(crate) fn in_message(self, at: usize) -> Self {
        match self {
            Self::Read(error) => Self::Read(error.in_message(at)),
            other => other,
        }
    }
}

impl From<ReadError> for ImportError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::ForeignMemory => f.write_str("the message does not lie in the memory given"),
            Self::UnlikeSchema => f.write_str("the schema does not have the columns named"),
            Self::Misaligned { fields } => write!(f, "not aligned for Rust: {}", fields.join(", ")),
            Self::DictionaryParts { id, why } => write!(f, "the parts of dictionary {id}: {why}"),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            _ => None,
        }
    }
}
