//! Walks arrays along a layout and hands every node and buffer to a sink, without a heap.
//!
//! Arrow's own ways to take an array apart (`to_data`, `slice`, `child_data`) build vectors. Here each array is
//! borrowed and downcast, and a slice of one is a [`Window`]: the array and a range of its rows.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    BinaryType, BinaryViewType, ByteArrayType, ByteViewType, Int16Type, Int32Type, Int64Type,
    LargeBinaryType, LargeUtf8Type, RunEndIndexType, StringViewType, Utf8Type,
};
use arrow_array::{Array, PrimitiveArray, downcast_primitive};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer, ToByteSlice};

use arrow_schema::DataType;

use super::bits;
use super::error::EncodeError;
use super::scan::{self, Cover};
use super::sink::Sink;
use crate::layout::{Class, Node, OffsetWidth, Tree};
use crate::native::values_mut;

/// Some rows of an array.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) array: &'a dyn Array,
    pub(super) start: usize,
    pub(super) len: usize,
}

impl<'a> Window<'a> {
    pub(super) fn whole(array: &'a dyn Array) -> Self {
        Self { array, start: 0, len: array.len() }
    }

    /// The same rows of another array, which runs beside this one.
    fn beside(self, array: &'a dyn Array) -> Self {
        Self { array, ..self }
    }

    /// These rows of a child.
    fn rows(array: &'a dyn Array, rows: core::ops::Range<usize>) -> Self {
        Self { array, start: rows.start, len: rows.len() }
    }

    /// Whether something of `len` rows has these.
    fn within(self, len: usize) -> Option<()> {
        self.start.checked_add(self.len).is_some_and(|end| end <= len).then_some(())
    }

    /// The validity of these rows, if any of them is null, and how many are.
    fn nulls(self, broken: EncodeError) -> Result<Option<(&'a NullBuffer, usize)>, EncodeError> {
        let Some(nulls) = self.array.nulls() else { return Ok(None) };
        self.within(nulls.len()).ok_or(broken)?;
        let count = match self.len == nulls.len() {
            true => nulls.null_count(),
            false => self.len - bits::count_ones(nulls.validity(), nulls.offset() + self.start, self.len),
        };
        Ok((count != 0).then_some((nulls, count)))
    }
}

/// A walk over the columns of one message.
pub(super) struct Walk<'a, S> {
    pub(super) tree: &'a Tree,
    pub(super) sink: S,
    /// Scratch: what the rows of a view column refer to, by variadic buffer.
    pub(super) covers: &'a mut Vec<Cover>,
}

impl<S: Sink> Walk<'_, S> {
    /// Walks the subtree at `node`.
    pub(super) fn node(&mut self, node: usize, rows: Window<'_>) -> Result<(), EncodeError> {
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
                // A map lies in memory as a list of its entries does.
                let (offsets, values): (&[i32], &dyn Array) = match rows.array.as_list_opt::<i32>() {
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
                let type_ids = window(union.type_ids(), rows).ok_or(broken)?;
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

    fn validity(&mut self, rows: Window<'_>, broken: EncodeError) -> Result<(), EncodeError> {
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

    /// Writes rows of `width` bytes, of which `bytes` has more or as many.
    fn fixed<'b>(
        &mut self,
        width: u32,
        rows: Window<'_>,
        broken: EncodeError,
        bytes: impl FnOnce() -> Result<&'b [u8], EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = rows.start.checked_mul(width as usize).ok_or(broken)?;
        let len = rows.len.checked_mul(width as usize).ok_or(broken)?;
        self.sink.buffer(len, |out| {
            let end = start.checked_add(len).ok_or(broken)?;
            out.copy_from_slice(bytes()?.get(start..end).ok_or(broken)?);
            Ok(())
        })
    }

    /// Writes the offsets of some rows, moved so that they begin at 0, and returns what they span.
    fn offsets<O: ArrowNativeType + core::ops::Sub<Output = O>>(
        &mut self,
        offsets: &[O],
        rows: Window<'_>,
        broken: EncodeError,
    ) -> Result<core::ops::Range<usize>, EncodeError> {
        let end = rows.start.checked_add(rows.len).ok_or(broken)?;
        let offsets = offsets.get(rows.start..=end).ok_or(broken)?;
        let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else { return Err(broken) };
        let (Some(start), Some(end)) = (first.to_usize(), last.to_usize()) else { return Err(broken) };
        if start > end {
            return Err(broken);
        }
        match start {
            0 => self.sink.copy(offsets.to_byte_slice())?,
            _ => self.sink.buffer(size_of_val(offsets), |out| rebase(offsets, first, out))?,
        }
        Ok(start..end)
    }

    fn bytes<T: ByteArrayType>(&mut self, node: usize, rows: Window<'_>) -> Result<(), EncodeError>
    where
        T::Offset: core::ops::Sub<Output = T::Offset>,
    {
        let broken = EncodeError::BrokenArray { node };
        let array = rows.array.as_bytes_opt::<T>().ok_or(EncodeError::WrongType { node })?;
        let span = self.offsets(array.offsets(), rows, broken)?;
        self.sink.copy(array.value_data().get(span).ok_or(broken)?)
    }

    fn list<O: ArrowNativeType + core::ops::Sub<Output = O>>(
        &mut self,
        node: usize,
        offsets: &[O],
        values: &dyn Array,
        rows: Window<'_>,
    ) -> Result<(), EncodeError> {
        let span = self.offsets(offsets, rows, EncodeError::BrokenArray { node })?;
        self.node(node + 1, Window::rows(values, span))
    }

    fn list_view<O: arrow_array::OffsetSizeTrait>(
        &mut self,
        node: usize,
        rows: Window<'_>,
    ) -> Result<(), EncodeError> {
        let broken = EncodeError::BrokenArray { node };
        let list = rows.array.as_list_view_opt::<O>().ok_or(EncodeError::WrongType { node })?;
        let offsets = window(list.offsets(), rows).ok_or(broken)?;
        let sizes = window(list.sizes(), rows).ok_or(broken)?;
        let span = scan::list_view(offsets, sizes, list.values().len()).ok_or(broken)?;
        let first = O::usize_as(span.start);
        self.sink.buffer(size_of_val(offsets), |out| {
            for (out, (offset, size)) in
                values_mut::<O>(out).into_iter().flatten().zip(offsets.iter().zip(sizes))
            {
                // A list without rows may lie anywhere; 0 is within whatever is left of the child.
                *out = if *size == O::usize_as(0) { *size } else { *offset - first };
            }
            Ok(())
        })?;
        self.sink.copy(sizes.to_byte_slice())?;
        self.node(node + 1, Window::rows(list.values(), span))
    }

    fn views<T: ByteViewType>(&mut self, node: usize, rows: Window<'_>) -> Result<(), EncodeError> {
        let broken = EncodeError::BrokenArray { node };
        let array = rows.array.as_byte_view_opt::<T>().ok_or(EncodeError::WrongType { node })?;
        let views = window(array.views(), rows).ok_or(broken)?;
        let buffers = array.data_buffers();
        let nulls = rows.nulls(broken)?.map(|(nulls, _)| nulls);
        // What lies under a null need not be a view.
        let is_view = |row: usize| nulls.is_none_or(|nulls| nulls.is_valid(rows.start + row));
        self.covers.clear();
        self.covers.resize(buffers.len(), Cover::default());
        for (row, view) in views.iter().enumerate() {
            let View { len, buffer, offset } = View::of(*view);
            if len > View::INLINE && is_view(row) {
                let cover = self.covers.get_mut(buffer).ok_or(broken)?;
                cover.add(offset, len).ok_or(broken)?;
            }
        }
        let covers = &*self.covers;
        let moved = nulls.is_some() || covers.iter().any(|cover| cover.range().start != 0);
        self.sink.buffer(size_of_val(views), |out| {
            if moved {
                for (row, (out, view)) in out.as_chunks_mut::<16>().0.iter_mut().zip(views).enumerate() {
                    *out = match is_view(row) {
                        true => View::moved(*view, covers).to_le_bytes(),
                        false => [0; 16],
                    };
                }
            } else {
                out.copy_from_slice(views.to_byte_slice());
            }
            Ok(())
        })?;
        for (buffer, cover) in buffers.iter().zip(covers) {
            self.sink.copy(buffer.get(cover.range()).ok_or(broken)?)?;
        }
        self.sink.variadic(buffers.len())
    }

    fn dense_union(&mut self, node: usize, ids: &[i8], rows: Window<'_>) -> Result<(), EncodeError> {
        let broken = EncodeError::BrokenArray { node };
        let union = rows.array.as_union_opt().ok_or(EncodeError::WrongType { node })?;
        let type_ids = window(union.type_ids(), rows).ok_or(broken)?;
        let offsets = union.offsets().and_then(|offsets| window(offsets, rows)).ok_or(broken)?;
        let covers = scan::dense_union(type_ids, offsets).ok_or(broken)?;
        self.sink.copy(type_ids.to_byte_slice())?;
        self.sink.buffer(size_of_val(offsets), |out| {
            for (out, (id, offset)) in
                values_mut::<i32>(out).into_iter().flatten().zip(type_ids.iter().zip(offsets))
            {
                // The scan has seen that ids are not negative and offsets are within their cover.
                *out = offset - covers[*id as usize & 127].range().start as i32;
            }
            Ok(())
        })?;
        let tree = self.tree;
        for (child, id) in tree.children_of(node).zip(ids) {
            let span = covers.get(*id as usize).ok_or(broken)?.range();
            self.node(child, Window::rows(union.child(*id), span))?;
        }
        Ok(())
    }

    fn runs<R: RunEndIndexType>(&mut self, node: usize, rows: Window<'_>) -> Result<(), EncodeError> {
        let array = rows.array.as_run_opt::<R>().ok_or(EncodeError::WrongType { node })?;
        rows.within(array.len()).ok_or(EncodeError::BrokenArray { node })?;
        let ends = array.run_ends().values();
        let first = array.run_ends().offset() + rows.start;
        let span = match rows.len {
            0 => 0..0,
            len => {
                let start = ends.partition_point(|end| end.as_usize() <= first);
                start..ends.partition_point(|end| end.as_usize() < first + len) + 1
            }
        };
        let kept = ends.get(span.clone()).ok_or(EncodeError::BrokenArray { node })?;
        self.sink.node(kept.len(), 0)?;
        self.sink.empty()?;
        self.sink.buffer(size_of_val(kept), |out| {
            for (out, end) in values_mut::<R::Native>(out).into_iter().flatten().zip(kept) {
                *out = R::Native::usize_as((end.as_usize() - first).min(rows.len));
            }
            Ok(())
        })?;
        self.node(node + 2, Window::rows(array.values(), span))
    }
}

/// The part of a 16-byte view that places it.
struct View {
    len: usize,
    buffer: usize,
    offset: usize,
}

impl View {
    /// The longest value that lies in the view itself.
    const INLINE: usize = 12;

    fn of(view: u128) -> Self {
        let word = |n: u32| (view >> (32 * n)) as u32 as usize;
        Self { len: word(0), buffer: word(2), offset: word(3) }
    }

    /// The view, with its offset counted from where its buffer's cover begins.
    fn moved(view: u128, covers: &[Cover]) -> u128 {
        let Self { len, buffer, offset } = Self::of(view);
        if len <= Self::INLINE {
            return view;
        }
        let start = covers.get(buffer).map_or(0, |cover| cover.range().start);
        (view & !(u128::from(u32::MAX) << 96)) | (((offset - start) as u128) << 96)
    }
}

/// Writes offsets less the first of them.
fn rebase<O: ArrowNativeType + core::ops::Sub<Output = O>>(
    offsets: &[O],
    first: O,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    for (out, offset) in values_mut::<O>(out).into_iter().flatten().zip(offsets) {
        *out = *offset - first;
    }
    Ok(())
}

/// Writes the bits of some rows, if there are as many.
fn copy_bits(bits: &BooleanBuffer, rows: Window<'_>, out: &mut [u8]) -> Option<()> {
    rows.within(bits.len())?;
    bits::copy(bits.values(), bits.offset() + rows.start, rows.len, out);
    Some(())
}

fn window<'a, T>(values: &'a [T], rows: Window<'_>) -> Option<&'a [T]> {
    values.get(rows.start..rows.start.checked_add(rows.len)?)
}

/// The values of an array that has a fixed number of bytes per row, if it is of this type.
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
