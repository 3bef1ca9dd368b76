//! The few tables of a batch's metadata, read in place.
//!
//! Batches are the hot path, and they need little of a flatbuffer: three tables, a handful of numbers, three vectors
//! of plain structs. Verifying everything and then reading it costs several times what reading with a check at each
//! step does, so that is done here, in safe code: an offset is followed only to an existing slice. Nothing is read
//! twice and no vector can be longer than the metadata, so no input can blow up. Schemas and footers, which are rare
//! and rich, go through the generated verifier instead.
//!
//! ```text
//! root     u32 → table
//! table    i32 back to its vtable | fields
//! vtable   u16 its length | u16 the table's length | u16 for each field: where in the table, or 0
//! vector   u32 → u32 length | elements
//! ```

use arrow_ipc as ipc;

use crate::message::error::ReadError;
use crate::message::fault::MetadataFault;

/// A table in metadata: where it is, and where its fields are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlatTable<'a> {
    metadata: &'a [u8],
    at: usize,
    /// The vtable's entries, from its own length on.
    vtable: &'a [u8],
}

/// A batch's numbers, unchecked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireBatch<'a> {
    pub(crate) rows: i64,
    /// Length and null count of each node.
    pub(crate) nodes: &'a [[u8; 16]],
    /// Offset and length of each buffer.
    pub(crate) buffers: &'a [[u8; 16]],
    /// The number of data buffers of each view column.
    pub(crate) variadic: &'a [[u8; 8]],
    /// The codec, if the body is compressed.
    pub(crate) compression: Option<ipc::CompressionType>,
}

/// A dictionary message's numbers, unchecked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireDictionary<'a> {
    pub(crate) id: i64,
    pub(crate) is_delta: bool,
    pub(crate) values: WireBatch<'a>,
}

/// Returns the two numbers of a struct.
pub(crate) fn pair(pair: &[u8; 16]) -> (i64, i64) {
    let number = |at: usize| i64::from_le_bytes(std::array::from_fn(|byte| pair[at + byte]));
    (number(0), number(8))
}

fn outside(at: usize) -> ReadError {
    ReadError::Metadata { at: Some(at), fault: MetadataFault::OutOfBounds }
}

/// Returns `N` bytes of the metadata.
#[inline]
fn bytes<const N: usize>(metadata: &[u8], at: usize) -> Result<[u8; N], ReadError> {
    metadata.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or_else(|| outside(at))
}

/// Follows the offset at `at`.
#[inline]
fn follow(metadata: &[u8], at: usize) -> Result<usize, ReadError> {
    // Cannot overflow: both fit in 32 bits and a bit.
    Ok(at + u32::from_le_bytes(bytes(metadata, at)?) as usize)
}

impl<'a> FlatTable<'a> {
    /// Returns the table that metadata begins with.
    pub(crate) fn root(metadata: &'a [u8]) -> Result<Self, ReadError> {
        Self::at(metadata, follow(metadata, 0)?)
    }

    fn at(metadata: &'a [u8], at: usize) -> Result<Self, ReadError> {
        let back = i64::from(i32::from_le_bytes(bytes(metadata, at)?));
        let start = usize::try_from(at as i64 - back).map_err(|_| outside(at))?;
        let len = usize::from(u16::from_le_bytes(bytes(metadata, start)?));
        let vtable = metadata.get(start..start + len).ok_or_else(|| outside(start))?;
        Ok(Self { metadata, at, vtable })
    }

    /// Returns the place of a field, if the table has it.
    #[inline]
    fn field(&self, slot: u16) -> Option<usize> {
        let entry = self.vtable.get(usize::from(slot)..)?.first_chunk()?;
        match u16::from_le_bytes(*entry) {
            0 => None,
            offset => Some(self.at + usize::from(offset)),
        }
    }

    #[inline]
    fn scalar<const N: usize>(&self, slot: u16) -> Result<[u8; N], ReadError> {
        // An absent number is zero, in all the tables that are read here.
        self.field(slot).map_or(Ok([0; N]), |at| bytes(self.metadata, at))
    }

    fn table(&self, slot: u16) -> Result<Option<Self>, ReadError> {
        let Some(at) = self.field(slot) else { return Ok(None) };
        Self::at(self.metadata, follow(self.metadata, at)?).map(Some)
    }

    /// Returns a vector of structs of `N` bytes. An absent one is empty.
    fn vector<const N: usize>(&self, slot: u16) -> Result<&'a [[u8; N]], ReadError> {
        let Some(at) = self.field(slot) else { return Ok(&[]) };
        let at = follow(self.metadata, at)?;
        let count = u32::from_le_bytes(bytes(self.metadata, at)?) as usize;
        let elements = || {
            let start = at.checked_add(4)?;
            self.metadata.get(start..start.checked_add(count.checked_mul(N)?)?)
        };
        Ok(elements().ok_or_else(|| outside(at))?.as_chunks().0)
    }

    /// Returns a message's version.
    pub(crate) fn version(&self) -> Result<ipc::MetadataVersion, ReadError> {
        Ok(ipc::MetadataVersion(i16::from_le_bytes(self.scalar(ipc::Message::VT_VERSION)?)))
    }

    /// Returns a message's kind.
    pub(crate) fn header_type(&self) -> Result<ipc::MessageHeader, ReadError> {
        let [tag] = self.scalar(ipc::Message::VT_HEADER_TYPE)?;
        Ok(ipc::MessageHeader(tag))
    }

    /// Returns the length of a message's body.
    pub(crate) fn body_length(&self) -> Result<i64, ReadError> {
        Ok(i64::from_le_bytes(self.scalar(ipc::Message::VT_BODYLENGTH)?))
    }

    /// Returns the batch of a batch message.
    pub(crate) fn batch(&self) -> Result<WireBatch<'a>, ReadError> {
        let header = self.table(ipc::Message::VT_HEADER)?;
        WireBatch::read(header.ok_or(ReadError::metadata(MetadataFault::MissingField("header")))?)
    }

    /// Returns the dictionary of a dictionary message.
    pub(crate) fn dictionary(&self) -> Result<WireDictionary<'a>, ReadError> {
        let header = self.table(ipc::Message::VT_HEADER)?;
        let header = header.ok_or(ReadError::metadata(MetadataFault::MissingField("header")))?;
        let values = header.table(ipc::DictionaryBatch::VT_DATA)?;
        let [is_delta] = header.scalar(ipc::DictionaryBatch::VT_ISDELTA)?;
        Ok(WireDictionary {
            id: i64::from_le_bytes(header.scalar(ipc::DictionaryBatch::VT_ID)?),
            is_delta: is_delta != 0,
            values: WireBatch::read(values.ok_or(ReadError::metadata(MetadataFault::MissingField("data")))?)?,
        })
    }
}

impl<'a> WireBatch<'a> {
    fn read(table: FlatTable<'a>) -> Result<Self, ReadError> {
        let compression = match table.table(ipc::RecordBatch::VT_COMPRESSION)? {
            None => None,
            Some(table) => {
                let [codec] = table.scalar(ipc::BodyCompression::VT_CODEC)?;
                Some(ipc::CompressionType(codec as i8))
            }
        };
        Ok(Self {
            rows: i64::from_le_bytes(table.scalar(ipc::RecordBatch::VT_LENGTH)?),
            nodes: table.vector(ipc::RecordBatch::VT_NODES)?,
            buffers: table.vector(ipc::RecordBatch::VT_BUFFERS)?,
            variadic: table.vector(ipc::RecordBatch::VT_VARIADICBUFFERCOUNTS)?,
            compression,
        })
    }
}

#[cfg(test)]
mod tests {
    use flatbuffers::FlatBufferBuilder;

    use super::*;

    /// Returns a dictionary message with a number in every field, as its metadata.
    fn message() -> Vec<u8> {
        let mut fbb = FlatBufferBuilder::new();
        let nodes = fbb.create_vector(&[ipc::FieldNode::new(5, 1), ipc::FieldNode::new(-6, i64::MAX)]);
        let buffers = fbb.create_vector(&[ipc::Buffer::new(8, 16), ipc::Buffer::new(i64::MIN, -1)]);
        let variadic = fbb.create_vector(&[3_i64]);
        let args = ipc::BodyCompressionArgs { codec: ipc::CompressionType::ZSTD, ..Default::default() };
        let compression = ipc::BodyCompression::create(&mut fbb, &args);
        let args = ipc::RecordBatchArgs {
            length: 77,
            nodes: Some(nodes),
            buffers: Some(buffers),
            compression: Some(compression),
            variadicBufferCounts: Some(variadic),
        };
        let batch = ipc::RecordBatch::create(&mut fbb, &args);
        let args = ipc::DictionaryBatchArgs { id: -9, data: Some(batch), isDelta: true };
        let dictionary = ipc::DictionaryBatch::create(&mut fbb, &args);
        let args = ipc::MessageArgs {
            version: ipc::MetadataVersion::V5,
            header_type: ipc::MessageHeader::DictionaryBatch,
            header: Some(dictionary.as_union_value()),
            bodyLength: 4096,
            custom_metadata: None,
        };
        let message = ipc::Message::create(&mut fbb, &args);
        fbb.finish(message, None);
        fbb.finished_data().to_vec()
    }

    /// Returns everything that is read of a message, or an error.
    fn ours(metadata: &[u8]) -> Result<String, ReadError> {
        let message = FlatTable::root(metadata)?;
        let WireDictionary { id, is_delta, values } = message.dictionary()?;
        let nodes: Vec<_> = values.nodes.iter().map(pair).collect();
        let buffers: Vec<_> = values.buffers.iter().map(pair).collect();
        let variadic: Vec<_> = values.variadic.iter().map(|count| i64::from_le_bytes(*count)).collect();
        Ok(format!(
            "{:?} {:?} {} {id} {is_delta} {} {nodes:?} {buffers:?} {variadic:?} {:?}",
            message.version()?.0,
            message.header_type()?.0,
            message.body_length()?,
            values.rows,
            values.compression.map(|codec| codec.0),
        ))
    }

    /// Returns the same through the generated accessors, if the verifier accepts it.
    fn theirs(metadata: &[u8]) -> Option<String> {
        let message = ipc::root_as_message(metadata).ok()?;
        let dictionary = message.header_as_dictionary_batch()?;
        let values = dictionary.data()?;
        let nodes = values.nodes().into_iter().flatten().map(|node| (node.length(), node.null_count()));
        let buffers = values.buffers().into_iter().flatten().map(|buffer| (buffer.offset(), buffer.length()));
        Some(format!(
            "{:?} {:?} {} {} {} {} {:?} {:?} {:?} {:?}",
            message.version().0,
            message.header_type().0,
            message.bodyLength(),
            dictionary.id(),
            dictionary.isDelta(),
            values.length(),
            nodes.collect::<Vec<_>>(),
            buffers.collect::<Vec<_>>(),
            values.variadicBufferCounts().into_iter().flatten().collect::<Vec<_>>(),
            values.compression().map(|compression| compression.codec().0),
        ))
    }

    #[test]
    fn reads_what_the_generated_accessors_read() {
        let mut metadata = message();
        assert_eq!(ours(&metadata).ok(), theirs(&metadata));
        assert!(theirs(&metadata).is_some());
        // If the verifier accepts the message after a bit was flipped, both read the same.
        let mut verified = 0;
        for bit in 0..metadata.len() * 8 {
            metadata[bit / 8] ^= 1 << (bit % 8);
            if let Some(theirs) = theirs(&metadata) {
                assert_eq!(ours(&metadata).ok(), Some(theirs), "bit {bit}");
                verified += 1;
            } else {
                let _ = ours(&metadata);
            }
            metadata[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(verified > 500, "{verified}");
    }

    #[test]
    fn parts_of_it_are_refused() {
        let metadata = message();
        for cut in 0..metadata.len() {
            let _ = ours(&metadata[..cut]);
        }
        assert_eq!(ours(&[]), Err(outside(0)));
        assert_eq!(ours(&[0xff, 0xff, 0xff, 0xff]), Err(outside(u32::MAX as usize)));
        // A table that is its own vtable, and one whose vtable would be before the metadata.
        assert!(ours(&[4, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(ours(&[4, 0, 0, 0, 9, 0, 0, 0]).is_err());
    }
}
