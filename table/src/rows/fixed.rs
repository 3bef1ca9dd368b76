//! Columns of numbers and the like: slices on both sides; and fixed-size binary.

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};

use arrow_array::types::ArrowPrimitiveType;
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;
use bowstring_codec::BuildError;
use bowstring_codec::build::{Fixed, FixedBytes};
use bowstring_codec::view::{ColumnView, Full};
use bytemuck::Pod;

use half::f16;

use super::decimal::Decimal;
use super::lookup::refuse;
use super::measure::Making;
use super::mismatch::Mismatch;
use super::time::{Date, Duration, Time, Timestamp, Unit, Zone};
use super::types::Type;
use super::value::{Column, Item, Owned, Value};

/// A type whose columns are slices.
pub trait Plain: Pod + Default + Debug {
    /// Arrow's type.
    type Arrow: ArrowPrimitiveType<Native = Self::Native>;
    /// The number that it is.
    type Native: ArrowNativeType + Pod;
    /// The column's type.
    const PLAIN: Type;

    /// Returns how a column of another type is widened to this one.
    #[doc(hidden)]
    fn widening(found: &DataType) -> Option<Widen<Self>>;
}

/// Converts a column of another type.
#[doc(hidden)]
pub type Widen<T> = fn(ColumnView<'_, Full>, &mut Vec<T>);

/// Converts numbers one by one.
pub(super) fn widen<S: Pod, T: From<S>>(column: ColumnView<'_, Full>, into: &mut Vec<T>) {
    into.clear();
    into.extend(column.as_slice::<S>().unwrap_or_default().iter().map(|value| T::from(*value)));
}

/// A column of numbers or times that is built in place.
///
/// It is a slice of all the rows there is room for: `column[i] = value`. Rows that are not written are zero.
/// [`push`](Self::push) writes the next row.
#[derive(Debug)]
pub struct PlainColumn<'a, T: Plain> {
    inner: Fixed<'a, T::Native>,
    pushed: usize,
}

impl<T: Plain> PlainColumn<'_, T> {
    /// Writes the row after the last one that was pushed.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), BuildError> {
        let pushed = self.pushed;
        match self.get_mut(pushed) {
            Some(place) => {
                *place = value;
                self.pushed += 1;
                Ok(())
            }
            None => self.inner.advance(pushed + 1),
        }
    }

    /// Makes a row null, whatever was written there.
    pub fn set_null(&mut self, row: usize) -> Result<(), BuildError> {
        self.inner.set_null(row)
    }
}

impl<T: Plain> Deref for PlainColumn<'_, T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        bytemuck::cast_slice(self.inner.rest())
    }
}

impl<T: Plain> DerefMut for PlainColumn<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(self.inner.stale_rest_mut())
    }
}

impl<T: Plain> Column for PlainColumn<'_, T> {
    fn push_null(&mut self) -> Result<(), BuildError> {
        self.inner.set_null(self.pushed)?;
        self.push(T::default())
    }
    fn push_filler(&mut self) -> Result<(), BuildError> {
        self.push(T::default())
    }
    fn pushed(&self) -> usize {
        self.pushed
    }
    fn finish(mut self, rows: usize) -> Result<(), BuildError> {
        // What lies there was written, or was zeroed when the column was made.
        let _ = self.inner.stale_rest_mut();
        self.inner.advance(rows)?;
        self.inner.finish()
    }
}

/// The way to read a column of numbers: as it lies there, or widened.
#[doc(hidden)]
#[derive(Debug)]
pub struct PlainPlan<T> {
    widen: Option<Widen<T>>,
    widened: Vec<T>,
}

impl<T: Plain> PlainPlan<T> {
    pub(super) fn new(found: &DataType, widening: Option<Widen<T>>) -> Option<Self> {
        let same = *found == T::PLAIN.to_arrow();
        let widen = if same { None } else { Some(widening?) };
        Some(Self { widen, widened: Vec::new() })
    }

    pub(super) fn cells<'a>(&'a mut self, column: Option<ColumnView<'a, Full>>) -> &'a [T] {
        match (column, self.widen) {
            (Some(column), None) => column.as_slice().unwrap_or_default(),
            (Some(column), Some(widen)) => {
                widen(column, &mut self.widened);
                &self.widened
            }
            (None, _) => &[],
        }
    }
}

impl<'a, T: Plain> PlainColumn<'a, T> {
    pub(super) fn new(making: &mut Making<'_, 'a>) -> Result<Self, BuildError> {
        let mut inner = making.fields.fixed::<T::Arrow>()?;
        if making.zeroed {
            inner.rest_mut();
        }
        Ok(PlainColumn { inner, pushed: 0 })
    }
}

/// Makes [`Plain`] types values. (A second blanket implementation, beside that of rows, would overlap with it.)
macro_rules! plain_value {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> Value for $type {
            const TYPE: Type = <Self as Plain>::PLAIN;
            type Column<'a> = PlainColumn<'a, Self>;
            type Cells<'a> = &'a [Self];
            type Ref<'a> = Self;
            type Plan = PlainPlan<Self>;

            fn column<'a>(making: &mut Making<'_, 'a>) -> Result<Self::Column<'a>, BuildError> {
                PlainColumn::new(making)
            }
            #[inline]
            fn push(&self, column: &mut Self::Column<'_>) -> Result<(), BuildError> {
                column.push(*self)
            }
            fn plan(found: &DataType, path: &str) -> Result<Self::Plan, Mismatch> {
                PlainPlan::new(found, Self::widening(found)).map_or_else(|| refuse::<Self, _>(found, path), Ok)
            }
            fn cells<'a>(plan: &'a mut Self::Plan, column: Option<ColumnView<'a, Full>>) -> &'a [Self] {
                plan.cells(column)
            }
            #[inline]
            fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a> {
                cells.get(row).copied().unwrap_or_default()
            }
        }

        impl<$($generics)*> Owned for $type {
            fn from_view(view: Self) -> Self {
                view
            }
        }
    )*};
}

plain_value![[] i8, [] i16, [] i32, [] i64, [] u8, [] u16, [] u32, [] u64, [] f16, [] f32, [] f64];
plain_value![[] Date, [U: Unit] Time<U>, [U: Unit] Duration<U>, [U: Unit, Z: Zone] Timestamp<U, Z>];
plain_value![[const P: u8, const S: i8] Decimal<P, S>];

/// Lists of these are lists; `u8` is left out, since `Vec<u8>` is binary.
macro_rules! items {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => { $(impl<$($generics)*> Item for $type {})* };
}

items![[] i8, [] i16, [] i32, [] i64, [] u16, [] u32, [] u64, [] f16, [] f32, [] f64];
items![[] Date, [U: Unit] Time<U>, [U: Unit] Duration<U>, [U: Unit, Z: Zone] Timestamp<U, Z>];
items![[const P: u8, const S: i8] Decimal<P, S>];

/// A column of fixed-size binary that is built in place.
#[derive(Debug)]
pub struct BytesColumn<'a, const N: usize>(FixedBytes<'a>);

impl<const N: usize> BytesColumn<'_, N> {
    /// Adds a row.
    pub fn push(&mut self, value: &[u8; N]) -> Result<(), BuildError> {
        self.0.push(value)
    }
}

impl<const N: usize> Column for BytesColumn<'_, N> {
    fn push_null(&mut self) -> Result<(), BuildError> {
        self.0.push_null()
    }
    fn push_filler(&mut self) -> Result<(), BuildError> {
        self.0.push(&[0; N])
    }
    fn pushed(&self) -> usize {
        self.0.len()
    }
    fn finish(self, _: usize) -> Result<(), BuildError> {
        self.0.finish();
        Ok(())
    }
}

impl<const N: usize> Value for [u8; N] {
    const TYPE: Type = {
        assert!(N > 0 && N <= i32::MAX as usize, "fixed-size binary has from 1 to 2³¹ − 1 bytes");
        Type::FixedSizeBinary(N as i32)
    };
    type Column<'a> = BytesColumn<'a, N>;
    type Cells<'a> = &'a [[u8; N]];
    type Ref<'a> = &'a [u8; N];
    type Plan = ();

    fn column<'a>(making: &mut Making<'_, 'a>) -> Result<Self::Column<'a>, BuildError> {
        Ok(BytesColumn(making.fields.fixed_bytes()?))
    }
    fn push(&self, column: &mut Self::Column<'_>) -> Result<(), BuildError> {
        column.push(self)
    }
    fn plan(found: &DataType, path: &str) -> Result<(), Mismatch> {
        if *found == Self::TYPE.to_arrow() { Ok(()) } else { refuse::<Self, _>(found, path) }
    }
    fn cells<'a>((): &'a mut (), column: Option<ColumnView<'a, Full>>) -> &'a [[u8; N]] {
        column.and_then(|column| column.as_slice()).unwrap_or_default()
    }
    fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a> {
        cells.get(row).unwrap_or(&[0; N])
    }
}

impl<const N: usize> Item for [u8; N] {}

impl<const N: usize> Owned for [u8; N] {
    fn from_view(view: &[u8; N]) -> Self {
        *view
    }
}
