//! Booleans, a bit each.

use arrow_schema::DataType;
use bowstring_codec::BuildError;
use bowstring_codec::build::Booleans;
use bowstring_codec::view::{Bitmap, ColumnView, Full};

use super::lookup::refuse;
use super::measure::Making;
use super::mismatch::Mismatch;
use super::types::Type;
use super::value::{Column, Item, Owned, Value};

/// A column of booleans.
#[derive(Debug, Clone, Copy)]
pub struct Flags<'a>(Option<Bitmap<'a>>);

impl<'a> Flags<'a> {
    /// Returns one row; false past the last.
    #[must_use]
    pub fn get(&self, row: usize) -> bool {
        self.0.and_then(|bits| bits.get(row)).unwrap_or_default()
    }

    /// Returns the bits, if the sender has the column.
    #[must_use]
    pub fn bits(&self) -> Option<Bitmap<'a>> {
        self.0
    }
}

/// A column of booleans that is built in place.
#[derive(Debug)]
pub struct FlagsColumn<'a>(Booleans<'a>);

impl FlagsColumn<'_> {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: bool) -> Result<(), BuildError> {
        self.0.push(value)
    }
}

impl Column for FlagsColumn<'_> {
    fn push_null(&mut self) -> Result<(), BuildError> {
        self.0.push_null()
    }
    fn push_filler(&mut self) -> Result<(), BuildError> {
        self.0.push(false)
    }
    fn pushed(&self) -> usize {
        self.0.len()
    }
    fn finish(self, _: usize) -> Result<(), BuildError> {
        self.0.finish();
        Ok(())
    }
}

impl Value for bool {
    const TYPE: Type = Type::Boolean;
    type Column<'a> = FlagsColumn<'a>;
    type Cells<'a> = Flags<'a>;
    type Ref<'a> = bool;
    type Plan = ();

    fn column<'a>(making: &mut Making<'_, 'a>) -> Result<FlagsColumn<'a>, BuildError> {
        Ok(FlagsColumn(making.fields.booleans()?))
    }
    #[inline]
    fn push(&self, column: &mut FlagsColumn<'_>) -> Result<(), BuildError> {
        column.push(*self)
    }
    fn plan(found: &DataType, path: &str) -> Result<(), Mismatch> {
        if *found == DataType::Boolean { Ok(()) } else { refuse::<Self, _>(found, path) }
    }
    fn cells<'a>((): &'a mut (), column: Option<ColumnView<'a, Full>>) -> Flags<'a> {
        Flags(column.and_then(|column| column.as_booleans()))
    }
    #[inline]
    fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a> {
        cells.get(row)
    }
}

impl Item for bool {}

impl Owned for bool {
    fn from_view(view: bool) -> bool {
        view
    }
}
