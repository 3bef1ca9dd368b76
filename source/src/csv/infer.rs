//! Infers the types of columns from the form of their fields.
//!
//! Each field has a kind; a column's type follows from the set of kinds seen, so any number of blocks can be examined
//! in any order.

use arrow_schema::{DataType, TimeUnit};

use super::records::Cell;

/// Words that are null in a column of numbers, times or booleans.
pub(super) const NULL_WORDS: [&str; 8] = ["NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None"];

/// A set of kinds.
type Kinds = u16;

const INT: Kinds = 1;
const NEGATIVE: Kinds = 1 << 1;
/// An integer beyond `i64`.
const BIG: Kinds = 1 << 2;
const FLOAT: Kinds = 1 << 3;
/// `inf` and similar: a number among numbers.
const INFINITE: Kinds = 1 << 4;
const BOOL: Kinds = 1 << 5;
const DATE: Kinds = 1 << 6;
const LOCAL: Kinds = 1 << 7;
const ZONED: Kinds = 1 << 8;
const TEXT: Kinds = 1 << 9;

/// The kinds seen in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    kinds: Kinds,
    /// The most digits of a fraction of a second.
    digits: u8,
    /// The offset from UTC in minutes that all times had, if it was the same.
    zone: Option<Result<i16, ()>>,
}

impl Seen {
    /// Examines a field. `is_null` decides which words are null.
    pub(super) fn look(&mut self, cell: Cell, block: &[u8], is_null: impl Fn(&[u8]) -> bool) {
        let text = cell.raw(block);
        if self.kinds & TEXT != 0 || text.is_empty() || is_null(text) {
            return;
        }
        let (kinds, time) = kinds(text);
        self.kinds |= kinds;
        if let Some(Moment { digits, zone }) = time {
            self.digits = self.digits.max(digits);
            if let Some(zone) = zone {
                self.add_zone(Ok(zone));
            }
        }
    }

    fn add_zone(&mut self, zone: Result<i16, ()>) {
        self.zone = match self.zone {
            None => Some(zone),
            Some(before) if before == zone => Some(zone),
            Some(_) => Some(Err(())),
        };
    }

    /// Joins the kinds seen in both.
    pub(super) fn join(&mut self, other: &Seen) {
        self.kinds |= other.kinds;
        self.digits = self.digits.max(other.digits);
        if let Some(zone) = other.zone {
            self.add_zone(zone);
        }
    }

    /// Returns the narrowest type that holds everything seen.
    pub(super) fn data_type(&self) -> DataType {
        let seen = |kinds: Kinds| self.kinds != 0 && self.kinds & !kinds == 0;
        if seen(INT | NEGATIVE) {
            DataType::Int64
        } else if seen(INT | BIG) {
            DataType::UInt64
        } else if self.kinds & (INT | FLOAT) != 0 && seen(INT | NEGATIVE | BIG | FLOAT | INFINITE) {
            // Integers beyond 64 bits are exact only as text, unless there are fractions anyway.
            if self.kinds & FLOAT == 0 && self.kinds & BIG != 0 { DataType::Utf8 } else { DataType::Float64 }
        } else if seen(BOOL) {
            DataType::Boolean
        } else if seen(DATE) {
            DataType::Date32
        } else if seen(DATE | LOCAL) {
            DataType::Timestamp(self.unit(), None)
        } else if seen(ZONED) {
            let zone = match self.zone {
                Some(Ok(minutes)) if minutes != 0 => {
                    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
                    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
                }
                _ => "UTC".to_owned(),
            };
            DataType::Timestamp(self.unit(), Some(zone.into()))
        } else {
            DataType::Utf8
        }
    }

    fn unit(&self) -> TimeUnit {
        match self.digits {
            0 => TimeUnit::Second,
            1..=3 => TimeUnit::Millisecond,
            4..=6 => TimeUnit::Microsecond,
            _ => TimeUnit::Nanosecond,
        }
    }
}

/// Returns the type of one field, for people.
pub(super) fn type_of(text: &[u8]) -> DataType {
    let mut seen = Seen::default();
    let (kinds, time) = kinds(text);
    seen.kinds = kinds;
    if let Some(Moment { digits, zone }) = time {
        seen.digits = digits;
        seen.zone = zone.map(Ok);
    }
    seen.data_type()
}

struct Moment {
    digits: u8,
    zone: Option<i16>,
}

fn kinds(text: &[u8]) -> (Kinds, Option<Moment>) {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (NEGATIVE, rest),
        _ => (0, text),
    };
    match digits {
        [b'0'..=b'9' | b'.', ..] => {
            // A number with a leading zero is a name for something, such as a postal code.
            let leading_zero = matches!(digits, [b'0', b'0'..=b'9', ..]);
            if digits.iter().all(u8::is_ascii_digit) {
                let kinds = match (leading_zero, digits.len()) {
                    (true, _) => TEXT,
                    (false, ..=18) => INT | negative,
                    // Few are this long; the standard library gets the last digit right.
                    _ => match std::str::from_utf8(text)
                        .map(|text| (text.parse::<i64>(), text.parse::<u64>()))
                    {
                        Ok((Ok(_), _)) => INT | negative,
                        Ok((_, Ok(_))) => BIG,
                        _ => TEXT,
                    },
                };
                return (kinds, None);
            }
            if !leading_zero && is_float(digits) {
                return (FLOAT, None);
            }
            match (negative, moment(text)) {
                (0, Some((kinds, moment))) => (kinds, Some(moment)),
                _ => (TEXT, None),
            }
        }
        [b'i' | b'I', ..]
            if ["inf", "infinity"].iter().any(|word| word.as_bytes().eq_ignore_ascii_case(digits)) =>
        {
            (INFINITE, None)
        }
        _ if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false") => (BOOL, None),
        _ => (TEXT, None),
    }
}

/// True for digits with a point or an exponent.
fn is_float(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    let mut rest = &text[whole..];
    let mut some = whole > 0;
    if let [b'.', behind @ ..] = rest {
        let fraction = digits(behind);
        some |= fraction > 0;
        rest = &behind[fraction..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', rest @ ..] => rest,
            rest => rest,
        };
        return some && !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    some && rest.is_empty()
}

/// Returns a date, or a date and a time.
fn moment(text: &[u8]) -> Option<(Kinds, Moment)> {
    let number = |at: usize, len: usize| {
        text.get(at..at + len)?.iter().try_fold(0_u16, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + u16::from(byte - b'0'))
        })
    };
    let mark = |at: usize, mark: u8| text.get(at) == Some(&mark);
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u16::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(mark(4, b'-') && mark(7, b'-') && (1..=12).contains(&month) && (1..=days).contains(&day)) {
        return None;
    }
    if text.len() == 10 {
        return Some((DATE, Moment { digits: 0, zone: None }));
    }
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let separated = (mark(10, b'T') || mark(10, b' ')) && mark(13, b':') && mark(16, b':');
    if !(separated && hour < 24 && minute < 60 && second < 60) {
        return None;
    }
    let mut rest = &text[19..];
    let mut digits = 0;
    if let [b'.', behind @ ..] = rest {
        let len = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&len) {
            return None;
        }
        (digits, rest) = (len as u8, &behind[len..]);
    }
    let zone = match rest {
        [] => return Some((LOCAL, Moment { digits, zone: None })),
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, minutes) = match rest {
                [a, b, b':', c, d] | [a, b, c, d] => ([*a, *b], [*c, *d]),
                [a, b] => ([*a, *b], [b'0', b'0']),
                _ => return None,
            };
            let two = |two: [u8; 2]| {
                two.iter()
                    .all(u8::is_ascii_digit)
                    .then(|| i16::from(two[0] - b'0') * 10 + i16::from(two[1] - b'0'))
            };
            let (hours, minutes) = (two(hours)?, two(minutes)?);
            if hours > 14 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    Some((ZONED, Moment { digits, zone: Some(zone) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> DataType {
        let mut seen = Seen::default();
        for text in texts {
            let mut one = Seen::default();
            let (kinds, time) = kinds(text.as_bytes());
            one.kinds = kinds;
            if let Some(Moment { digits, zone }) = time {
                (one.digits, one.zone) = (digits, zone.map(Ok));
            }
            seen.join(&one);
        }
        seen.data_type()
    }

    #[test]
    fn types_follow_from_what_was_seen() {
        let timestamp = |unit, zone: Option<&str>| DataType::Timestamp(unit, zone.map(Into::into));
        for (texts, expected) in [
            (&["1", "-2", "0"][..], DataType::Int64),
            (&["9223372036854775807"], DataType::Int64),
            (&["1", "9223372036854775808"], DataType::UInt64),
            (&["-1", "9223372036854775808"], DataType::Utf8),
            (&["18446744073709551616"], DataType::Utf8),
            (&["1", "2.5"], DataType::Float64),
            (&["1", "inf"], DataType::Float64),
            (&["inf"], DataType::Utf8),
            (&["1e5", ".5", "5."], DataType::Float64),
            (&["01234"], DataType::Utf8),
            (&["1", "01"], DataType::Utf8),
            (&["0.5"], DataType::Float64),
            (&["true", "False"], DataType::Boolean),
            (&["2024-02-29"], DataType::Date32),
            (&["2023-02-29"], DataType::Utf8),
            (&["2024-01-01", "2024-01-01 10:00:00"], timestamp(TimeUnit::Second, None)),
            (&["2024-01-01T10:00:00.1234"], timestamp(TimeUnit::Microsecond, None)),
            (&["2024-01-01T10:00:00Z"], timestamp(TimeUnit::Second, Some("UTC"))),
            (&["2024-01-01T10:00:00+02:00"], timestamp(TimeUnit::Second, Some("+02:00"))),
            (
                &["2024-01-01T10:00:00+02:00", "2024-01-01T10:00:00Z"],
                timestamp(TimeUnit::Second, Some("UTC")),
            ),
            (&["2024-01-01T10:00:00Z", "2024-01-01T10:00:00"], DataType::Utf8),
            (&["1", "x"], DataType::Utf8),
            (&["-", "1"], DataType::Utf8),
            (&[], DataType::Utf8),
        ] {
            assert_eq!(of(texts), expected, "{texts:?}");
        }
    }
}
