//! Datagrams: their header, and how fields are encoded. [`message`] has their contents.
//!
//! Every number is little-endian. A string is its length (u32) and its bytes. Bytes after the fields are a fault, so
//! a later version has to announce itself.

pub mod fuzz;
pub mod message;

use std::fmt;

/// The first bytes of every datagram.
pub const MAGIC: [u8; 8] = *b"bowstore";
/// The version of the protocol.
pub const VERSION: u16 = 1;
/// Bytes of the header.
pub const HEADER: usize = 16;
/// The longest datagram.
pub const LONGEST: usize = 64 << 10;
/// Most descriptors in one datagram: as many as the kernel allows.
pub const MAX_FDS: usize = 253;
/// The longest schema that travels within a datagram; a longer one is a frozen file.
pub const INLINE_SCHEMA: usize = 16 << 10;
/// The longest name of a table.
pub const MAX_NAME: usize = 128;
/// The most bytes of a table's keys and values together.
pub const MAX_METADATA: usize = 16 << 10;
/// The longest text of an error, a program's name or a source.
pub const MAX_TEXT: usize = 4 << 10;
/// The most segments in one datagram: one descriptor is left for a schema.
pub const MAX_SEGMENTS: usize = MAX_FDS - 1;

/// Faults of a datagram; always the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireFault {
    /// It does not begin with the magic bytes.
    Magic,
    /// It has another version.
    Version(u16),
    /// It has an unknown kind.
    Kind(u16),
    /// Its length differs from the one that it states.
    Length {
        /// The length that was received.
        found: usize,
        /// The length that the header states.
        stated: usize,
    },
    /// It ends within a field, or goes on after the last, at this byte.
    Fields(usize),
    /// A field has an invalid value; carries the byte at which the field ends.
    Value(usize),
    /// It carries the wrong number of descriptors.
    Descriptors {
        /// The number that came.
        found: usize,
        /// The number that should have.
        wanted: usize,
    },
    /// It does not belong here.
    OutOfTurn(u16),
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("a datagram that is none of the store's protocol"),
            Self::Version(version) => write!(f, "a datagram of version {version}, not {VERSION}"),
            Self::Kind(kind) => write!(f, "a datagram of unknown kind {kind}"),
            Self::Length { found, stated } => {
                write!(f, "a datagram of {found} bytes that says it has {stated}")
            }
            Self::Fields(at) => {
                write!(f, "a datagram whose fields do not end at byte {at}, where they should")
            }
            Self::Value(at) => write!(f, "a datagram with an impossible value before byte {at}"),
            Self::Descriptors { found, wanted } => {
                write!(f, "a datagram with {found} descriptors instead of {wanted}")
            }
            Self::OutOfTurn(kind) => write!(f, "a datagram of kind {kind} out of turn"),
        }
    }
}

impl std::error::Error for WireFault {}

/// Writes a datagram.
#[derive(Debug)]
pub(crate) struct Out(Vec<u8>);

impl Out {
    pub(crate) fn new(kind: u16) -> Out {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        Out(bytes)
    }

    pub(crate) fn u32(mut self, value: u32) -> Out {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Out {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Encodes a string; a longer one than readers accept is cut at a character.
    pub(crate) fn text(self, text: &str, most: usize) -> Out {
        let cut = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let text = text.get(..cut).unwrap_or_default();
        let mut out = self.u32(text.len() as u32);
        out.0.extend_from_slice(text.as_bytes());
        out
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Out {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let len = self.0.len() as u32;
        self.0[12..16].copy_from_slice(&len.to_le_bytes());
        self.0
    }
}

/// Reads a datagram's fields.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Checks the header; returns the kind and the fields.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<(u16, Fields<'a>), WireFault> {
        if bytes.first_chunk::<8>() != Some(&MAGIC) {
            return Err(WireFault::Magic);
        }
        let mut fields = Fields { bytes, at: 8 };
        let version = u16::from_le_bytes(fields.take()?);
        if version != VERSION {
            return Err(WireFault::Version(version));
        }
        let kind = u16::from_le_bytes(fields.take()?);
        let stated = fields.u32()? as usize;
        if stated != bytes.len() {
            return Err(WireFault::Length { found: bytes.len(), stated });
        }
        Ok((kind, fields))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireFault> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        self.at += N;
        found.copied().ok_or(WireFault::Fields(self.bytes.len()))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireFault> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireFault> {
        self.take().map(u64::from_le_bytes)
    }

    /// Returns a number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> Result<u32, WireFault> {
        let value = self.u32()?;
        if value < bound { Ok(value) } else { Err(WireFault::Value(self.at)) }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], WireFault> {
        let end = self.at.checked_add(len).ok_or(WireFault::Fields(self.at))?;
        let bytes = self.bytes.get(self.at..end).ok_or(WireFault::Fields(self.bytes.len()))?;
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self, most: usize) -> Result<&'a str, WireFault> {
        let len = self.u32()? as usize;
        if len > most {
            return Err(WireFault::Value(self.at));
        }
        let bytes = self.bytes(len)?;
        str::from_utf8(bytes).map_err(|_| WireFault::Value(self.at))
    }

    /// Returns the remaining bytes.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    pub(crate) fn fault(&self) -> WireFault {
        WireFault::Value(self.at)
    }

    pub(crate) fn end(self) -> Result<(), WireFault> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(WireFault::Fields(self.at)) }
    }
}
