//! Views into arrays.
//!
//! # Safety
//! Arrays are built without Arrow's own validation, which costs as much again as ours and allocates. What they must
//! fulfil is what [`Full`] promises: its list was made from that of `ArrayData::validate_full`. Buffers are cut to
//! the rows that the view shows, and are checked for the alignment of the Rust type they are read as here, since
//! `Full` promises only Arrow's.
#![allow(unsafe_code)]

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, make_array, new_empty_array};
use arrow_buffer::{BooleanBuffer, Buffer, IntervalMonthDayNano, MutableBuffer, NullBuffer, i256};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::{DataType, IntervalUnit};

use super::{Align, ImportError, Imported, concat};
use crate::decode::dictionary::{Built, Dictionary};
use crate::layout::Class;
use crate::view::{BatchView, ColumnView, Full};

/// Makes arrays of a batch that lies in `memory`.
pub(super) fn batch(
    view: &BatchView<'_, Full>,
    memory: &Buffer,
    align: Align,
) -> Result<Imported, ImportError> {
    let mut importing = Importing { memory, align, misaligned: Vec::new() };
    let mut columns = Vec::with_capacity(view.num_columns());
    for column in view.columns() {
        columns.push(make_array(importing.column(&column)?));
    }
    let copied = importing.finish()?;
    let options = RecordBatchOptions::new().with_row_count(Some(view.num_rows()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(view.schema()), columns, &options);
    let batch = batch.map_err(|error| ImportError::Arrow(error.to_string().into()))?;
    Ok(Imported { batch, copied })
}

/// A walk from views to arrays.
struct Importing<'a> {
    memory: &'a Buffer,
    align: Align,
    /// Fields with a buffer that was not aligned for Rust: copied or refused.
    misaligned: Vec<Box<str>>,
}

impl Importing<'_> {
    /// The fields that were copied, or the error that none may be.
    fn finish(mut self) -> Result<Vec<Box<str>>, ImportError> {
        self.misaligned.dedup();
        match self.align {
            Align::Refuse if !self.misaligned.is_empty() => {
                Err(ImportError::Misaligned { fields: self.misaligned })
            }
            _ => Ok(self.misaligned),
        }
    }

    fn column(&mut self, column: &ColumnView<'_, Full>) -> Result<ArrayData, ImportError> {
        let len = column.len();
        let nulls = match column.validity() {
            None => None,
            Some(validity) => {
                let bytes = self.buffer(column, 0, len.div_ceil(8), 1)?;
                let bits = BooleanBuffer::new(bytes, 0, validity.len());
                // SAFETY: `Full` promises that null counts are those of the bitmaps.
                Some(unsafe { NullBuffer::new_unchecked(bits, column.null_count()) })
            }
        };
        let mut buffers = Vec::with_capacity(column.node().buffers as usize);
        let mut children = Vec::with_capacity(column.num_children());
        // Where a row needs so many bytes, structure has found that many in the buffer: no product overflows.
        let offsets = if len == 0 { 0 } else { len + 1 };
        match &column.node().class {
            Class::Null => {}
            Class::Boolean => buffers.push(self.buffer(column, 1, len.div_ceil(8), 1)?),
            Class::Fixed { width } => {
                let align = align_of_type(column.data_type(), *width as usize);
                buffers.push(self.buffer(column, 1, len * *width as usize, align)?);
            }
            Class::Dictionary { width, .. } => {
                let width = *width as usize;
                buffers.push(self.buffer(column, 1, len * width, width)?);
                children.push(self.dictionary(column)?.to_data());
            }
            Class::Bytes { offsets: width, .. } => {
                let width = width.bytes();
                buffers.push(self.buffer(column, 1, offsets * width, width)?);
                buffers.push(self.whole_buffer(column, 2)?);
            }
            Class::View { .. } => {
                buffers.push(self.buffer(column, 1, len * 16, align_of::<u128>())?);
                for nth in 0..column.slot().variadic as usize {
                    buffers.push(self.whole_buffer(column, 2 + nth)?);
                }
            }
            Class::List { offsets: width } => {
                let width = width.bytes();
                buffers.push(self.buffer(column, 1, offsets * width, width)?);
            }
            Class::ListView { offsets: width } => {
                let width = width.bytes();
                buffers.push(self.buffer(column, 1, len * width, width)?);
                buffers.push(self.buffer(column, 2, len * width, width)?);
            }
            Class::FixedSizeList { .. } | Class::Struct | Class::RunEnd { .. } => {}
            Class::Union { dense, .. } => {
                buffers.push(self.buffer(column, 0, len, 1)?);
                if *dense {
                    buffers.push(self.buffer(column, 1, len * 4, 4)?);
                }
            }
        }
        for child in column.children() {
            children.push(self.column(&child)?);
        }
        let data = ArrayDataBuilder::new(column.data_type().clone()).len(len).nulls(nulls);
        let data = data.buffers(buffers).child_data(children);
        // SAFETY: what `validate_full` would ask is what `Full` promises, and alignment was seen to above. Under
        // `Align::Refuse` a misaligned buffer was replaced by an aligned copy too, so that even an array which
        // `finish` refuses is sound until then.
        Ok(unsafe { data.build_unchecked() })
    }

    /// The first `len` bytes of a column's `nth` buffer, aligned to `align`.
    fn buffer(
        &mut self,
        column: &ColumnView<'_, Full>,
        nth: usize,
        len: usize,
        align: usize,
    ) -> Result<Buffer, ImportError> {
        let bytes = column.source().buffer(&column.slot(), nth);
        let bytes = bytes.get(..len).ok_or(ImportError::ForeignMemory)?;
        if bytes.is_empty() {
            // Aligned, unlike an empty slice of somebody's memory.
            return Ok(MutableBuffer::new(0).into());
        }
        if !bytes.as_ptr().addr().is_multiple_of(align) {
            self.misaligned.push(column.path().into());
            return Ok(Buffer::from(bytes));
        }
        slice(self.memory, bytes).ok_or(ImportError::ForeignMemory)
    }

    fn whole_buffer(&mut self, column: &ColumnView<'_, Full>, nth: usize) -> Result<Buffer, ImportError> {
        let len = column.source().buffer(&column.slot(), nth).len();
        self.buffer(column, nth, len, 1)
    }

    /// The values of a column's dictionary. A dictionary that never came has none, and no row refers to it.
    fn dictionary(&mut self, column: &ColumnView<'_, Full>) -> Result<ArrayRef, ImportError> {
        let held = column.node().dictionary.and_then(|index| column.source().dictionaries.get(index));
        match (held, column.data_type()) {
            (Some(dictionary), _) => {
                let built = built(dictionary)?;
                self.misaligned.extend_from_slice(&built.copied);
                Ok(built.values)
            }
            (None, DataType::Dictionary(_, values)) => Ok(new_empty_array(values)),
            (None, other) => Ok(new_empty_array(other)),
        }
    }
}

/// A dictionary's values as one array: made once, and then shared by all batches.
fn built(dictionary: &Dictionary) -> Result<Built, ImportError> {
    if let Some(built) = dictionary.built().get() {
        return Ok(built.clone());
    }
    let mut parts = Vec::with_capacity(dictionary.raw_parts().len());
    let mut copied = Vec::new();
    for (part, column) in dictionary.raw_parts().iter().zip(dictionary.parts()) {
        let mut importing = Importing { memory: &part.body, align: Align::Copy, misaligned: Vec::new() };
        parts.push(make_array(importing.column(&column)?));
        copied.append(&mut importing.finish()?);
    }
    copied.dedup();
    let values = match parts.as_slice() {
        [only] => Arc::clone(only),
        _ => concat::parts(dictionary, &parts)?,
    };
    // Two threads may both have built it; then both results are as good.
    Ok(dictionary.built().get_or_init(|| Built { values, copied }).clone())
}

/// The slice of `memory` that is `bytes`, if they lie in it.
fn slice(memory: &Buffer, bytes: &[u8]) -> Option<Buffer> {
    let offset = bytes.as_ptr().addr().checked_sub(memory.as_ptr().addr())?;
    let end = offset.checked_add(bytes.len())?;
    (end <= memory.len()).then(|| memory.slice_with_length(offset, bytes.len()))
}

/// The alignment of the Rust type that Arrow reads values of a type as.
fn align_of_type(data_type: &DataType, width: usize) -> usize {
    match data_type {
        DataType::FixedSizeBinary(_) => 1,
        DataType::Decimal128(..) => align_of::<i128>(),
        DataType::Decimal256(..) => align_of::<i256>(),
        DataType::Interval(IntervalUnit::MonthDayNano) => align_of::<IntervalMonthDayNano>(),
        DataType::Interval(IntervalUnit::DayTime) => align_of::<arrow_buffer::IntervalDayTime>(),
        // Numbers of 1, 2, 4 and 8 bytes.
        _ => width,
    }
}
