//! The structs of the interface as they are laid out, to be looked at before Arrow's importer believes them.
//!
//! # Safety
//!
//! A list of children is read by its count, which was found possible before.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};

use super::{CDataError, MAX_FIELDS};

/// `ArrowSchema` as the interface lays it out.
#[repr(C)]
pub(super) struct RawSchema {
    pub(super) format: *const c_char,
    pub(super) name: *const c_char,
    pub(super) metadata: *const c_char,
    pub(super) flags: i64,
    pub(super) n_children: i64,
    pub(super) children: *mut *mut RawSchema,
    pub(super) dictionary: *mut RawSchema,
    pub(super) release: Option<unsafe extern "C" fn(*mut RawSchema)>,
    pub(super) private_data: *mut c_void,
}

/// `ArrowArray` as the interface lays it out.
#[repr(C)]
pub(super) struct RawArray {
    pub(super) length: i64,
    pub(super) null_count: i64,
    pub(super) offset: i64,
    pub(super) n_buffers: i64,
    pub(super) n_children: i64,
    pub(super) buffers: *mut *const c_void,
    pub(super) children: *mut *mut RawArray,
    pub(super) dictionary: *mut RawArray,
    pub(super) release: Option<unsafe extern "C" fn(*mut RawArray)>,
    pub(super) private_data: *mut c_void,
}

const _: () = assert!(size_of::<RawSchema>() == size_of::<FFI_ArrowSchema>());
const _: () = assert!(size_of::<RawArray>() == size_of::<FFI_ArrowArray>());

/// Returns the children of a struct, none of them null.
///
/// # Safety
/// If `count` is a possible count, `at` points to that many pointers.
pub(super) unsafe fn children<'a, T>(at: *mut *mut T, count: i64) -> Result<&'a [*mut T], CDataError> {
    let len = usize::try_from(count).ok().filter(|&count| count <= MAX_FIELDS);
    let len = len.ok_or(CDataError::Count { what: "number of children", found: count })?;
    if len == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(CDataError::Null("children"));
    }
    // SAFETY: not null, and by the caller's promise of that length.
    let found = unsafe { std::slice::from_raw_parts(at, len) };
    if found.iter().any(|child| child.is_null()) {
        return Err(CDataError::Null("a child"));
    }
    Ok(found)
}
