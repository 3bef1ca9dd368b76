//! The file format: a stream between magic words, and a footer with the place of each message.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::convert::{IpcSchemaEncoder, metadata_to_fb};
use arrow_ipc::writer::DictionaryTracker;
use arrow_ipc::{Block, FooterBuilder, MetadataVersion};
use flatbuffers::FlatBufferBuilder;

use super::dictionaries::OnGrowth;
use super::error::WriteError;
use super::messages::{Kind, Messages};
use crate::encode::EncodeError;
use crate::plan::Plan;
use crate::wire::{ALIGNMENT, END_OF_STREAM, head_len};

/// The magic that a file begins and ends with.
const MAGIC: [u8; 6] = *b"ARROW1";

/// Writes batches of one schema as a file.
///
/// Every message begins at a multiple of 64 bytes, so all buffers of a mapped file are aligned. A dictionary can grow
/// (with [`OnGrowth::Delta`]) but not be replaced: the format cannot express which batches meant which.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{Int32Array, RecordBatch};
/// use bowstring_codec::{FileWriter, OnGrowth, Plan};
///
/// let batch = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![1, 2, 3])) as _)])?;
/// let mut writer = FileWriter::new(Vec::new(), Plan::new(batch.schema())?, OnGrowth::Delta)?;
/// writer.set_metadata("origin", "the north tower");
/// writer.write(&batch)?;
/// let bytes: Vec<u8> = writer.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileWriter<W> {
    out: W,
    messages: Messages,
    metadata: BTreeMap<String, String>,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
    /// Bytes written so far.
    at: usize,
}

impl<W: Write> FileWriter<W> {
    /// Begins a file: writes the magic word and the schema.
    pub fn new(mut out: W, plan: Arc<Plan>, on_growth: OnGrowth) -> Result<Self, WriteError> {
        let mut opening = [0; ALIGNMENT];
        opening[..MAGIC.len()].copy_from_slice(&MAGIC);
        out.write_all(&opening)?;
        out.write_all(plan.schema_message())?;
        Ok(Self {
            out,
            at: opening.len() + plan.schema_message().len(),
            messages: Messages::new(plan, on_growth),
            metadata: BTreeMap::new(),
            dictionaries: Vec::new(),
            batches: Vec::new(),
        })
    }

    /// Returns the plan of the file's schema.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        self.messages.plan()
    }

    /// Sets a pair of the footer's `custom_metadata`.
    pub fn set_metadata(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.metadata.insert(key.into(), value.into());
    }

    /// Writes the dictionaries that the batch needs, and the batch.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        let Self { out, messages, dictionaries, batches, at, .. } = self;
        messages.of(batch, false, |kind, message| {
            let block = block(*at, message).ok_or(EncodeError::TooLarge)?;
            out.write_all(message)?;
            *at += message.len();
            match kind {
                Kind::Dictionary => dictionaries.push(block),
                Kind::Batch => batches.push(block),
            }
            Ok(())
        })
    }

    /// Writes the footer, flushes, and returns the output.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.out.write_all(&END_OF_STREAM)?;
        let footer = self.footer();
        let len = i32::try_from(footer.len()).map_err(|_| EncodeError::TooLarge)?;
        self.out.write_all(&footer)?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(&MAGIC)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn footer(&self) -> Vec<u8> {
        let mut fbb = FlatBufferBuilder::new();
        let dictionaries = fbb.create_vector(&self.dictionaries);
        let batches = fbb.create_vector(&self.batches);
        let mut ids = DictionaryTracker::new(false);
        let schema = IpcSchemaEncoder::new()
            .with_dictionary_tracker(&mut ids)
            .schema_to_fb_offset(&mut fbb, self.messages.plan().schema());
        let metadata = (!self.metadata.is_empty()).then(|| {
            let pairs = self.metadata.iter().map(|(key, value)| (key.clone(), value.clone()));
            metadata_to_fb(&mut fbb, &pairs.collect())
        });
        let mut footer = FooterBuilder::new(&mut fbb);
        footer.add_version(MetadataVersion::V5);
        footer.add_schema(schema);
        footer.add_dictionaries(dictionaries);
        footer.add_recordBatches(batches);
        if let Some(metadata) = metadata {
            footer.add_custom_metadata(metadata);
        }
        let root = footer.finish();
        fbb.finish(root, None);
        fbb.finished_data().to_vec()
    }
}

/// Returns a message's block, for the footer.
fn block(at: usize, message: &[u8]) -> Option<Block> {
    let head = head_len(message)?;
    let body = message.len().checked_sub(head)?;
    Some(Block::new(i64::try_from(at).ok()?, i32::try_from(head).ok()?, i64::try_from(body).ok()?))
}
