//! The metadata of a message, made once and then only patched.
//!
//! Between two batches of a schema only numbers change in the metadata: rows, field nodes, buffer positions, the
//! body's length. `arrow-ipc`'s builders write these inline and at fixed places, provided that zeroes are not left
//! out (`force_defaults`). So a message is built once with zeroes, the generated accessors give the place of each
//! number, and a new message is one copy of the template and a few stores.
//!
//! The number of buffers of view columns differs from batch to batch. A template has room for a number of them, and
//! the vector of buffers states how many entries it really has; entries beyond that are bytes that nothing refers to.
//! A batch with more takes a new, larger template.

use core::ops::Range;

use arrow_ipc::{
    Buffer, DictionaryBatch, DictionaryBatchBuilder, FieldNode, Message, MessageBuilder, MessageHeader,
    MetadataVersion, RecordBatch, RecordBatchBuilder,
};
use flatbuffers::{FlatBufferBuilder, SIZE_UOFFSET, Table, VOffsetT, Vector};

use crate::error::{LayoutError, LayoutFault};
use crate::layout::Tree;
use crate::wire::{self, PREFIX};

/// A field node or a buffer as the metadata holds it: two little-endian `i64`.
pub(crate) type Pair = [u8; 16];

/// The content of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// A record batch.
    Batch,
    /// The values of the dictionary of this id.
    Dictionary(i64),
}

/// One kind of message with all numbers zero, framed, and the places of the numbers.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    bytes: Box<[u8]>,
    /// Byte of `Message.bodyLength`.
    body_length: usize,
    /// Byte of `RecordBatch.length`.
    rows: usize,
    /// Byte of `DictionaryBatch.isDelta`.
    delta: Option<usize>,
    /// Bytes of the field nodes.
    nodes: Range<usize>,
    /// Bytes of the buffers, variadic capacity included; the number of buffers comes right before.
    buffers: Range<usize>,
    /// Bytes of the variadic buffer counts.
    counts: Range<usize>,
    /// The capacity for variadic buffers, in all columns together.
    variadic_capacity: usize,
}

/// The vectors of a stamped template, to be written entry by entry.
#[derive(Debug)]
pub(crate) struct Tables<'r> {
    /// Length and null count of each node.
    pub(crate) nodes: &'r mut [Pair],
    /// Offset and length of each buffer, with room for the variadic ones.
    pub(crate) buffers: &'r mut [Pair],
    /// Variadic buffers of each view column.
    pub(crate) counts: &'r mut [[u8; 8]],
}

/// Encodes two numbers as in the metadata. Lengths in memory fit: no object is larger than `isize::MAX`.
pub(crate) fn pair(first: usize, second: usize) -> Pair {
    let mut pair = [0; 16];
    pair[..8].copy_from_slice(&(first as u64).to_le_bytes());
    pair[8..].copy_from_slice(&(second as u64).to_le_bytes());
    pair
}

impl Template {
    /// Creates the template of a message that carries `tree`, with room for `variadic_capacity` variadic buffers.
    pub(crate) fn new(carries: Carries, tree: &Tree, variadic_capacity: usize) -> Result<Self, LayoutError> {
        let too_many = || LayoutError { path: "".into(), fault: LayoutFault::TooMany };
        let buffers = tree.buffers().len().checked_add(variadic_capacity).ok_or_else(too_many)?;
        // A flatbuffer can hold at most 2 GiB; stay well below that, and the builder never panics.
        let bytes = tree.nodes().len().saturating_add(buffers).saturating_mul(size_of::<Pair>());
        if bytes > 1 << 30 {
            return Err(too_many());
        }
        let metadata = build(carries, tree, buffers);
        let bytes = wire::frame(&metadata).ok_or_else(too_many)?;
        let template = locate(&metadata, bytes, variadic_capacity);
        debug_assert!(template.is_some(), "a message that was just built has all its fields");
        template.ok_or_else(too_many)
    }

    /// Bytes of the framed metadata: where the body begins.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the capacity for variadic buffers.
    pub(crate) fn variadic_capacity(&self) -> usize {
        self.variadic_capacity
    }

    /// Copies the template to `head`, which is exactly as long, and returns its vectors.
    pub(crate) fn stamp<'r>(&self, head: &'r mut [u8]) -> Tables<'r> {
        debug_assert_eq!(head.len(), self.bytes.len());
        head.copy_from_slice(&self.bytes);
        self.tables(head)
    }

    /// Returns the vectors of a head that was stamped before.
    pub(crate) fn tables<'r>(&self, head: &'r mut [u8]) -> Tables<'r> {
        let ranges = [self.nodes.clone(), self.buffers.clone(), self.counts.clone()];
        // The ranges are disjoint and in bounds since `locate`: three different vectors of one flatbuffer.
        let [nodes, buffers, counts] = head.get_disjoint_mut(ranges).unwrap_or_default();
        Tables {
            nodes: nodes.as_chunks_mut().0,
            buffers: buffers.as_chunks_mut().0,
            counts: counts.as_chunks_mut().0,
        }
    }

    /// Writes the numbers that are known last. `buffers` is the number of entries of the buffer vector in use.
    pub(crate) fn seal(&self, head: &mut [u8], rows: usize, buffers: usize, body: usize, delta: bool) {
        head[self.rows..][..8].copy_from_slice(&(rows as u64).to_le_bytes());
        head[self.body_length..][..8].copy_from_slice(&(body as u64).to_le_bytes());
        if self.variadic_capacity != 0 {
            let count = (buffers as u32).to_le_bytes();
            head[self.buffers.start - SIZE_UOFFSET..][..SIZE_UOFFSET].copy_from_slice(&count);
        }
        if let Some(at) = self.delta {
            head[at] = u8::from(delta);
        }
    }
}

/// Builds the metadata with every number zero, and every number present.
fn build(carries: Carries, tree: &Tree, buffers: usize) -> Vec<u8> {
    let mut fbb = FlatBufferBuilder::new();
    fbb.force_defaults(true);
    let buffers = fbb.create_vector(&vec![Buffer::new(0, 0); buffers]);
    let nodes = fbb.create_vector(&vec![FieldNode::new(0, 0); tree.nodes().len()]);
    // Present if and only if the schema has view columns, as the format requires.
    let counts = (tree.views() != 0).then(|| fbb.create_vector(&vec![0i64; tree.views()]));
    let mut batch = RecordBatchBuilder::new(&mut fbb);
    batch.add_length(0);
    batch.add_nodes(nodes);
    batch.add_buffers(buffers);
    if let Some(counts) = counts {
        batch.add_variadicBufferCounts(counts);
    }
    let batch = batch.finish();
    let (kind, header) = match carries {
        Carries::Batch => (MessageHeader::RecordBatch, batch.as_union_value()),
        Carries::Dictionary(id) => {
            let mut dictionary = DictionaryBatchBuilder::new(&mut fbb);
            dictionary.add_id(id);
            dictionary.add_data(batch);
            dictionary.add_isDelta(false);
            (MessageHeader::DictionaryBatch, dictionary.finish().as_union_value())
        }
    };
    let mut message = MessageBuilder::new(&mut fbb);
    message.add_version(MetadataVersion::V5);
    message.add_header_type(kind);
    message.add_bodyLength(0);
    message.add_header(header);
    let root = message.finish();
    fbb.finish(root, None);
    fbb.finished_data().to_vec()
}

/// Finds every number of the metadata in the framed bytes.
fn locate(metadata: &[u8], bytes: Box<[u8]>, variadic_capacity: usize) -> Option<Template> {
    let message = arrow_ipc::root_as_message(metadata).ok()?;
    let (batch, delta) = match message.header_type() {
        MessageHeader::DictionaryBatch => {
            let dictionary = message.header_as_dictionary_batch()?;
            (dictionary.data()?, Some(scalar(&dictionary._tab, DictionaryBatch::VT_ISDELTA)?))
        }
        _ => (message.header_as_record_batch()?, None),
    };
    Some(Template {
        body_length: scalar(&message._tab, Message::VT_BODYLENGTH)?,
        rows: scalar(&batch._tab, RecordBatch::VT_LENGTH)?,
        delta,
        nodes: vector(metadata, batch.nodes()),
        buffers: vector(metadata, batch.buffers()),
        counts: vector(metadata, batch.variadicBufferCounts()),
        bytes,
        variadic_capacity,
    })
}

/// Finds a scalar field in the framed message, if it is present.
fn scalar(table: &Table<'_>, field: VOffsetT) -> Option<usize> {
    match table.vtable().get(field) {
        0 => None,
        at => Some(PREFIX + table.loc() + usize::from(at)),
    }
}

/// Finds the entries of a vector in the framed message.
fn vector<'a, T>(metadata: &'a [u8], vector: Option<Vector<'a, T>>) -> Range<usize> {
    let entries = vector.map_or(&[][..], |v| v.bytes());
    match entries.is_empty() {
        true => 0..0,
        false => {
            let start = PREFIX + (entries.as_ptr().addr() - metadata.as_ptr().addr());
            start..start + entries.len()
        }
    }
}

#[cfg(test)]
mod tests {
    //! A patched template, read back through the generated accessors.

    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::layout::Layout;

    #[test]
    fn every_number_lands_where_the_accessors_look() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8View));
        let schema = Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("b", DataType::Utf8View, true),
            Field::new("c", dictionary, true),
        ]);
        let layout = Layout::new(&schema).unwrap();
        for (carries, tree) in
            [(Carries::Batch, layout.batch()), (Carries::Dictionary(9), &layout.dictionaries()[0].values)]
        {
            let template = Template::new(carries, tree, 3).unwrap();
            let mut head = vec![0xaa; template.len()];
            let tables = template.stamp(&mut head);
            let fixed = tree.buffers().len();
            assert_eq!((tables.nodes.len(), tables.buffers.len()), (tree.nodes().len(), fixed + 3));
            for (i, node) in tables.nodes.iter_mut().enumerate() {
                *node = pair(100 + i, i);
            }
            for (i, buffer) in tables.buffers.iter_mut().enumerate() {
                *buffer = pair(64 * i, 7 * i);
            }
            tables.counts[0] = 2u64.to_le_bytes();
            template.seal(&mut head, 77, fixed + 2, 4096, true);

            let message = arrow_ipc::root_as_message(&head[PREFIX..]).unwrap();
            assert_eq!((message.bodyLength(), message.version()), (4096, MetadataVersion::V5));
            let batch = match carries {
                Carries::Batch => message.header_as_record_batch().unwrap(),
                Carries::Dictionary(id) => {
                    let dictionary = message.header_as_dictionary_batch().unwrap();
                    assert_eq!((dictionary.id(), dictionary.isDelta()), (id, true));
                    dictionary.data().unwrap()
                }
            };
            assert_eq!(batch.length(), 77);
            for (i, node) in batch.nodes().unwrap().iter().enumerate() {
                assert_eq!((node.length(), node.null_count()), (100 + i as i64, i as i64));
            }
            assert_eq!(batch.buffers().unwrap().len(), fixed + 2);
            for (i, buffer) in batch.buffers().unwrap().iter().enumerate() {
                assert_eq!((buffer.offset(), buffer.length()), (64 * i as i64, 7 * i as i64));
            }
            assert_eq!(batch.variadicBufferCounts().unwrap().get(0), 2);
        }
    }

    #[test]
    fn a_schema_without_columns_has_a_template() {
        let layout = Layout::new(&Schema::empty()).unwrap();
        let template = Template::new(Carries::Batch, layout.batch(), 0).unwrap();
        let mut head = vec![0xaa; template.len()];
        assert!(template.stamp(&mut head).nodes.is_empty());
        template.seal(&mut head, 5, 0, 0, false);
        let message = arrow_ipc::root_as_message(&head[PREFIX..]).unwrap();
        assert_eq!(message.header_as_record_batch().unwrap().length(), 5);
    }
}
