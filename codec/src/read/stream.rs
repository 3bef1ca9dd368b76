//! Streams: a schema, then dictionaries and batches, then an optional end.

use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;

use super::Memory;
use crate::decode::{Decoder, MessageKind};
use crate::interop::{Align, ImportError, Imported};
use crate::message::{Limits, MetadataFault, ReadError};
use crate::view::{BatchView, Structure};

/// Reads a stream that is in memory as a whole.
///
/// ```
/// use bowstring_codec::read::StreamReader;
/// # use std::sync::Arc;
/// # use arrow_array::{Int64Array, RecordBatch};
/// # let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
/// # let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
/// # writer.write(&batch).unwrap();
/// # let stream = arrow_buffer::Buffer::from(writer.into_inner().unwrap());
/// let mut reader = StreamReader::new(stream.as_slice())?;
/// let mut rows = 0;
/// while let Some(batch) = reader.next_batch()? {
///     rows += batch.validate()?.num_rows();
/// }
/// assert_eq!(rows, 3);
/// # Ok::<(), bowstring_codec::decode::ReadError>(())
/// ```
#[derive(Debug)]
pub struct StreamReader<M: Memory> {
    memory: M,
    decoder: Decoder,
    /// The offset of the next message.
    at: usize,
    ended: bool,
}

impl<M: Memory> StreamReader<M> {
    /// Opens a stream: reads its schema.
    pub fn new(memory: M) -> Result<Self, ReadError> {
        Self::new_within(memory, Limits::default())
    }

    /// Opens a stream with the given limits.
    pub fn new_within(memory: M, limits: Limits) -> Result<Self, ReadError> {
        let open = |bytes| {
            let mut decoder = Decoder::from_schema_message_within(bytes, limits)?;
            let (_, len) = decoder.measure(bytes)?;
            Ok((decoder, len))
        };
        let (decoder, at) = open(memory.bytes()).map_err(|error: ReadError| error.in_message(0))?;
        Ok(Self { memory, decoder, at, ended: false })
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.decoder.schema()
    }

    /// Returns the number of bytes read so far; after the end, the length of the stream.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Returns the next batch, after any dictionaries before it. `None` at the end of the stream, which may be
    /// explicit or the end of the memory between two messages.
    ///
    /// After an error the reader is still at the message that caused it.
    pub fn next_batch(&mut self) -> Result<Option<BatchView<'_, Structure>>, ReadError> {
        let Some((at, end)) = self.find_batch()? else { return Ok(None) };
        let message = &self.memory.bytes()[at..end];
        let batch = self.decoder.decode(message).map_err(|error| error.in_message(at))?;
        self.at = end;
        Ok(Some(batch))
    }

    /// Reads dictionaries up to the next batch, and finds its bounds.
    fn find_batch(&mut self) -> Result<Option<(usize, usize)>, ReadError> {
        loop {
            let rest = &self.memory.bytes()[self.at..];
            if self.ended || rest.is_empty() {
                return Ok(None);
            }
            let at = self.at;
            let in_message = |error: ReadError| error.in_message(at);
            let (kind, len) = self.decoder.measure(rest).map_err(in_message)?;
            let end = at + len;
            let found = match kind {
                MessageKind::Batch => return Ok(Some((at, end))),
                MessageKind::End => {
                    self.at = end;
                    self.ended = true;
                    return Ok(None);
                }
                MessageKind::Dictionary => {
                    let message = self.memory.keep(at..end);
                    self.decoder.dictionary(&message).map_err(in_message)?;
                    self.at = end;
                    continue;
                }
                MessageKind::Schema => 1,
                MessageKind::Other(tag) => tag,
            };
            let fault = MetadataFault::UnexpectedKind { expected: "dictionary or record batch", found };
            return Err(in_message(ReadError::Metadata { at: None, fault }));
        }
    }
}

impl StreamReader<Buffer> {
    /// Returns the next batch as Arrow arrays, fully checked: see [`BatchView::to_record_batch`].
    pub fn next_record_batch(&mut self, align: Align) -> Result<Option<Imported>, ImportError> {
        let Some((at, end)) = self.find_batch()? else { return Ok(None) };
        let message = self.memory.keep(at..end);
        let imported = self.decoder.record_batch(&message, align);
        let imported = imported.map_err(|error| error.in_message(at))?;
        self.at = end;
        Ok(Some(imported))
    }
}
