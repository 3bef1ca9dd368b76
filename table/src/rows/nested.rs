//! Rows as the values of a field: structs.

use std::fmt::{self, Debug};
use std::ops::{Deref, DerefMut};

use arrow_schema::DataType;
use bowstring_codec::BuildError;
use bowstring_codec::build;
use bowstring_codec::view::{ColumnView, Full, Values};

use super::lookup::{Lookup, Parent, refuse};
use super::measure::Making;
use super::mismatch::Mismatch;
use super::value::{Column, Row, Value};

/// A column of structs that is built in place: the columns of its fields, and [`end`](Self::end).
pub struct StructColumn<'a, T: Row> {
    rows: build::Rows<'a>,
    columns: T::Columns<'a>,
}

impl<T: Row> Debug for StructColumn<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StructColumn").field("rows", &self.rows).field("columns", &self.columns).finish()
    }
}

impl<T: Row> StructColumn<'_, T> {
    /// Adds a row.
    pub fn push(&mut self, row: &T) -> Result<(), BuildError> {
        row.push_row(&mut self.columns)?;
        self.rows.push(1)
    }

    /// Adds `rows` rows, whose values were written to the columns of the fields.
    pub fn end(&mut self, rows: usize) -> Result<(), BuildError> {
        self.rows.push(rows)
    }
}

impl<'a, T: Row> Deref for StructColumn<'a, T> {
    type Target = T::Columns<'a>;
    fn deref(&self) -> &Self::Target {
        &self.columns
    }
}

impl<T: Row> DerefMut for StructColumn<'_, T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.columns
    }
}

impl<T: Row> Column for StructColumn<'_, T> {
    fn push_null(&mut self) -> Result<(), BuildError> {
        T::push_fillers(&mut self.columns)?;
        self.rows.push_null()
    }
    fn push_filler(&mut self) -> Result<(), BuildError> {
        T::push_fillers(&mut self.columns)?;
        self.rows.push(1)
    }
    fn pushed(&self) -> usize {
        self.rows.len()
    }
    fn finish(self, rows: usize) -> Result<(), BuildError> {
        T::finish(self.columns, rows)?;
        self.rows.finish();
        Ok(())
    }
}

impl<'a, T: Row> StructColumn<'a, T> {
    #[doc(hidden)]
    pub fn new(making: &mut Making<'_, 'a>) -> Result<Self, BuildError> {
        let rows = making.fields.rows()?;
        Ok(StructColumn { rows, columns: T::columns(making)? })
    }
}

/// Decides how a struct column of the sender is read.
pub fn nested_plan<T: Row + Value>(found: &DataType, path: &str) -> Result<T::RowPlan, Mismatch> {
    match found {
        DataType::Struct(fields) => T::row_plan(&Lookup { fields, prefix: &format!("{path}.") }),
        _ => refuse::<T, _>(found, path),
    }
}

/// Returns the columns of a struct column.
pub fn nested_cells<'a, T: Row>(
    plan: &'a mut T::RowPlan,
    column: Option<ColumnView<'a, Full>>,
) -> T::Batch<'a> {
    let parent = match column.map(|column| column.values()) {
        Some(Values::Struct(parent)) => Parent::Struct(parent),
        _ => Parent::Absent,
    };
    T::batch(plan, parent)
}
