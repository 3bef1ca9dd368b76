//! Messages that no honest writer makes: a test sets each part.
#![allow(dead_code)]

use arrow_buffer::Buffer;
use arrow_ipc as ipc;
use arrow_schema::{DataType, Field, Schema};
use bowstring_codec::Plan;
use bowstring_codec::decode::{ColumnFault, Decoder, Limits, ReadError};
use flatbuffers::FlatBufferBuilder;
use std::sync::Arc;

/// A record batch, or a dictionary's values, to be put into a message.
#[derive(Clone)]
pub(crate) struct Forged {
    pub(crate) version: ipc::MetadataVersion,
    pub(crate) rows: i64,
    /// Length and null count of each node.
    pub(crate) nodes: Vec<(i64, i64)>,
    /// Offset and length of each buffer.
    pub(crate) buffers: Vec<(i64, i64)>,
    pub(crate) variadic: Vec<i64>,
    pub(crate) compression: Option<ipc::CompressionType>,
    pub(crate) body: Vec<u8>,
    /// The body's length that the message states; by default the correct one.
    pub(crate) body_len: Option<i64>,
    /// For values of a dictionary: its id, and whether they are a delta.
    pub(crate) dictionary: Option<(i64, bool)>,
}

impl Forged {
    /// Creates an empty batch with this number of rows.
    pub(crate) fn rows(rows: i64) -> Self {
        Self {
            version: ipc::MetadataVersion::V5,
            rows,
            nodes: Vec::new(),
            buffers: Vec::new(),
            variadic: Vec::new(),
            compression: None,
            body: Vec::new(),
            body_len: None,
            dictionary: None,
        }
    }

    pub(crate) fn node(mut self, len: i64, nulls: i64) -> Self {
        self.nodes.push((len, nulls));
        self
    }

    /// Adds a buffer with these bytes at the next multiple of 8.
    pub(crate) fn buffer(mut self, bytes: &[u8]) -> Self {
        self.body.resize(self.body.len().next_multiple_of(8), 0);
        self.buffers.push((self.body.len() as i64, bytes.len() as i64));
        self.body.extend_from_slice(bytes);
        self
    }

    /// Adds a buffer of 32-bit numbers.
    pub(crate) fn i32s(self, numbers: &[i32]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.buffer(&bytes)
    }

    /// Adds a buffer of 64-bit numbers.
    pub(crate) fn i64s(self, numbers: &[i64]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.buffer(&bytes)
    }

    /// Adds a buffer with the stated place.
    pub(crate) fn span(mut self, offset: i64, len: i64) -> Self {
        self.buffers.push((offset, len));
        self
    }

    /// Returns the message, in memory aligned to 64 bytes.
    pub(crate) fn message(&self) -> Buffer {
        let mut fbb = FlatBufferBuilder::new();
        let nodes: Vec<_> = self.nodes.iter().map(|node| ipc::FieldNode::new(node.0, node.1)).collect();
        let nodes = fbb.create_vector(&nodes);
        let buffers: Vec<_> = self.buffers.iter().map(|span| ipc::Buffer::new(span.0, span.1)).collect();
        let buffers = fbb.create_vector(&buffers);
        let variadic = fbb.create_vector(&self.variadic);
        let compression = self.compression.map(|codec| {
            ipc::BodyCompression::create(
                &mut fbb,
                &ipc::BodyCompressionArgs { codec, method: ipc::BodyCompressionMethod::BUFFER },
            )
        });
        let batch = ipc::RecordBatch::create(
            &mut fbb,
            &ipc::RecordBatchArgs {
                length: self.rows,
                nodes: Some(nodes),
                buffers: Some(buffers),
                compression,
                variadicBufferCounts: Some(variadic),
            },
        );
        let (header_type, header) = match self.dictionary {
            None => (ipc::MessageHeader::RecordBatch, batch.as_union_value()),
            Some((id, is_delta)) => {
                let args = ipc::DictionaryBatchArgs { id, data: Some(batch), isDelta: is_delta };
                let dictionary = ipc::DictionaryBatch::create(&mut fbb, &args);
                (ipc::MessageHeader::DictionaryBatch, dictionary.as_union_value())
            }
        };
        let mut body = self.body.clone();
        body.resize(body.len().next_multiple_of(8), 0);
        let message = ipc::Message::create(
            &mut fbb,
            &ipc::MessageArgs {
                version: self.version,
                header_type,
                header: Some(header),
                bodyLength: self.body_len.unwrap_or(body.len() as i64),
                custom_metadata: None,
            },
        );
        fbb.finish(message, None);
        framed(fbb.finished_data(), &body)
    }
}

/// Frames metadata and body.
pub(crate) fn framed(metadata: &[u8], body: &[u8]) -> Buffer {
    let padded = metadata.len().next_multiple_of(8);
    let mut bytes = vec![0xff; 4];
    bytes.extend_from_slice(&(padded as i32).to_le_bytes());
    bytes.extend_from_slice(metadata);
    bytes.resize(8 + padded, 0);
    bytes.extend_from_slice(body);
    Buffer::from(bytes.as_slice())
}

/// Returns the schema message of columns called `a`, `b`, …
pub(crate) fn schema_message(columns: &[(DataType, bool)]) -> Buffer {
    let fields = columns
        .iter()
        .zip('a'..)
        .map(|((data_type, nullable), name)| Field::new(name.to_string(), data_type.clone(), *nullable));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Buffer::from(Plan::new(schema).expect("a sound schema").schema_message())
}

/// Returns a decoder for one nullable column `a`.
pub(crate) fn decoder(data_type: &DataType) -> Decoder {
    Decoder::from_schema_message(&schema_message(&[(data_type.clone(), true)])).expect("a sound schema")
}

/// Returns a decoder for one nullable column `a` that takes as many rows as are claimed.
pub(crate) fn unlimited(data_type: &DataType) -> Decoder {
    let mut decoder = decoder(data_type);
    decoder.set_limits(Limits { rows: usize::MAX, ..Limits::default() });
    decoder
}

/// Returns the structural fault of a batch of one column.
pub(crate) fn structure(data_type: DataType, batch: Forged) -> ReadError {
    let message = batch.message();
    decoder(&data_type).decode(&message).expect_err("the structure is wrong")
}

/// Returns the fault of a batch of one column whose structure is valid.
pub(crate) fn full(data_type: DataType, batch: Forged) -> ReadError {
    let message = batch.message();
    let mut decoder = decoder(&data_type);
    let view = decoder.decode(&message).expect("the structure is sound");
    view.validate().expect_err("the values are wrong")
}

/// Returns the error for a fault of column `a`.
pub(crate) fn in_a(fault: ColumnFault) -> ReadError {
    ReadError::Column { path: "a".into(), fault }
}

pub(crate) fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, true))
}
