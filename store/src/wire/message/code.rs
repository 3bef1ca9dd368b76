//! The codes of refusals.

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

    pub(super) fn of(number: u32) -> Code {
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
