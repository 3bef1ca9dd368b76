//! Files: a footer says where each dictionary and each batch lies.
//!
//! ```text
//! ARROW1 00 00 | stream … | footer | i32 footer length | ARROW1
//! ```

use std::collections::HashMap;

use arrow_buffer::Buffer;
use arrow_ipc as ipc;
use arrow_schema::SchemaRef;

use super::Memory;
use crate::decode::metadata::{self, Scratch};
use crate::decode::{Decoder, DictionaryFault, FileFault, FrameFault, Limits, ReadError, schema};
use crate::interop::{Align, ImportError, Imported};
use crate::view::{BatchView, Structure};

const MAGIC: &[u8; 6] = b"ARROW1";
/// The footer's length and the magic behind it.
const TAIL: usize = 10;

/// Reads the batches of a file in any order.
///
/// A file's dictionaries are read when it is opened. They may have deltas, and no replacements.
#[derive(Debug)]
pub struct FileReader<M: Memory> {
    memory: M,
    decoder: Decoder,
    custom_metadata: HashMap<String, String>,
    /// Where each batch is said to begin.
    batches: Vec<i64>,
    /// Where the footer begins, before which all messages lie.
    footer: usize,
}

impl<M: Memory> FileReader<M> {
    /// Opens a file: reads its footer and its dictionaries.
    pub fn new(memory: M) -> Result<Self, ReadError> {
        Self::new_within(memory, Limits::default())
    }

    /// Opens a file, with limits of one's own.
    pub fn new_within(memory: M, limits: Limits) -> Result<Self, ReadError> {
        let bytes = memory.bytes();
        let start = footer_start(bytes).map_err(ReadError::File)?;
        let length = bytes.len() - TAIL - start;
        if length > limits.metadata {
            let fault = FrameFault::MetadataTooLong { length, limit: limits.metadata };
            return Err(ReadError::Frame { at: bytes.len() - TAIL, fault });
        }
        let mut scratch = Scratch::default();
        let footer = metadata::footer(scratch.copy(&bytes[start..start + length]))?;
        metadata::version(footer.version())?;
        let wire = footer.schema().ok_or(ReadError::File(FileFault::NoSchema))?;
        let offsets = |blocks: Option<flatbuffers::Vector<'_, ipc::Block>>| -> Vec<i64> {
            blocks.into_iter().flatten().map(ipc::Block::offset).collect()
        };
        let decoder = Decoder::from_wire(wire, limits)?;
        let dictionaries = offsets(footer.dictionaries());
        let custom_metadata = schema::strings(footer.custom_metadata());
        let batches = offsets(footer.recordBatches());
        let mut file = Self { memory, decoder, custom_metadata, batches, footer: start };
        file.read_dictionaries(&dictionaries)?;
        Ok(file)
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.decoder.schema()
    }

    /// What the footer carries besides, as keys and values.
    #[must_use]
    pub fn custom_metadata(&self) -> &HashMap<String, String> {
        &self.custom_metadata
    }

    /// How many batches the file has.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        self.batches.len()
    }

    /// The batch at `index`.
    pub fn batch(&mut self, index: usize) -> Result<BatchView<'_, Structure>, ReadError> {
        let at = self.find_batch(index)?;
        let message = &self.memory.bytes()[at..self.footer];
        self.decoder.decode(message).map_err(|error| error.in_message(at))
    }

    fn find_batch(&self, index: usize) -> Result<usize, ReadError> {
        let batches = self.batches.len();
        let offset = self.batches.get(index);
        let offset = *offset.ok_or(ReadError::File(FileFault::NoSuchBatch { index, batches }))?;
        self.block(index, offset)
    }

    /// Where a block's message begins.
    ///
    /// The lengths in a block are not looked at: the message has its own, which are checked against the file.
    fn block(&self, index: usize, offset: i64) -> Result<usize, ReadError> {
        let at = usize::try_from(offset).ok().filter(|&at| at < self.footer);
        at.ok_or(ReadError::File(FileFault::BlockOutOfBounds { index, offset }))
    }

    /// Reads all dictionaries, inner ones first whatever their order in the footer; deltas keep their order.
    fn read_dictionaries(&mut self, offsets: &[i64]) -> Result<(), ReadError> {
        let mut found = Vec::with_capacity(offsets.len());
        for (index, &offset) in offsets.iter().enumerate() {
            let at = self.block(index, offset)?;
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
    /// The batch at `index` as Arrow arrays, fully checked: see [`BatchView::to_record_batch`].
    pub fn record_batch(&mut self, index: usize, align: Align) -> Result<Imported, ImportError> {
        let at = self.find_batch(index)?;
        let message = self.memory.keep(at..self.footer);
        self.decoder.record_batch(&message, align).map_err(|error| error.in_message(at))
    }
}

/// Where the footer begins.
fn footer_start(file: &[u8]) -> Result<usize, FileFault> {
    if !file.starts_with(MAGIC) {
        return Err(FileFault::NoLeadingMagic);
    }
    let rest = file.strip_suffix(MAGIC).ok_or(FileFault::NoTrailingMagic)?;
    // The two must not be one and the same.
    let (rest, length) = rest.split_last_chunk::<4>().ok_or(FileFault::NoTrailingMagic)?;
    let length = i32::from_le_bytes(*length);
    let start = usize::try_from(length).ok().and_then(|length| rest.len().checked_sub(length));
    start.filter(|&start| start >= MAGIC.len()).ok_or(FileFault::FooterLength { length, file: file.len() })
}
