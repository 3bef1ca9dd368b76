//! Converts batches to the chosen types.

use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Int32Array, Int64Array, NullArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, RunArray, UInt64Array, make_array,
};
use arrow_schema::DataType;

use crate::decide::{Chosen, How, Plan};
use crate::error::{CompactError, Misfit};
use crate::report::bytes_of;
use crate::survey::{bits_of_double, bits_of_single, changes, check, for_each_bytes, integers};
use crate::text::Form;

/// The first row of a batch that does not fit.
type Unfit = usize;

impl Plan {
    /// Converts a batch. A value that does not fit is a [`Misfit`].
    pub fn convert(&mut self, batch: &RecordBatch) -> Result<RecordBatch, CompactError> {
        Ok(self.convert_all(batch)??)
    }

    /// Converts the rows of a batch before the first that does not fit; returns them, and the misfit if there is one. The
    /// rest of the batch is the caller's, in the types that it has.
    pub fn convert_fitting(
        &mut self,
        batch: &RecordBatch,
    ) -> Result<(RecordBatch, Option<Misfit>), CompactError> {
        let mut found = None;
        let mut rows = batch.num_rows();
        loop {
            match self.convert_all(&batch.slice(0, rows))? {
                Ok(converted) => return Ok((converted, found)),
                // Another column may have one before it.
                Err(misfit) => {
                    rows = (misfit.row - self.rows) as usize;
                    found = Some(misfit);
                }
            }
        }
    }

    /// Converts a batch if all of it fits. Nothing is counted of one that does not.
    fn convert_all(&mut self, batch: &RecordBatch) -> Result<Result<RecordBatch, Misfit>, CompactError> {
        check(&self.before, batch)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (index, array) in batch.columns().iter().enumerate() {
            let chosen = &self.columns[index];
            let values = match chosen.values(array)? {
                Ok(values) => values,
                Err(row) => {
                    let value = arrow_cast::display::array_value_to_string(array, row);
                    return Ok(Err(Misfit {
                        column: self.before.field(index).name().clone(),
                        row: self.rows + row as u64,
                        value: value.unwrap_or_default(),
                        data_type: chosen.data_type.clone(),
                        sample: self.sample,
                    }));
                }
            };
            columns.push(if chosen.runs { runs(&values)? } else { values });
        }
        for ((chosen, array), converted) in self.columns.iter_mut().zip(batch.columns()).zip(&columns) {
            chosen.bytes_before += bytes_of(array);
            chosen.bytes_after += match converted.data_type() {
                // The dictionary was counted once.
                DataType::Dictionary(..) => bytes_of(converted.as_any_dictionary().keys()),
                _ => bytes_of(converted),
            };
        }
        self.rows += batch.num_rows() as u64;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(Ok(RecordBatch::try_new_with_options(self.after.clone(), columns, &options)?))
    }
}

impl Chosen {
    /// Converts a column, without making runs of it.
    fn values(&self, array: &ArrayRef) -> Result<Result<ArrayRef, Unfit>, CompactError> {
        let first_valid = || (0..array.len()).find(|row| array.is_valid(*row));
        Ok(match &self.how {
            How::Keep => Ok(array.clone()),
            How::Null => match first_valid() {
                None => Ok(Arc::new(NullArray::new(array.len()))),
                Some(row) => Err(row),
            },
            How::Cast if array.data_type().is_integer() => narrow(array, &self.data_type)?,
            How::Cast => floats(array, &self.data_type)?,
            How::Flags => flags(array)?,
            How::Form(form) => parsed(array, *form, &self.data_type)?,
            How::Dictionary { keys, values } => {
                let mut found: Vec<Option<i64>> = vec![None; array.len()];
                let mut unfit = None;
                for_each_bytes(array, |row, value| match keys.get(value) {
                    Some(key) => found[row] = Some(i64::from(*key)),
                    None => unfit = unfit.or(Some(row)),
                })?;
                match unfit {
                    Some(row) => Err(row),
                    None => Ok(dictionary(found, &self.data_type, values)?),
                }
            }
        })
    }
}

/// Casts integers that all fit.
fn narrow(array: &ArrayRef, to: &DataType) -> Result<Result<ArrayRef, Unfit>, CompactError> {
    let options = arrow_cast::CastOptions { safe: true, ..Default::default() };
    let cast = arrow_cast::cast_with_options(array, to, &options)?;
    // What does not fit has become null.
    if cast.null_count() == array.null_count() {
        return Ok(Ok(cast));
    }
    let row = (0..array.len()).find(|row| array.is_valid(*row) && cast.is_null(*row));
    Ok(Err(row.unwrap_or_default()))
}

/// Casts floats that all come back as the same bits.
fn floats(array: &ArrayRef, to: &DataType) -> Result<Result<ArrayRef, Unfit>, CompactError> {
    let room = if *to == DataType::Float16 { 16 } else { 32 };
    let unfit = match array.data_type() {
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .position(|value| value.is_some_and(|value| bits_of_double(value) > room)),
        _ => array
            .as_primitive::<Float32Type>()
            .iter()
            .position(|value| value.is_some_and(|value| bits_of_single(value) > room)),
    };
    match unfit {
        Some(row) => Ok(Err(row)),
        None => Ok(Ok(arrow_cast::cast(array, to)?)),
    }
}

/// Makes booleans of integers that are all 0 or 1.
fn flags(array: &ArrayRef) -> Result<Result<ArrayRef, Unfit>, CompactError> {
    match integers(array)? {
        Some((least, greatest)) if least < 0 || greatest > 1 => {
            let wide = arrow_cast::cast(array, &DataType::Utf8)?;
            let texts = wide.as_string::<i32>();
            let row = texts.iter().position(|text| text.is_some_and(|text| !matches!(text, "0" | "1")));
            Ok(Err(row.unwrap_or_default()))
        }
        _ => Ok(Ok(arrow_cast::cast(array, &DataType::Boolean)?)),
    }
}

/// Parses text of one form.
fn parsed(array: &ArrayRef, form: Form, to: &DataType) -> Result<Result<ArrayRef, Unfit>, CompactError> {
    let mut values: Vec<Option<i64>> = vec![None; array.len()];
    let mut unfit = None;
    for_each_bytes(array, |row, value| match std::str::from_utf8(value).ok().and_then(Form::of) {
        Some((found, value)) if found == form => values[row] = Some(value),
        _ => unfit = unfit.or(Some(row)),
    })?;
    if let Some(row) = unfit {
        return Ok(Err(row));
    }
    if form == Form::Bool {
        let mut flags = BooleanBuilder::with_capacity(values.len());
        flags.extend(values.iter().map(|value| value.map(|value| value != 0)));
        return Ok(Ok(Arc::new(flags.finish())));
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from(values));
    // Days and times of 32 bits fit: the forms have four digits of a year.
    let numbers = match to {
        DataType::Date32 | DataType::Time32(_) => arrow_cast::cast(&numbers, &DataType::Int32)?,
        _ => numbers,
    };
    Ok(Ok(make_array(numbers.to_data().into_builder().data_type(to.clone()).build()?)))
}

/// Makes a dictionary array of keys that are all in the dictionary.
fn dictionary(keys: Vec<Option<i64>>, to: &DataType, values: &ArrayRef) -> Result<ArrayRef, CompactError> {
    let DataType::Dictionary(key, _) = to else { return Err(wrong("not a dictionary")) };
    let keys: ArrayRef = Arc::new(Int64Array::from(keys));
    let keys = arrow_cast::cast(&keys, key)?;
    let data = keys.to_data().into_builder().data_type(to.clone()).add_child_data(values.to_data());
    Ok(make_array(data.build()?))
}

/// Makes runs of equal rows.
fn runs(values: &ArrayRef) -> Result<ArrayRef, CompactError> {
    let changes = if values.data_type() == &DataType::Null {
        BooleanArray::from(vec![false; values.len().saturating_sub(1)])
    } else {
        changes(values)?
    };
    let mut firsts: Vec<u64> = Vec::new();
    let mut ends: Vec<i32> = Vec::new();
    let end = |row: usize| i32::try_from(row).map_err(|_| wrong("a batch of more than 2³¹ rows"));
    if !values.is_empty() {
        firsts.push(0);
        for row in changes.values().set_indices() {
            ends.push(end(row + 1)?);
            firsts.push(row as u64 + 1);
        }
        ends.push(end(values.len())?);
    }
    let ends: PrimitiveArray<Int32Type> = Int32Array::from(ends);
    let values = arrow_select::take::take(values, &UInt64Array::from(firsts), None)?;
    Ok(Arc::new(RunArray::<Int32Type>::try_new(&ends, &values)?))
}

fn wrong(what: &str) -> CompactError {
    CompactError::Arrow(arrow_schema::ArrowError::InvalidArgumentError(what.to_owned()))
}
