//! Opening tables.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ffi::{c_char, c_void};

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use bowstring_capi_bytes::error::Error;
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::pointer::{self, out, partly};
use bowstring_store::{Get, Position, StoreError, Table};

use super::Store;
use super::pairs::{self, Pair};
use crate::choice::{Asked, Choice};
use crate::failure::TableFailure;
use crate::stream::export;

/// Options for getting a table. Zero in a field means its default; NULL in place of the struct means the newest version, whole.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct GetOptions {
    /// `sizeof(bowstring_get_options)`.
    pub size: usize,
    /// The version; 0 means the newest.
    pub version: u64,
    /// Unless 0, the `base` of a table that was got before: only rows from `row` on, if it was not replaced since.
    pub base: u64,
    /// The first of these rows: the `end_row` of that table.
    pub row: u64,
    /// The columns and rows that are wanted; NULL for all. Columns that are not needed are neither read nor checked.
    pub choice: *const Choice,
    /// Called for each key and value that the table was put with, until it returns anything but 0; NULL if they are
    /// not wanted. What it is handed is good until it returns. It must return: no `longjmp`, no C++ exception. It must
    /// not use `store`.
    pub each_pair: Option<unsafe extern "C" fn(context: *mut c_void, pair: *const Pair) -> i32>,
    /// Handed to `each_pair`.
    pub context: *mut c_void,
}

/// A version of a table.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct TableInfo {
    /// The version.
    pub version: u64,
    /// The line of versions that it belongs to. It changes when the table is replaced, and not when rows are added.
    pub base: u64,
    /// The number of the first row that was got.
    pub first_row: u64,
    /// The number of the last row, plus one.
    pub end_row: u64,
    /// Bytes of the whole version.
    pub bytes: u64,
    /// The time at which the version was made, in nanoseconds since 1970.
    pub made: u64,
}

impl From<&Table> for TableInfo {
    fn from(table: &Table) -> TableInfo {
        let (rows, position) = (table.rows(), table.position());
        TableInfo {
            version: table.version(),
            base: position.base,
            first_row: rows.start,
            end_row: rows.end,
            bytes: table.bytes(),
            made: table.made(),
        }
    }
}

/// Makes a stream for the caller of a table's batches, or of what was chosen of them.
pub(super) fn stream_of(table: &Table, asked: Option<&Asked>) -> Result<FFI_ArrowArrayStream, TableFailure> {
    match asked {
        Some(asked) => chosen(table, asked),
        None => Ok(whole(table)?),
    }
}

fn whole(table: &Table) -> Result<FFI_ArrowArrayStream, StoreError> {
    let mut batches = table.batches()?;
    let next = move || batches.next().map(|batch| batch.map_err(|error| error.to_string()));
    Ok(export(table.schema().clone(), next))
}

/// Makes a stream of what was chosen of a table. Only the columns that are looked at are read.
fn chosen(table: &Table, asked: &Asked) -> Result<FFI_ArrowArrayStream, TableFailure> {
    let all = asked.of(table.schema())?;
    let (mut batches, mut choice) = match all.needs(false) {
        Some(needed) if needed.len() < table.schema().fields().len() => {
            let schema = table.schema().project(&needed).map_err(|_| StoreError::NoColumn)?;
            (table.batches_of(&needed)?, asked.of(&schema.into())?)
        }
        _ => (table.batches()?, all),
    };
    let schema = choice.schema().clone();
    let next = move || {
        while !choice.is_satisfied() {
            let chosen = match batches.next()? {
                Ok(batch) => choice.of(&batch).map(Cow::into_owned).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match chosen {
                Ok(none) if none.num_rows() == 0 => {}
                other => return Some(other),
            }
        }
        None
    };
    Ok(export(schema, next))
}

/// Opens a table as a stream of batches whose buffers are the memory that they were put in. Takes as long for a large
/// table as for a small one; each batch is checked when its turn comes. `info`, unless NULL, gets what is known of the
/// table; `info_size` is `sizeof *info`. `BOWSTRING_NOT_FOUND` if there is no such table, `BOWSTRING_CONFLICT` if the
/// version is gone, `BOWSTRING_CHOICE` if the columns or the condition that were chosen do not fit it.
///
/// The caller releases the stream and each batch, on any thread. They stay valid, and as they are, whatever happens to the
/// name, to the connection and to the store.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`; `name` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_get(
    store: *mut Handle<Store>,
    name: *const c_char,
    options: *const GetOptions,
    stream: *mut FFI_ArrowArrayStream,
    info: *mut TableInfo,
    info_size: usize,
    error: *mut Error,
) -> i32 {
    const DEFAULT: GetOptions = GetOptions {
        size: size_of::<GetOptions>(),
        version: 0,
        base: 0,
        row: 0,
        choice: std::ptr::null(),
        each_pair: None,
        context: std::ptr::null_mut(),
    };
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(stream) }?;
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        // SAFETY: the caller's promise.
        let name = unsafe { super::name(name) }?;
        // SAFETY: the caller's promise; the struct begins with its size, and its pointers are checked before use.
        let options = unsafe { pointer::options(options, DEFAULT) }?;
        // SAFETY: the caller's promise.
        let asked = unsafe { Asked::read(options.choice) }?;
        let since = (options.base != 0).then_some(Position { base: options.base, row: options.row });
        let table = store.client.get_as(name, Get { version: options.version, since })?;
        let opened = stream_of(&table, asked.as_ref())?;
        if !info.is_null() {
            // SAFETY: the caller's promise.
            unsafe { partly(info, info_size, TableInfo::from(&table)) }?;
        }
        if let Some(each) = options.each_pair {
            // SAFETY: a function of the caller's, with its own context.
            unsafe { pairs::tell(table.metadata(), each, options.context) };
        }
        place.set(opened);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
