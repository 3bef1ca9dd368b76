//! The contents of the datagrams: one struct each, and an enum for each side.

mod code;
mod fields;
mod reply;
mod request;

pub use self::code::Code;
pub use self::reply::Reply;
pub use self::request::Request;

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
