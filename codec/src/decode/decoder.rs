//! The decoder: everything about a schema's messages that is known in advance, and the dictionaries received.

use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_ipc as ipc;
use arrow_schema::SchemaRef;

use crate::layout::{Layout, Tree};
use crate::message::dictionary::{Dictionary, Held, Inner, Part};
use crate::message::flat::{WireBatch, WireDictionary};
use crate::message::metadata::{self, Envelope, Opened, Scratch};
use crate::message::schema::{self, WireSchema};
use crate::message::table::Table;
use crate::message::{DictionaryFault, FrameFault, Limits, ReadError};
use crate::view::{BatchView, ColumnView, Source, Structure};

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageKind {
    /// A schema.
    Schema,
    /// Values of a dictionary.
    Dictionary,
    /// A batch of rows.
    Batch,
    /// The end of a stream.
    End,
    /// Something this crate does not read: the header's tag (tensors have some).
    Other(u8),
}

impl MessageKind {
    pub(crate) fn of(header: ipc::MessageHeader) -> Self {
        match header {
            ipc::MessageHeader::Schema => Self::Schema,
            ipc::MessageHeader::DictionaryBatch => Self::Dictionary,
            ipc::MessageHeader::RecordBatch => Self::Batch,
            other => Self::Other(other.0),
        }
    }
}

/// The effect of a dictionary message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DictionaryReceived {
    /// The dictionary's id.
    pub id: i64,
    /// True if the values were added to the existing ones. Otherwise they replace any.
    pub is_delta: bool,
    /// The number of values that the dictionary has now.
    pub values: usize,
}

/// Reads the messages of one schema.
///
/// Creating one allocates: a plan of the schema's messages and the scratch to check them in. Decoding batches then
/// does not, unless a message's metadata is several times the size that its schema needs, or its view columns have
/// hundreds of buffers. Scratch then grows, with bytes that are present and within [`Limits`], and keeps its size.
///
/// ```
/// use bowstring_codec::decode::Decoder;
/// # use std::sync::Arc;
/// # use arrow_array::{Int64Array, RecordBatch, StringArray};
/// # let batch = RecordBatch::try_from_iter([
/// #     ("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef),
/// #     ("s", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
/// # ]).unwrap();
/// # let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
/// # let schema_len = writer.get_ref().len();
/// # writer.write(&batch).unwrap();
/// # let stream = arrow_buffer::Buffer::from(writer.into_inner().unwrap());
/// # let (schema, message) = stream.split_at(schema_len);
/// let mut decoder = Decoder::from_schema_message(schema)?;
/// let batch = decoder.decode(message)?.validate()?;
/// let sum: i64 = batch.column(0).unwrap().as_slice::<i64>().unwrap().iter().sum();
/// assert_eq!(sum, 6);
/// assert_eq!(batch.column(1).unwrap().as_bytes().unwrap().str(2), Some("c"));
/// # Ok::<(), bowstring_codec::decode::ReadError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    schema: SchemaRef,
    layout: Arc<Layout>,
    limits: Limits,
    /// True if bytes after a message are a fault.
    alone: bool,
    scratch: Scratch,
    table: Table,
    /// By index in the layout.
    dictionaries: Vec<Option<Arc<Dictionary>>>,
    chosen: Option<Chosen>,
}

/// The columns that batches are read for, if not all.
#[derive(Debug)]
struct Chosen {
    /// Their nodes, in the order in which they were named.
    nodes: Box<[u32]>,
    /// By column of the messages: true for those that need not be there.
    optional: Box<[bool]>,
}

impl Decoder {
    /// Creates a decoder for the messages of a schema known from elsewhere, whose dictionaries are numbered as
    /// `arrow-ipc` numbers them: 0, 1, 2, … in the order of the fields, those below a field before that field.
    pub fn new(schema: SchemaRef) -> Result<Self, ReadError> {
        let layout = Layout::new(&schema)?;
        Ok(Self::with_layout(schema, layout, Limits::default()))
    }

    /// Creates a decoder for the messages that follow a schema message.
    pub fn from_schema_message(message: &[u8]) -> Result<Self, ReadError> {
        Self::from_schema_message_within(message, Limits::default())
    }

    /// Creates a decoder for the messages that follow a schema message, with the given limits.
    pub fn from_schema_message_within(message: &[u8], limits: Limits) -> Result<Self, ReadError> {
        let mut scratch = Scratch::default();
        let envelope = open_message(message, &mut scratch, limits)?;
        Self::from_wire(envelope.schema()?, limits)
    }

    /// Creates a decoder for the messages of a verified schema.
    pub(crate) fn from_wire(schema: ipc::Schema<'_>, limits: Limits) -> Result<Self, ReadError> {
        let WireSchema { schema, dictionary_ids } = schema::read(schema)?;
        let layout = Layout::with_dictionary_ids(&schema, &dictionary_ids)?;
        Ok(Self::with_layout(Arc::new(schema), layout, limits))
    }

    fn with_layout(schema: SchemaRef, layout: Layout, limits: Limits) -> Self {
        let tree = layout.batch();
        // What any writer needs: nodes, buffers and variadic counts, then vtables and the fields around them, and the
        // same again for custom metadata. The schema may come from anybody, so at most what one message may have.
        let buffers = Table::planned_buffers(tree).min(limits.metadata / 16);
        let plain = tree.nodes().len() * 16 + buffers * 16 + tree.views() * 8 + 512;
        Self {
            scratch: Scratch::with_capacity((plain * 2).min(limits.metadata)),
            table: Table::for_tree(tree, buffers),
            dictionaries: vec![None; layout.dictionaries().len()],
            layout: Arc::new(layout),
            schema,
            limits,
            alone: false,
            chosen: None,
        }
    }

    /// Reads only these columns of the batches that follow, in this order: views and arrays have no others. The values
    /// of the others are not looked at, and a sender may [leave them out](crate::Encoder::leave_out). Returns false, and
    /// changes nothing, if there is no such column, or if a choice was made before.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// # use bowstring_codec::decode::Decoder;
    /// let fields = ["a", "b", "c"].map(|name| Field::new(name, DataType::Int64, true));
    /// let mut decoder = Decoder::new(Arc::new(Schema::new(fields.to_vec())))?;
    /// assert!(!decoder.choose(&[3]));
    /// assert!(decoder.choose(&[2, 0]));
    /// assert_eq!(decoder.schema().field(0).name(), "c");
    /// # Ok::<(), bowstring_codec::decode::ReadError>(())
    /// ```
    pub fn choose(&mut self, columns: &[usize]) -> bool {
        let tree = self.layout.batch();
        let nodes: Option<Box<[u32]>> = columns.iter().map(|&at| tree.columns().get(at).copied()).collect();
        let (None, Some(nodes), Ok(schema)) = (&self.chosen, nodes, self.schema.project(columns)) else {
            return false;
        };
        let optional = (0..tree.columns().len()).map(|at| !columns.contains(&at)).collect();
        self.schema = Arc::new(schema);
        self.chosen = Some(Chosen { nodes, optional });
        true
    }

    /// Returns the schema: of the columns that were [chosen](Self::choose), if a choice was made.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Sets the limits for the messages that follow.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Refuses messages with bytes after them from now on ([`FrameFault::TrailingBytes`]): for channels that carry
    /// each message alone.
    pub fn refuse_trailing_bytes(&mut self) {
        self.alone = true;
    }

    /// Returns the kind of the message at the start of `bytes`.
    pub fn peek(&mut self, bytes: &[u8]) -> Result<MessageKind, ReadError> {
        self.measure(bytes).map(|(kind, _)| kind)
    }

    /// Returns the kind and the length of the message at the start of `bytes`.
    pub fn measure(&mut self, bytes: &[u8]) -> Result<(MessageKind, usize), ReadError> {
        let envelope = match metadata::open(bytes, &mut self.scratch, self.limits.metadata)? {
            Opened::End { len } => return Ok((MessageKind::End, len)),
            Opened::Message(envelope) => envelope,
        };
        Ok((MessageKind::of(envelope.header), envelope.len))
    }

    /// Reads a batch, and checks its [`Structure`].
    ///
    /// `message` begins with the message. What follows it is ignored, unless
    /// [`refuse_trailing_bytes`](Self::refuse_trailing_bytes) was called. The view borrows the message, and the
    /// decoder whose scratch it was checked in. Its memory must be aligned to 8 bytes. Allocates nothing.
    pub fn decode<'a>(&'a mut self, message: &'a [u8]) -> Result<BatchView<'a, Structure>, ReadError> {
        let tree = self.layout.batch();
        let envelope = open_message(message, &mut self.scratch, self.limits)?;
        let batch = envelope.batch()?;
        check_alone(self.alone, &envelope, message)?;
        let (columns, optional) = match &self.chosen {
            Some(Chosen { nodes, optional }) => (&**nodes, &**optional),
            None => (tree.columns(), &[][..]),
        };
        self.table.load(tree, optional, &batch, envelope.body, envelope.version, self.limits.rows)?;
        let body = envelope.body;
        let source = Source {
            layout: &self.layout,
            tree,
            table: &self.table,
            body,
            dictionaries: Held::all(&self.dictionaries),
        };
        Ok(BatchView::new(&self.schema, columns, source, self.scratch.bytes()))
    }

    /// Adds or replaces a dictionary's values, for the batches that follow.
    ///
    /// The values are fully checked, here and once, and their memory is kept while the decoder or a batch refers to
    /// the dictionary. [`share`](crate::interop::share) makes a buffer of any memory's owner; `Buffer::from(slice)`
    /// makes a copy.
    pub fn dictionary(&mut self, message: &Buffer) -> Result<DictionaryReceived, ReadError> {
        let envelope = open_message(message, &mut self.scratch, self.limits)?;
        let WireDictionary { id, is_delta, values } = envelope.dictionary()?;
        check_alone(self.alone, &envelope, message)?;
        let in_dictionary = |fault| ReadError::Dictionary { id, fault };
        let index =
            self.layout.dictionary_index(id).ok_or_else(|| in_dictionary(DictionaryFault::UnknownId))?;
        envelope.refuse_compressed(&values)?;
        let tree = &self.layout.dictionaries()[index].values;
        let part =
            read_part(&self.layout, tree, &values, &envelope, message, &self.dictionaries, self.limits)?;
        let slot = &mut self.dictionaries[index];
        match (slot.as_mut(), is_delta) {
            (None, true) => return Err(in_dictionary(DictionaryFault::DeltaWithoutBase)),
            (Some(held), true) => {
                // Batches that refer to the old dictionary keep it.
                let extended = Arc::make_mut(held).extend(part);
                extended.ok_or_else(|| in_dictionary(DictionaryFault::TooLong))?;
            }
            (_, false) => {
                let index = index as u32;
                *slot = Some(Arc::new(Dictionary::new(Arc::clone(&self.layout), index, part)));
            }
        }
        let values = slot.as_deref().map_or(0, Dictionary::len);
        Ok(DictionaryReceived { id, is_delta, values })
    }

    /// Returns true if a dictionary has arrived.
    pub(crate) fn has_dictionary(&self, id: i64) -> bool {
        let index = self.layout.dictionary_index(id);
        index.is_some_and(|index| self.dictionaries[index].is_some())
    }

    /// Returns the id of the dictionary that a message holds values of, the dictionary's index in the layout (where
    /// each comes after those that its values refer to), and whether the message is a delta.
    pub(crate) fn peek_dictionary(&mut self, message: &[u8]) -> Result<(i64, usize, bool), ReadError> {
        let envelope = open_message(message, &mut self.scratch, self.limits)?;
        let WireDictionary { id, is_delta, .. } = envelope.dictionary()?;
        let index = self.layout.dictionary_index(id);
        let index = index.ok_or(ReadError::Dictionary { id, fault: DictionaryFault::UnknownId })?;
        Ok((id, index, is_delta))
    }
}

/// Opens a message where one is required.
fn open_message<'s, 'm>(
    bytes: &'m [u8],
    scratch: &'s mut Scratch,
    limits: Limits,
) -> Result<Envelope<'s, 'm>, ReadError> {
    match metadata::open(bytes, scratch, limits.metadata)? {
        Opened::Message(envelope) => Ok(envelope),
        Opened::End { .. } => Err(ReadError::Frame { at: 0, fault: FrameFault::UnexpectedEnd }),
    }
}

/// Refuses bytes after a message that must be alone.
fn check_alone(alone: bool, envelope: &Envelope<'_, '_>, bytes: &[u8]) -> Result<(), ReadError> {
    if alone && bytes.len() > envelope.len {
        let fault = FrameFault::TrailingBytes { message: envelope.len, present: bytes.len() };
        return Err(ReadError::Frame { at: envelope.len, fault });
    }
    Ok(())
}

/// Reads and fully checks a dictionary's values.
fn read_part(
    layout: &Layout,
    tree: &Tree,
    values: &WireBatch<'_>,
    envelope: &Envelope<'_, '_>,
    message: &Buffer,
    dictionaries: &[Option<Arc<Dictionary>>],
    limits: Limits,
) -> Result<Part, ReadError> {
    let mut table = Table::default();
    table.load(tree, &[], values, envelope.body, envelope.version, limits.rows)?;
    let body = message.slice_with_length(envelope.len - envelope.body.len(), envelope.body.len());
    let part = Part { body, table, inner: Inner::of(tree, dictionaries) };
    ColumnView::new(Source::of_part(&part, layout, tree), 0).validate()?;
    Ok(part)
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::Plan;

    /// A schema costs its writer less than what is planned for its messages; the plan is bounded all the same.
    #[test]
    fn no_more_is_planned_than_a_message_may_have() {
        let views = (0..5000).map(|_| Field::new("", DataType::Utf8View, true)).collect::<Vec<_>>();
        let plan = Plan::new(Arc::new(Schema::new(views))).unwrap();
        let limits = Limits { metadata: plan.schema_message().len(), ..Limits::default() };
        let decoder = Decoder::from_schema_message_within(plan.schema_message(), limits).unwrap();
        assert!(decoder.scratch.capacity() <= limits.metadata);
        assert!(decoder.table.capacity() <= limits.metadata / 16);
    }
}
