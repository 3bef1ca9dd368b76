//! A receiver as an iterator of `RecordBatch`es, and as Arrow's own readers.

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::Receiver;
use crate::error::ReceiveError;

impl Receiver {
    /// Waits for the next batch and converts it to arrays; `None` once the sender has closed the table.
    fn next_record_batch(&mut self) -> Result<Option<RecordBatch>, ReceiveError> {
        self.next_batch()?.map(super::Batch::into_record_batch).transpose()
    }

    /// Converts the rest of the table into a C stream, for libraries in other languages.
    #[cfg(feature = "ffi")]
    #[must_use]
    pub fn into_ffi_stream(self) -> arrow_array::ffi_stream::FFI_ArrowArrayStream {
        arrow_array::ffi_stream::FFI_ArrowArrayStream::new(Box::new(self))
    }
}

/// Each batch as arrays whose buffers are the memory that it came in; the last of them to be dropped gives it back.
///
/// An error is the last item. It is a [`ReceiveError`] in an [`ArrowError::ExternalError`]: see [`ReceiveError::of`].
impl Iterator for Receiver {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_record_batch().transpose()?;
        self.failed = next.is_err();
        Some(next.map_err(ArrowError::from))
    }
}

impl RecordBatchReader for Receiver {
    fn schema(&self) -> SchemaRef {
        Receiver::schema(self).clone()
    }
}

impl ReceiveError {
    /// Returns the receiver's error inside an Arrow error that iterating returned.
    #[must_use]
    pub fn of(error: &ArrowError) -> Option<&ReceiveError> {
        match error {
            ArrowError::ExternalError(inner) => inner.downcast_ref(),
            _ => None,
        }
    }
}

impl From<ReceiveError> for ArrowError {
    fn from(error: ReceiveError) -> ArrowError {
        ArrowError::ExternalError(Box::new(error))
    }
}
