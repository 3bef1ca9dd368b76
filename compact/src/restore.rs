//! Converts batches back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, UInt64Array, make_array, new_null_array,
};
use arrow_schema::DataType;

use crate::decide::{How, Plan};
use crate::error::CompactError;
use crate::text::Form;

impl Plan {
    /// Converts a batch back to the types and values that it was made of.
    pub fn restore(&self, batch: &RecordBatch) -> Result<RecordBatch, CompactError> {
        let fields = self.before.fields().iter().zip(&self.columns);
        let columns = fields.zip(batch.columns()).map(|((field, chosen), array)| {
            let rows = if chosen.runs { unfold(array)? } else { array.clone() };
            match &chosen.how {
                How::Keep => Ok(rows),
                How::Null => Ok(new_null_array(field.data_type(), rows.len())),
                How::Cast | How::Flags | How::Dictionary { .. } => {
                    Ok(arrow_cast::cast(&rows, field.data_type())?)
                }
                How::Form(form) => written(&rows, *form, field.data_type()),
            }
        });
        let columns = columns.collect::<Result<Vec<_>, CompactError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.before.clone(), columns, &options)?)
    }
}

/// Makes rows of runs.
fn unfold(array: &ArrayRef) -> Result<ArrayRef, CompactError> {
    let runs = array.as_run::<Int32Type>();
    let rows = (0..runs.len()).map(|row| runs.get_physical_index(row) as u64);
    Ok(arrow_select::take::take(runs.values(), &UInt64Array::from_iter_values(rows), None)?)
}

/// Writes values as text of one form.
fn written(array: &ArrayRef, form: Form, to: &DataType) -> Result<ArrayRef, CompactError> {
    let numbers: ArrayRef = match array.data_type() {
        DataType::Boolean => arrow_cast::cast(array, &DataType::Int64)?,
        DataType::Date32 | DataType::Time32(_) => {
            let narrow = make_array(array.to_data().into_builder().data_type(DataType::Int32).build()?);
            arrow_cast::cast(&narrow, &DataType::Int64)?
        }
        _ => make_array(array.to_data().into_builder().data_type(DataType::Int64).build()?),
    };
    let numbers = numbers.as_primitive::<Int64Type>();
    let texts: StringArray = numbers.iter().map(|value| value.map(|value| form.write(value))).collect();
    Ok(arrow_cast::cast(&(Arc::new(texts) as ArrayRef), to)?)
}
