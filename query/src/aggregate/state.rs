//! The state kept for each group.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type};
use arrow_array::{Array, ArrayRef, Decimal128Array, Float64Array, Int64Array, new_null_array};
use arrow_row::{OwnedRow, RowConverter, SortField};
use arrow_schema::DataType;

use super::keys::{Room, check, restored};
use crate::compare::one_nan_and_zero;
use crate::error::QueryError;

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Count,
    Sum,
    Avg,
    Min,
    Max,
}

/// The state of one aggregate, for each group.
#[derive(Debug)]
pub(super) enum Accumulator {
    Count(Vec<i64>),
    /// Exact sums and counts, of values with this scale; an average if it is to be divided.
    Exact {
        sums: Vec<(i128, i64)>,
        scale: i8,
        divided: bool,
    },
    /// Sums and counts.
    Float {
        sums: Vec<(f64, i64)>,
        divided: bool,
    },
    /// The least or greatest so far, as comparable rows.
    Extreme {
        converter: RowConverter,
        found: Vec<Option<OwnedRow>>,
        data_type: DataType,
        wanted: Ordering,
    },
}

impl Accumulator {
    pub(super) fn new(function: &Function, argument: Option<&DataType>) -> Result<Accumulator, QueryError> {
        let Some(data_type) = argument else { return Ok(Accumulator::Count(Vec::new())) };
        let divided = *function == Function::Avg;
        let wanted = match function {
            Function::Count => return Ok(Accumulator::Count(Vec::new())),
            Function::Sum | Function::Avg => {
                return match data_type {
                    _ if data_type.is_integer() => {
                        Ok(Accumulator::Exact { sums: Vec::new(), scale: 0, divided })
                    }
                    DataType::Decimal32(_, scale)
                    | DataType::Decimal64(_, scale)
                    | DataType::Decimal128(_, scale) => {
                        Ok(Accumulator::Exact { sums: Vec::new(), scale: *scale, divided })
                    }
                    DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                        Ok(Accumulator::Float { sums: Vec::new(), divided })
                    }
                    other => Err(QueryError::Type(format!("there is no sum of {other}"))),
                };
            }
            Function::Min => Ordering::Less,
            Function::Max => Ordering::Greater,
        };
        let converter = RowConverter::new(vec![SortField::new(data_type.clone())])
            .map_err(|_| QueryError::Type(format!("{data_type} has no order")))?;
        check(&converter, std::iter::once(data_type))?;
        let data_type = data_type.clone();
        Ok(Accumulator::Extreme { converter, found: Vec::new(), data_type, wanted })
    }

    /// The type of the results.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Accumulator::Count(_) => DataType::Int64,
            Accumulator::Exact { divided: true, .. } | Accumulator::Float { .. } => DataType::Float64,
            Accumulator::Exact { scale, .. } => DataType::Decimal128(38, *scale),
            Accumulator::Extreme { data_type, .. } => data_type.clone(),
        }
    }

    /// Adds the values of rows, each to its group.
    pub(super) fn add(
        &mut self,
        function: &Function,
        values: Option<&ArrayRef>,
        groups: &[usize],
        all: usize,
        room: &mut Room,
    ) -> Result<(), QueryError> {
        match (self, values) {
            (Accumulator::Count(counts), None) => {
                counts.resize(counts.len().max(all), 0);
                groups.iter().for_each(|group| counts[*group] += 1);
            }
            (Accumulator::Count(counts), Some(values)) => {
                counts.resize(counts.len().max(all), 0);
                let nulls = values.logical_nulls();
                for (row, group) in groups.iter().enumerate() {
                    counts[*group] += i64::from(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)));
                }
            }
            (Accumulator::Exact { sums, scale, .. }, Some(values)) => {
                sums.resize(sums.len().max(all), (0, 0));
                let wide = arrow_cast::cast(values, &DataType::Decimal128(38, *scale))?;
                for (value, group) in wide.as_primitive::<Decimal128Type>().iter().zip(groups) {
                    let Some(value) = value else { continue };
                    let (sum, count) = &mut sums[*group];
                    let overflow = || QueryError::Value(format!("{function:?}: a sum beyond 128 bits"));
                    *sum = sum.checked_add(value).ok_or_else(overflow)?;
                    *count += 1;
                }
            }
            (Accumulator::Float { sums, .. }, Some(values)) => {
                sums.resize(sums.len().max(all), (0.0, 0));
                let wide = arrow_cast::cast(values, &DataType::Float64)?;
                for (value, group) in wide.as_primitive::<Float64Type>().iter().zip(groups) {
                    let Some(value) = value else { continue };
                    let (sum, count) = &mut sums[*group];
                    *sum += value;
                    *count += 1;
                }
            }
            (Accumulator::Extreme { converter, found, wanted, .. }, Some(values)) => {
                found.resize(found.len().max(all), None);
                let nulls = values.logical_nulls();
                let rows = converter.convert_columns(&[one_nan_and_zero(values)])?;
                for (row, group) in groups.iter().enumerate() {
                    if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                        continue;
                    }
                    let value = rows.row(row);
                    let place = &mut found[*group];
                    if place.as_ref().is_none_or(|so_far| value.cmp(&so_far.row()) == *wanted) {
                        room.take(value.as_ref().len(), place.as_ref().map_or(0, |old| old.as_ref().len()))?;
                        *place = Some(value.owned());
                    }
                }
            }
            // Only a count has no argument.
            (_, None) => {}
        }
        Ok(())
    }

    /// Returns the results of all groups and forgets them.
    pub(super) fn take(&mut self, groups: usize) -> Result<ArrayRef, QueryError> {
        Ok(match self {
            Accumulator::Count(counts) => {
                counts.resize(groups, 0);
                Arc::new(Int64Array::from(std::mem::take(counts)))
            }
            Accumulator::Exact { sums, scale, divided } => {
                sums.resize(groups, (0, 0));
                let sums = std::mem::take(sums);
                if *divided {
                    let unit = 10_f64.powi(i32::from(*scale));
                    let each = |(sum, count)| (count > 0).then(|| sum as f64 / unit / count as f64);
                    Arc::new(sums.into_iter().map(each).collect::<Float64Array>())
                } else {
                    let each = |(sum, count)| (count > 0).then_some(sum);
                    let sums: Decimal128Array = sums.into_iter().map(each).collect();
                    Arc::new(sums.with_precision_and_scale(38, *scale)?)
                }
            }
            Accumulator::Float { sums, divided } => {
                sums.resize(groups, (0.0, 0));
                let each = |(sum, count)| {
                    let value = if *divided { sum / count as f64 } else { sum };
                    (count > 0).then_some(value)
                };
                Arc::new(std::mem::take(sums).into_iter().map(each).collect::<Float64Array>())
            }
            Accumulator::Extreme { converter, found, data_type, .. } => {
                found.resize(groups, None);
                let found = std::mem::take(found);
                // A null stands for a group without values.
                let null = converter.convert_columns(&[new_null_array(data_type, 1)])?;
                let rows = found.iter().map(|row| row.as_ref().map_or(null.row(0), OwnedRow::row));
                let columns = converter.convert_rows(rows)?;
                let column = columns.into_iter().next();
                let column = column.ok_or_else(|| QueryError::Value("no column came back".to_owned()))?;
                restored(column, data_type)?
            }
        })
    }
}
