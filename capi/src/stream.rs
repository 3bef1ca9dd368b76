//! Arrow's C structs as they come from the caller and go to it.
//!
//! # Safety
//!
//! A struct is taken from its owner before anything is checked, so that it is released whatever happens.
#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use bowstring_capi_bytes::error::Failure;
use bowstring_capi_bytes::pointer::may;
use bowstring_table::c_data::{CDataError, import_batch, import_schema};

use crate::failure::TableFailure;

/// Takes over a struct of the C data interface, whose place is then marked as released.
///
/// # Safety
/// Unless it is null, `at` points to such a struct, or to zeroes.
pub(crate) unsafe fn take_array(at: *mut FFI_ArrowArray) -> Result<FFI_ArrowArray, Failure> {
    // SAFETY: the caller's promise.
    let place = unsafe { may(at) }.ok_or(Failure::argument("the ArrowArray is NULL or not aligned"))?;
    Ok(std::mem::replace(place, FFI_ArrowArray::empty()))
}

/// A stream of the caller's, which is released with this.
pub(crate) struct Given {
    stream: FFI_ArrowArrayStream,
    schema: SchemaRef,
}

impl Given {
    /// Takes a stream from the caller, and reads its schema.
    ///
    /// # Safety
    /// Unless it is null or misaligned, `at` points to a stream that is the caller's alone. Unless that was released, its
    /// functions do as the interface says.
    pub(crate) unsafe fn take(at: *mut FFI_ArrowArrayStream) -> Result<Given, TableFailure> {
        // SAFETY: the caller's promise.
        let given = unsafe { may(at) };
        let given = given.ok_or(Failure::argument("the ArrowArrayStream is NULL or not aligned"))?;
        let mut stream = std::mem::replace(given, FFI_ArrowArrayStream::empty());
        if stream.release().is_none() {
            return Err(TableFailure::Data(CDataError::Released));
        }
        let Some(get_schema) = stream.get_schema() else {
            return Err(TableFailure::Data(CDataError::Null("get_schema")));
        };
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: a function of the stream's, which was not released.
        let outcome = unsafe { get_schema(&raw mut stream, &raw mut schema) };
        told(outcome, &mut stream)?;
        // SAFETY: the stream has just made it.
        let schema = unsafe { import_schema(&schema) }.map_err(TableFailure::Schema)?;
        Ok(Given { stream, schema })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch, checked as one that comes alone.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, TableFailure> {
        let Some(get_next) = self.stream.get_next() else {
            return Err(TableFailure::Data(CDataError::Null("get_next")));
        };
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: a function of the stream's, which was not released.
        let outcome = unsafe { get_next(&raw mut self.stream, &raw mut array) };
        told(outcome, &mut self.stream)?;
        if array.is_released() {
            return Ok(None);
        }
        // SAFETY: the stream has just made it.
        unsafe { import_batch(array, &self.schema) }.map(Some).map_err(TableFailure::Data)
    }
}

/// Returns the failure that a stream reports, in its own words.
fn told(outcome: i32, stream: &mut FFI_ArrowArrayStream) -> Result<(), TableFailure> {
    if outcome == 0 {
        return Ok(());
    }
    let told = match stream.get_last_error() {
        // SAFETY: a function of the stream's, which was not released.
        Some(last) => unsafe { last(stream) },
        None => std::ptr::null(),
    };
    let words = match told.is_null() {
        true => "without a word".into(),
        // SAFETY: a text of the stream's, which stays until its next call.
        false => unsafe { std::ffi::CStr::from_ptr(told) }.to_string_lossy().into_owned(),
    };
    Err(TableFailure::Stream(format!("errno {outcome}: {words}")))
}

/// Makes a stream for the caller of batches that come one by one. Nothing unwinds out of it, since its caller is C.
pub(crate) fn export(
    schema: SchemaRef,
    next: impl FnMut() -> Option<Result<RecordBatch, String>> + Send + 'static,
) -> FFI_ArrowArrayStream {
    FFI_ArrowArrayStream::new(Box::new(Batches { schema, next }))
}

struct Batches<F> {
    schema: SchemaRef,
    next: F,
}

impl<F: FnMut() -> Option<Result<RecordBatch, String>>> Iterator for Batches<F> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = catch_unwind(AssertUnwindSafe(|| (self.next)()));
        let next = next.unwrap_or_else(|_| Some(Err("a bug in libbowstring: it panicked".into())))?;
        // The words become a C string.
        Some(next.map_err(|words| ArrowError::ExternalError(words.replace('\0', "?").into())))
    }
}

impl<F: FnMut() -> Option<Result<RecordBatch, String>>> RecordBatchReader for Batches<F> {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
