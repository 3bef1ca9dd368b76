//! Running statistics of one column.
//!
//! Extremes are kept as arrays of one row, of the column's own type, so that they are formatted as its values are.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_arith::aggregate;
use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType, Float64Type};
use arrow_array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowNumericType, ArrowPrimitiveType, BinaryArray, BinaryViewArray,
    BooleanArray, GenericByteArray, GenericByteViewArray, LargeBinaryArray, LargeStringArray, PrimitiveArray,
    StringArray, StringViewArray, downcast_primitive_array,
};
use arrow_buffer::ToByteSlice;
use arrow_cast::cast;
use arrow_schema::DataType;
use arrow_select::concat::concat;

use super::distinct::Distinct;

/// The summary of a column so far.
#[derive(Debug)]
pub(super) struct Statistics {
    /// The type of its values, behind dictionaries and runs.
    values: DataType,
    rows: u64,
    nulls: u64,
    extremes: Option<[ArrayRef; 2]>,
    sum: f64,
    distinct: Option<Distinct>,
}

impl Statistics {
    pub(super) fn new(data_type: &DataType) -> Statistics {
        let values = values_of(data_type).clone();
        let distinct = is_counted(&values).then(Distinct::default);
        Statistics { values, rows: 0, nulls: 0, extremes: None, sum: 0.0, distinct }
    }

    pub(super) fn add(&mut self, column: &ArrayRef) {
        self.rows += column.len() as u64;
        self.nulls += column.logical_null_count() as u64;
        let column = match column.data_type() == &self.values {
            true => column.clone(),
            false => match cast(column, &self.values) {
                Ok(unpacked) => unpacked,
                Err(_) => return,
            },
        };
        if let Some(found) = extremes(&column) {
            self.extremes = Some(match self.extremes.take() {
                None => found,
                Some(known) => merged(&known, &found).unwrap_or(known),
            });
        }
        if self.values.is_numeric()
            && let Ok(numbers) = cast(&column, &DataType::Float64)
        {
            self.sum += aggregate::sum(numbers.as_primitive::<Float64Type>()).unwrap_or(0.0);
        }
        if let Some(distinct) = &mut self.distinct {
            count_distinct(distinct, &column);
        }
    }

    pub(super) fn nulls(&self) -> u64 {
        self.nulls
    }

    /// Returns the least and the greatest value that is neither null nor NaN, if there was one and the type has an
    /// order.
    pub(super) fn extremes(&self) -> [Option<&ArrayRef>; 2] {
        match &self.extremes {
            Some([least, greatest]) => [Some(least), Some(greatest)],
            None => [None, None],
        }
    }

    /// Returns the mean of what is not null, if these are numbers.
    pub(super) fn mean(&self) -> Option<f64> {
        let count = self.rows - self.nulls;
        (self.values.is_numeric() && count > 0).then(|| self.sum / count as f64)
    }

    /// Returns the number of distinct values, without null.
    pub(super) fn distinct(&self) -> Option<u64> {
        self.distinct.as_ref().map(Distinct::count)
    }
}

/// Returns the type behind dictionaries and runs.
fn values_of(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values_of(values),
        DataType::RunEndEncoded(_, values) => values_of(values.data_type()),
        plain => plain,
    }
}

/// Returns true if distinct values of a type are counted.
fn is_counted(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, Boolean, LargeBinary, LargeUtf8, Utf8, Utf8View};
    data_type.is_primitive()
        || matches!(data_type, Boolean | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

fn extremes(column: &ArrayRef) -> Option<[ArrayRef; 2]> {
    let array = column.as_ref();
    Some(match array.data_type() {
        // Whether a month is longer than thirty days is not for us to say.
        DataType::Interval(_) => return None,
        DataType::Boolean => {
            let array = array.as_boolean();
            let of = |value| Arc::new(BooleanArray::from(vec![value])) as ArrayRef;
            [of(aggregate::min_boolean(array)?), of(aggregate::max_boolean(array)?)]
        }
        DataType::Utf8 => text(array.as_string::<i32>(), |v| Arc::new(StringArray::from(vec![v])))?,
        DataType::LargeUtf8 => text(array.as_string::<i64>(), |v| Arc::new(LargeStringArray::from(vec![v])))?,
        DataType::Binary => text(array.as_binary::<i32>(), |v| Arc::new(BinaryArray::from(vec![v])))?,
        DataType::LargeBinary => {
            text(array.as_binary::<i64>(), |v| Arc::new(LargeBinaryArray::from(vec![v])))?
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            let of = |value| Arc::new(StringViewArray::from(vec![value])) as ArrayRef;
            [of(aggregate::min_string_view(array)?), of(aggregate::max_string_view(array)?)]
        }
        DataType::BinaryView => {
            let array = array.as_binary_view();
            let of = |value| Arc::new(BinaryViewArray::from(vec![value])) as ArrayRef;
            [of(aggregate::min_binary_view(array)?), of(aggregate::max_binary_view(array)?)]
        }
        _ => downcast_primitive_array! {
            array => numbers(array)?,
            _ => return None,
        },
    })
}

fn text<'a, T: ByteArrayType>(
    array: &'a GenericByteArray<T>,
    of: impl Fn(&'a T::Native) -> ArrayRef,
) -> Option<[ArrayRef; 2]> {
    fn order<T: AsRef<[u8]> + ?Sized>(a: &&T, b: &&T) -> Ordering {
        a.as_ref().cmp(b.as_ref())
    }
    let least = array.iter().flatten().min_by(order)?;
    let greatest = array.iter().flatten().max_by(order)?;
    Some([of(least), of(greatest)])
}

fn numbers<T: ArrowNumericType>(array: &PrimitiveArray<T>) -> Option<[ArrayRef; 2]> {
    let (least, greatest) = if T::DATA_TYPE.is_floating() {
        // Arrow puts NaN above all numbers; here it is none.
        let mut numbers = array.iter().flatten().filter(|value| value.partial_cmp(value).is_some());
        let first = numbers.next()?;
        numbers.fold((first, first), |(least, greatest), value| {
            (
                if value.is_lt(least) { value } else { least },
                if value.is_gt(greatest) { value } else { greatest },
            )
        })
    } else {
        (aggregate::min(array)?, aggregate::max(array)?)
    };
    let of = |value| {
        let one = PrimitiveArray::<T>::from_value(value, 1);
        Arc::new(one.with_data_type(array.data_type().clone())) as ArrayRef
    };
    Some([of(least), of(greatest)])
}

/// Returns the extremes of two pairs of extremes.
fn merged(a: &[ArrayRef; 2], b: &[ArrayRef; 2]) -> Option<[ArrayRef; 2]> {
    let all = concat(&[&a[0], &a[1], &b[0], &b[1]]).ok()?;
    extremes(&all)
}

fn count_distinct(distinct: &mut Distinct, column: &ArrayRef) {
    fn words<T: ArrowPrimitiveType>(distinct: &mut Distinct, array: &PrimitiveArray<T>) {
        for value in array.iter().flatten() {
            let bytes = value.to_byte_slice();
            match bytes.len() {
                ..=8 => {
                    let mut word = [0; 8];
                    word[..bytes.len()].copy_from_slice(bytes);
                    distinct.add_word(u64::from_le_bytes(word));
                }
                _ => distinct.add_bytes(bytes),
            }
        }
    }
    fn texts<T: ByteArrayType>(distinct: &mut Distinct, array: &GenericByteArray<T>) {
        array.iter().flatten().for_each(|value| distinct.add_bytes(value.as_ref()));
    }
    fn views<T: ByteViewType>(distinct: &mut Distinct, array: &GenericByteViewArray<T>) {
        array.iter().flatten().for_each(|value| distinct.add_bytes(value.as_ref()));
    }
    let array = column.as_ref();
    match array.data_type() {
        DataType::Boolean => {
            array.as_boolean().iter().flatten().for_each(|value| distinct.add_word(u64::from(value)));
        }
        DataType::Utf8 => texts(distinct, array.as_string::<i32>()),
        DataType::LargeUtf8 => texts(distinct, array.as_string::<i64>()),
        DataType::Binary => texts(distinct, array.as_binary::<i32>()),
        DataType::LargeBinary => texts(distinct, array.as_binary::<i64>()),
        DataType::Utf8View => views(distinct, array.as_string_view()),
        DataType::BinaryView => views(distinct, array.as_binary_view()),
        _ => downcast_primitive_array! {
            array => words(distinct, array),
            _ => {}
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use arrow_array::types::Int32Type;
    use arrow_array::{DictionaryArray, Float64Array, Int64Array, TimestampSecondArray};

    fn of(batches: &[ArrayRef]) -> Statistics {
        let mut statistics = Statistics::new(batches[0].data_type());
        batches.iter().for_each(|batch| statistics.add(batch));
        statistics
    }

    fn shown(statistics: &Statistics) -> [String; 2] {
        statistics.extremes().map(|extreme| {
            extreme.map_or_else(String::new, |array| {
                arrow_cast::display::array_value_to_string(array, 0).unwrap()
            })
        })
    }

    #[test]
    fn numbers_over_batches() {
        let batches: [ArrayRef; 3] = [
            Arc::new(Int64Array::from(vec![Some(5), None, Some(-3)])),
            Arc::new(Int64Array::from(vec![None, None])),
            Arc::new(Int64Array::from(vec![i64::MAX, 5])),
        ];
        let statistics = of(&batches);
        assert_eq!(shown(&statistics), ["-3", "9223372036854775807"]);
        assert_eq!((statistics.nulls(), statistics.distinct()), (3, Some(3)));
        assert_eq!(statistics.mean(), Some((7.0 + i64::MAX as f64) / 4.0));
    }

    #[test]
    fn nan_is_no_extreme() {
        let batches: [ArrayRef; 2] = [
            Arc::new(Float64Array::from(vec![f64::NAN])),
            Arc::new(Float64Array::from(vec![f64::NAN, 2.5, -0.5])),
        ];
        assert_eq!(shown(&of(&batches)), ["-0.5", "2.5"]);
    }

    #[test]
    fn text_dictionaries_and_times_show_as_their_values_do() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("pear"), None, Some("apple")]));
        assert_eq!(shown(&of(&[texts])), ["apple", "pear"]);
        let keys: DictionaryArray<Int32Type> =
            vec![Some("b"), Some("a"), None, Some("b")].into_iter().collect();
        let statistics = of(&[Arc::new(keys)]);
        assert_eq!(shown(&statistics), ["a", "b"]);
        assert_eq!((statistics.nulls(), statistics.distinct()), (1, Some(2)));
        let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![0, 60]).with_timezone("+00:00"));
        assert_eq!(shown(&of(&[times]))[1], "1970-01-01T00:01:00Z");
    }
}
