//! Lists of any length.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Range;

use arrow_schema::DataType;
use bowstring_codec::BuildError;
use bowstring_codec::build;
use bowstring_codec::view::{self, ColumnView, Full, Values};

use super::lookup::{self, refuse};
use super::measure::{Making, Measure};
use super::mismatch::Mismatch;
use super::types::{Element, Type};
use super::value::{Column, Item, Owned, Value};

/// A column of lists.
pub struct Lists<'a, T: Value> {
    lists: Option<view::List<'a, Full>>,
    items: T::Cells<'a>,
}

impl<T: Value> Debug for Lists<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lists").field("lists", &self.lists).field("items", &self.items).finish()
    }
}
impl<T: Value> Clone for Lists<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Value> Copy for Lists<'_, T> {}

impl<'a, T: Value> Lists<'a, T> {
    /// Returns one row; empty past the last.
    #[must_use]
    pub fn get(&self, row: usize) -> List<'a, T> {
        let range = self.lists.and_then(|lists| lists.range(row)).unwrap_or_default();
        List { items: self.items, start: range.start, len: range.len() }
    }

    /// Returns the items of all lists, one list after the other. There may be items that no list has.
    #[must_use]
    pub fn items(&self) -> T::Cells<'a> {
        self.items
    }
}

/// One list.
pub struct List<'a, T: Value> {
    items: T::Cells<'a>,
    start: usize,
    len: usize,
}

impl<T: Value> Debug for List<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
impl<T: Value> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Value> Copy for List<'_, T> {}

impl<'a, T: Value> List<'a, T> {
    /// Returns the number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns an item.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<T::Ref<'a>> {
        (index < self.len).then(|| T::get(self.items, self.start + index))
    }

    /// Returns the items in their order.
    #[must_use]
    pub fn iter(&self) -> Items<'a, T> {
        Items { items: self.items, indices: self.start..self.start + self.len }
    }
}

impl<'a, T: Value> IntoIterator for List<'a, T> {
    type Item = T::Ref<'a>;
    type IntoIter = Items<'a, T>;
    fn into_iter(self) -> Items<'a, T> {
        self.iter()
    }
}

impl<'a, T: Value> IntoIterator for &List<'a, T> {
    type Item = T::Ref<'a>;
    type IntoIter = Items<'a, T>;
    fn into_iter(self) -> Items<'a, T> {
        self.iter()
    }
}

/// The items of a list, in their order.
pub struct Items<'a, T: Value> {
    items: T::Cells<'a>,
    indices: Range<usize>,
}

impl<T: Value> Debug for Items<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Items").field("indices", &self.indices).finish_non_exhaustive()
    }
}

impl<'a, T: Value> Iterator for Items<'a, T> {
    type Item = T::Ref<'a>;

    #[inline]
    fn next(&mut self) -> Option<T::Ref<'a>> {
        self.indices.next().map(|index| T::get(self.items, index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.indices.size_hint()
    }
}

impl<T: Value> ExactSizeIterator for Items<'_, T> {}

impl<'a, T: Value<Cells<'a> = &'a [T]> + 'a> List<'a, T> {
    /// Returns the items as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &'a [T] {
        self.items.get(self.start..self.start + self.len).unwrap_or_default()
    }
}

/// A column of lists that is built in place.
pub struct ListColumn<'a, T: Value> {
    lists: build::Lists<'a>,
    items: T::Column<'a>,
    of: PhantomData<fn(T)>,
}

impl<T: Value> Debug for ListColumn<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListColumn").field("lists", &self.lists).field("items", &self.items).finish()
    }
}

impl<'a, T: Value> ListColumn<'a, T> {
    /// Adds a list of these items.
    pub fn push(&mut self, items: &[T]) -> Result<(), BuildError> {
        for item in items {
            item.push(&mut self.items)?;
        }
        self.lists.push(items.len())
    }

    /// Adds a list of the items that `push` pushes.
    pub fn push_with(
        &mut self,
        push: impl FnOnce(&mut T::Column<'a>) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        push(&mut self.items)?;
        self.lists.push(self.items.pushed() - self.lists.items())
    }

    /// Adds an empty list.
    pub fn push_empty(&mut self) -> Result<(), BuildError> {
        self.lists.push(0)
    }
}

impl<T: Value> Column for ListColumn<'_, T> {
    fn push_null(&mut self) -> Result<(), BuildError> {
        self.lists.push_null()
    }
    fn push_filler(&mut self) -> Result<(), BuildError> {
        self.lists.push(0)
    }
    fn pushed(&self) -> usize {
        self.lists.len()
    }
    fn finish(self, _: usize) -> Result<(), BuildError> {
        self.items.finish(self.lists.items())?;
        self.lists.finish();
        Ok(())
    }
}

/// The items of lists, as a constant that can be referred to.
struct Of<T>(PhantomData<T>);

impl<T: Value> Of<T> {
    const ELEMENT: &'static Element = &Element { nullable: T::NULLABLE, ty: T::TYPE };
}

impl<T: Item> Value for Vec<T> {
    const TYPE: Type = Type::List(Of::<T>::ELEMENT);
    const SIZES: usize = 1 + T::SIZES;
    const CATEGORIES: usize = T::CATEGORIES;
    type Column<'a> = ListColumn<'a, T>;
    type Cells<'a> = Lists<'a, T>;
    type Ref<'a> = List<'a, T>;
    type Plan = T::Plan;

    fn measure(&self, measure: &mut Measure<'_>) {
        let Some((items, sizes)) = measure.sizes.split_first_mut() else { return };
        *items += self.len();
        for item in self {
            item.measure(&mut Measure { sizes: &mut *sizes, categories: &mut *measure.categories });
        }
    }
    fn column<'a>(making: &mut Making<'_, 'a>) -> Result<ListColumn<'a, T>, BuildError> {
        let lists = making.fields.lists()?;
        Ok(ListColumn { lists, items: T::column(making)?, of: PhantomData })
    }
    fn push(&self, column: &mut ListColumn<'_, T>) -> Result<(), BuildError> {
        column.push(self)
    }
    fn plan(found: &DataType, path: &str) -> Result<T::Plan, Mismatch> {
        match found {
            DataType::List(item) | DataType::LargeList(item) => lookup::plan::<T>(item, &format!("{path}[]")),
            _ => refuse::<Self, _>(found, path),
        }
    }
    fn cells<'a>(plan: &'a mut T::Plan, column: Option<ColumnView<'a, Full>>) -> Lists<'a, T> {
        let lists = match column.map(|column| column.values()) {
            Some(Values::List(lists)) => Some(lists),
            _ => None,
        };
        Lists { lists, items: T::cells(plan, lists.map(|lists| lists.values())) }
    }
    fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a> {
        cells.get(row)
    }
}

impl<T: Item> Item for Vec<T> {}

impl<T: Item + Owned> Owned for Vec<T> {
    fn from_view(view: List<'_, T>) -> Self {
        view.iter().map(T::from_view).collect()
    }
}
