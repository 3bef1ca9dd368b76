//! Checks a schema of another language's before Arrow's importer reads it.
//!
//! # Safety
//!
//! The caller promises that pointers which are not null point to what the interface says; each is followed only after its
//! counts were checked.
#![allow(unsafe_code)]

use std::ffi::CStr;

use super::raw::{RawSchema, children};
use super::{CDataError, MAX_DEPTH};

/// # Safety
/// `at` points to a schema that meets the contract of [`import_schema`](super::import_schema).
pub(super) unsafe fn check_schema(
    at: *const RawSchema,
    depth: usize,
    fields: &mut usize,
) -> Result<(), CDataError> {
    if depth > MAX_DEPTH || *fields == 0 {
        return Err(CDataError::TooDeep);
    }
    *fields -= 1;
    // SAFETY: the caller's promise.
    let schema = unsafe { &*at };
    if schema.release.is_none() {
        return Err(CDataError::Released);
    }
    if schema.format.is_null() {
        return Err(CDataError::Null("a format"));
    }
    for text in [schema.format, schema.name] {
        // SAFETY: not null, and by the caller's promise a text that ends.
        if !text.is_null() && unsafe { CStr::from_ptr(text) }.to_str().is_err() {
            return Err(CDataError::NotUtf8);
        }
    }
    // SAFETY: not null, and by the caller's promise a text that ends.
    let due = children_due(unsafe { CStr::from_ptr(schema.format) }.to_bytes());
    if due.is_some_and(|due| due != schema.n_children) {
        return Err(CDataError::Count { what: "number of children", found: schema.n_children });
    }
    // SAFETY: the caller's promise.
    for child in unsafe { children(schema.children, schema.n_children) }? {
        // SAFETY: not null, and by the caller's promise a schema.
        unsafe { check_schema(*child, depth + 1, fields) }?;
    }
    if !schema.dictionary.is_null() {
        // SAFETY: not null (the branch checks it), and by the caller's promise a schema.
        unsafe { check_schema(schema.dictionary, depth + 1, fields) }?;
    }
    Ok(())
}

/// Returns how many children a type of this format has; `None` if there may be any number, as the importer counts itself.
fn children_due(format: &[u8]) -> Option<i64> {
    match format {
        b"+l" | b"+L" | b"+vl" | b"+vL" | b"+m" => Some(1),
        b"+r" => Some(2),
        _ if format.starts_with(b"+w:") => Some(1),
        _ => None,
    }
}
