//! Copies a batch into private memory: only the rows that it shows, so that it keeps no slot, file or parent alive.

use std::fmt;

use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use bowstring_codec::decode::{Decoder, ReadError};
use bowstring_codec::interop::{Align, ImportError};
use bowstring_codec::{Dictionaries, EncodeError, Encoder, LayoutError, OnGrowth, Plan};

/// Copies a batch into private memory. Slices become whole, and dictionaries are copied too.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{Array, Int64Array, RecordBatch};
/// let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// let batch = RecordBatch::try_from_iter([("n", column)])?;
/// let copy = bowstring::copy_batch(&batch.slice(1, 2))?;
/// assert_eq!(copy, batch.slice(1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn copy_batch(batch: &RecordBatch) -> Result<RecordBatch, CopyError> {
    let plan = Plan::new(batch.schema())?;
    let mut decoder = Decoder::from_schema_message(plan.schema_message())?;
    let mut encoder = Encoder::new(plan.clone());
    let mut dictionaries = Dictionaries::new(plan, OnGrowth::Replace);
    let mut updates = Vec::new();
    dictionaries.updates(batch, &mut updates)?;
    for update in updates {
        let len = encoder.dictionary_len(update.index, &update.values)?;
        let message = written(len, |region| {
            encoder.encode_dictionary(update.index, &update.values, update.delta, region)
        })?;
        decoder.dictionary(&message)?;
        dictionaries.note(update);
    }
    let message = written(encoder.encoded_len(batch)?, |region| encoder.encode(batch, region))?;
    Ok(decoder.record_batch(&message, Align::Copy)?.batch)
}

/// Returns a buffer of `len` bytes that `write` fills.
fn written(
    len: usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<Buffer, EncodeError> {
    let mut bytes = MutableBuffer::from_len_zeroed(len);
    write(bytes.as_slice_mut())?;
    Ok(bytes.into())
}

/// Reasons why a batch was not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyError {
    /// No message can be laid out for its schema.
    Layout(LayoutError),
    /// It does not fit its own schema.
    Encode(EncodeError),
    /// The copy does not become Arrow arrays.
    Import(ImportError),
}

impl From<LayoutError> for CopyError {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}

impl From<EncodeError> for CopyError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<ReadError> for CopyError {
    fn from(error: ReadError) -> Self {
        Self::Import(error.into())
    }
}

impl From<ImportError> for CopyError {
    fn from(error: ImportError) -> Self {
        Self::Import(error)
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Import(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CopyError {}
