//! Files that are not mapped: one batch at a time, in any order.

use std::io::{Read, Seek, SeekFrom};

use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;

use super::file::{Footer, MAGIC, TAIL, block, find_block, footer_place};
use super::fill::fill;
use super::io::{Head, IoError};
use crate::decode::{Decoder, MessageKind};
use crate::interop::{Align, Imported};
use crate::message::{DictionaryFault, FileFault, FrameFault, Limits, MetadataFault, ReadError};

/// Reads the batches of a file in any order, each into memory of its own, of which its arrays are slices.
///
/// A file that another process may change must not be borrowed as bytes; this reader only uses what it has read into
/// its own memory.
#[derive(Debug)]
pub struct IoFileReader<R> {
    source: R,
    decoder: Decoder,
    limits: Limits,
    /// The offset of each batch, as declared.
    batches: Vec<i64>,
    /// The footer's offset. All messages are before it.
    footer: usize,
}

impl<R: Read + Seek> IoFileReader<R> {
    /// Opens a file: reads its footer and its dictionaries.
    pub fn new(source: R) -> Result<Self, IoError> {
        Self::new_within(source, Limits::default())
    }

    /// Opens a file with the given limits.
    pub fn new_within(mut source: R, limits: Limits) -> Result<Self, IoError> {
        let file = |fault| IoError::from(ReadError::File(fault));
        let len = source.seek(SeekFrom::End(0)).map_err(IoError::Io)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mut magic = [0; MAGIC.len()];
        if len < magic.len() || read_at(&mut source, 0, &mut magic)? != magic.len() || magic != *MAGIC {
            return Err(file(FileFault::NoLeadingMagic));
        }
        let mut tail = [0; TAIL];
        let at = len.checked_sub(TAIL).filter(|&at| at >= magic.len());
        let at = at.ok_or(file(FileFault::NoTrailingMagic))?;
        if read_at(&mut source, at, &mut tail)? != TAIL {
            return Err(file(FileFault::NoTrailingMagic));
        }
        let start = footer_place(&tail, len).map_err(file)?;
        let length = at - start;
        if length > limits.metadata {
            let fault = FrameFault::MetadataTooLong { length, limit: limits.metadata };
            return Err(ReadError::Frame { at, fault }.into());
        }
        let mut footer = vec![0; length];
        let present = read_at(&mut source, start, &mut footer)?;
        if present != length {
            return Err(ReadError::Frame {
                at: start,
                fault: FrameFault::Truncated { needed: length, present },
            }
            .into());
        }
        let Footer { decoder, dictionaries, batches, .. } = Footer::read(&footer, limits)?;
        let mut file = Self { source, decoder, limits, batches, footer: start };
        file.read_dictionaries(&dictionaries)?;
        Ok(file)
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.decoder.schema()
    }

    /// Returns the number of batches.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        self.batches.len()
    }

    /// Returns the number of rows of the batch at `index`; reads only its metadata.
    pub fn num_rows(&mut self, index: usize) -> Result<usize, IoError> {
        let at = find_block(&self.batches, index, self.footer)?;
        let rows = self.head(at).and_then(|head| Ok(head.rows()?));
        rows.map_err(|error| error.in_message(at))
    }

    /// Returns the batch at `index` as Arrow arrays, fully checked: see
    /// [`BatchView::to_record_batch`](crate::view::BatchView::to_record_batch).
    pub fn record_batch(&mut self, index: usize, align: Align) -> Result<Imported, IoError> {
        let at = find_block(&self.batches, index, self.footer)?;
        let (_, message) = self.message(at)?;
        let imported = self.decoder.record_batch(&message, align);
        imported.map_err(|error| IoError::from(error).in_message(at))
    }

    /// Reads all dictionaries, inner ones first in any footer order; deltas keep their order.
    fn read_dictionaries(&mut self, offsets: &[i64]) -> Result<(), IoError> {
        let mut found = Vec::with_capacity(offsets.len());
        for (index, &offset) in offsets.iter().enumerate() {
            let at = block(index, offset, self.footer)?;
            let (_, message) = self.message(at)?;
            let peeked = self.decoder.peek_dictionary(&message).map_err(|error| error.in_message(at))?;
            found.push((at, peeked, message));
        }
        found.sort_by_key(|(_, (_, place, _), _)| *place);
        for (at, (id, _, is_delta), message) in found {
            let in_message = |error: ReadError| error.in_message(at);
            if !is_delta && self.decoder.has_dictionary(id) {
                let fault = DictionaryFault::ReplacedInFile;
                return Err(in_message(ReadError::Dictionary { id, fault }).into());
            }
            self.decoder.dictionary(&message).map_err(in_message)?;
        }
        Ok(())
    }

    /// Returns the message at `at`, which ends before the footer.
    fn message(&mut self, at: usize) -> Result<(MessageKind, Buffer), IoError> {
        let head = self.head(at).map_err(|error| error.in_message(at))?;
        // The source is positioned after the head now.
        let message = head.message(&mut self.source.by_ref().take((self.footer - at) as u64));
        message.map_err(|error| error.in_message(at))
    }

    fn head(&mut self, at: usize) -> Result<Head, IoError> {
        self.source.seek(SeekFrom::Start(at as u64)).map_err(IoError::Io)?;
        let mut source = self.source.by_ref().take((self.footer - at) as u64);
        let head = Head::read(&mut source, self.limits)?;
        let end = MetadataFault::UnexpectedKind { expected: "dictionary or record batch", found: 0 };
        head.ok_or_else(|| ReadError::metadata(end).into())
    }
}

/// Reads at an offset until `into` is full or the source ends, and returns the number of bytes read.
fn read_at(source: &mut (impl Read + Seek), at: usize, into: &mut [u8]) -> Result<usize, IoError> {
    source.seek(SeekFrom::Start(at as u64)).map_err(IoError::Io)?;
    fill(source, into).map_err(IoError::Io)
}
