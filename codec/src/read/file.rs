//! Files: a footer gives the place of each dictionary and each batch.
//!
//! ```text
//! ARROW1 00 00 | stream … | footer | i32 footer length | ARROW1
//! ```

use std::collections::HashMap;

use arrow_buffer::Buffer;
use arrow_ipc as ipc;
use arrow_schema::SchemaRef;

use super::Memory;
use crate::decode::Decoder;
use crate::interop::{Align, ImportError, Imported};
use crate::message::metadata::{self, Scratch};
use crate::message::{DictionaryFault, FileFault, FrameFault, Limits, ReadError, schema};
use crate::view::{BatchView, Structure};

pub(super) const MAGIC: &[u8; 6] = b"ARROW1";
/// The footer's length and the magic after it.
pub(super) const TAIL: usize = 10;

/// Reads the batches of a file in any order.
///
/// A file's dictionaries are read when it is opened. They may have deltas, and no replacements.
#[derive(Debug)]
pub struct FileReader<M: Memory> {
    memory: M,
    decoder: Decoder,
    custom_metadata: HashMap<String, String>,
    /// The offset of each batch, as declared.
    batches: Vec<i64>,
    /// The footer's offset. All messages are before it.
    footer: usize,
}

impl<M: Memory> FileReader<M> {
    /// Opens a file: reads its footer and its dictionaries.
    pub fn new(memory: M) -> Result<Self, ReadError> {
        Self::new_within(memory, Limits::default())
    }

    /// Opens a file with the given limits.
    pub fn new_within(memory: M, limits: Limits) -> Result<Self, ReadError> {
        let bytes = memory.bytes();
        let start = footer_start(bytes).map_err(ReadError::File)?;
        let length = bytes.len() - TAIL - start;
        if length > limits.metadata {
            let fault = FrameFault::MetadataTooLong { length, limit: limits.metadata };
            return Err(ReadError::Frame { at: bytes.len() - TAIL, fault });
        }
        let Footer { decoder, custom_metadata, dictionaries, batches } =
            Footer::read(&bytes[start..start + length], limits)?;
        let mut file = Self { memory, decoder, custom_metadata, batches, footer: start };
        file.read_dictionaries(&dictionaries)?;
        Ok(file)
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.decoder.schema()
    }

    /// Returns the footer's custom metadata.
    #[must_use]
    pub fn custom_metadata(&self) -> &HashMap<String, String> {
        &self.custom_metadata
    }

    /// Returns the number of batches.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        self.batches.len()
    }

    /// Returns the batch at `index`.
    pub fn batch(&mut self, index: usize) -> Result<BatchView<'_, Structure>, ReadError> {
        let at = self.find_batch(index)?;
        let message = &self.memory.bytes()[at..self.footer];
        self.decoder.decode(message).map_err(|error| error.in_message(at))
    }

    fn find_batch(&self, index: usize) -> Result<usize, ReadError> {
        find_block(&self.batches, index, self.footer)
    }

    /// Reads all dictionaries, inner ones first in any footer order; deltas keep their order.
    fn read_dictionaries(&mut self, offsets: &[i64]) -> Result<(), ReadError> {
        let mut found = Vec::with_capacity(offsets.len());
        for (index, &offset) in offsets.iter().enumerate() {
            let at = block(index, offset, self.footer)?;
            let message = &self.memory.bytes()[at..self.footer];
            let peeked = self.decoder.peek_dictionary(message).map_err(|error| error.in_message(at))?;
            found.push((at, peeked));
        }
        found.sort_by_key(|(_, (_, place, _))| *place);
        for (at, (id, _, is_delta)) in found {
            let in_message = |error: ReadError| error.in_message(at);
            if !is_delta && self.decoder.has_dictionary(id) {
                let fault = DictionaryFault::ReplacedInFile;
                return Err(in_message(ReadError::Dictionary { id, fault }));
            }
            let (_, len) = self.decoder.measure(&self.memory.bytes()[at..self.footer]).map_err(in_message)?;
            let message = self.memory.keep(at..at + len);
            self.decoder.dictionary(&message).map_err(in_message)?;
        }
        Ok(())
    }
}

impl FileReader<Buffer> {
    /// Returns the batch at `index` as Arrow arrays, fully checked: see [`BatchView::to_record_batch`].
    pub fn record_batch(&mut self, index: usize, align: Align) -> Result<Imported, ImportError> {
        let at = self.find_batch(index)?;
        let message = self.memory.keep(at..self.footer);
        self.decoder.record_batch(&message, align).map_err(|error| error.in_message(at))
    }
}

/// The content of a footer.
#[derive(Debug)]
pub(super) struct Footer {
    pub(super) decoder: Decoder,
    pub(super) custom_metadata: HashMap<String, String>,
    /// The offset of each dictionary's message, as declared.
    pub(super) dictionaries: Vec<i64>,
    /// The offset of each batch, as declared.
    pub(super) batches: Vec<i64>,
}

impl Footer {
    pub(super) fn read(footer: &[u8], limits: Limits) -> Result<Footer, ReadError> {
        let mut scratch = Scratch::default();
        let footer = metadata::footer(scratch.copy(footer))?;
        metadata::footer_version(footer.version())?;
        let wire = footer.schema().ok_or(ReadError::File(FileFault::NoSchema))?;
        let offsets = |blocks: Option<flatbuffers::Vector<'_, ipc::Block>>| -> Vec<i64> {
            blocks.into_iter().flatten().map(ipc::Block::offset).collect()
        };
        Ok(Footer {
            decoder: Decoder::from_wire(wire, limits)?,
            custom_metadata: schema::strings(footer.custom_metadata()),
            dictionaries: offsets(footer.dictionaries()),
            batches: offsets(footer.recordBatches()),
        })
    }
}

/// Returns the offset of a batch's message.
pub(super) fn find_block(batches: &[i64], index: usize, footer: usize) -> Result<usize, ReadError> {
    let no_such_batch = FileFault::NoSuchBatch { index, batches: batches.len() };
    block(index, *batches.get(index).ok_or(ReadError::File(no_such_batch))?, footer)
}

/// Returns the offset of a block's message.
///
/// The lengths in a block are ignored: the message has its own, which are checked against the file.
pub(super) fn block(index: usize, offset: i64, footer: usize) -> Result<usize, ReadError> {
    let at = usize::try_from(offset).ok().filter(|&at| at < footer);
    at.ok_or(ReadError::File(FileFault::BlockOutOfBounds { index, offset }))
}

/// Finds the footer.
fn footer_start(file: &[u8]) -> Result<usize, FileFault> {
    let length = if file.starts_with(MAGIC) { file.len() } else { return Err(FileFault::NoLeadingMagic) };
    let tail = file.last_chunk::<TAIL>().filter(|_| length >= MAGIC.len() + TAIL);
    footer_place(tail.ok_or(FileFault::NoTrailingMagic)?, length)
}

/// Finds the footer in a file of `file` bytes that ends in `tail`, and begins with the magic.
pub(super) fn footer_place(tail: &[u8; TAIL], file: usize) -> Result<usize, FileFault> {
    let length = tail.strip_suffix(MAGIC).and_then(|length| length.first_chunk::<4>());
    let length = i32::from_le_bytes(*length.ok_or(FileFault::NoTrailingMagic)?);
    let start = usize::try_from(length).ok().and_then(|length| file.checked_sub(TAIL)?.checked_sub(length));
    start.filter(|&start| start >= MAGIC.len()).ok_or(FileFault::FooterLength { length, file })
}
