//! Values written as text, for types that CSV and JSON do not have themselves.
//!
//! | type | form |
//! |---|---|
//! | float | as Rust and Python write it; `NaN`, `inf`, `-inf` |
//! | decimal | digits with a point, all of them |
//! | binary | hexadecimal digits, two for each byte; optionally after `0x` or `\x` |
//! | date, time, timestamp | ISO 8601; with a zone, the offset; beyond those, a whole number of its unit with its
//! sign |
//! | duration | ISO 8601 (`PT1.5S`, `P1DT2H`), or a whole number of its unit |
//! | interval | as PostgreSQL writes it: `1 years 2 mons 3 days 4 hours` |

use arrow_array::builder::BinaryBuilder;
use arrow_array::types::{
    ArrowPrimitiveType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float16Type, Float32Type, Float64Type, Int64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow_cast::display::FormatOptions;
use arrow_cast::parse::Parser;
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use arrow_select::zip::zip;
use std::sync::Arc;

/// Parses texts. An error is the number of the first invalid text, if known.
pub(crate) fn parse(texts: &StringArray, to: &DataType) -> Result<ArrayRef, Option<usize>> {
    match to {
        DataType::Float16 => return each::<Float16Type>(texts, float::<Float16Type>),
        DataType::Float32 => return each::<Float32Type>(texts, float::<Float32Type>),
        DataType::Float64 => return each::<Float64Type>(texts, float::<Float64Type>),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            return binary(texts, to);
        }
        DataType::Dictionary(_, values) => {
            let values = parse(texts, values)?;
            return cast_with_options(&values, to, &STRICT).map_err(|_| None);
        }
        DataType::RunEndEncoded(_, values) => {
            let values = parse(texts, values.data_type())?;
            return cast_with_options(&values, to, &STRICT).map_err(|_| None);
        }
        _ => {}
    }
    if let DataType::Duration(unit) = to {
        let read: Vec<_> = (0..texts.len())
            .map(|row| match texts.is_null(row) {
                true => Ok(None),
                false => duration(texts.value(row), *unit).map(Some).ok_or(Some(row)),
            })
            .collect::<Result<_, _>>()?;
        return Ok(match unit {
            TimeUnit::Second => Arc::new(PrimitiveArray::<DurationSecondType>::from_iter(read)),
            TimeUnit::Millisecond => Arc::new(PrimitiveArray::<DurationMillisecondType>::from_iter(read)),
            TimeUnit::Microsecond => Arc::new(PrimitiveArray::<DurationMicrosecondType>::from_iter(read)),
            TimeUnit::Nanosecond => Arc::new(PrimitiveArray::<DurationNanosecondType>::from_iter(read)),
        });
    }
    // An invalid text becomes null, which shows where it was.
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let cast = cast_with_options(texts, to, &options).map_err(|_| None)?;
    let unread = |row: &usize| cast.is_null(*row) && texts.is_valid(*row);
    if !(0..texts.len()).any(|row| unread(&row)) {
        return Ok(cast);
    }
    // A date or time beyond the calendar is a whole number of its unit.
    let Some(whole) = whole(to) else { return Err((0..texts.len()).find(unread)) };
    let numbers = texts.iter().enumerate().map(|(row, text)| {
        let text = text.filter(|_| unread(&row));
        let signed = |text: &str| text.starts_with(['+', '-']).then(|| text.parse::<i64>().ok())?;
        text.map(|text| signed(text).ok_or(Some(row))).transpose()
    });
    let numbers = numbers.collect::<Result<PrimitiveArray<Int64Type>, _>>()?;
    let numbers = cast_with_options(&numbers, &whole, &STRICT).map_err(|_| (0..texts.len()).find(unread))?;
    let numbers = cast_with_options(&numbers, to, &STRICT).map_err(|_| None)?;
    let mask: BooleanArray = (0..texts.len()).map(|row| Some(unread(&row))).collect();
    zip(&mask, &numbers, &cast).map_err(|_| None)
}

const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: FormatOptions::new() };

/// Returns the integer type that stores dates and times.
fn whole(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Date32 | DataType::Time32(_) => Some(DataType::Int32),
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(..) => Some(DataType::Int64),
        _ => None,
    }
}

fn each<T: ArrowPrimitiveType>(
    texts: &StringArray,
    read: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef, Option<usize>> {
    let values =
        texts.iter().enumerate().map(|(row, text)| text.map(|text| read(text).ok_or(Some(row))).transpose());
    Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>, _>>()?))
}

/// Parses a number with a point. One that is too large is an error, not infinite.
pub(crate) fn float<T: ArrowPrimitiveType + Parser>(text: &str) -> Option<T::Native> {
    let value = T::parse(text)?;
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let infinite = digits && ["inf", "-inf"].map(T::parse).contains(&Some(value));
    (!infinite).then_some(value)
}

fn binary(texts: &StringArray, to: &DataType) -> Result<ArrayRef, Option<usize>> {
    let mut values = BinaryBuilder::new();
    let mut bytes = Vec::new();
    for (row, text) in texts.iter().enumerate() {
        let Some(text) = text else {
            values.append_null();
            continue;
        };
        hex(text.as_bytes(), &mut bytes).ok_or(Some(row))?;
        if matches!(to, DataType::FixedSizeBinary(len) if bytes.len() != *len as usize) {
            return Err(Some(row));
        }
        values.append_value(&bytes);
    }
    cast_with_options(&values.finish(), to, &STRICT).map_err(|_| None)
}

/// True if the type has a text form.
pub(crate) fn has_form(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => has_form(values),
        DataType::RunEndEncoded(_, values) => has_form(values.data_type()),
        DataType::Duration(_) | DataType::FixedSizeBinary(_) | DataType::Null => true,
        other => !other.is_nested() && can_cast_types(&DataType::Utf8, other),
    }
}

/// Parses hexadecimal digits.
pub(crate) fn hex(text: &[u8], into: &mut Vec<u8>) -> Option<()> {
    let text = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"\\x")).unwrap_or(text);
    into.clear();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    for pair in text.chunks_exact(2) {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        into.push((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    }
    Some(())
}

/// Parses a duration as a whole number of units.
pub(crate) fn duration(text: &str, unit: TimeUnit) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut rest = text.strip_prefix('P')?;
    let mut nanoseconds = 0_i128;
    let (mut timed, mut some) = (false, false);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T')
            && !timed
        {
            (timed, rest) = (true, time);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')?;
        let (number, letter) = rest.split_at(end);
        let seconds = match (timed, letter.as_bytes()[0]) {
            (false, b'W') => 604_800,
            (false, b'D') => 86_400,
            (true, b'H') => 3600,
            (true, b'M') => 60,
            (true, b'S') => 1,
            _ => return None,
        };
        nanoseconds = nanoseconds.checked_add(billionths(number)?.checked_mul(seconds)?)?;
        (some, rest) = (true, &letter[1..]);
    }
    let per: i128 = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1000,
        TimeUnit::Nanosecond => 1,
    };
    if !some || nanoseconds % per != 0 {
        return None;
    }
    let nanoseconds = if negative { -nanoseconds } else { nanoseconds };
    i64::try_from(nanoseconds / per).ok()
}

/// Returns a number with at most nine decimal places, in billionths.
fn billionths(text: &str) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || fraction.len() > 9 || whole.contains('-') || fraction.contains('-') {
        return None;
    }
    let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
    let number = whole.parse::<i128>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction)?;
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, unit, expected) in [
            ("PT1.5S", TimeUnit::Millisecond, Some(1500)),
            ("PT-0.000000001S", TimeUnit::Nanosecond, Some(-1)),
            ("-PT90S", TimeUnit::Second, Some(-90)),
            ("P1DT2H3M", TimeUnit::Second, Some(93_780)),
            ("PT9223372036854775807S", TimeUnit::Second, Some(i64::MAX)),
            ("7", TimeUnit::Microsecond, Some(7)),
            ("PT1.5S", TimeUnit::Second, None),
            ("P", TimeUnit::Second, None),
            ("1h", TimeUnit::Second, None),
        ] {
            assert_eq!(duration(text, unit), expected, "{text}");
        }
    }

    #[test]
    fn bytes_are_read() {
        let mut bytes = Vec::new();
        assert_eq!((hex(b"00fF", &mut bytes), &bytes[..]), (Some(()), &[0, 255][..]));
        assert_eq!(hex(b"0x7", &mut bytes), None);
        assert_eq!(hex(b"zz", &mut bytes), None);
    }
}
