//! Checks an array of another language's before Arrow's importer reads it.
//!
//! # Safety
//!
//! The caller promises that pointers which are not null point to what the interface says; each is followed only after its
//! counts were checked.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Arc;

use arrow_schema::{DataType, Field, UnionMode};

use super::raw::{RawArray, children};
use super::{CDataError, MAX_DEPTH, MAX_FIELDS};

/// The most rows of an array, so that no sum or product with them overflows.
const MAX_LEN: i64 = 1 << 48;

/// Checks an array against its type before the importer believes it. It must have at least `rows` rows, counted from
/// its offset.
///
/// # Safety
/// `at` points to an array that meets the contract of [`import_batch`](super::import_batch).
pub(super) unsafe fn check_array(
    at: *const RawArray,
    data_type: &DataType,
    depth: usize,
    rows: i64,
) -> Result<(), CDataError> {
    if depth > MAX_DEPTH {
        return Err(CDataError::TooDeep);
    }
    // SAFETY: the caller's promise.
    let array = unsafe { &*at };
    let count = |what, found| Err(CDataError::Count { what, found });
    if array.release.is_none() {
        return Err(CDataError::Released);
    }
    if !(0..=MAX_LEN).contains(&array.length) || array.length < rows {
        return count("length", array.length);
    }
    if !(0..=MAX_LEN).contains(&array.offset) {
        return count("offset", array.offset);
    }
    if !(-1..=array.length).contains(&array.null_count) {
        return count("number of nulls", array.null_count);
    }
    let end = array.length + array.offset;

    let layout = arrow_data::layout(data_type);
    let nulls = usize::from(layout.can_contain_null_mask);
    let due = layout.buffers.len() + nulls;
    let found = usize::try_from(array.n_buffers).ok().filter(|&found| match layout.variadic {
        // The views are followed by any number of data buffers, and one with their lengths.
        true => found > due && found <= MAX_FIELDS,
        false => found == due,
    });
    let Some(found) = found else { return count("number of buffers", array.n_buffers) };
    if found > 0 && array.buffers.is_null() {
        return Err(CDataError::Null("buffers"));
    }
    let buffers: &[*const c_void] = match found {
        0 => &[],
        // SAFETY: not null, and by the caller's promise of that length.
        _ => unsafe { std::slice::from_raw_parts(array.buffers, found) },
    };
    if end > 0
        && buffers.iter().take(due).skip(nulls).enumerate().any(|(nth, buffer)| {
            // Data behind offsets may be empty.
            buffer.is_null() && !(nth == 1 && has_offsets(data_type))
        })
    {
        return Err(CDataError::Null("a buffer"));
    }
    if nulls == 1 && array.null_count > 0 && buffers.first().is_some_and(|bits| bits.is_null()) {
        return Err(CDataError::Null("the validity bitmap"));
    }
    if layout.variadic {
        // SAFETY: the caller's promise.
        unsafe { check_lengths(buffers, due) }?;
    }

    // SAFETY: the caller's promise.
    let given = unsafe { children(array.children, array.n_children) }?;
    let fields = child_types(data_type);
    if given.len() != fields.len() {
        return count("number of children", array.n_children);
    }
    let mut last = 0;
    if has_offsets(data_type) {
        let offsets = buffers.get(nulls).copied().unwrap_or(std::ptr::null());
        let wide = is_wide(data_type);
        // SAFETY: not null if there are rows; by the caller's promise there are `end + 1` offsets.
        last = unsafe { check_offsets(offsets, wide, end as usize) }?;
        let data = buffers.get(nulls + 1).is_some_and(|data| data.is_null());
        if data && last > 0 {
            return Err(CDataError::Null("the values behind offsets"));
        }
    }
    for (child, field) in given.iter().zip(fields) {
        let rows = match data_type {
            DataType::Struct(_) | DataType::Union(_, UnionMode::Sparse) => end,
            DataType::FixedSizeList(_, size) => end.saturating_mul(i64::from((*size).max(0))),
            _ => last,
        };
        // SAFETY: not null, and by the caller's promise an array.
        unsafe { check_array(*child, field, depth + 1, rows) }?;
    }
    match data_type {
        DataType::Dictionary(..) if array.dictionary.is_null() => Err(CDataError::Null("a dictionary")),
        // SAFETY: not null, and by the caller's promise an array.
        DataType::Dictionary(_, values) => unsafe { check_array(array.dictionary, values, depth + 1, 0) },
        _ => Ok(()),
    }
}

/// True if the second buffer holds offsets into what follows.
fn has_offsets(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::Map(..)
    )
}

/// True if offsets have 64 bits.
fn is_wide(data_type: &DataType) -> bool {
    matches!(data_type, DataType::LargeUtf8 | DataType::LargeBinary | DataType::LargeList(_))
}

/// Returns the types of an array's children.
fn child_types(data_type: &DataType) -> Vec<&DataType> {
    fn of(field: &Arc<Field>) -> &DataType {
        field.data_type()
    }
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![of(field)],
        DataType::Struct(fields) => fields.iter().map(of).collect(),
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| of(field)).collect(),
        DataType::RunEndEncoded(ends, values) => vec![of(ends), of(values)],
        _ => Vec::new(),
    }
}

/// Checks that offsets begin at 0 or above and rise, and returns the last. There are `rows + 1`.
///
/// # Safety
/// Unless it is null, `at` points to that many offsets.
unsafe fn check_offsets(at: *const c_void, wide: bool, rows: usize) -> Result<i64, CDataError> {
    if at.is_null() {
        return Ok(0);
    }
    // An empty array may lack the one offset that it should have.
    if rows == 0 {
        return Ok(0);
    }
    let mut last = 0;
    for nth in 0..=rows {
        let found = match wide {
            // SAFETY: within the offsets, by the caller's promise; the importer aligns what is not aligned.
            true => unsafe { at.cast::<i64>().wrapping_add(nth).read_unaligned() },
            // SAFETY: within the offsets, by the caller's promise; `read_unaligned` needs no alignment.
            false => i64::from(unsafe { at.cast::<i32>().wrapping_add(nth).read_unaligned() }),
        };
        if found < last || found > MAX_LEN {
            return Err(CDataError::Offset { at: nth, found });
        }
        last = found;
    }
    Ok(last)
}

/// Checks the lengths of variadic buffers, which are in the last buffer.
///
/// # Safety
/// The last buffer, unless it is null, holds a length for each buffer between the first `due` and itself.
unsafe fn check_lengths(buffers: &[*const c_void], due: usize) -> Result<(), CDataError> {
    let Some((lengths, data)) = buffers.get(due..).and_then(<[_]>::split_last) else {
        return Err(CDataError::Null("the lengths of data buffers"));
    };
    let lengths = lengths.cast::<i64>();
    if !data.is_empty() && (lengths.is_null() || !lengths.is_aligned()) {
        return Err(CDataError::Null("the lengths of data buffers"));
    }
    for (nth, buffer) in data.iter().enumerate() {
        // SAFETY: not null and aligned, and by the caller's promise of that many lengths.
        let found = unsafe { lengths.wrapping_add(nth).read() };
        if !(0..=MAX_LEN).contains(&found) {
            return Err(CDataError::Count { what: "length of a data buffer", found });
        }
        if buffer.is_null() && found > 0 {
            return Err(CDataError::Null("a data buffer"));
        }
    }
    Ok(())
}
