//! The memory layout of a field: its type without units, time zones and names.

use arrow_schema::{DataType, TimeUnit, UnionMode};

use crate::error::LayoutFault;

/// The physical shape of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// Nothing but a length.
    Null,
    /// One bit per row.
    Boolean,
    /// `width` bytes per row: integers, floats, decimals, temporal types, fixed-size binary.
    Fixed {
        /// Bytes per row; 0 is possible for fixed-size binary.
        width: u32,
    },
    /// Offsets into bytes: binary and utf8.
    Bytes {
        /// Width of an offset.
        offsets: OffsetWidth,
        /// True if the bytes must be UTF-8.
        utf8: bool,
    },
    /// 16-byte views into variadic buffers: binary view and utf8 view.
    View {
        /// True if the bytes must be UTF-8.
        utf8: bool,
    },
    /// Offsets into one child: list, large list and map.
    List {
        /// Width of an offset.
        offsets: OffsetWidth,
    },
    /// Offsets and sizes into one child, in any order.
    ListView {
        /// Width of an offset and of a size.
        offsets: OffsetWidth,
    },
    /// `size` rows of the child per row.
    FixedSizeList {
        /// Child rows per row.
        size: u32,
    },
    /// Children side by side.
    Struct,
    /// A type id per row picks a child; a dense union also has an offset into it.
    Union {
        /// True if the children hold only the rows that picked them.
        dense: bool,
        /// The type id of each child, in the order of the children.
        ids: Box<[i8]>,
    },
    /// Two children: where each run ends, and its value. No buffers of its own.
    RunEnd {
        /// Bytes of a run end: 2, 4 or 8.
        width: u32,
    },
    /// Integer keys into a dictionary that is sent separately.
    Dictionary {
        /// Bytes of a key: 1, 2, 4 or 8.
        width: u32,
        /// True if keys are signed.
        signed: bool,
    },
}

/// The width of the offsets of variable-length types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetWidth {
    /// Four bytes, signed.
    W32,
    /// Eight bytes, signed.
    W64,
}

/// The content of one buffer of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferKind {
    /// A bit per row that is set where there is a value. Empty if there are no nulls.
    Validity,
    /// A bit per row: the values of booleans.
    Bits,
    /// This many bytes per row.
    Fixed(u32),
    /// One more offset than rows, each into what follows.
    Offsets(OffsetWidth),
    /// One offset per row of a list view.
    ViewOffsets(OffsetWidth),
    /// One length per row of a list view.
    ViewSizes(OffsetWidth),
    /// The bytes that offsets point into.
    Bytes,
    /// A 16-byte view per row. The variadic buffers that views point into follow it.
    Views,
    /// A type id per row of a union.
    TypeIds,
    /// A 32-bit offset per row of a dense union.
    UnionOffsets,
}

impl OffsetWidth {
    /// Returns the width in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::W32 => 4,
            Self::W64 => 8,
        }
    }
}

impl Class {
    /// Returns the class of a type, if the type is valid. Does not check children.
    pub fn of(data_type: &DataType) -> Result<Self, LayoutFault> {
        use OffsetWidth::{W32, W64};
        let size = |n: i32| u32::try_from(n).map_err(|_| LayoutFault::NegativeSize(n));
        Ok(match data_type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::FixedSizeBinary(width) => Self::Fixed { width: size(*width)? },
            DataType::Binary => Self::Bytes { offsets: W32, utf8: false },
            DataType::Utf8 => Self::Bytes { offsets: W32, utf8: true },
            DataType::LargeBinary => Self::Bytes { offsets: W64, utf8: false },
            DataType::LargeUtf8 => Self::Bytes { offsets: W64, utf8: true },
            DataType::BinaryView => Self::View { utf8: false },
            DataType::Utf8View => Self::View { utf8: true },
            DataType::List(_) => Self::List { offsets: W32 },
            DataType::LargeList(_) => Self::List { offsets: W64 },
            DataType::ListView(_) => Self::ListView { offsets: W32 },
            DataType::LargeListView(_) => Self::ListView { offsets: W64 },
            DataType::FixedSizeList(_, n) => Self::FixedSizeList { size: size(*n)? },
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => Self::List { offsets: W32 },
                _ => return Err(LayoutFault::MapEntries),
            },
            DataType::Struct(_) => Self::Struct,
            DataType::Union(fields, mode) => {
                let ids: Box<[i8]> = fields.iter().map(|(id, _)| id).collect();
                let sound = ids.iter().enumerate().all(|(i, id)| *id >= 0 && !ids[..i].contains(id));
                match sound {
                    true => Self::Union { dense: *mode == UnionMode::Dense, ids },
                    false => return Err(LayoutFault::UnionTypeIds),
                }
            }
            DataType::RunEndEncoded(ends, _) => match ends.data_type() {
                DataType::Int16 => Self::RunEnd { width: 2 },
                DataType::Int32 => Self::RunEnd { width: 4 },
                DataType::Int64 => Self::RunEnd { width: 8 },
                _ => return Err(LayoutFault::RunEnds),
            },
            DataType::Dictionary(_, values) if matches!(**values, DataType::Dictionary(..)) => {
                return Err(LayoutFault::DictionaryOfDictionary);
            }
            DataType::Dictionary(key, _) if key.is_dictionary_key_type() => {
                Self::Dictionary { width: fixed_width(key), signed: key.is_signed_integer() }
            }
            DataType::Dictionary(..) => return Err(LayoutFault::DictionaryKey),
            DataType::Time32(TimeUnit::Microsecond | TimeUnit::Nanosecond)
            | DataType::Time64(TimeUnit::Second | TimeUnit::Millisecond) => {
                return Err(LayoutFault::TimeUnit);
            }
            primitive => Self::Fixed { width: fixed_width(primitive) },
        })
    }

    /// Returns the buffers of a node of this class, in order; a view's variadic buffers follow these.
    #[must_use]
    pub fn buffers(&self) -> ClassBuffers {
        use BufferKind::{
            Bits, Bytes, Fixed, Offsets, TypeIds, UnionOffsets, Validity, ViewOffsets, ViewSizes, Views,
        };
        let list = |kinds: &[BufferKind]| {
            let mut out = ClassBuffers { kinds: [Validity; 3], len: kinds.len() };
            out.kinds[..kinds.len()].copy_from_slice(kinds);
            out
        };
        match *self {
            Self::Null | Self::RunEnd { .. } => list(&[]),
            Self::Boolean => list(&[Validity, Bits]),
            Self::Fixed { width } | Self::Dictionary { width, .. } => list(&[Validity, Fixed(width)]),
            Self::Bytes { offsets, .. } => list(&[Validity, Offsets(offsets), Bytes]),
            Self::View { .. } => list(&[Validity, Views]),
            Self::List { offsets } => list(&[Validity, Offsets(offsets)]),
            Self::ListView { offsets } => list(&[Validity, ViewOffsets(offsets), ViewSizes(offsets)]),
            Self::FixedSizeList { .. } | Self::Struct => list(&[Validity]),
            Self::Union { dense: true, .. } => list(&[TypeIds, UnionOffsets]),
            Self::Union { dense: false, .. } => list(&[TypeIds]),
        }
    }
}

/// The buffers of one class: at most three.
#[derive(Debug, Clone, Copy)]
pub struct ClassBuffers {
    kinds: [BufferKind; 3],
    len: usize,
}

impl core::ops::Deref for ClassBuffers {
    type Target = [BufferKind];

    fn deref(&self) -> &[BufferKind] {
        &self.kinds[..self.len]
    }
}

/// Returns the width in bytes of a fixed-width type; it is at most 32.
fn fixed_width(data_type: &DataType) -> u32 {
    debug_assert!(data_type.primitive_width().is_some(), "{data_type} is not primitive");
    data_type.primitive_width().unwrap_or_default() as u32
}
