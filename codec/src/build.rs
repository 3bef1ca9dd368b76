//! Builds a message whose columns are computed in the region it is sent from.
//!
//! A [`Shape`] fixes the layout in advance. [`Shape::begin`] begins a message in a region, [`InPlace::fields`] hands
//! out a cursor for each field, and [`InPlace::finish`] checks that the fields agree with each other and writes the
//! numbers that are only known at the end. None of this uses a heap.
//!
//! Every type of the layout can be built: numbers, dates, times, decimals, intervals ([`Fields::fixed`]),
//! booleans, fixed-size binary, text and binary with offsets or views, structs, fixed-size lists and nulls
//! ([`Fields::rows`]), lists and maps, list views, both unions, run-end encoding, and keys of dictionaries. A
//! dictionary's values are a message of their own, and are built like any other ([`Shape::dictionary`]).
//!
//! A message always takes the whole length of its shape. Unused parts are written as zeroes, so capacities far above
//! what is needed cost time; nothing that the region held before is left in the message.

mod check;
mod error;
mod fields;
mod fixed;
mod nested;
mod shape;
mod slot;
mod strings;

use self::check::{Check, UNFINISHED};
pub use self::error::BuildError;
pub use self::fields::Fields;
pub use self::fixed::{Booleans, Fixed, FixedBytes};
pub use self::nested::{ListViews, Lists, Rows, Runs, Unions};
pub use self::shape::{Shape, Variable, VariableOf};
pub use self::strings::{Binaries, Strings};
use crate::wire::ALIGNMENT;

/// A message being built.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::types::Float64Type;
/// use arrow_schema::{DataType, Field, Schema};
/// use bowstring_codec::{Plan, Shape};
///
/// # #[repr(align(64))] struct Region([u8; 8192]);
/// # let mut memory = Region([0; 8192]);
/// # let region = &mut memory.0[..];
/// let plan = Plan::new(Arc::new(Schema::new(vec![
///     Field::new("price", DataType::Float64, false),
///     Field::new("name", DataType::Utf8, true),
/// ])))?;
/// let shape = Shape::new(&plan, 100, |text| 8 * text.rows)?;
///
/// let mut message = shape.begin(region)?;
/// let mut fields = message.fields();
/// let mut price = fields.fixed::<Float64Type>()?;
/// let mut name = fields.strings()?;
/// price.fill_with(3, |row| row as f64 / 2.0)?;
/// name.push("bow")?;
/// name.push_null()?;
/// name.push_fmt(format_args!("string {}", 7))?;
/// price.finish()?;
/// name.finish();
/// let len = message.finish(3)?;
/// assert_eq!(len, shape.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct InPlace<'r> {
    shape: &'r Shape,
    head: &'r mut [u8],
    body: &'r mut [u8],
    delta: bool,
}

impl<'r> InPlace<'r> {
    fn new(shape: &'r Shape, region: &'r mut [u8]) -> Result<Self, BuildError> {
        match region.as_ptr().addr() % ALIGNMENT {
            0 => (),
            by => return Err(BuildError::RegionMisaligned { by }),
        }
        let (needed, given) = (shape.len(), region.len());
        let message = region.get_mut(..needed).ok_or(BuildError::RegionTooSmall { needed, given })?;
        let (head, body) = message.split_at_mut(shape.template().len());
        // Nothing is finished, so none of the region's old content can pass for a message.
        shape.template().stamp(head).nodes.fill(UNFINISHED);
        debug_assert_eq!(body.len(), shape.body());
        Ok(Self { shape, head, body, delta: false })
    }

    /// Returns the fields, all of them unfinished again.
    pub fn fields(&mut self) -> Fields<'_> {
        let tables = self.shape.template().tables(self.head);
        tables.nodes.fill(UNFINISHED);
        Fields::new(self.shape, tables, self.body)
    }

    /// Marks the values of a dictionary as ones to append to those sent before. On a record batch it has no
    /// effect.
    pub fn set_delta(&mut self, delta: bool) {
        self.delta = delta;
    }

    /// Checks that every field is finished and has the rows that its parent refers to, and completes the message of
    /// `rows` rows. Returns the length of the message. After an error the fields can be filled again.
    pub fn finish(&mut self, rows: usize) -> Result<usize, BuildError> {
        let shape = self.shape;
        let tables = shape.template().tables(self.head);
        let check = Check { shape, nodes: tables.nodes, body: self.body };
        for column in shape.tree().columns() {
            check.node(*column as usize, rows)?;
        }
        shape.template().seal(self.head, rows, shape.slots().len(), self.body.len(), self.delta);
        Ok(shape.len())
    }
}
