//! Columns that C fills where they will be read.
//!
//! # Safety
//!
//! [`Columns`] lives on the stack of the call that builds, and C is handed its address for the length of one callback.
#![allow(unsafe_code)]

use std::ffi::c_void;

use arrow_array::downcast_primitive;
use arrow_schema::DataType;
use bowstring_capi_bytes::error::{Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::pointer::{bytes, may, out};
use bowstring_table::SendError;
use bowstring_table::codec::BuildError;
use bowstring_table::codec::build::{
    Binaries, Booleans, Fields, Fixed, FixedBytes, ListViews, Lists, Rows, Runs, Strings, Unions,
};

use crate::failure::TableFailure;

/// The columns of a batch that is being built, parents before their children. They are numbered from 0 in that order.
pub struct Columns<'c, 'f> {
    fields: &'c mut Fields<'f>,
    taken: Vec<Column<'f>>,
    /// Rows of the columns for which they were set.
    rows: Vec<Option<usize>>,
}

/// One column, by how it is filled.
enum Column<'f> {
    Values(Box<dyn Values + 'f>),
    Booleans(Booleans<'f>),
    FixedBytes(FixedBytes<'f>),
    Strings(Strings<'f>),
    Binaries(Binaries<'f>),
    Rows(Rows<'f>),
    Lists(Lists<'f>),
    ListViews(ListViews<'f>),
    Unions(Box<Unions<'f>>),
    Runs(Runs<'f>),
}

/// A column of native values, of whatever type.
trait Values {
    /// Where the values go, how many there is room for, and the bytes of each.
    fn place(&mut self) -> (*mut c_void, usize, usize);
    fn validity(&mut self) -> Result<&mut [u8], BuildError>;
    fn finish(self: Box<Self>, rows: usize) -> Result<(), BuildError>;
}

impl<T: arrow_array::ArrowNativeTypeOp> Values for Fixed<'_, T> {
    fn place(&mut self) -> (*mut c_void, usize, usize) {
        let rest = self.rest_mut();
        (rest.as_mut_ptr().cast(), rest.len(), size_of::<T>())
    }

    fn validity(&mut self) -> Result<&mut [u8], BuildError> {
        self.validity_mut()
    }

    fn finish(mut self: Box<Self>, rows: usize) -> Result<(), BuildError> {
        self.advance(rows)?;
        (*self).finish()
    }
}

fn failed(error: BuildError) -> TableFailure {
    SendError::Build(error).into()
}

impl<'c, 'f> Columns<'c, 'f> {
    pub(crate) fn new(fields: &'c mut Fields<'f>) -> Self {
        Columns { fields, taken: Vec::new(), rows: Vec::new() }
    }

    /// An error for the codec when C's builder gave up; `bowstring_table_sender_build` reports that instead.
    pub(crate) fn stopped(&self) -> BuildError {
        BuildError::NoSuchRow { node: self.taken.len(), row: 0 }
    }

    /// Takes columns until number `index` is there.
    fn column(&mut self, index: usize) -> Result<&mut Column<'f>, TableFailure> {
        while self.taken.len() <= index {
            let next = next(self.fields).map_err(failed)?;
            self.taken.push(next);
            self.rows.push(None);
        }
        self.taken.get_mut(index).ok_or(TableFailure::Bytes(Failure::argument("there is no such column")))
    }

    /// Settles every column: those that were filled in place have the rows that were set for them, or `rows`.
    pub(crate) fn finish(mut self, rows: usize) -> Result<(), BuildError> {
        while self.fields.next_type().is_some() {
            self.taken.push(next(self.fields)?);
            self.rows.push(None);
        }
        for (column, own) in self.taken.into_iter().zip(self.rows) {
            let rows = own.unwrap_or(rows);
            match column {
                Column::Values(values) => values.finish(rows)?,
                Column::Booleans(mut booleans) => {
                    booleans.advance(rows)?;
                    booleans.finish();
                }
                Column::FixedBytes(column) => column.finish(),
                Column::Strings(column) => column.finish(),
                Column::Binaries(column) => column.finish(),
                Column::Rows(mut column) => {
                    let pushed = column.len();
                    column.push(rows.saturating_sub(pushed))?;
                    column.finish();
                }
                Column::Lists(column) => column.finish(),
                Column::ListViews(column) => column.finish(),
                Column::Unions(column) => column.finish(),
                Column::Runs(column) => column.finish(),
            }
        }
        Ok(())
    }
}

/// Takes the next column, as what it is.
fn next<'f>(fields: &mut Fields<'f>) -> Result<Column<'f>, BuildError> {
    let data_type = fields.next_type().ok_or(BuildError::NoMoreFields)?;
    macro_rules! values {
        ($t:ty) => {
            values(fields.fixed::<$t>()?)
        };
    }
    Ok(downcast_primitive! {
        data_type => (values),
        DataType::Boolean => Column::Booleans(fields.booleans()?),
        DataType::FixedSizeBinary(_) => Column::FixedBytes(fields.fixed_bytes()?),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Column::Strings(fields.strings()?),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Column::Binaries(fields.binaries()?),
        DataType::Struct(_) | DataType::FixedSizeList(..) | DataType::Null => Column::Rows(fields.rows()?),
        DataType::List(_) | DataType::LargeList(_) | DataType::Map(..) => Column::Lists(fields.lists()?),
        DataType::ListView(_) | DataType::LargeListView(_) => Column::ListViews(fields.list_views()?),
        DataType::Union(..) => Column::Unions(Box::new(fields.unions()?)),
        DataType::RunEndEncoded(..) => Column::Runs(fields.runs()?),
        // Keys need their dictionary, which batches bring along: see `bowstring_table_sender_send`.
        _ => return Err(BuildError::NoMoreFields)
    })
}

fn values<'f, T: arrow_array::ArrowNativeTypeOp>(column: Fixed<'f, T>) -> Column<'f> {
    Column::Values(Box::new(column))
}

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
