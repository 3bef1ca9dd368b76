//! Replies of the store.

use super::super::{Fields, MAX_NAME, MAX_TEXT, Out, WireFault};
use super::fields::{
    descriptors, metadata, name, put_metadata, put_records, put_schema, records, schema, text,
};
use super::{Code, Entry, Record, TableHead, kind};

/// A store's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The reply to HELLO.
    Welcome {
        /// The store's process, as it knows itself.
        pid: u32,
        /// True if this client may write.
        may_write: bool,
        /// True if tables are kept on disk.
        durable: bool,
        /// Most bytes of a table.
        max_table: u64,
        /// Most bytes of all tables.
        max_total: u64,
        /// Most segments of a put.
        max_segments: u32,
        /// The program's name.
        program: String,
    },
    /// A refusal. The connection goes on unless the code ends it.
    Error {
        /// The kind of reason.
        code: Code,
        /// The reason, for people.
        text: String,
    },
    /// A put or another change is done.
    Done {
        /// The table's version now.
        version: u64,
        /// Its base.
        base: u64,
        /// Its rows.
        rows: u64,
    },
    /// A table, or a part of it.
    Table(TableHead),
    /// More segments of the table before.
    Segments(Vec<Record>),
    /// Lines of JSON: a piece of them, cut anywhere.
    Rows(Vec<u8>),
    /// A table in a listing.
    Entry(Entry),
    /// The end of rows or of a listing; for a follower: the table was removed.
    End,
    /// The store's stats, in the text format of Prometheus.
    Stats(String),
}
impl Reply {
    /// Encodes the datagram.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Reply::Welcome { pid, may_write, durable, max_table, max_total, max_segments, program } => {
                Out::new(kind::WELCOME)
                    .u64(0)
                    .u32(*pid)
                    .u32(u32::from(*may_write))
                    .u32(u32::from(*durable))
                    .u32(*max_segments)
                    .u64(*max_table)
                    .u64(*max_total)
                    .text(program, MAX_TEXT)
            }
            Reply::Error { code, text } => Out::new(kind::ERROR).u32(code.number()).text(text, MAX_TEXT),
            Reply::Done { version, base, rows } => Out::new(kind::DONE).u64(*version).u64(*base).u64(*rows),
            Reply::Table(head) => {
                let out = [
                    head.version,
                    head.base,
                    head.from_row,
                    head.first_row,
                    head.end_row,
                    head.bytes,
                    head.made,
                ]
                .into_iter()
                .fold(Out::new(kind::TABLE), Out::u64);
                let out = out.u32(head.segments).text(&head.name, MAX_NAME).text(&head.source, MAX_TEXT);
                put_records(put_schema(put_metadata(out, &head.metadata), &head.schema), &head.records)
            }
            Reply::Segments(records) => put_records(Out::new(kind::SEGMENTS), records),
            Reply::Rows(bytes) => Out::new(kind::ROWS).bytes(bytes),
            Reply::Entry(entry) => {
                let out = [entry.version, entry.rows, entry.bytes, entry.made, entry.requests]
                    .into_iter()
                    .fold(Out::new(kind::ENTRY), Out::u64);
                out.u32(entry.columns)
                    .u32(entry.segments)
                    .u32(entry.followers)
                    .text(&entry.name, MAX_NAME)
                    .text(&entry.source, MAX_TEXT)
                    .text(&entry.trouble, MAX_TEXT)
            }
            Reply::End => Out::new(kind::END),
            Reply::Stats(text) => Out::new(kind::STATS).bytes(text.as_bytes()),
        }
        .finish()
    }

    /// Decodes a datagram that came with `found` descriptors.
    pub fn decode(bytes: &[u8], found: usize) -> Result<Reply, WireFault> {
        let (kind, mut fields) = Fields::open(bytes)?;
        let f = &mut fields;
        let reply = match kind {
            kind::WELCOME => {
                f.u64()?;
                let (pid, may_write, durable) = (f.u32()?, f.below(2)? == 1, f.below(2)? == 1);
                let max_segments = f.u32()?;
                let (max_table, max_total) = (f.u64()?, f.u64()?);
                Reply::Welcome {
                    pid,
                    may_write,
                    durable,
                    max_table,
                    max_total,
                    max_segments,
                    program: text(f)?,
                }
            }
            kind::ERROR => Reply::Error { code: Code::of(f.u32()?), text: text(f)? },
            kind::DONE => Reply::Done { version: f.u64()?, base: f.u64()?, rows: f.u64()? },
            kind::TABLE => Reply::Table(TableHead {
                version: f.u64()?,
                base: f.u64()?,
                from_row: f.u64()?,
                first_row: f.u64()?,
                end_row: f.u64()?,
                bytes: f.u64()?,
                made: f.u64()?,
                segments: f.u32()?,
                name: name(f)?,
                source: text(f)?,
                metadata: metadata(f)?,
                schema: schema(f)?,
                records: records(f)?,
            }),
            kind::SEGMENTS => Reply::Segments(records(f)?),
            kind::ROWS => Reply::Rows(f.rest().to_vec()),
            kind::ENTRY => {
                let (version, rows, bytes, made, requests) =
                    (f.u64()?, f.u64()?, f.u64()?, f.u64()?, f.u64()?);
                let (columns, segments, followers) = (f.u32()?, f.u32()?, f.u32()?);
                let (name, source, trouble) = (name(f)?, text(f)?, text(f)?);
                Reply::Entry(Entry {
                    name,
                    version,
                    rows,
                    bytes,
                    made,
                    requests,
                    columns,
                    segments,
                    followers,
                    source,
                    trouble,
                })
            }
            kind::END => Reply::End,
            kind::STATS => {
                let text = str::from_utf8(f.rest()).map_err(|_| f.fault())?;
                Reply::Stats(text.to_owned())
            }
            other => return Err(WireFault::Kind(other)),
        };
        fields.end()?;
        let wanted = match &reply {
            Reply::Table(head) => descriptors(&head.schema, &head.records),
            Reply::Segments(records) => records.len(),
            _ => 0,
        };
        if found == wanted { Ok(reply) } else { Err(WireFault::Descriptors { found, wanted }) }
    }

    /// Returns its number on the wire.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Reply::Welcome { .. } => kind::WELCOME,
            Reply::Error { .. } => kind::ERROR,
            Reply::Done { .. } => kind::DONE,
            Reply::Table(_) => kind::TABLE,
            Reply::Segments(_) => kind::SEGMENTS,
            Reply::Rows(_) => kind::ROWS,
            Reply::Entry(_) => kind::ENTRY,
            Reply::End => kind::END,
            Reply::Stats(_) => kind::STATS,
        }
    }
}
