//! Fields that several datagrams have.

use super::super::{Fields, INLINE_SCHEMA, MAX_METADATA, MAX_NAME, MAX_SEGMENTS, MAX_TEXT, Out, WireFault};
use super::{Metadata, Record, SchemaAt};

pub(super) fn put_metadata(out: Out, metadata: &Metadata) -> Out {
    let out = out.u32(metadata.len() as u32);
    metadata.iter().fold(out, |out, (key, value)| out.text(key, MAX_METADATA).text(value, MAX_METADATA))
}

pub(super) fn metadata(fields: &mut Fields<'_>) -> Result<Metadata, WireFault> {
    let count = fields.below(MAX_METADATA as u32)?;
    let mut pairs = Metadata::new();
    let mut left = MAX_METADATA;
    for _ in 0..count {
        let key = fields.text(left)?;
        left -= key.len();
        let value = fields.text(left)?;
        left -= value.len();
        if key.is_empty() || pairs.iter().any(|(other, _)| other == key) {
            return Err(fields.fault());
        }
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

pub(super) fn put_schema(out: Out, schema: &SchemaAt) -> Out {
    match schema {
        SchemaAt::Inline(bytes) => out.u32(0).u32(bytes.len() as u32).bytes(bytes),
        SchemaAt::Descriptor(len) => out.u32(1).u32(*len),
        SchemaAt::AsBefore => out.u32(2).u32(0),
    }
}

pub(super) fn schema(fields: &mut Fields<'_>) -> Result<SchemaAt, WireFault> {
    let place = fields.below(3)?;
    let len = fields.u32()?;
    match place {
        0 if len as usize > INLINE_SCHEMA => Err(fields.fault()),
        0 => Ok(SchemaAt::Inline(fields.bytes(len as usize)?.to_vec())),
        1 => Ok(SchemaAt::Descriptor(len)),
        _ if len != 0 => Err(fields.fault()),
        _ => Ok(SchemaAt::AsBefore),
    }
}

pub(super) fn put_records(out: Out, records: &[Record]) -> Out {
    let out = out.u32(records.len() as u32);
    records.iter().fold(out, |out, record| out.u64(record.len).u64(record.rows))
}

pub(super) fn records(fields: &mut Fields<'_>) -> Result<Vec<Record>, WireFault> {
    let count = fields.below(MAX_SEGMENTS as u32 + 1)?;
    (0..count).map(|_| Ok(Record { len: fields.u64()?, rows: fields.u64()? })).collect()
}

pub(super) fn name(fields: &mut Fields<'_>) -> Result<String, WireFault> {
    fields.text(MAX_NAME).map(str::to_owned)
}

pub(super) fn text(fields: &mut Fields<'_>) -> Result<String, WireFault> {
    fields.text(MAX_TEXT).map(str::to_owned)
}

/// Returns the number of descriptors for a schema and segments.
pub(super) fn descriptors(schema: &SchemaAt, records: &[Record]) -> usize {
    records.len() + usize::from(matches!(schema, SchemaAt::Descriptor(_)))
}
