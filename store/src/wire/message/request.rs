//! Requests of clients.

use super::super::{Fields, MAX_NAME, MAX_TEXT, Out, WireFault};
use super::fields::{
    descriptors, metadata, name, put_metadata, put_records, put_schema, records, schema, text,
};
use super::{How, Metadata, Mode, PutHead, Record, SchemaAt, kind};

/// A client's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The first datagram of a connection.
    Hello {
        /// The client's process, as it knows itself.
        pid: u32,
        /// Its program's name.
        program: String,
    },
    /// A table.
    Get {
        /// The version; 0 for the newest.
        version: u64,
        /// With `from_row`: the base to which the row number belongs; 0 for any.
        base: u64,
        /// The first row.
        from_row: u64,
        /// The way to hand over rows.
        how: How,
        /// With JSON lines: most rows; 0 for all.
        limit: u64,
        /// The table's name.
        name: String,
    },
    /// A table, and every later change. Nothing else may be requested over this connection afterwards.
    Follow {
        /// The base to which `from_row` belongs; 0 starts from the beginning.
        base: u64,
        /// The first row.
        from_row: u64,
        /// The table's name.
        name: String,
    },
    /// A put, a replacement or an append.
    Put(PutHead),
    /// More segments of the put before.
    Segments(Vec<Record>),
    /// Removes a table.
    Remove {
        /// The version that is required; 0 for any.
        expected: u64,
        /// The table's name.
        name: String,
    },
    /// Gives a table another name, which must be free.
    Rename {
        /// The table's name.
        name: String,
        /// Its new name.
        to: String,
    },
    /// Sets keys to values; an empty value removes the key.
    Annotate {
        /// The table's name.
        name: String,
        /// Keys and values.
        metadata: Metadata,
    },
    /// All tables.
    List,
    /// The store's stats.
    Stat,
}
impl Request {
    /// Encodes the datagram.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Request::Hello { pid, program } => Out::new(kind::HELLO).u64(0).u32(*pid).text(program, MAX_TEXT),
            Request::Get { version, base, from_row, how, limit, name } => Out::new(kind::GET)
                .u64(*version)
                .u64(*base)
                .u64(*from_row)
                .u64(*limit)
                .u32(u32::from(*how == How::JsonLines))
                .text(name, MAX_NAME),
            Request::Follow { base, from_row, name } => {
                Out::new(kind::FOLLOW).u64(*base).u64(*from_row).text(name, MAX_NAME)
            }
            Request::Put(put) => {
                let mode = match put.mode {
                    Mode::Put => 0,
                    Mode::Create => 1,
                    Mode::Append => 2,
                };
                let out = Out::new(kind::PUT).u32(mode).u64(put.expected).u32(put.segments);
                let out = put_metadata(out.text(&put.name, MAX_NAME), &put.metadata);
                put_records(put_schema(out, &put.schema), &put.records)
            }
            Request::Segments(records) => put_records(Out::new(kind::SEGMENTS), records),
            Request::Remove { expected, name } => Out::new(kind::REMOVE).u64(*expected).text(name, MAX_NAME),
            Request::Rename { name, to } => Out::new(kind::RENAME).text(name, MAX_NAME).text(to, MAX_NAME),
            Request::Annotate { name, metadata } => {
                put_metadata(Out::new(kind::ANNOTATE).text(name, MAX_NAME), metadata)
            }
            Request::List => Out::new(kind::LIST),
            Request::Stat => Out::new(kind::STAT),
        }
        .finish()
    }

    /// Decodes a datagram that came with `found` descriptors.
    pub fn decode(bytes: &[u8], found: usize) -> Result<Request, WireFault> {
        let (kind, mut fields) = Fields::open(bytes)?;
        let f = &mut fields;
        let request = match kind {
            kind::HELLO => {
                f.u64()?;
                Request::Hello { pid: f.u32()?, program: text(f)? }
            }
            kind::GET => {
                let (version, base, from_row, limit) = (f.u64()?, f.u64()?, f.u64()?, f.u64()?);
                let how = if f.below(2)? == 1 { How::JsonLines } else { How::Descriptors };
                Request::Get { version, base, from_row, how, limit, name: name(f)? }
            }
            kind::FOLLOW => Request::Follow { base: f.u64()?, from_row: f.u64()?, name: name(f)? },
            kind::PUT => {
                let mode = match f.below(3)? {
                    0 => Mode::Put,
                    1 => Mode::Create,
                    _ => Mode::Append,
                };
                let (expected, segments) = (f.u64()?, f.u32()?);
                let (name, metadata) = (name(f)?, metadata(f)?);
                let schema = schema(f)?;
                if schema == SchemaAt::AsBefore {
                    return Err(f.fault());
                }
                let records = records(f)?;
                Request::Put(PutHead { mode, expected, segments, schema, name, metadata, records })
            }
            kind::SEGMENTS => Request::Segments(records(f)?),
            kind::REMOVE => Request::Remove { expected: f.u64()?, name: name(f)? },
            kind::RENAME => Request::Rename { name: name(f)?, to: name(f)? },
            kind::ANNOTATE => Request::Annotate { name: name(f)?, metadata: metadata(f)? },
            kind::LIST => Request::List,
            kind::STAT => Request::Stat,
            other => return Err(WireFault::Kind(other)),
        };
        fields.end()?;
        let wanted = match &request {
            Request::Put(put) => descriptors(&put.schema, &put.records),
            Request::Segments(records) => records.len(),
            _ => 0,
        };
        if found == wanted { Ok(request) } else { Err(WireFault::Descriptors { found, wanted }) }
    }

    /// Returns its number on the wire.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Request::Hello { .. } => kind::HELLO,
            Request::Get { .. } => kind::GET,
            Request::Follow { .. } => kind::FOLLOW,
            Request::Put(_) => kind::PUT,
            Request::Segments(_) => kind::SEGMENTS,
            Request::Remove { .. } => kind::REMOVE,
            Request::Rename { .. } => kind::RENAME,
            Request::Annotate { .. } => kind::ANNOTATE,
            Request::List => kind::LIST,
            Request::Stat => kind::STAT,
        }
    }
}
