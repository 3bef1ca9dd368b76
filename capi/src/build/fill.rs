//! The functions by which C fills columns.
//!
//! # Safety
//!
//! [`Columns`] lives on the stack of the call that builds, and C is handed its address for the length of one callback.
#![allow(unsafe_code)]

use std::ffi::c_void;

use bowstring_capi_bytes::error::{Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::pointer::{bytes, may, out};

use super::{Column, Columns, failed};
use crate::failure::TableFailure;

/// # Safety
/// As for [`may`].
unsafe fn columns<'a>(
    at: *mut Columns<'static, 'static>,
) -> Result<&'a mut Columns<'static, 'static>, Failure> {
    // SAFETY: the caller's promise.
    unsafe { may(at) }.ok_or(Failure::argument("the columns are NULL"))
}

fn other() -> TableFailure {
    Failure::argument("the column is not filled that way: see its type").into()
}

/// Returns where the values of column `index` go, as zeroes, and how many there is room for. `width` must be the bytes of
/// one value: those of its integer, float, decimal, date, time or key of a dictionary; 0 for booleans, which are bits,
/// lowest first. The pointer is good until `build` returns.
///
/// Threads: that of `build`.
///
/// # Safety
/// `at` is what `build` was called with; other pointers are NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_column_values(
    at: *mut Columns<'static, 'static>,
    index: usize,
    width: usize,
    values: *mut *mut c_void,
    room: *mut usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(values) }?;
        // SAFETY: the caller's promise.
        let room = unsafe { out(room) }?;
        // SAFETY: the caller's promise.
        let (at, rows) = match unsafe { columns(at) }?.column(index)? {
            Column::Values(column) => {
                let (at, rows, bytes) = column.place();
                if bytes != width {
                    return Err(Failure::argument("the column's values have another width").into());
                }
                (at, rows)
            }
            Column::Booleans(column) if width == 0 => {
                let rows = column.capacity();
                (column.bits_mut().as_mut_ptr().cast(), rows)
            }
            _ => return Err(other()),
        };
        place.set(at);
        room.set(rows);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Returns where the validity bitmap of column `index` is: a bit per row, lowest first, set for valid rows, as all are to
/// begin with. The pointer is good until `build` returns. `BOWSTRING_DATA` if the column has no nulls by its schema.
///
/// Threads: that of `build`.
///
/// # Safety
/// As for `bowstring_column_values`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_column_validity(
    at: *mut Columns<'static, 'static>,
    index: usize,
    bits: *mut *mut u8,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(bits) }?;
        // SAFETY: the caller's promise.
        let found = match unsafe { columns(at) }?.column(index)? {
            Column::Values(column) => column.validity(),
            Column::Booleans(column) => column.validity_mut(),
            Column::FixedBytes(column) => column.validity_mut(),
            Column::Binaries(column) => column.validity_mut(),
            Column::Rows(column) => column.validity_mut(),
            Column::Lists(column) => column.validity_mut(),
            Column::ListViews(column) => column.validity_mut(),
            Column::Strings(_) | Column::Unions(_) | Column::Runs(_) => return Err(other()),
        };
        place.set(found.map_err(failed)?.as_mut_ptr());
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Adds a value of text, binary or fixed-size binary to column `index`. Text must be UTF-8.
///
/// Threads: that of `build`.
///
/// # Safety
/// As for `bowstring_column_values`; `data` points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_column_push(
    at: *mut Columns<'static, 'static>,
    index: usize,
    data: *const u8,
    len: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let value = unsafe { bytes(data, len) }?;
        // SAFETY: the caller's promise.
        let pushed = match unsafe { columns(at) }?.column(index)? {
            Column::Strings(column) => {
                let text = str::from_utf8(value).map_err(|_| Failure::argument("the text is not UTF-8"))?;
                column.push(text)
            }
            Column::Binaries(column) => column.push(value),
            Column::FixedBytes(column) => column.push(value),
            _ => return Err(other()),
        };
        pushed.map_err(failed)
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Adds a null to column `index`, of text, binary, lists or structs. Nulls of values are cleared bits of their validity.
///
/// Threads: that of `build`.
///
/// # Safety
/// As for `bowstring_column_values`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_column_push_null(
    at: *mut Columns<'static, 'static>,
    index: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let pushed = match unsafe { columns(at) }?.column(index)? {
            Column::Strings(column) => column.push_null(),
            Column::Binaries(column) => column.push_null(),
            Column::FixedBytes(column) => column.push_null(),
            Column::Rows(column) => column.push_null(),
            Column::Lists(column) => column.push_null(),
            Column::ListViews(column) => column.push_null(),
            _ => return Err(other()),
        };
        pushed.map_err(failed)
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Adds to column `index`, by its type: a list or map of the next `count` rows of its child; a run of `count` rows;
/// `count` structs or fixed-size lists; a row of the union's child with type id `count`. A list view has `count` rows from
/// the child's row `first` on; for all others `first` is 0.
///
/// Threads: that of `build`.
///
/// # Safety
/// As for `bowstring_column_values`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_column_push_rows(
    at: *mut Columns<'static, 'static>,
    index: usize,
    first: usize,
    count: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let pushed = match (unsafe { columns(at) }?.column(index)?, first) {
            (Column::ListViews(column), first) => column.push(first, count),
            (Column::Lists(column), 0) => column.push(count),
            (Column::Rows(column), 0) => column.push(count),
            (Column::Runs(column), 0) => column.push(count),
            (Column::Unions(column), 0) => {
                let id = i8::try_from(count).map_err(|_| Failure::argument("a type id is 0 to 127"))?;
                column.push(id)
            }
            _ => return Err(other()),
        };
        pushed.map_err(failed)
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Sets how many rows column `index` has that is filled in place, where that is not the number of the batch: below a list,
/// a run or a union.
///
/// Threads: that of `build`.
///
/// # Safety
/// As for `bowstring_column_values`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_column_set_rows(
    at: *mut Columns<'static, 'static>,
    index: usize,
    rows: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let columns = unsafe { columns(at) }?;
        columns.column(index)?;
        if let Some(own) = columns.rows.get_mut(index) {
            *own = Some(rows);
        }
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
