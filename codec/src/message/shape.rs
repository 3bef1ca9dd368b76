//! The needs of each kind of buffer: bytes for a number of rows, and alignment.

use crate::layout::{BufferKind, OffsetWidth};
use crate::message::fault::BufferRole;

/// The needs of a kind of buffer.
pub(super) struct Shape {
    pub(super) role: BufferRole,
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
    pub(super) fn of(kind: BufferKind) -> Self {
        let of =
            |role, width| Shape { role, width: Width::Bytes(width), one_more: false, align: align(width) };
        match kind {
            BufferKind::Validity => {
                Shape { role: BufferRole::Validity, width: Width::Bit, one_more: false, align: 1 }
            }
            BufferKind::Bits => {
                Shape { role: BufferRole::Values, width: Width::Bit, one_more: false, align: 1 }
            }
            BufferKind::Fixed(width) => of(BufferRole::Values, width as usize),
            BufferKind::Offsets(width) => Shape { one_more: true, ..of(BufferRole::Offsets, width.bytes()) },
            BufferKind::ViewOffsets(width) => of(BufferRole::Offsets, width.bytes()),
            BufferKind::ViewSizes(width) => of(BufferRole::Sizes, width.bytes()),
            BufferKind::Bytes => of(BufferRole::Values, 0),
            BufferKind::Views => of(BufferRole::Views, 16),
            BufferKind::TypeIds => of(BufferRole::TypeIds, 1),
            BufferKind::UnionOffsets => of(BufferRole::Offsets, OffsetWidth::W32.bytes()),
        }
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
