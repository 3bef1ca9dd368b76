//! Surveys columns batch by batch, in memory that does not grow with the rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, SchemaRef};

use crate::decide::{self, Plan};
use crate::error::CompactError;
use crate::report::bytes_of;
use crate::text::Form;

/// The most values of a dictionary.
const MOST_VALUES: usize = 1 << 16;
/// The most bytes of a dictionary's values.
const MOST_BYTES: usize = 8 << 20;

/// Looks at the rows of a table.
#[derive(Debug)]
pub struct Survey {
    pub(crate) schema: SchemaRef,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: u64,
}

/// The facts known about a column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) nulls: u64,
    /// Runs of equal rows, if the type can be compared. A batch begins a run.
    pub(crate) runs: Option<u64>,
    pub(crate) bytes: u64,
    pub(crate) values: Values,
}

/// The facts known about the values that are not null.
#[derive(Debug)]
pub(crate) enum Values {
    /// The least and the greatest; `None` without values.
    Integers(Option<(i128, i128)>),
    /// The bits of the smallest float type that holds all: 16, 32 or 64.
    Floats(u32),
    Texts(Texts),
    /// The decimal's or other value's type stays.
    Other,
}

/// The facts known about text or binary values.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) form: Shared,
    /// Each value with its key; `None` once there are too many.
    pub(crate) distinct: Option<HashMap<Arc<[u8]>, u32>>,
    pub(crate) distinct_bytes: usize,
}

/// The form that values share.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shared {
    #[default]
    Unseen,
    All(Form),
    None,
}

impl Survey {
    /// Begins with no rows.
    #[must_use]
    pub fn new(schema: &SchemaRef) -> Survey {
        let columns = schema.fields().iter().map(|field| Column::new(field.data_type())).collect();
        Survey { schema: schema.clone(), columns, rows: 0 }
    }

    /// Looks at the rows of a batch.
    pub fn look(&mut self, batch: &RecordBatch) -> Result<(), CompactError> {
        check(&self.schema, batch)?;
        self.rows += batch.num_rows() as u64;
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.look(array)?;
        }
        Ok(())
    }

    /// Returns the number of rows looked at.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Chooses a type for every column.
    pub fn decide(self) -> Result<Plan, CompactError> {
        decide::decide(self)
    }
}

/// Checks that a batch has the types of a schema.
pub(crate) fn check(schema: &SchemaRef, batch: &RecordBatch) -> Result<(), CompactError> {
    let fields = schema.fields();
    let own = batch.schema_ref().fields();
    let differs = |index: &usize| {
        own.get(*index).map(|field| field.data_type()) != fields.get(*index).map(|field| field.data_type())
    };
    match (0..fields.len().max(own.len())).find(differs) {
        None => Ok(()),
        Some(index) => {
            let field = fields.get(index).or(own.get(index));
            Err(CompactError::Schema { column: field.map_or_else(String::new, |field| field.name().clone()) })
        }
    }
}

impl Column {
    fn new(data_type: &DataType) -> Column {
        let values = match data_type {
            _ if data_type.is_integer() => Values::Integers(None),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Values::Floats(16),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Values::Texts(Texts { distinct: Some(HashMap::new()), ..Texts::default() })
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                let distinct = Some(HashMap::new());
                Values::Texts(Texts { form: Shared::None, distinct, ..Texts::default() })
            }
            _ => Values::Other,
        };
        let runs = can_run(data_type).then_some(0);
        Column { nulls: 0, runs, bytes: 0, values }
    }

    fn look(&mut self, array: &ArrayRef) -> Result<(), CompactError> {
        self.nulls += array.logical_null_count() as u64;
        self.bytes += bytes_of(array);
        if let Some(runs) = &mut self.runs
            && !array.is_empty()
        {
            *runs += 1 + changes(array)?.true_count() as u64;
        }
        match &mut self.values {
            Values::Integers(range) => *range = wider(*range, integers(array)?),
            Values::Floats(bits) => *bits = (*bits).max(float_bits(array)),
            Values::Texts(texts) => texts.look(array)?,
            Values::Other => {}
        }
        Ok(())
    }
}

impl Texts {
    fn look(&mut self, array: &ArrayRef) -> Result<(), CompactError> {
        for_each_bytes(array, |_, value| {
            self.note_form(value);
            self.note_value(value);
        })
    }

    fn note_form(&mut self, value: &[u8]) {
        if self.form == Shared::None {
            return;
        }
        let form = std::str::from_utf8(value).ok().and_then(Form::of).map(|(form, _)| form);
        self.form = match (self.form, form) {
            (Shared::Unseen, Some(form)) => Shared::All(form),
            (Shared::All(shared), Some(form)) if shared == form => self.form,
            _ => Shared::None,
        };
    }

    fn note_value(&mut self, value: &[u8]) {
        let Some(distinct) = &mut self.distinct else { return };
        if distinct.contains_key(value) {
            return;
        }
        self.distinct_bytes += value.len();
        if distinct.len() == MOST_VALUES || self.distinct_bytes > MOST_BYTES {
            self.distinct = None;
            return;
        }
        let key = distinct.len() as u32;
        distinct.insert(value.into(), key);
    }
}

/// True if values of this type can be compared, and so make runs.
fn can_run(data_type: &DataType) -> bool {
    data_type.is_primitive()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
        )
}

/// Returns for each row but the first whether it is another than the one before. Floats are compared by their bits.
pub(crate) fn changes(array: &ArrayRef) -> Result<BooleanArray, CompactError> {
    let rest = array.len().saturating_sub(1);
    let (before, after) = (array.slice(0, rest), array.slice(array.len() - rest, rest));
    Ok(arrow_ord::cmp::distinct(&before, &after)?)
}

/// Returns the least and the greatest integer that is not null.
pub(crate) fn integers(array: &ArrayRef) -> Result<Option<(i128, i128)>, CompactError> {
    fn range<T: Copy + Ord + Into<i128>>(values: impl Iterator<Item = T>) -> Option<(i128, i128)> {
        let range = values.fold(None, |range: Option<(T, T)>, value| match range {
            Some((least, greatest)) => Some((least.min(value), greatest.max(value))),
            None => Some((value, value)),
        });
        range.map(|(least, greatest)| (least.into(), greatest.into()))
    }
    // Every signed type fits i64, every unsigned one u64.
    if array.data_type().is_signed_integer() {
        let wide = arrow_cast::cast(array, &DataType::Int64)?;
        Ok(range(wide.as_primitive::<Int64Type>().iter().flatten()))
    } else {
        let wide = arrow_cast::cast(array, &DataType::UInt64)?;
        Ok(range(wide.as_primitive::<UInt64Type>().iter().flatten()))
    }
}

fn wider(a: Option<(i128, i128)>, b: Option<(i128, i128)>) -> Option<(i128, i128)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

/// Returns the bits of the smallest float type that holds every value that is not null exactly.
fn float_bits(array: &ArrayRef) -> u32 {
    match array.data_type() {
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            values.iter().flatten().map(bits_of_double).max().unwrap_or(16)
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            values.iter().flatten().map(bits_of_single).max().unwrap_or(16)
        }
        _ => 16,
    }
}

/// The bits that a value needs. What comes back must be the same bits, NaN and -0 included.
pub(crate) fn bits_of_double(value: f64) -> u32 {
    let single = value as f32;
    if f64::from(single).to_bits() == value.to_bits() { bits_of_single(single) } else { 64 }
}

pub(crate) fn bits_of_single(value: f32) -> u32 {
    type Half = <Float16Type as arrow_array::types::ArrowPrimitiveType>::Native;
    if Half::from_f32(value).to_f32().to_bits() == value.to_bits() { 16 } else { 32 }
}

/// Calls `each` with the row and the bytes of every value of text or binary that is not null.
pub(crate) fn for_each_bytes(
    array: &ArrayRef,
    mut each: impl FnMut(usize, &[u8]),
) -> Result<(), CompactError> {
    macro_rules! each {
        ($values:expr) => {
            for (row, value) in $values.iter().enumerate() {
                if let Some(value) = value {
                    each(row, value.as_ref());
                }
            }
        };
    }
    match array.data_type() {
        DataType::Utf8 => each!(array.as_string::<i32>()),
        DataType::LargeUtf8 => each!(array.as_string::<i64>()),
        DataType::Utf8View => each!(array.as_string_view()),
        DataType::Binary => each!(array.as_binary::<i32>()),
        DataType::LargeBinary => each!(array.as_binary::<i64>()),
        DataType::BinaryView => each!(array.as_binary_view()),
        _ => {}
    }
    Ok(())
}
