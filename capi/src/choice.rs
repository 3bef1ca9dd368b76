//! Columns, a condition and a number of rows, as C chooses them.
#![allow(unsafe_code)]

use std::ffi::c_char;

use arrow_schema::SchemaRef;
use bowstring_capi_bytes::error::Failure;
use bowstring_capi_bytes::pointer::{self, array, utf8};
use bowstring_query::Choice as Chosen;

use crate::failure::TableFailure;

/// The columns and rows that are wanted of a table. Zero in a field means all. The library reads the struct, and what it
/// points to, only during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Choice {
    /// `sizeof(bowstring_choice)`.
    pub size: usize,
    /// The names of the columns, in the order in which they are wanted; NULL for all columns.
    pub columns: *const *const c_char,
    /// The number of names.
    pub columns_len: usize,
    /// A condition in SQL on the rows, such as `size > 1e6 and backend in ('s3', 'ipfs')`; NULL for all rows. It may use
    /// columns that are not wanted.
    pub r#where: *const c_char,
    /// The most rows; 0 for all.
    pub limit: u64,
}

/// A choice of C's, read.
pub(crate) struct Asked {
    names: Vec<String>,
    condition: Option<String>,
    limit: Option<u64>,
}

impl Asked {
    /// Reads the caller's choice; `None` if that is null.
    ///
    /// # Safety
    /// Unless it is null, `at` points to a choice as the header describes it.
    pub(crate) unsafe fn read(at: *const Choice) -> Result<Option<Asked>, Failure> {
        const ALL: Choice = Choice {
            size: size_of::<Choice>(),
            columns: std::ptr::null(),
            columns_len: 0,
            r#where: std::ptr::null(),
            limit: 0,
        };
        if at.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's promise; the struct begins with its size, and its pointers are checked before use.
        let choice = unsafe { pointer::options(at, ALL) }?;
        // SAFETY: the caller's promise.
        let names = unsafe { array(choice.columns, choice.columns_len) }?;
        // SAFETY: the caller's promise, for each of them.
        let names = names.iter().map(|&name| Ok(unsafe { utf8(name) }?.to_owned()));
        let names = names.collect::<Result<_, Failure>>()?;
        let condition = match choice.r#where.is_null() {
            true => None,
            // SAFETY: the caller's promise.
            false => Some(unsafe { utf8(choice.r#where) }?.to_owned()),
        };
        Ok(Some(Asked { names, condition, limit: Some(choice.limit).filter(|&limit| limit != 0) }))
    }

    /// Fits the choice to a schema.
    pub(crate) fn of(&self, schema: &SchemaRef) -> Result<Chosen, TableFailure> {
        Ok(Chosen::new(schema, &self.names, self.limit, self.condition.as_deref())?)
    }
}
