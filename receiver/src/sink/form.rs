//! Dates, times and durations as text that is read back to the same values.
//!
//! They are written as ISO 8601. What that has no place for becomes a whole number of the type's unit with its sign: years before 0
//! and after 9999, times outside of a day, and durations too long for the library. Times in a zone before 1972 are written in UTC,
//! since offsets then had seconds.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array, StringArray};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, TimeUnit};

/// Values of a column with dates, times or durations.
pub(super) struct Moments<'a> {
    formatter: ArrayFormatter<'a>,
    numbers: Int64Array,
    /// The same in UTC, if there are any before 1972.
    utc: Option<StringArray>,
    /// 1972 in the column's unit.
    since: i64,
}

/// True if [`Moments`] write values of this type.
pub(super) fn is_moment(data_type: &DataType) -> bool {
    use DataType::{Date32, Date64, Duration, Time32, Time64, Timestamp};
    matches!(data_type, Date32 | Date64 | Duration(_) | Time32(_) | Time64(_) | Timestamp(..))
}

impl Moments<'_> {
    pub(super) fn new(array: &dyn Array) -> Result<Moments<'_>, ArrowError> {
        let numbers = match array.data_type() {
            DataType::Date32 | DataType::Time32(_) => {
                cast(&cast(array, &DataType::Int32)?, &DataType::Int64)?
            }
            _ => cast(array, &DataType::Int64)?,
        };
        let numbers = numbers.as_primitive::<Int64Type>().clone();
        let (mut utc, mut since) = (None, i64::MIN);
        if let DataType::Timestamp(unit, Some(_)) = array.data_type() {
            since = 63_072_000
                * match unit {
                    TimeUnit::Second => 1,
                    TimeUnit::Millisecond => 1000,
                    TimeUnit::Microsecond => 1_000_000,
                    TimeUnit::Nanosecond => 1_000_000_000,
                };
            if numbers.iter().flatten().any(|number| number < since) {
                let moments = cast(&numbers, &DataType::Timestamp(*unit, Some("UTC".into())))?;
                let texts = ArrayFormatter::try_new(&moments, &OPTIONS)?;
                let text = |(row, number): (usize, Option<i64>)| {
                    number
                        .filter(|number| *number < since)
                        .and_then(|_| texts.value(row).try_to_string().ok())
                };
                utc = Some(numbers.iter().enumerate().map(text).collect());
            }
        }
        Ok(Moments { formatter: ArrayFormatter::try_new(array, &OPTIONS)?, numbers, utc, since })
    }

    /// Appends a value that is not null.
    pub(super) fn write(&self, row: usize, out: &mut String) {
        let number = self.numbers.value(row);
        let begin = out.len();
        let formatted = match &self.utc {
            Some(utc) if number < self.since => {
                out.push_str(if utc.is_valid(row) { utc.value(row) } else { "" });
                true
            }
            _ => self.formatter.value(row).write(out).is_ok(),
        };
        if formatted && matches!(out.as_bytes()[begin..], [b'0'..=b'9' | b'P', ..] | [b'-', b'P', ..]) {
            return;
        }
        out.truncate(begin);
        // With its sign, so that no reader takes eight digits for a date. A string takes everything.
        let _ = write!(out, "{number:+}");
    }
}

/// A value without a form is an error, and never the error's text.
pub(super) const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(false);
