//! Text of which a column has few different ones.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_schema::DataType;
use bowstring_codec::BuildError;
use bowstring_codec::build::Fixed;
use bowstring_codec::view::{ColumnView, Full};

use super::lookup::refuse;
use super::measure::{Interner, Making, Measure};
use super::mismatch::Mismatch;
use super::text::{Texts, is_text};
use super::types::Type;
use super::value::{Column, Item, Owned, Value};

/// Text that many rows share. It is sent once, in the column's dictionary; rows have keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Category(Box<str>);

impl From<&str> for Category {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Category {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Deref for Category {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A column of categories that is built in place.
#[derive(Debug)]
pub struct CategoryColumn<'a> {
    keys: Fixed<'a, i32>,
    interner: Arc<Interner>,
}

impl CategoryColumn<'_> {
    /// Adds a row. The writer must know the category: see [`Writer::add_categories`](super::Writer::add_categories). One
    /// that it does not know makes the batch fail with [`BuildError::NoSuchKey`], which names the row.
    #[inline]
    pub fn push(&mut self, value: &str) -> Result<(), BuildError> {
        self.keys.push(self.interner.key(value).unwrap_or(-1))
    }
}

impl Column for CategoryColumn<'_> {
    fn push_null(&mut self) -> Result<(), BuildError> {
        self.keys.push_null()
    }
    fn push_filler(&mut self) -> Result<(), BuildError> {
        self.keys.push(0)
    }
    fn pushed(&self) -> usize {
        self.keys.len()
    }
    fn finish(self, _: usize) -> Result<(), BuildError> {
        self.keys.finish()
    }
}

impl Value for Category {
    const TYPE: Type = Type::Category;
    const CATEGORIES: usize = 1;
    type Column<'a> = CategoryColumn<'a>;
    type Cells<'a> = Texts<'a>;
    type Ref<'a> = &'a str;
    type Plan = ();

    fn measure(&self, measure: &mut Measure<'_>) {
        Interner::intern(&mut measure.categories[0], self);
    }
    /// Key 0 has to be there.
    fn measure_filler(measure: &mut Measure<'_>) {
        if measure.categories[0].len() == 0 {
            Interner::intern(&mut measure.categories[0], "");
        }
    }
    fn column<'a>(making: &mut Making<'_, 'a>) -> Result<CategoryColumn<'a>, BuildError> {
        // As many are left as fields are left that take one.
        let no_more = BuildError::NoMoreFields;
        let (interner, rest) = making.categories.split_first().ok_or(no_more)?;
        making.categories = rest;
        Ok(CategoryColumn {
            keys: making.fields.keys::<Int32Type>(interner.len())?,
            interner: interner.clone(),
        })
    }
    #[inline]
    fn push(&self, column: &mut CategoryColumn<'_>) -> Result<(), BuildError> {
        column.push(self)
    }
    fn plan(found: &DataType, path: &str) -> Result<(), Mismatch> {
        if is_text(found) { Ok(()) } else { refuse::<Self, _>(found, path) }
    }
    fn cells<'a>((): &'a mut (), column: Option<ColumnView<'a, Full>>) -> Texts<'a> {
        Texts::new(column)
    }
    fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a> {
        cells.get(row)
    }
    fn is_null_below<'a>(cells: Self::Cells<'a>, row: usize) -> bool {
        cells.is_null_below(row)
    }
}

impl Item for Category {}

impl Owned for Category {
    fn from_view(view: &str) -> Self {
        view.into()
    }
}
