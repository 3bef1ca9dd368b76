//! Walks arrays along a layout and hands every node and buffer to a sink, without a heap.
//!
//! Arrow's own ways to take an array apart (`to_data`, `slice`, `child_data`) build vectors. Here each array
//! is borrowed and downcast, and a slice of one is a [`Window`]: the array and a range of its rows.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    BinaryType, BinaryViewType, ByteArrayType, Int16Type, Int32Type, Int64Type, LargeBinaryType,
    LargeUtf8Type, StringViewType, Utf8Type,
};
use arrow_array::{Array, ArrowNativeTypeOp, PrimitiveArray, downcast_primitive};
use arrow_buffer::{BooleanBuffer, ToByteSlice};
use arrow_schema::DataType;

use super::bits;
use super::error::EncodeError;
use super::scan::Cover;
use super::sink::Sink;
use super::window::Window;
use crate::layout::{Class, Node, OffsetWidth, Tree};
use crate::native::values_mut;

/// A walk over the columns of one message.
pub(super) struct Walk<'a, S> {
    pub(super) tree: &'a Tree,
    pub(super) sink: S,
    /// Scratch: the covers of a view column's rows, by variadic buffer.
    pub(super) covers: &'a mut Vec<Cover>,
}

impl<'a, S: Sink<'a>> Walk<'_, S> {
    /// Walks the subtree at `node`.
    pub(super) fn node(&mut self, node: usize, rows: Window<'a>) -> Result<(), S::Error> {
        let broken = EncodeError::BrokenArray { node };
        let wrong = EncodeError::WrongType { node };
        let tree = self.tree;
        let Node { class, data_type, .. } = tree.nodes().get(node).ok_or(wrong)?;
        match class {
            Class::Null => return self.sink.node(rows.len, rows.len),
            Class::Union { .. } | Class::RunEnd { .. } => self.sink.node(rows.len, 0)?,
            _ => self.validity(rows, broken)?,
        }
        match class {
            Class::Null => Ok(()),
            Class::Boolean => self.sink.buffer(bits::bytes_for(rows.len), |out| {
                let values = rows.array.as_boolean_opt().ok_or(wrong)?.values();
                copy_bits(values, rows, out).ok_or(broken)
            }),
            Class::Fixed { width } => {
                self.fixed(*width, rows, broken, || fixed_bytes(rows.array, data_type).ok_or(wrong))
            }
            Class::Dictionary { width, .. } => self.fixed(*width, rows, broken, || {
                let keys = rows.array.as_any_dictionary_opt().ok_or(wrong)?.keys();
                fixed_bytes(keys, keys.data_type()).ok_or(wrong)
            }),
            Class::Bytes { offsets, utf8 } => match (offsets, utf8) {
                (OffsetWidth::W32, false) => self.bytes::<BinaryType>(node, rows),
                (OffsetWidth::W32, true) => self.bytes::<Utf8Type>(node, rows),
                (OffsetWidth::W64, false) => self.bytes::<LargeBinaryType>(node, rows),
                (OffsetWidth::W64, true) => self.bytes::<LargeUtf8Type>(node, rows),
            },
            Class::View { utf8: false } => self.views::<BinaryViewType>(node, rows),
            Class::View { utf8: true } => self.views::<StringViewType>(node, rows),
            Class::List { offsets: OffsetWidth::W32 } => {
                // A map has the memory layout of a list of its entries.
                let (offsets, values): (&'a [i32], &'a dyn Array) = match rows.array.as_list_opt::<i32>() {
                    Some(list) => (list.offsets(), list.values()),
                    None => rows
                        .array
                        .as_map_opt()
                        .map(|map| (&**map.offsets(), map.entries() as _))
                        .ok_or(wrong)?,
                };
                self.list(node, offsets, values, rows)
            }
            Class::List { offsets: OffsetWidth::W64 } => {
                let list = rows.array.as_list_opt::<i64>().ok_or(wrong)?;
                self.list(node, list.offsets(), list.values(), rows)
            }
            Class::ListView { offsets: OffsetWidth::W32 } => self.list_view::<i32>(node, rows),
            Class::ListView { offsets: OffsetWidth::W64 } => self.list_view::<i64>(node, rows),
            Class::FixedSizeList { size } => {
                let list = rows.array.as_fixed_size_list_opt().ok_or(wrong)?;
                let size = *size as usize;
                let start = rows.start.checked_mul(size).ok_or(broken)?;
                let len = rows.len.checked_mul(size).ok_or(broken)?;
                self.node(node + 1, Window { array: list.values(), start, len })
            }
            Class::Struct => {
                let columns = rows.array.as_struct_opt().ok_or(wrong)?.columns();
                for (child, column) in tree.children_of(node).zip(columns) {
                    self.node(child, rows.beside(column))?;
                }
                Ok(())
            }
            Class::Union { dense: false, ids } => {
                let union = rows.array.as_union_opt().ok_or(wrong)?;
                let type_ids = rows.of(union.type_ids()).ok_or(broken)?;
                self.sink.copy(type_ids.to_byte_slice())?;
                for (child, id) in tree.children_of(node).zip(ids) {
                    self.node(child, rows.beside(union.child(*id)))?;
                }
                Ok(())
            }
            Class::Union { dense: true, ids } => self.dense_union(node, ids, rows),
            Class::RunEnd { width: 2 } => self.runs::<Int16Type>(node, rows),
            Class::RunEnd { width: 4 } => self.runs::<Int32Type>(node, rows),
            Class::RunEnd { .. } => self.runs::<Int64Type>(node, rows),
        }
    }

    fn validity(&mut self, rows: Window<'a>, broken: EncodeError) -> Result<(), S::Error> {
        match rows.nulls(broken)? {
            None => {
                self.sink.node(rows.len, 0)?;
                self.sink.empty()
            }
            Some((nulls, count)) => {
                self.sink.node(rows.len, count)?;
                self.sink.buffer(bits::bytes_for(rows.len), |out| {
                    copy_bits(nulls.inner(), rows, out).ok_or(broken)
                })
            }
        }
    }

    /// Writes rows of `width` bytes; `bytes` has at least that many.
    fn fixed(
        &mut self,
        width: u32,
        rows: Window<'a>,
        broken: EncodeError,
        bytes: impl FnOnce() -> Result<&'a [u8], EncodeError>,
    ) -> Result<(), S::Error> {
        let start = rows.start.checked_mul(width as usize).ok_or(broken)?;
        let len = rows.len.checked_mul(width as usize).ok_or(broken)?;
        let end = start.checked_add(len).ok_or(broken)?;
        self.sink.existing(len, || bytes()?.get(start..end).ok_or(broken))
    }

    /// Writes the offsets of some rows, moved so that they begin at 0, and returns their span.
    pub(super) fn offsets<O: ArrowNativeTypeOp>(
        &mut self,
        offsets: &'a [O],
        rows: Window<'a>,
        broken: EncodeError,
    ) -> Result<core::ops::Range<usize>, S::Error> {
        let end = rows.start.checked_add(rows.len).ok_or(broken)?;
        let offsets = offsets.get(rows.start..=end).ok_or(broken)?;
        let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
            return Err(broken.into());
        };
        let (Some(start), Some(end)) = (first.to_usize(), last.to_usize()) else { return Err(broken.into()) };
        if start > end {
            return Err(broken.into());
        }
        match start {
            0 => self.sink.copy(offsets.to_byte_slice())?,
            _ => self.sink.buffer(size_of_val(offsets), |out| rebase(offsets, first, out))?,
        }
        Ok(start..end)
    }

    fn bytes<T: ByteArrayType>(&mut self, node: usize, rows: Window<'a>) -> Result<(), S::Error>
    where
        T::Offset: ArrowNativeTypeOp,
    {
        let broken = EncodeError::BrokenArray { node };
        let array = rows.array.as_bytes_opt::<T>().ok_or(EncodeError::WrongType { node })?;
        let span = self.offsets(array.offsets(), rows, broken)?;
        self.sink.copy(array.value_data().get(span).ok_or(broken)?)
    }
}

/// Writes offsets minus the first of them.
fn rebase<O: ArrowNativeTypeOp>(offsets: &[O], first: O, out: &mut [u8]) -> Result<(), EncodeError> {
    for (out, offset) in values_mut::<O>(out).into_iter().flatten().zip(offsets) {
        // An array made by unsafe code may have decreasing offsets; that is nonsense, but no panic.
        *out = offset.sub_wrapping(first);
    }
    Ok(())
}

/// Writes the bits of some rows, if there are enough.
fn copy_bits(bits: &BooleanBuffer, rows: Window<'_>, out: &mut [u8]) -> Option<()> {
    rows.within(bits.len())?;
    bits::copy(bits.values(), bits.offset() + rows.start, rows.len, out);
    Some(())
}

/// Returns the values of an array that has a fixed number of bytes per row, if it is of this type.
fn fixed_bytes<'a>(array: &'a dyn Array, data_type: &DataType) -> Option<&'a [u8]> {
    macro_rules! primitive {
        ($type:ty) => {
            array
                .as_any()
                .downcast_ref::<PrimitiveArray<$type>>()
                .map(|array| array.values().inner().as_slice())
        };
    }
    downcast_primitive! {
        data_type => (primitive),
        _ => array.as_fixed_size_binary_opt().map(|array| array.value_data())
    }
}
