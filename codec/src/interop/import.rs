//! Converts views to arrays: the walk over the columns, their buffers, and arrays of any type.
//!
//! Arrays of the usual types are made by [`arrays`](super::arrays).
//!
//! # Safety
//! Arrays are built without Arrow's own validation, which costs as much again as ours and allocates. [`Full`]
//! promises what they must fulfil: its list was made from that of `ArrayData::validate_full`. Buffers are cut to the
//! rows of the view, and their alignment for the Rust type is checked here, since `Full` promises only Arrow's.
#![allow(unsafe_code)]

use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_empty_array};
use arrow_buffer::{BooleanBuffer, Buffer, IntervalMonthDayNano, MutableBuffer, NullBuffer, i256};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::{DataType, IntervalUnit, SchemaRef};

use super::{Align, ImportError, Imported, concat};
use crate::layout::Class;
use crate::message::dictionary::{Built, Dictionary};
use crate::view::{BatchView, ColumnView, Full, Structure};

/// Makes arrays of a batch in `memory`.
pub(super) fn batch(
    view: &BatchView<'_, Full>,
    memory: &Buffer,
    align: Align,
) -> Result<Imported, ImportError> {
    // The body's place in the memory is found once; all buffers are slices of it from then on.
    let body = place(memory, view.source().body).ok_or(ImportError::ForeignMemory)?;
    let (columns, copied) =
        Importing { memory, body, align, misaligned: Vec::new() }.arrays(view.columns())?;
    // SAFETY: there is an array for each field of the schema, of the field's type and with the batch's rows: the layout
    // was made from the schema, and `Structure` promises the rows. `Full` promises that fields without nulls have none.
    let batch = unsafe { RecordBatch::new_unchecked(Arc::clone(view.schema()), columns, view.num_rows()) };
    Ok(Imported { batch, copied })
}

/// Makes arrays of some columns of a batch that lies in `memory`, and checks these alone.
pub(super) fn columns(
    view: &BatchView<'_, Structure>,
    schema: &SchemaRef,
    columns: &[usize],
    memory: &Buffer,
    align: Align,
) -> Result<Imported, ImportError> {
    let body = place(memory, view.source().body).ok_or(ImportError::ForeignMemory)?;
    let unlike = || ImportError::UnlikeSchema;
    let mut checked = Vec::with_capacity(columns.len());
    for &column in columns {
        checked.push(view.column(column).ok_or_else(unlike)?.validate()?);
    }
    let importing = Importing { memory, body, align, misaligned: Vec::new() };
    let (columns, copied) = importing.arrays(checked.into_iter())?;
    let rows = RecordBatchOptions::new().with_row_count(Some(view.num_rows()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows);
    Ok(Imported { batch: batch.map_err(|_| unlike())?, copied })
}

/// A walk from views to arrays.
pub(super) struct Importing<'a> {
    /// The memory that holds the message's body.
    memory: &'a Buffer,
    /// The body's offset in it.
    body: usize,
    align: Align,
    /// Fields with a buffer that was not aligned for Rust: copied or refused.
    misaligned: Vec<Box<str>>,
}

impl Importing<'_> {
    /// Makes an array of each column; also returns the fields that were copied.
    fn arrays<'c>(
        mut self,
        columns: impl ExactSizeIterator<Item = ColumnView<'c, Full>>,
    ) -> Result<(Vec<ArrayRef>, Vec<Box<str>>), ImportError> {
        let mut arrays = Vec::with_capacity(columns.len());
        for column in columns {
            arrays.push(self.array(&column).map_err(|error| *error)?);
        }
        Ok((arrays, self.finish()?))
    }

    /// Returns the fields that were copied, or the error that none may be.
    fn finish(mut self) -> Result<Vec<Box<str>>, ImportError> {
        self.misaligned.dedup();
        match self.align {
            Align::Refuse if !self.misaligned.is_empty() => {
                Err(ImportError::Misaligned { fields: self.misaligned })
            }
            _ => Ok(self.misaligned),
        }
    }

    /// Returns the parts of an array of any type.
    pub(super) fn data(&mut self, column: &ColumnView<'_, Full>) -> Result<ArrayData, Box<ImportError>> {
        let len = column.len();
        let nulls = self.nulls(column);
        let mut buffers = Vec::with_capacity(column.node().buffers as usize);
        let mut children = Vec::with_capacity(column.num_children());
        // If a row needs that many bytes, the structure check has found them in the buffer: no product overflows.
        let offsets = if len == 0 { 0 } else { len + 1 };
        match &column.node().class {
            Class::Null => {}
            Class::Boolean => buffers.push(self.buffer(column, 1, len.div_ceil(8), 1)),
            Class::Fixed { width } => {
                let align = align_of_type(column.data_type(), *width as usize);
                buffers.push(self.buffer(column, 1, len * *width as usize, align));
            }
            Class::Dictionary { width, .. } => {
                let width = *width as usize;
                buffers.push(self.buffer(column, 1, len * width, width));
                children.push(self.dictionary_values(column)?.to_data());
            }
            Class::Bytes { offsets: width, .. } => {
                let width = width.bytes();
                buffers.push(self.buffer(column, 1, offsets * width, width));
                buffers.push(self.whole_buffer(column, 2));
            }
            Class::View { .. } => {
                buffers.push(self.buffer(column, 1, len * 16, align_of::<u128>()));
                for nth in 0..column.slot().variadic as usize {
                    buffers.push(self.whole_buffer(column, 2 + nth));
                }
            }
            Class::List { offsets: width } => {
                let width = width.bytes();
                buffers.push(self.buffer(column, 1, offsets * width, width));
            }
            Class::ListView { offsets: width } => {
                let width = width.bytes();
                buffers.push(self.buffer(column, 1, len * width, width));
                buffers.push(self.buffer(column, 2, len * width, width));
            }
            Class::FixedSizeList { .. } | Class::Struct | Class::RunEnd { .. } => {}
            Class::Union { dense, .. } => {
                buffers.push(self.buffer(column, 0, len, 1));
                if *dense {
                    buffers.push(self.buffer(column, 1, len * 4, 4));
                }
            }
        }
        for child in column.children() {
            children.push(self.data(&child)?);
        }
        let data = ArrayDataBuilder::new(column.data_type().clone()).len(len).nulls(nulls);
        let data = data.buffers(buffers).child_data(children);
        // SAFETY: `Full` promises what `validate_full` would check, and alignment was handled above. Under
        // `Align::Refuse` a misaligned buffer was replaced by an aligned copy too, so even an array that `finish`
        // refuses is sound until then.
        Ok(unsafe { data.build_unchecked() })
    }

    /// Returns the bitmap of a column's nulls.
    pub(super) fn nulls(&mut self, column: &ColumnView<'_, Full>) -> Option<NullBuffer> {
        let validity = column.validity()?;
        let bytes = self.buffer(column, 0, validity.len().div_ceil(8), 1);
        let bits = BooleanBuffer::new(bytes, 0, validity.len());
        // SAFETY: `Full` promises that null counts are those of the bitmaps.
        Some(unsafe { NullBuffer::new_unchecked(bits, column.null_count()) })
    }

    /// Returns the first `len` bytes of a column's `nth` buffer, aligned to `align`. The structure check has found
    /// that many.
    ///
    /// Inlined, so that a buffer is made in registers: one that is handed over in memory is written in words and read
    /// back in pairs of them, which waits for the stores.
    #[inline(always)]
    pub(super) fn buffer(
        &mut self,
        column: &ColumnView<'_, Full>,
        nth: usize,
        len: usize,
        align: usize,
    ) -> Buffer {
        let span = column.source().table.span(&column.slot(), nth);
        assert!(len <= span.len, "structure has checked the length");
        if len == 0 {
            // Aligned, unlike an empty slice of foreign memory.
            return empty();
        }
        let buffer = self.memory.slice_with_length(self.body + span.offset, len);
        match buffer.as_ptr().addr().is_multiple_of(align) {
            true => buffer,
            false => self.aligned(column, &buffer),
        }
    }

    /// Returns a copy of a buffer that is not aligned for Rust.
    #[cold]
    fn aligned(&mut self, column: &ColumnView<'_, Full>, buffer: &Buffer) -> Buffer {
        self.misaligned.push(column.path().into());
        Buffer::from(buffer.as_slice())
    }

    /// Returns all of a column's `nth` buffer.
    #[inline(always)]
    pub(super) fn whole_buffer(&mut self, column: &ColumnView<'_, Full>, nth: usize) -> Buffer {
        let len = column.source().table.span(&column.slot(), nth).len;
        self.buffer(column, nth, len, 1)
    }

    /// Returns the values of a column's dictionary. A dictionary that never came is empty, and no row refers to it.
    pub(super) fn dictionary_values(
        &mut self,
        column: &ColumnView<'_, Full>,
    ) -> Result<ArrayRef, Box<ImportError>> {
        let held = column.node().dictionary.and_then(|index| column.source().dictionaries.get(index));
        match (held, column.data_type()) {
            (Some(dictionary), _) => {
                let built = built(dictionary).map_err(Box::new)?;
                self.misaligned.extend_from_slice(&built.copied);
                Ok(built.values)
            }
            (None, DataType::Dictionary(_, values)) => Ok(new_empty_array(values)),
            (None, other) => Ok(new_empty_array(other)),
        }
    }
}

/// Returns a dictionary's values as one array: made once, and then shared by all batches.
fn built(dictionary: &Dictionary) -> Result<Built, ImportError> {
    if let Some(built) = dictionary.built().get() {
        return Ok(built.clone());
    }
    let mut parts = Vec::with_capacity(dictionary.parts().len());
    let mut copied = Vec::new();
    for (part, column) in dictionary.parts().iter().zip(ColumnView::of_parts(dictionary)) {
        let mut importing =
            Importing { memory: &part.body, body: 0, align: Align::Copy, misaligned: Vec::new() };
        parts.push(importing.array(&column).map_err(|error| *error)?);
        copied.append(&mut importing.finish()?);
    }
    copied.dedup();
    let values = match parts.as_slice() {
        [only] => Arc::clone(only),
        _ => concat::parts(dictionary, &parts)?,
    };
    // Two threads may both have built it; either result will do.
    Ok(dictionary.built().get_or_init(|| Built { values, copied }).clone())
}

/// Returns a buffer without bytes, aligned for any type.
fn empty() -> Buffer {
    static EMPTY: OnceLock<Buffer> = OnceLock::new();
    EMPTY.get_or_init(|| MutableBuffer::new(0).into()).clone()
}

/// Returns the offset of `bytes` in `memory`, if they are in it.
fn place(memory: &Buffer, bytes: &[u8]) -> Option<usize> {
    let place = bytes.as_ptr().addr().checked_sub(memory.as_ptr().addr())?;
    (place.checked_add(bytes.len())? <= memory.len()).then_some(place)
}

/// Returns the alignment of the Rust type that Arrow reads values of a type as.
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
