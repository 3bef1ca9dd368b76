//! Integers beyond `i64`, for inferring types: no float may stand for one that it does not equal.

use std::collections::HashMap;

use arrow_schema::DataType;
use serde_json::Value;

/// Marks text that was a number beyond `i64`. No key or text of JSON begins like this by accident.
pub(super) const MARK: &str = "\u{0}big:";

/// Quotes integers beyond `i64`, after a mark. Returns `None` if there are none.
pub(super) fn quote(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut copied) = (Vec::new(), 0);
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = behind_text(bytes, at),
            b'-' | b'0'..=b'9' => {
                let begin = at;
                at += 1;
                while at < bytes.len() && matches!(bytes[at], b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')
                {
                    at += 1;
                }
                let number = &bytes[begin..at];
                let whole = number.strip_prefix(b"-").unwrap_or(number);
                if whole.len() >= 19
                    && whole.iter().all(u8::is_ascii_digit)
                    && let Ok(text) = str::from_utf8(number)
                    && text.parse::<i64>().is_err()
                {
                    out.extend_from_slice(&bytes[copied..begin]);
                    out.extend_from_slice(b"\"\\u0000big:");
                    out.extend_from_slice(number);
                    out.push(b'"');
                    copied = at;
                }
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(&bytes[copied..]);
    Some(out)
}

/// Returns the index after the text that begins at `at`.
fn behind_text(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(next) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        match bytes[at + next] {
            b'"' => return at + next + 1,
            _ => at += next + 2,
        }
    }
    bytes.len()
}

const NATURAL: u8 = 1;
const NEGATIVE: u8 = 2;
const BIG: u8 = 4;
const FLOAT: u8 = 8;
const OTHER: u8 = 16;

/// The kinds of values of each column.
#[derive(Debug, Default)]
pub(super) struct Big {
    kinds: HashMap<String, u8>,
}

impl Big {
    /// Examines a row.
    pub(super) fn look(&mut self, row: &Value) {
        let Value::Object(row) = row else { return };
        for (name, value) in row {
            let kind = match value {
                Value::Null => continue,
                Value::Number(number) if number.is_u64() => NATURAL,
                Value::Number(number) if number.is_i64() => NEGATIVE,
                Value::Number(_) => FLOAT,
                Value::String(text) => match text.strip_prefix(MARK).map(str::parse::<u64>) {
                    Some(Ok(_)) => BIG,
                    _ => OTHER,
                },
                _ => OTHER,
            };
            match self.kinds.get_mut(name) {
                Some(kinds) => *kinds |= kind,
                None => drop(self.kinds.insert(name.clone(), kind)),
            }
        }
    }

    /// Returns the type of a column with numbers beyond `i64` and none beyond `u64`, so that it need not be text.
    pub(super) fn data_type(&self, name: &str) -> Option<DataType> {
        let kinds = self.kinds.get(name).copied().filter(|kinds| kinds & BIG != 0)?;
        match kinds {
            _ if kinds & !(NATURAL | BIG) == 0 => Some(DataType::UInt64),
            // Numbers with fractions are floats, including the integers among them.
            _ if kinds & FLOAT != 0 && kinds & OTHER == 0 => Some(DataType::Float64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_beyond_i64_are_marked() {
        let quoted = quote(br#"{"a":18446744073709551616,"b\"9":-9223372036854775808}"#).unwrap();
        let expected = br#"{"a":"\u0000big:18446744073709551616","b\"9":-9223372036854775808}"#;
        assert_eq!(quoted, expected);
        for same in [r#"{"a":12345678901234567890.5}"#, r#"{"a":"12345678901234567890"}"#, "{\"a", "1e30", ""]
        {
            assert_eq!(quote(same.as_bytes()), None, "{same}");
        }
    }
}
