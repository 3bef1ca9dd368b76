//! Arrays whose rows refer to rows of others: lists, list views, dense unions and runs.

use arrow_array::cast::AsArray;
use arrow_array::types::RunEndIndexType;
use arrow_array::{Array, ArrowNativeTypeOp, OffsetSizeTrait};
use arrow_buffer::{ArrowNativeType, ToByteSlice};

use super::error::EncodeError;
use super::scan;
use super::sink::Sink;
use super::walk::Walk;
use super::window::Window;
use crate::native::values_mut;

impl<'a, S: Sink<'a>> Walk<'_, S> {
    pub(super) fn list<O: ArrowNativeTypeOp>(
        &mut self,
        node: usize,
        offsets: &'a [O],
        values: &'a dyn Array,
        rows: Window<'a>,
    ) -> Result<(), S::Error> {
        let span = self.offsets(offsets, rows, EncodeError::BrokenArray { node })?;
        self.node(node + 1, Window::rows(values, span))
    }

    pub(super) fn list_view<O: OffsetSizeTrait>(
        &mut self,
        node: usize,
        rows: Window<'a>,
    ) -> Result<(), S::Error> {
        let broken = EncodeError::BrokenArray { node };
        let list = rows.array.as_list_view_opt::<O>().ok_or(EncodeError::WrongType { node })?;
        let offsets = rows.of(list.offsets()).ok_or(broken)?;
        let sizes = rows.of(list.sizes()).ok_or(broken)?;
        let span = scan::list_view(offsets, sizes, list.values().len()).ok_or(broken)?;
        let first = O::usize_as(span.start);
        self.sink.buffer(size_of_val(offsets), |out| {
            for (out, (offset, size)) in
                values_mut::<O>(out).into_iter().flatten().zip(offsets.iter().zip(sizes))
            {
                // A list without rows may be anywhere; 0 is within any part of the child.
                *out = if *size == O::usize_as(0) { *size } else { *offset - first };
            }
            Ok(())
        })?;
        self.sink.copy(sizes.to_byte_slice())?;
        self.node(node + 1, Window::rows(list.values(), span))
    }

    pub(super) fn dense_union(&mut self, node: usize, ids: &[i8], rows: Window<'a>) -> Result<(), S::Error> {
        let broken = EncodeError::BrokenArray { node };
        let union = rows.array.as_union_opt().ok_or(EncodeError::WrongType { node })?;
        let type_ids = rows.of(union.type_ids()).ok_or(broken)?;
        let offsets = union.offsets().and_then(|offsets| rows.of(offsets)).ok_or(broken)?;
        let covers = scan::dense_union(type_ids, offsets).ok_or(broken)?;
        self.sink.copy(type_ids.to_byte_slice())?;
        self.sink.buffer(size_of_val(offsets), |out| {
            for (out, (id, offset)) in
                values_mut::<i32>(out).into_iter().flatten().zip(type_ids.iter().zip(offsets))
            {
                // The scan has checked that ids are not negative and offsets are within their cover.
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

    pub(super) fn runs<R: RunEndIndexType>(&mut self, node: usize, rows: Window<'a>) -> Result<(), S::Error> {
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
                *out = R::Native::usize_as(end.as_usize().saturating_sub(first).min(rows.len));
            }
            Ok(())
        })?;
        self.node(node + 2, Window::rows(array.values(), span))
    }
}
