//! The contents of the datagrams: one struct each, and an enum for each side.

use super::{Fields, INLINE_SCHEMA, MAX_METADATA, MAX_NAME, MAX_SEGMENTS, MAX_TEXT, Out, WireFault};

/// Keys and values of a table.
pub type Metadata = Vec<(String, String)>;

/// The place of a schema message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaAt {
    /// In the datagram.
    Inline(Vec<u8>),
    /// The datagram's first descriptor, of that many bytes.
    Descriptor(u32),
    /// The same as in the previous table.
    AsBefore,
}

/// One segment, whose descriptor travels with the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Bytes of its file that hold messages.
    pub len: u64,
    /// Rows of its batches.
    pub rows: u64,
}

/// A way to hand over a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As descriptors of segments.
    Descriptors,
    /// As lines of JSON.
    JsonLines,
}

/// The effect of a put on an existing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Replaces it.
    Put,
    /// Fails: there must be no table of that name.
    Create,
    /// Adds to it; the schemas must be the same.
    Append,
}

/// A table, or a part of it, as either side sends it. Segments beyond `records` follow in datagrams of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableHead {
    /// The version: rises with every change.
    pub version: u64,
    /// The version at which the rows begin to count: that of the last put. Row numbers of another base mean other
    /// rows.
    pub base: u64,
    /// The first requested row.
    pub from_row: u64,
    /// The number of the first row in the first segment: at most `from_row`.
    pub first_row: u64,
    /// The row after the last requested one.
    pub end_row: u64,
    /// Bytes of all segments of the version.
    pub bytes: u64,
    /// The time at which the version was made, in nanoseconds since 1970.
    pub made: u64,
    /// Segments in all, these and those in the datagrams that follow.
    pub segments: u32,
    /// The schema.
    pub schema: SchemaAt,
    /// The table's name.
    pub name: String,
    /// The source of the rows: a file's name, or empty if a client put them.
    pub source: String,
    /// Keys and values.
    pub metadata: Metadata,
    /// The segments whose descriptors come with this datagram.
    pub records: Vec<Record>,
}

/// A put, a replacement or an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutHead {
    /// The effect on an existing table.
    pub mode: Mode,
    /// The version that is required; 0 for any.
    pub expected: u64,
    /// Segments in all, these and those in the datagrams that follow.
    pub segments: u32,
    /// The schema.
    pub schema: SchemaAt,
    /// The table's name.
    pub name: String,
    /// Keys and values, replacing the existing ones.
    pub metadata: Metadata,
    /// The segments whose descriptors come with this datagram.
    pub records: Vec<Record>,
}

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

/// A table in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The table's name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of its segments.
    pub bytes: u64,
    /// The time at which the version was made, in nanoseconds since 1970.
    pub made: u64,
    /// The number of requests for it.
    pub requests: u64,
    /// Columns.
    pub columns: u32,
    /// Segments.
    pub segments: u32,
    /// The number of its followers.
    pub followers: u32,
    /// The source of the rows, or empty.
    pub source: String,
    /// The error of the last attempt to read the source, or empty.
    pub trouble: String,
}

/// The code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// A datagram was malformed or out of turn. The connection ends.
    Protocol,
    /// This user may not connect, or may only read.
    Denied,
    /// There is no such table.
    NoTable,
    /// There is such a table already.
    Exists,
    /// The current version is not the expected one, or the requested version is gone.
    Version,
    /// The schema differs from the table's.
    Schema,
    /// A segment is not sealed, or its content is malformed.
    Segment,
    /// A limit; the text names it.
    Limit,
    /// The table is read from a source and cannot be written to.
    Source,
    /// The store's host failed: its disk, its memory.
    Host,
    /// Too many clients. The connection ends.
    Full,
    /// An invalid name or key.
    Name,
    /// A code that this version does not know.
    Other(u32),
}

impl Code {
    const ALL: [Code; 12] = [
        Code::Protocol,
        Code::Denied,
        Code::NoTable,
        Code::Exists,
        Code::Version,
        Code::Schema,
        Code::Segment,
        Code::Limit,
        Code::Source,
        Code::Host,
        Code::Full,
        Code::Name,
    ];

    /// Returns its number on the wire.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Code::Other(number) => number,
            code => Code::ALL.iter().position(|&other| other == code).map_or(0, |at| at as u32 + 1),
        }
    }

    fn of(number: u32) -> Code {
        let known = (number as usize).checked_sub(1).and_then(|at| Code::ALL.get(at));
        known.copied().unwrap_or(Code::Other(number))
    }

    /// Returns its name in stats.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Code::Protocol => "protocol",
            Code::Denied => "denied",
            Code::NoTable => "no_table",
            Code::Exists => "exists",
            Code::Version => "version",
            Code::Schema => "schema",
            Code::Segment => "segment",
            Code::Limit => "limit",
            Code::Source => "source",
            Code::Host => "host",
            Code::Full => "full",
            Code::Name => "name",
            Code::Other(_) => "other",
        }
    }
}

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

/// The kind of the datagram that carries more segments.
pub(crate) const SEGMENTS: u16 = kind::SEGMENTS;

mod kind {
    pub(super) const HELLO: u16 = 1;
    pub(super) const WELCOME: u16 = 2;
    pub(super) const ERROR: u16 = 3;
    pub(super) const DONE: u16 = 4;
    pub(super) const GET: u16 = 16;
    pub(super) const TABLE: u16 = 17;
    pub(super) const SEGMENTS: u16 = 18;
    pub(super) const FOLLOW: u16 = 19;
    pub(super) const PUT: u16 = 20;
    pub(super) const REMOVE: u16 = 21;
    pub(super) const RENAME: u16 = 22;
    pub(super) const ANNOTATE: u16 = 23;
    pub(super) const LIST: u16 = 24;
    pub(super) const STAT: u16 = 25;
    pub(super) const STATS: u16 = 26;
    pub(super) const ENTRY: u16 = 27;
    pub(super) const END: u16 = 28;
    pub(super) const ROWS: u16 = 29;
}

fn put_metadata(out: Out, metadata: &Metadata) -> Out {
    let out = out.u32(metadata.len() as u32);
    metadata.iter().fold(out, |out, (key, value)| out.text(key, MAX_METADATA).text(value, MAX_METADATA))
}

fn metadata(fields: &mut Fields<'_>) -> Result<Metadata, WireFault> {
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

fn put_schema(out: Out, schema: &SchemaAt) -> Out {
    match schema {
        SchemaAt::Inline(bytes) => out.u32(0).u32(bytes.len() as u32).bytes(bytes),
        SchemaAt::Descriptor(len) => out.u32(1).u32(*len),
        SchemaAt::AsBefore => out.u32(2).u32(0),
    }
}

fn schema(fields: &mut Fields<'_>) -> Result<SchemaAt, WireFault> {
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

fn put_records(out: Out, records: &[Record]) -> Out {
    let out = out.u32(records.len() as u32);
    records.iter().fold(out, |out, record| out.u64(record.len).u64(record.rows))
}

fn records(fields: &mut Fields<'_>) -> Result<Vec<Record>, WireFault> {
    let count = fields.below(MAX_SEGMENTS as u32 + 1)?;
    (0..count).map(|_| Ok(Record { len: fields.u64()?, rows: fields.u64()? })).collect()
}

fn name(fields: &mut Fields<'_>) -> Result<String, WireFault> {
    fields.text(MAX_NAME).map(str::to_owned)
}

fn text(fields: &mut Fields<'_>) -> Result<String, WireFault> {
    fields.text(MAX_TEXT).map(str::to_owned)
}

/// Returns the number of descriptors for a schema and segments.
fn descriptors(schema: &SchemaAt, records: &[Record]) -> usize {
    records.len() + usize::from(matches!(schema, SchemaAt::Descriptor(_)))
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
