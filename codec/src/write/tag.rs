//! Custom metadata of record batches: pairs of texts in a message's own metadata, which readers may ignore.

use arrow_ipc::{
    Buffer, FieldNode, KeyValue, KeyValueArgs, Message, MessageArgs, MessageHeader, RecordBatch,
    RecordBatchArgs,
};
use flatbuffers::FlatBufferBuilder;

use crate::message::{FrameFault, MetadataFault, ReadError};
use crate::wire::{ALIGNMENT, CONTINUATION};

/// Copies encapsulated messages and adds custom metadata to every record batch among them. What a batch had of it is
/// replaced.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{Int64Array, RecordBatch};
/// use bowstring_codec::{OnGrowth, Plan, StreamWriter, tag_batches};
/// # let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1])) as _)])?;
/// let mut writer = StreamWriter::new(Vec::new(), Plan::new(batch.schema())?, OnGrowth::Replace)?;
/// writer.write(&batch)?;
/// let messages = std::mem::take(writer.get_mut());
/// let tagged = tag_batches(&messages, &[("from", "here")])?;
/// # let mut reader = bowstring_codec::read::IoReader::new(&tagged[..])?;
/// # let (_, found) = reader.next_with_metadata(bowstring_codec::interop::Align::Copy)?.unwrap();
/// # assert_eq!(found["from"], "here");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tag_batches(messages: &[u8], pairs: &[(&str, &str)]) -> Result<Vec<u8>, ReadError> {
    let mut tagged = Vec::with_capacity(messages.len() + 256);
    let mut rest = messages;
    while !rest.is_empty() {
        let cut = |needed| ReadError::Frame {
            at: messages.len() - rest.len(),
            fault: FrameFault::Truncated { needed, present: rest.len() },
        };
        let (prefix, behind) = rest.split_first_chunk::<8>().ok_or(cut(8))?;
        let length = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]) as usize;
        let metadata = behind.get(..length).ok_or(cut(8 + length))?;
        let message = arrow_ipc::root_as_message(metadata)
            .map_err(|_| ReadError::metadata(MetadataFault::OutOfBounds))?;
        let body = usize::try_from(message.bodyLength()).unwrap_or(usize::MAX);
        let end = (8 + length).saturating_add(body);
        let whole = rest.get(..end).ok_or(cut(end))?;
        match message.header_as_record_batch() {
            None => tagged.extend_from_slice(whole),
            Some(batch) => {
                let with = metadata_with(&message, &batch, pairs);
                // Bodies begin at multiples of the alignment.
                let padded = (8 + with.len()).next_multiple_of(ALIGNMENT) - 8;
                tagged.extend_from_slice(&CONTINUATION);
                tagged.extend_from_slice(&(padded as u32).to_le_bytes());
                tagged.extend_from_slice(&with);
                tagged.resize(tagged.len() + padded - with.len(), 0);
                tagged.extend_from_slice(&whole[8 + length..]);
            }
        }
        rest = &rest[end..];
    }
    Ok(tagged)
}

/// The metadata of a record batch, with these pairs.
fn metadata_with(message: &Message<'_>, batch: &RecordBatch<'_>, pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut fbb = FlatBufferBuilder::new();
    let nodes: Vec<FieldNode> = batch.nodes().into_iter().flatten().copied().collect();
    let buffers: Vec<Buffer> = batch.buffers().into_iter().flatten().copied().collect();
    let (nodes, buffers) = (fbb.create_vector(&nodes), fbb.create_vector(&buffers));
    let counts: Option<Vec<i64>> = batch.variadicBufferCounts().map(|counts| counts.iter().collect());
    let counts = counts.map(|counts| fbb.create_vector(&counts));
    let header = RecordBatch::create(
        &mut fbb,
        &RecordBatchArgs {
            length: batch.length(),
            nodes: Some(nodes),
            buffers: Some(buffers),
            compression: None,
            variadicBufferCounts: counts,
        },
    );
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| {
            let (key, value) = (fbb.create_string(key), fbb.create_string(value));
            KeyValue::create(&mut fbb, &KeyValueArgs { key: Some(key), value: Some(value) })
        })
        .collect();
    let pairs = fbb.create_vector(&pairs);
    let message = Message::create(
        &mut fbb,
        &MessageArgs {
            version: message.version(),
            header_type: MessageHeader::RecordBatch,
            header: Some(header.as_union_value()),
            bodyLength: message.bodyLength(),
            custom_metadata: Some(pairs),
        },
    );
    fbb.finish(message, None);
    fbb.finished_data().to_vec()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{Field, Schema};

    use super::tag_batches;
    use crate::interop::Align;
    use crate::read::IoReader;
    use crate::testing::{Source, batch_of, every_type};
    use crate::{OnGrowth, Plan, StreamWriter};

    #[test]
    fn batches_of_every_type_keep_their_rows() {
        let bytes: Vec<u8> = (0..250u8).map(|b| b.wrapping_mul(7)).collect();
        for data_type in every_type() {
            let schema = Arc::new(Schema::new(vec![Field::new("c", data_type, true)]));
            let batch = batch_of(&mut Source::new(&bytes), &schema, 30);
            let mut writer =
                StreamWriter::new(Vec::new(), Plan::new(schema).unwrap(), OnGrowth::Replace).unwrap();
            writer.write(&batch).unwrap();
            writer.write(&batch).unwrap();
            let messages = std::mem::take(writer.get_mut());
            let tagged = tag_batches(&messages, &[("a", "1"), ("b", "Ω")]).unwrap();
            let mut reader = IoReader::new(&tagged[..]).unwrap();
            for _ in 0..2 {
                let (found, pairs) = reader.next_with_metadata(Align::Refuse).unwrap().unwrap();
                assert_eq!(found.batch, batch);
                assert_eq!((&pairs["a"][..], &pairs["b"][..], pairs.len()), ("1", "Ω", 2));
            }
            assert!(reader.next_with_metadata(Align::Copy).unwrap().is_none());
            for cut in [1, 8, 9, messages.len() - 1] {
                tag_batches(&messages[..cut], &[]).unwrap_err();
            }
        }
    }
}
