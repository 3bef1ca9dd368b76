//! Chooses the type of each column, and holds what converting to it needs.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::error::CompactError;
use crate::report::{ColumnReport, Report, bytes_of};
use crate::survey::{Column, Shared, Survey, Values};
use crate::text::Form;

/// The types that a table's columns are put into.
#[derive(Debug)]
pub struct Plan {
    pub(crate) before: SchemaRef,
    pub(crate) after: SchemaRef,
    pub(crate) columns: Vec<Chosen>,
    /// Rows that the types were decided over.
    pub(crate) sample: u64,
    /// Rows converted.
    pub(crate) rows: u64,
}

/// The form that was chosen for a column.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) how: How,
    /// True if runs of what it becomes are kept instead of rows.
    pub(crate) runs: bool,
    /// The type without runs.
    pub(crate) data_type: DataType,
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
}

/// A conversion of values.
#[derive(Debug)]
pub(crate) enum How {
    Keep,
    Null,
    /// Integers and floats.
    Cast,
    /// Integers that are 0 or 1.
    Flags,
    /// Text of one form.
    Form(Form),
    /// Text or binary, by its keys into these values.
    Dictionary {
        keys: HashMap<Arc<[u8]>, u32>,
        values: ArrayRef,
    },
}

pub(crate) fn decide(survey: Survey) -> Result<Plan, CompactError> {
    let Survey { schema, columns, rows } = survey;
    let mut fields = Vec::with_capacity(columns.len());
    let mut chosen = Vec::with_capacity(columns.len());
    for (field, column) in schema.fields().iter().zip(columns) {
        let column = choose(field.data_type(), column, rows)?;
        let data_type = if column.runs { run_type(&column.data_type) } else { column.data_type.clone() };
        // Run-end encoded columns have no nulls of their own; the column may have some all the same.
        fields.push(Arc::new(field.as_ref().clone().with_data_type(data_type)));
        chosen.push(column);
    }
    let after = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    Ok(Plan { before: schema, after, columns: chosen, sample: rows, rows: 0 })
}

/// Run ends of 32 bits: a batch has fewer rows.
pub(crate) fn run_type(values: &DataType) -> DataType {
    let ends = Field::new("run_ends", DataType::Int32, false);
    DataType::RunEndEncoded(Arc::new(ends), Arc::new(Field::new("values", values.clone(), true)))
}

fn choose(before: &DataType, column: Column, rows: u64) -> Result<Chosen, CompactError> {
    let Column { nulls, runs, bytes, values } = column;
    let keep = |how, data_type| Chosen { how, runs: false, data_type, bytes_before: 0, bytes_after: 0 };
    let stays = matches!(
        before,
        DataType::Null | DataType::Dictionary(..) | DataType::RunEndEncoded(..) | DataType::Union(..)
    );
    if rows == 0 || stays {
        return Ok(keep(How::Keep, before.clone()));
    }
    if nulls == rows {
        return Ok(keep(How::Null, DataType::Null));
    }
    // Bits of a row, and bytes beside the rows, with the bitmap of nulls.
    let bitmap = u64::from(nulls > 0);
    let (how, data_type, row_bits, fixed) = match values {
        Values::Integers(Some((least, greatest))) => match integer(before, least, greatest) {
            DataType::Boolean => (How::Flags, DataType::Boolean, 1, 0),
            data_type => {
                let bits = 8 * data_type.primitive_width().unwrap_or(8) as u64;
                (if data_type == *before { How::Keep } else { How::Cast }, data_type, bits, 0)
            }
        },
        Values::Floats(bits) => {
            let data_type = match bits {
                16 => DataType::Float16,
                32 => DataType::Float32,
                _ => DataType::Float64,
            };
            (if data_type == *before { How::Keep } else { How::Cast }, data_type, u64::from(bits), 0)
        }
        Values::Texts(texts) => {
            let plain = (8 * bytes / rows).saturating_sub(bitmap);
            match (texts.form, texts.distinct) {
                (Shared::All(form), _) => (How::Form(form), form.data_type(), form.width(), 0),
                (_, Some(distinct)) if !distinct.is_empty() => {
                    let (key, key_bits) = key(distinct.len());
                    let fixed = texts.distinct_bytes as u64 + 4 * (distinct.len() as u64 + 1);
                    if key_bits * rows / 8 + fixed < plain * rows / 8 {
                        let values = dictionary_values(before, &distinct)?;
                        let value_type = values.data_type().clone();
                        let data_type = DataType::Dictionary(Box::new(key), Box::new(value_type));
                        (How::Dictionary { keys: distinct, values }, data_type, key_bits, fixed)
                    } else {
                        (How::Keep, before.clone(), plain, 0)
                    }
                }
                _ => (How::Keep, before.clone(), plain, 0),
            }
        }
        Values::Integers(None) | Values::Other => {
            (How::Keep, before.clone(), (8 * bytes / rows).saturating_sub(bitmap), 0)
        }
    };
    let by_rows = (row_bits + bitmap) * rows / 8 + fixed;
    // Runs hold plain values: a dictionary below runs is something that few programs read.
    let (run_how, run_values, run_bits) = match how {
        How::Dictionary { .. } => (None, before.clone(), (8 * bytes / rows).max(8)),
        _ => (Some(()), data_type.clone(), row_bits),
    };
    let run_values_readable = !matches!(run_values, DataType::Utf8View | DataType::BinaryView);
    if let Some(runs) = runs
        && run_values_readable
        && 2 * (runs * (32 + run_bits + bitmap) / 8) < by_rows
    {
        let how = if run_how.is_some() { how } else { How::Keep };
        return Ok(Chosen { how, runs: true, data_type: run_values, bytes_before: 0, bytes_after: 0 });
    }
    let mut chosen = keep(how, data_type);
    if let How::Dictionary { values, .. } = &chosen.how {
        chosen.bytes_after = bytes_of(values);
    }
    Ok(chosen)
}

/// The smallest integer type that holds a range, unsigned only where the column was or the range asks for it.
fn integer(before: &DataType, least: i128, greatest: i128) -> DataType {
    use DataType::{Boolean, Int8, Int16, Int32, UInt8, UInt16, UInt32};
    if least >= 0 && greatest <= 1 {
        return Boolean;
    }
    let types = [
        (Int8, i128::from(i8::MIN), i128::from(i8::MAX)),
        (UInt8, 0, i128::from(u8::MAX)),
        (Int16, i128::from(i16::MIN), i128::from(i16::MAX)),
        (UInt16, 0, i128::from(u16::MAX)),
        (Int32, i128::from(i32::MIN), i128::from(i32::MAX)),
        (UInt32, 0, i128::from(u32::MAX)),
    ];
    let width = |data_type: &DataType| data_type.primitive_width();
    let mut fitting = types.into_iter().filter(|(_, low, high)| least >= *low && greatest <= *high);
    match fitting.next() {
        Some((smallest, ..)) if width(&smallest) < width(before) => smallest,
        _ => before.clone(),
    }
}

/// Returns the smallest key for this number of values. Signed, since pandas reads no others.
fn key(values: usize) -> (DataType, u64) {
    match values {
        0..=128 => (DataType::Int8, 8),
        129..=32_768 => (DataType::Int16, 16),
        _ => (DataType::Int32, 32),
    }
}

/// The values of a dictionary, in the order of their keys.
fn dictionary_values(
    before: &DataType,
    distinct: &HashMap<Arc<[u8]>, u32>,
) -> Result<ArrayRef, CompactError> {
    let mut ordered: Vec<(&Arc<[u8]>, u32)> = distinct.iter().map(|(value, key)| (value, *key)).collect();
    ordered.sort_unstable_by_key(|(_, key)| *key);
    let values: ArrayRef = Arc::new(BinaryArray::from_iter_values(ordered.iter().map(|(value, _)| value)));
    match before {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            // The values were text, so this checks what is known and fails nowhere.
            Ok(arrow_cast::cast(&values, &DataType::Utf8)?)
        }
        _ => Ok(values),
    }
}

impl Plan {
    /// Returns the schema that batches are converted to.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.after
    }

    /// Returns what became of each column so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let columns = self.columns.iter().zip(self.before.fields().iter().zip(self.after.fields()));
        let columns = columns.map(|(chosen, (before, after))| ColumnReport {
            name: before.name().clone(),
            before: before.data_type().clone(),
            after: after.data_type().clone(),
            bytes_before: chosen.bytes_before,
            bytes_after: chosen.bytes_after,
        });
        Report { columns: columns.collect(), rows: self.rows, sample: self.sample }
    }
}
