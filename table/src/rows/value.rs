//! The traits of field types and of row types.

use std::fmt::Debug;

use arrow_schema::{DataType, SchemaRef};
use bowstring_codec::BuildError;
use bowstring_codec::view::{ColumnView, Full};

use super::lookup::{Lookup, Parent};
use super::measure::{Making, Measure};
use super::mismatch::Mismatch;
use super::types::{self, Field, Type};

/// A type that a field of a row can have.
///
/// [`rows`](super) lists them. The functions are called by what `#[derive(Row)]` generates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a row",
    label = "not a type of column",
    note = "see the field types of `bowstring::rows`; a struct needs `#[derive(bowstring::Row)]`"
)]
pub trait Value {
    /// The column's type.
    const TYPE: Type;
    /// True if it may be null.
    const NULLABLE: bool = false;
    #[doc(hidden)]
    const SIZES: usize = 0;
    #[doc(hidden)]
    const CATEGORIES: usize = 0;

    /// A column that is built in place.
    type Column<'a>: Column;
    /// A column that is read.
    type Cells<'a>: Copy + Debug;
    /// A value that is read.
    type Ref<'a>: Copy + Debug;
    /// The way to read the sender's column, decided once.
    #[doc(hidden)]
    type Plan: Debug;

    /// Adds the bytes, items and categories of a value.
    #[doc(hidden)]
    fn measure(&self, _measure: &mut Measure<'_>) {}
    /// Adds what a null of this type needs.
    #[doc(hidden)]
    fn measure_null(_measure: &mut Measure<'_>) {}
    /// Adds what a value below a null struct needs.
    #[doc(hidden)]
    fn measure_filler(_measure: &mut Measure<'_>) {}
    #[doc(hidden)]
    fn column<'a>(making: &mut Making<'_, 'a>) -> Result<Self::Column<'a>, BuildError>;
    #[doc(hidden)]
    fn push(&self, column: &mut Self::Column<'_>) -> Result<(), BuildError>;

    #[doc(hidden)]
    fn plan(found: &DataType, path: &str) -> Result<Self::Plan, Mismatch>;
    /// The plan for a column that the sender does not have, if that is allowed.
    #[doc(hidden)]
    fn absent() -> Option<Self::Plan> {
        None
    }
    #[doc(hidden)]
    fn cells<'a>(plan: &'a mut Self::Plan, column: Option<ColumnView<'a, Full>>) -> Self::Cells<'a>;
    /// Returns a value; past the last row, any value.
    #[doc(hidden)]
    fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a>;
    /// True if the column's own bitmap does not know that a row is null.
    #[doc(hidden)]
    fn is_null_below<'a>(_cells: Self::Cells<'a>, _row: usize) -> bool {
        false
    }
}

/// A type that the items of a list can have: any [`Value`] but `u8`, since `Vec<u8>` is binary.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the item of a list",
    label = "not a type of column",
    note = "see the field types of `bowstring::rows`; a struct needs `#[derive(bowstring::Row)]`"
)]
pub trait Item: Value {}

/// A value that can be copied out of a batch: any [`Value`] but `&str`.
pub trait Owned: Value {
    /// Copies the value.
    fn from_view(view: Self::Ref<'_>) -> Self;
}

/// A column that is built in place.
pub trait Column: Debug {
    /// Adds a null.
    fn push_null(&mut self) -> Result<(), BuildError>;
    /// Adds a row that nobody will read, below a null struct.
    #[doc(hidden)]
    fn push_filler(&mut self) -> Result<(), BuildError>;
    #[doc(hidden)]
    fn pushed(&self) -> usize;
    #[doc(hidden)]
    fn finish(self, rows: usize) -> Result<(), BuildError>;
}

/// A struct that is a row of a table. Derive it: `#[derive(bowstring::Row)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row",
    label = "needs `#[derive(bowstring::Row)]`"
)]
pub trait Row {
    /// The columns, in their order.
    const FIELDS: &'static [Field];
    #[doc(hidden)]
    const ROW_SIZES: usize;
    #[doc(hidden)]
    const ROW_CATEGORIES: usize;

    /// Columns that are built in place.
    type Columns<'a>: Debug;
    /// The columns of a batch, borrowed.
    type Batch<'a>: Copy + Debug;
    /// A row of a batch, borrowed.
    type View<'a>: Copy + Debug;
    #[doc(hidden)]
    type RowPlan: Debug;

    /// Returns Arrow's schema.
    #[must_use]
    fn schema() -> SchemaRef {
        types::schema(Self::FIELDS)
    }

    #[doc(hidden)]
    fn measure_row(&self, measure: &mut Measure<'_>);
    #[doc(hidden)]
    fn measure_fillers(measure: &mut Measure<'_>);
    #[doc(hidden)]
    fn columns<'a>(making: &mut Making<'_, 'a>) -> Result<Self::Columns<'a>, BuildError>;
    /// Adds a row to every column.
    fn push_row(&self, columns: &mut Self::Columns<'_>) -> Result<(), BuildError>;
    #[doc(hidden)]
    fn push_fillers(columns: &mut Self::Columns<'_>) -> Result<(), BuildError>;
    #[doc(hidden)]
    fn finish(columns: Self::Columns<'_>, rows: usize) -> Result<(), BuildError>;
    #[doc(hidden)]
    fn row_plan(found: &Lookup<'_>) -> Result<Self::RowPlan, Mismatch>;
    #[doc(hidden)]
    fn batch<'a>(plan: &'a mut Self::RowPlan, parent: Parent<'a>) -> Self::Batch<'a>;
    #[doc(hidden)]
    fn view<'a>(batch: Self::Batch<'a>, row: usize) -> Self::View<'a>;
}
