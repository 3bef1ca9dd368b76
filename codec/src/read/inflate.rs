//! Decompresses bodies: turns a message into an equivalent uncompressed one.
//!
//! In a compressed body each buffer begins with its decompressed length, as an `i64`; −1 means that the rest is not
//! compressed. The resulting message has the same counts, and buffers at multiples of 64 bytes; all further checks
//! are left to the decoder.

use std::io::Read;

use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc as ipc;
use flatbuffers::FlatBufferBuilder;

use super::fill::fill;
use crate::message::metadata::{self, Opened, Scratch};
use crate::message::{BatchFault, Compression, CorruptFault, MetadataFault, ReadError};
use crate::wire;

/// The most memory taken before any of the bytes have come.
const STEP: usize = 1 << 20;

/// Returns the message, or one with an uncompressed body in its place.
pub(super) fn message(bytes: Buffer) -> Result<Buffer, ReadError> {
    let mut scratch = Scratch::default();
    let Opened::Message(envelope) = metadata::open(&bytes, &mut scratch, usize::MAX)? else {
        return Ok(bytes);
    };
    let values = match envelope.header {
        ipc::MessageHeader::RecordBatch => envelope.message.batch()?,
        ipc::MessageHeader::DictionaryBatch => envelope.message.dictionary()?.values,
        _ => return Ok(bytes),
    };
    let codec = match envelope.refuse_compressed(&values) {
        Ok(()) => return Ok(bytes),
        Err(ReadError::Batch(BatchFault::Compressed(
            codec @ (Compression::Lz4Frame | Compression::Zstd),
        ))) => codec,
        Err(other) => return Err(other),
    };
    // Verified as a whole, since all of it is read and written again.
    let message = metadata::message(envelope.metadata)?;
    let missing = |what| ReadError::metadata(MetadataFault::MissingField(what));
    let dictionary = message.header_as_dictionary_batch();
    let batch = match dictionary {
        Some(dictionary) => dictionary.data(),
        None => message.header_as_record_batch(),
    };
    let batch = batch.ok_or(missing("data"))?;
    let (body, places) = inflate(codec, envelope.body, &batch)?;
    let head = describe(&message, dictionary, &batch, &places, body.len());
    let head = wire::frame(&head).ok_or(ReadError::metadata(MetadataFault::TooLarge))?;
    let mut whole = MutableBuffer::with_capacity(head.len().saturating_add(body.len()));
    whole.extend_from_slice(&head);
    whole.extend_from_slice(&body);
    Ok(whole.into())
}

/// Decompresses all buffers, and returns the place of each.
fn inflate(
    codec: Compression,
    body: &[u8],
    batch: &ipc::RecordBatch<'_>,
) -> Result<(MutableBuffer, Vec<ipc::Buffer>), ReadError> {
    let mut out = MutableBuffer::new(body.len());
    let mut places = Vec::new();
    for (index, buffer) in batch.buffers().into_iter().flatten().enumerate() {
        let corrupt = |fault| ReadError::Batch(BatchFault::Corrupt { buffer: index, fault });
        let start = out.len();
        let bytes =
            slice(body, buffer.offset(), buffer.length()).ok_or(corrupt(CorruptFault::OutOfBounds))?;
        if let Some((stated, packed)) = bytes.split_first_chunk::<8>() {
            match i64::from_le_bytes(*stated) {
                -1 => out.extend_from_slice(packed),
                stated => {
                    let negative = corrupt(CorruptFault::NegativeLength(stated));
                    let stated = usize::try_from(stated).map_err(|_| negative)?;
                    unpack(codec, packed, stated, &mut out).map_err(corrupt)?;
                }
            }
        } else if !bytes.is_empty() {
            return Err(corrupt(CorruptFault::NoLength));
        }
        places.push(ipc::Buffer::new(start as i64, (out.len() - start) as i64));
        out.resize(out.len().next_multiple_of(wire::ALIGNMENT), 0);
    }
    Ok((out, places))
}

fn slice(body: &[u8], offset: i64, length: i64) -> Option<&[u8]> {
    let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
    body.get(offset..offset.checked_add(length)?)
}

/// Appends the decompressed bytes of `packed`, which must be `stated` bytes. Memory grows as they come.
fn unpack(
    codec: Compression,
    packed: &[u8],
    stated: usize,
    out: &mut MutableBuffer,
) -> Result<(), CorruptFault> {
    if codec == Compression::Zstd {
        let decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(|_| CorruptFault::Codec)?;
        drain(decoder, stated, out)
    } else {
        drain(lz4_flex::frame::FrameDecoder::new(packed), stated, out)
    }
}

fn drain(mut decoder: impl Read, stated: usize, out: &mut MutableBuffer) -> Result<(), CorruptFault> {
    let start = out.len();
    while out.len() - start < stated {
        let have = out.len();
        let step = (stated - (have - start)).min((have - start).max(STEP));
        out.resize(have + step, 0);
        let came = fill(&mut decoder, &mut out[have..]).map_err(|_| CorruptFault::Codec)?;
        if came < step {
            return Err(CorruptFault::Length { stated, found: have - start + came });
        }
    }
    // Nothing may be left, and the codec's own checks come at its end.
    match fill(&mut decoder, &mut [0; 1]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(CorruptFault::Length { stated, found: stated.saturating_add(1) }),
        Err(_) => Err(CorruptFault::Codec),
    }
}

/// Returns the metadata of the message without compression.
fn describe(
    message: &ipc::Message<'_>,
    dictionary: Option<ipc::DictionaryBatch<'_>>,
    batch: &ipc::RecordBatch<'_>,
    places: &[ipc::Buffer],
    body: usize,
) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let nodes: Vec<ipc::FieldNode> = batch.nodes().into_iter().flatten().copied().collect();
    let variadic: Vec<i64> = batch.variadicBufferCounts().into_iter().flatten().collect();
    let nodes = Some(builder.create_vector(&nodes));
    let buffers = Some(builder.create_vector(places));
    let counts = (!variadic.is_empty()).then(|| builder.create_vector(&variadic));
    let batch = ipc::RecordBatch::create(
        &mut builder,
        &ipc::RecordBatchArgs {
            length: batch.length(),
            nodes,
            buffers,
            compression: None,
            variadicBufferCounts: counts,
        },
    );
    let header = match dictionary {
        None => batch.as_union_value(),
        Some(dictionary) => {
            let args = ipc::DictionaryBatchArgs {
                id: dictionary.id(),
                data: Some(batch),
                isDelta: dictionary.isDelta(),
            };
            ipc::DictionaryBatch::create(&mut builder, &args).as_union_value()
        }
    };
    let args = ipc::MessageArgs {
        version: message.version(),
        header_type: message.header_type(),
        header: Some(header),
        bodyLength: body as i64,
        // Everything else in the message is dropped; that it was compressed, as Arrow 0.17 declared it there, must
        // be.
        custom_metadata: None,
    };
    let message = ipc::Message::create(&mut builder, &args);
    builder.finish(message, None);
    builder.finished_data().to_vec()
}
