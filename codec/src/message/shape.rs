//! The needs of each kind of buffer: bytes for a number of rows, and alignment.

use crate::layout::{BufferKind, OffsetWidth};
use crate::message::fault::BufferRole;

/// The needs of a kind of buffer.
pub(super) struct Shape {
    pub(super) width: Width,
    /// True if there is one more value than rows.
    pub(super) one_more: bool,
    /// The alignment with which its values are read.
    pub(super) align: usize,
}

pub(super) enum Width {
    Bit,
    Bytes(usize),
}

impl Shape {
    #[inline(always)]
    pub(super) fn of(kind: BufferKind) -> Self {
        let of = |width| Shape { width: Width::Bytes(width), one_more: false, align: align(width) };
        match kind {
            BufferKind::Validity | BufferKind::Bits => Shape { width: Width::Bit, one_more: false, align: 1 },
            BufferKind::Fixed(width) => of(width as usize),
            BufferKind::Offsets(width) => Shape { one_more: true, ..of(width.bytes()) },
            BufferKind::ViewOffsets(width) | BufferKind::ViewSizes(width) => of(width.bytes()),
            BufferKind::Bytes => of(0),
            BufferKind::Views => of(16),
            BufferKind::TypeIds => of(1),
            BufferKind::UnionOffsets => of(OffsetWidth::W32.bytes()),
        }
    }
}

/// Returns the name of a kind of buffer in errors.
#[cold]
pub(super) fn role(kind: BufferKind) -> BufferRole {
    match kind {
        BufferKind::Validity => BufferRole::Validity,
        BufferKind::Bits | BufferKind::Fixed(_) | BufferKind::Bytes => BufferRole::Values,
        BufferKind::Offsets(_) | BufferKind::ViewOffsets(_) | BufferKind::UnionOffsets => BufferRole::Offsets,
        BufferKind::ViewSizes(_) => BufferRole::Sizes,
        BufferKind::Views => BufferRole::Views,
        BufferKind::TypeIds => BufferRole::TypeIds,
    }
}

/// Returns the alignment of values of this many bytes: their size, if machines have numbers of it, up to the eight
/// that the format requires of every buffer. Values of other sizes are read as bytes.
const fn align(width: usize) -> usize {
    match width {
        2 | 4 | 8 => width,
        16 | 32 => 8,
        _ => 1,
    }
}
