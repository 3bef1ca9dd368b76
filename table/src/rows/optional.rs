//! Values that may be null.

use std::fmt::{self, Debug};
use std::ops::{Deref, DerefMut};

use arrow_schema::DataType;
use bowstring_codec::BuildError;
use bowstring_codec::view::{Bitmap, ColumnView, Full};

use super::measure::{Making, Measure};
use super::mismatch::Mismatch;
use super::types::Type;
use super::value::{Column, Item, Owned, Value};

/// A column that may be null.
pub struct Optional<'a, T: Value> {
    /// `None` if the sender does not have the column.
    cells: Option<T::Cells<'a>>,
    validity: Option<Bitmap<'a>>,
    rows: usize,
}

impl<T: Value> Debug for Optional<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Optional").field("cells", &self.cells).field("validity", &self.validity).finish()
    }
}
impl<T: Value> Clone for Optional<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Value> Copy for Optional<'_, T> {}

impl<'a, T: Value> Optional<'a, T> {
    /// Returns one row: `None` if it is null, or past the last.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<T::Ref<'a>> {
        let cells = self.cells.filter(|_| row < self.rows)?;
        let valid = self.validity.is_none_or(|bits| bits.get(row) == Some(true));
        (valid && !T::is_null_below(cells, row)).then(|| T::get(cells, row))
    }

    /// Returns the column, in which null rows have any value. `None` if the sender does not have it: every row is null.
    #[must_use]
    pub fn values(&self) -> Option<T::Cells<'a>> {
        self.cells
    }

    /// Returns the bitmap of rows that are not null; `None` if the column marks none.
    #[must_use]
    pub fn validity(&self) -> Option<Bitmap<'a>> {
        self.validity
    }
}

/// A column that may be null, built in place: the column itself, which can be given nulls.
#[derive(Debug)]
pub struct OptionalColumn<C>(C);

impl<C: Column> OptionalColumn<C> {
    /// Adds a null.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.0.push_null()
    }
}

impl<C> Deref for OptionalColumn<C> {
    type Target = C;
    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C> DerefMut for OptionalColumn<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.0
    }
}

impl<C: Column> Column for OptionalColumn<C> {
    fn push_null(&mut self) -> Result<(), BuildError> {
        self.0.push_null()
    }
    fn push_filler(&mut self) -> Result<(), BuildError> {
        self.0.push_null()
    }
    fn pushed(&self) -> usize {
        self.0.pushed()
    }
    fn finish(self, rows: usize) -> Result<(), BuildError> {
        self.0.finish(rows)
    }
}

impl<T: Value> Value for Option<T> {
    const TYPE: Type = {
        assert!(!T::NULLABLE, "an `Option` of an `Option`: a column has one kind of null");
        T::TYPE
    };
    const NULLABLE: bool = true;
    const SIZES: usize = T::SIZES;
    const CATEGORIES: usize = T::CATEGORIES;
    type Column<'a> = OptionalColumn<T::Column<'a>>;
    type Cells<'a> = Optional<'a, T>;
    type Ref<'a> = Option<T::Ref<'a>>;
    type Plan = Option<T::Plan>;

    fn measure(&self, measure: &mut Measure<'_>) {
        match self {
            Some(value) => value.measure(measure),
            None => T::measure_null(measure),
        }
    }
    fn measure_filler(measure: &mut Measure<'_>) {
        T::measure_null(measure);
    }
    fn column<'a>(making: &mut Making<'_, 'a>) -> Result<Self::Column<'a>, BuildError> {
        T::column(making).map(OptionalColumn)
    }
    #[inline]
    fn push(&self, column: &mut Self::Column<'_>) -> Result<(), BuildError> {
        match self {
            Some(value) => value.push(&mut column.0),
            None => column.0.push_null(),
        }
    }
    fn plan(found: &DataType, path: &str) -> Result<Self::Plan, Mismatch> {
        T::plan(found, path).map(Some)
    }
    fn absent() -> Option<Self::Plan> {
        Some(None)
    }
    fn cells<'a>(plan: &'a mut Self::Plan, column: Option<ColumnView<'a, Full>>) -> Optional<'a, T> {
        let validity = column.and_then(|column| column.validity());
        let cells = plan.as_mut().zip(column).map(|(plan, column)| T::cells(plan, Some(column)));
        Optional { cells, validity, rows: column.map_or(0, |column| column.len()) }
    }
    fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a> {
        cells.get(row)
    }
}

impl<T: Value> Item for Option<T> {}

impl<T: Owned> Owned for Option<T> {
    fn from_view(view: Option<T::Ref<'_>>) -> Self {
        view.map(T::from_view)
    }
}
