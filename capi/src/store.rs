//! Named tables: a connection to a store, and what is asked of it.
#![allow(unsafe_code)]

use std::ffi::{OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use bowstring_capi_bytes::error::{BOWSTRING_ADDRESS, Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::pointer::{self, may, out, partly, text};
use bowstring_store::{Client, Get, Mode, Position, Put, SegmentWriter, StoreError, Table};
use bowstring_table::transport::names;

use crate::failure::TableFailure;
use crate::stream::{Given, export};

pub mod follow;
pub mod list;

/// A table of that name is replaced.
pub const BOWSTRING_PUT_REPLACE: u32 = 0;
/// There must be no table of that name.
pub const BOWSTRING_PUT_CREATE: u32 = 1;
/// The rows are added to the table, which must have the same schema.
pub const BOWSTRING_PUT_APPEND: u32 = 2;

/// A connection to a store.
pub struct Store {
    client: Client,
}

/// How a table is put. Zero in a field means its default; NULL in place of the struct means all defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PutOptions {
    /// `sizeof(bowstring_put_options)`.
    pub size: usize,
    /// `BOWSTRING_PUT_…`.
    pub mode: u32,
    /// 0.
    pub reserved: u32,
    /// The version that must be there; 0 means any.
    pub expected: u64,
}

/// What is got of a table. Zero in a field means its default; NULL in place of the struct means the newest version, whole.
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
}

/// What is known of a version of a table.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct TableInfo {
    /// The version.
    pub version: u64,
    /// Which line of versions it belongs to: another one after the table was replaced.
    pub base: u64,
    /// The number of the first row that was got.
    pub first_row: u64,
    /// The number behind the last row.
    pub end_row: u64,
    /// Bytes of the whole version.
    pub bytes: u64,
    /// When the version was made, in nanoseconds since 1970.
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

/// A name of the caller's.
///
/// # Safety
/// As for [`text`].
unsafe fn name<'a>(at: *const c_char) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { text(at) }?;
    str::from_utf8(bytes).map_err(|_| Failure::Plain(BOWSTRING_ADDRESS, "a table's name is not UTF-8"))
}

/// Makes a stream for the caller of a table's batches.
fn stream_of(table: &Table) -> Result<FFI_ArrowArrayStream, StoreError> {
    let mut batches = table.batches()?;
    let next = move || batches.next().map(|batch| batch.map_err(|error| error.to_string()));
    Ok(export(table.schema().clone(), next))
}

/// Connects to the store at `address`: a path, or `@name` in the abstract namespace; NULL means the user's own store.
/// `BOWSTRING_NOT_FOUND` if none runs there. It must belong to the same user or to root.
///
/// Threads: any; the connection is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_connect(
    address: *const c_char,
    store: *mut *mut Handle<Store>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(store) }?;
        let path = if address.is_null() {
            names::store_socket()
        } else {
            // SAFETY: the caller's promise.
            PathBuf::from(OsStr::from_bytes(unsafe { text(address) }?))
        };
        place.set(Handle::give(Store { client: Client::connect(&path)? })?);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Sets how long the store may take to answer, in nanoseconds; 30 seconds if never called.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_set_timeout(
    store: *mut Handle<Store>,
    nanoseconds: u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { Handle::enter(store) }?.client.set_patience(Duration::from_nanos(nanoseconds));
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Puts all batches of a stream under `name`, at once or not at all: readers see the version before or this one. They are
/// copied once, into memory that nobody can change. `stream` is the library's from the call on, also if this fails.
/// `version`, unless NULL, gets the table's version.
///
/// `BOWSTRING_CONFLICT` if another version is there than was expected, or a table that must not be.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`; `name` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_put(
    store: *mut Handle<Store>,
    name: *const c_char,
    stream: *mut FFI_ArrowArrayStream,
    options: *const PutOptions,
    version: *mut u64,
    error: *mut Error,
) -> i32 {
    const DEFAULT: PutOptions =
        PutOptions { size: size_of::<PutOptions>(), mode: BOWSTRING_PUT_REPLACE, reserved: 0, expected: 0 };
    let body = || {
        // SAFETY: the caller's promise.
        let mut given = unsafe { Given::take(stream) }?;
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        // SAFETY: the caller's promise.
        let name = unsafe { self::name(name) }?;
        // SAFETY: the caller's promise; the struct begins with its size and holds numbers only.
        let options = unsafe { pointer::options(options, DEFAULT) }?;
        let mode = match options.mode {
            BOWSTRING_PUT_REPLACE => Mode::Put,
            BOWSTRING_PUT_CREATE => Mode::Create,
            BOWSTRING_PUT_APPEND => Mode::Append,
            _ => return Err(Failure::argument("mode is one of BOWSTRING_PUT_…").into()),
        };
        let mut segments = SegmentWriter::new(given.schema().clone()).map_err(StoreError::Make)?;
        while let Some(batch) = given.next()? {
            segments.write(&batch).map_err(StoreError::Make)?;
        }
        let segments = segments.finish().map_err(StoreError::Make)?;
        let put = Put { mode, expected: options.expected, ..Put::default() };
        let done = store.client.put_segments(name, &segments, &put)?;
        // SAFETY: the caller's promise.
        if let Some(version) = unsafe { may(version) } {
            *version = done.version;
        }
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Opens a table as a stream of batches whose buffers are the memory that they were put in. Takes as long for a large
/// table as for a small one; each batch is checked when its turn comes. `info`, unless NULL, gets what is known of the
/// table; `info_size` is `sizeof *info`. `BOWSTRING_NOT_FOUND` if there is no such table, `BOWSTRING_CONFLICT` if the
/// version is gone.
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
    const DEFAULT: GetOptions = GetOptions { size: size_of::<GetOptions>(), version: 0, base: 0, row: 0 };
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(stream) }?;
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        // SAFETY: the caller's promise.
        let name = unsafe { self::name(name) }?;
        // SAFETY: the caller's promise; the struct begins with its size and holds numbers only.
        let options = unsafe { pointer::options(options, DEFAULT) }?;
        let since = (options.base != 0).then_some(Position { base: options.base, row: options.row });
        let table = store.client.get_as(name, Get { version: options.version, since })?;
        let opened = stream_of(&table)?;
        if !info.is_null() {
            // SAFETY: the caller's promise.
            unsafe { partly(info, info_size, TableInfo::from(&table)) }?;
        }
        place.set(opened);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Takes a table away, if its version is `expected` or that is 0. Whoever has opened it keeps it.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`; `name` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_remove(
    store: *mut Handle<Store>,
    name: *const c_char,
    expected: u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        // SAFETY: the caller's promise.
        store.client.remove(unsafe { self::name(name) }?, expected)?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Gives a table another name, which must be free. Followers go on.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`; `name` and `to` end with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_rename(
    store: *mut Handle<Store>,
    name: *const c_char,
    to: *const c_char,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        // SAFETY: the caller's promise.
        let name = unsafe { self::name(name) }?;
        // SAFETY: the caller's promise.
        store.client.rename(name, unsafe { self::name(to) }?)?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Hangs up and sets `*store` to NULL. What was got stays.
///
/// Threads: the one that uses the connection.
///
/// # Safety
/// `store` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_close(store: *mut *mut Handle<Store>, error: *mut Error) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(store, |_| Ok(())) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
