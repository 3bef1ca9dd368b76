//! Converts the fields of a column to an array.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_buffer::NullBufferBuilder;
use arrow_cast::parse::Parser;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field};

use super::records::Cell;
use crate::text;

/// The row of a field that does not fit its column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit(pub(super) usize);

/// Fields of a block.
pub(super) struct Fields<'a> {
    pub(super) block: &'a [u8],
    /// Row by row.
    pub(super) cells: &'a [Cell],
    pub(super) columns: usize,
    /// Words that are null in a column that is not text, and in one that is.
    pub(super) nulls: &'a [Vec<u8>],
    pub(super) text_nulls: &'a [Vec<u8>],
    /// True if `""` is empty text, not null.
    pub(super) quoted_empty: bool,
}

impl Fields<'_> {
    /// Returns the fields of a column; null ones are `None`.
    fn column(&self, column: usize, is_text: bool) -> impl Iterator<Item = Option<&[u8]>> + Clone {
        let nulls = if is_text { self.text_nulls } else { self.nulls };
        self.cells.iter().skip(column).step_by(self.columns).map(move |cell| {
            let text = cell.raw(self.block);
            let null = match text.is_empty() {
                true => !(is_text && self.quoted_empty && cell.is_quoted()),
                false => !cell.is_quoted() && nulls.iter().any(|null| null == text),
            };
            (!null).then_some(text)
        })
    }

    fn escaped(&self, column: usize) -> bool {
        self.cells.iter().skip(column).step_by(self.columns).any(|cell| cell.is_escaped())
    }

    /// Returns the array of a column.
    pub(super) fn array(&self, column: usize, field: &Field) -> Result<ArrayRef, Unfit> {
        macro_rules! numbers {
            ($type:ty, $parse:expr) => {
                self.primitive::<$type>(column, $parse)
            };
        }
        match field.data_type() {
            DataType::Int64 => numbers!(Int64Type, integer),
            DataType::Int32 => numbers!(Int32Type, |text| integer(text)?.try_into().ok()),
            DataType::Int16 => numbers!(Int16Type, |text| integer(text)?.try_into().ok()),
            DataType::Int8 => numbers!(Int8Type, |text| integer(text)?.try_into().ok()),
            DataType::UInt64 => numbers!(UInt64Type, parsed::<UInt64Type>),
            DataType::UInt32 => numbers!(UInt32Type, parsed::<UInt32Type>),
            DataType::UInt16 => numbers!(UInt16Type, parsed::<UInt16Type>),
            DataType::UInt8 => numbers!(UInt8Type, parsed::<UInt8Type>),
            DataType::Float64 => numbers!(Float64Type, float),
            DataType::Float32 => numbers!(Float32Type, parsed::<Float32Type>),
            DataType::Date32 => {
                numbers!(Date32Type, |text| parsed::<Date32Type>(text)
                    .or_else(|| signed(text)?.try_into().ok()))
            }
            DataType::Date64 => {
                numbers!(Date64Type, |text| parsed::<Date64Type>(text).or_else(|| signed(text)))
            }
            DataType::Boolean => self.booleans(column),
            DataType::Null => match self.column(column, false).position(|cell| cell.is_some()) {
                Some(row) => Err(Unfit(row)),
                None => Ok(Arc::new(arrow_array::NullArray::new(self.rows()))),
            },
            DataType::Utf8 => self.strings(column),
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => self.binary(column, field.data_type()),
            DataType::LargeUtf8 | DataType::Utf8View => self.cast(&self.strings(column)?, field.data_type()),
            DataType::Dictionary(_, values) if is_text(values) => {
                self.cast(&self.strings(column)?, field.data_type())
            }
            DataType::RunEndEncoded(_, values) if is_text(values.data_type()) => {
                self.cast(&self.strings(column)?, field.data_type())
            }
            DataType::Dictionary(_, values) => {
                let values = Field::new(field.name(), values.as_ref().clone(), true);
                self.cast(&self.array(column, &values)?, field.data_type())
            }
            DataType::RunEndEncoded(_, values) => self.cast(&self.array(column, values)?, field.data_type()),
            other => {
                let mut texts = StringBuilder::with_capacity(self.rows(), self.rows() * 16);
                for (row, cell) in self.column(column, false).enumerate() {
                    let cell = cell.map(|cell| str::from_utf8(cell).map_err(|_| Unfit(row))).transpose()?;
                    texts.append_option(cell.map(str::trim));
                }
                text::parse(&texts.finish(), other).map_err(|row| Unfit(row.unwrap_or(0)))
            }
        }
    }

    fn rows(&self) -> usize {
        self.cells.len() / self.columns.max(1)
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        column: usize,
        parse: impl Fn(&[u8]) -> Option<T::Native>,
    ) -> Result<ArrayRef, Unfit> {
        let mut values = Vec::with_capacity(self.rows());
        let mut nulls = NullBufferBuilder::new(self.rows());
        for (row, cell) in self.column(column, false).enumerate() {
            match cell {
                Some(cell) => {
                    values.push(parse(cell).or_else(|| parse(cell.trim_ascii())).ok_or(Unfit(row))?);
                    nulls.append_non_null();
                }
                None => {
                    values.push(T::default_value());
                    nulls.append_null();
                }
            }
        }
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls.finish())))
    }

    fn booleans(&self, column: usize) -> Result<ArrayRef, Unfit> {
        let mut values = BooleanBuilder::with_capacity(self.rows());
        for (row, cell) in self.column(column, false).enumerate() {
            values.append_option(match cell.map(<[u8]>::trim_ascii) {
                None => None,
                Some(cell) if cell.eq_ignore_ascii_case(b"true") || matches!(cell, b"1" | b"t" | b"T") => {
                    Some(true)
                }
                Some(cell) if cell.eq_ignore_ascii_case(b"false") || matches!(cell, b"0" | b"f" | b"F") => {
                    Some(false)
                }
                Some(_) => return Err(Unfit(row)),
            });
        }
        Ok(Arc::new(values.finish()))
    }

    fn strings(&self, column: usize) -> Result<ArrayRef, Unfit> {
        let escaped = self.escaped(column);
        let (mut offsets, mut values) = (Vec::with_capacity(self.rows() + 1), Vec::new());
        offsets.push(0_i32);
        let mut nulls = NullBufferBuilder::new(self.rows());
        for (row, cell) in self.column(column, true).enumerate() {
            match cell {
                // Quotes are doubled here, since single ones end a field.
                Some(cell) if escaped && self.cells[row * self.columns + column].is_escaped() => {
                    let mut second = false;
                    values.extend(cell.iter().copied().filter(|byte| {
                        second = *byte == b'"' && !second;
                        *byte != b'"' || second
                    }));
                    nulls.append_non_null();
                }
                Some(cell) => {
                    values.extend_from_slice(cell);
                    nulls.append_non_null();
                }
                None => nulls.append_null(),
            }
            // A block is far shorter than 2 GiB.
            offsets.push(values.len() as i32);
        }
        let offsets = arrow_buffer::OffsetBuffer::new(offsets.into());
        match arrow_array::StringArray::try_new(offsets, values.into(), nulls.finish()) {
            Ok(strings) => Ok(Arc::new(strings)),
            Err(_) => {
                let wrong = |cell: Option<&[u8]>| cell.is_some_and(|cell| str::from_utf8(cell).is_err());
                Err(Unfit(self.column(column, true).position(wrong).unwrap_or(0)))
            }
        }
    }

    fn binary(&self, column: usize, data_type: &DataType) -> Result<ArrayRef, Unfit> {
        let mut values = BinaryBuilder::new();
        let mut bytes = Vec::new();
        for (row, cell) in self.column(column, true).enumerate() {
            match cell {
                None => values.append_null(),
                Some(cell) => {
                    text::hex(cell, &mut bytes).ok_or(Unfit(row))?;
                    if matches!(data_type, DataType::FixedSizeBinary(len) if bytes.len() != *len as usize) {
                        return Err(Unfit(row));
                    }
                    values.append_value(&bytes);
                }
            }
        }
        let values: ArrayRef = Arc::new(values.finish());
        if *data_type == DataType::Binary { Ok(values) } else { self.cast(&values, data_type) }
    }

    fn cast(&self, values: &ArrayRef, to: &DataType) -> Result<ArrayRef, Unfit> {
        let cast = cast_with_options(values, to, &CastOptions { safe: false, ..CastOptions::default() });
        cast.map_err(|_| Unfit(values.len().saturating_sub(1)))
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn parsed<T: Parser>(text: &[u8]) -> Option<T::Native> {
    T::parse(str::from_utf8(text).ok()?)
}

/// Parses a signed integer, as dates beyond the calendar are written.
fn signed(text: &[u8]) -> Option<i64> {
    matches!(text, [b'+' | b'-', ..]).then(|| integer(text))?
}

/// Parses the decimal digits of an integer.
fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return str::from_utf8(text).ok()?.parse().ok();
    }
    let mut number = 0_i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Eighteen digits never overflow.
        number = number * 10 + i64::from(digit);
    }
    Some(if negative { -number } else { number })
}

/// Parses a number with a point: exactly, if it has few digits, by one division.
fn float(text: &[u8]) -> Option<f64> {
    const TENS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 15 || digits.is_empty() {
        return parsed::<Float64Type>(text);
    }
    let (mut number, mut point) = (0_u64, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return parsed::<Float64Type>(text),
        }
    }
    let fraction = point.map_or(0, |point| digits.len() - point - 1);
    if fraction + 1 == digits.len() && digits.len() == 1 && point.is_some() {
        return None;
    }
    // Both are integers below 2^53, so their quotient is rounded once.
    let value = number as f64 / TENS[fraction];
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them() {
        for text in [
            "0",
            "-0",
            "1.5",
            "-1.25",
            "123456.789",
            ".5",
            "5.",
            "0.1",
            "-0.0",
            "1e3",
            "999999999999.99",
            "12345678901234567890.5",
            "inf",
        ] {
            assert_eq!(
                float(text.as_bytes()).map(f64::to_bits),
                text.parse().ok().map(f64::to_bits),
                "{text}"
            );
        }
        for text in ["", ".", "-", "1.2.3", "x", "1_0"] {
            assert_eq!(float(text.as_bytes()), None, "{text}");
        }
        for text in [
            "0",
            "-7",
            "999999999999999999",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "",
            "-",
            "1x",
        ] {
            assert_eq!(integer(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }
}
