//! The degree to which data was checked, as a type.
//!
//! # Safety
//! [`Full`] is a promise that unsafe code elsewhere relies on: `text` treats bytes as UTF-8, `interop` builds arrays
//! without arrow's own checks. The only ways to a `Full` view are the functions here. Two are unsafe, and called in
//! this crate by the validation alone; the third takes what can only have been checked.
#![allow(unsafe_code)]

use std::fmt::Debug;

use super::{BatchView, ColumnView, Source};
use crate::message::dictionary::{Dictionary, Part};

mod sealed {
    pub trait Sealed {}
}

/// The level to which a view was checked: [`Structure`] or [`Full`].
pub trait Level: sealed::Sealed + Debug + Copy + 'static {}

/// The counts and buffers were checked, but no values.
///
/// Promised: the message has as many nodes and buffers as the schema; no count is negative; every column of the
/// view has the batch's rows; structs, sparse unions and fixed-size lists have children of enough rows, and run ends as many
/// as there are runs; every buffer lies in the body, is long enough for its rows and aligned to its values (to at
/// most 8 bytes); a validity buffer is there where nulls are declared, and no nulls are declared where the type
/// has none.
///
/// Not promised: anything that depends on a value. Accessors that follow an offset, a view or an index check it each
/// time, and return `None` if it is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure;

/// Every value was checked that another value relies on.
///
/// Promised on top of [`Structure`]: null counts are those of the bitmaps, and fields that may not be null are
/// not (where their parent is not either); offsets never go down and stay within their values; list views stay
/// within their child; strings are UTF-8, each for itself, those of null rows too; views lead into their buffers,
/// agree with their prefixes, and are padded with zeros; each key of a non-null row is in its dictionary, and the
/// dictionary's values are as well checked as this; union type ids are the schema's, and dense offsets lie in the
/// children; run ends rise from above zero to the last row or beyond. It is all that arrow's
/// `ArrayData::validate_full` asks.
///
/// Not promised: that decimals keep within their precision, times within a day, time zones exist, map keys are
/// unique or sorted, dictionary values are distinct, or dense union offsets rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl sealed::Sealed for Structure {}
impl sealed::Sealed for Full {}
impl Level for Structure {}
impl Level for Full {}

impl<'a> BatchView<'a, Structure> {
    /// Treats the batch as fully valid without checking.
    ///
    /// # Safety
    /// The batch must be as [`Full`] promises: every one of its promises holds for the bytes as they are.
    #[must_use]
    pub unsafe fn assume_valid(self) -> BatchView<'a, Full> {
        BatchView {
            schema: self.schema,
            columns: self.columns,
            source: self.source,
            metadata: self.metadata,
            level: std::marker::PhantomData,
        }
    }
}

impl<'a> ColumnView<'a, Structure> {
    /// Treats the column, with all below it, as fully valid without checking.
    ///
    /// # Safety
    /// The column must be as [`Full`] promises: every one of its promises holds for the bytes as they are.
    #[must_use]
    pub unsafe fn assume_valid(self) -> ColumnView<'a, Full> {
        ColumnView::at(self.source(), self.node_index())
    }
}

impl<'a> ColumnView<'a, Full> {
    /// Returns a part of a dictionary.
    pub(crate) fn of_part(dictionary: &'a Dictionary, part: &'a Part) -> Self {
        let column = ColumnView::new(Source::of_part(part, dictionary.layout(), dictionary.tree()), 0);
        // SAFETY: a part is made in one place, and only out of values that were fully checked or, in an unsafe
        // call, vouched for; it owns its memory and does not change.
        unsafe { column.assume_valid() }
    }

    /// Returns all parts of a dictionary in order.
    pub(crate) fn of_parts(dictionary: &'a Dictionary) -> impl Iterator<Item = Self> {
        dictionary.parts().iter().map(|part| ColumnView::of_part(dictionary, part))
    }
}
