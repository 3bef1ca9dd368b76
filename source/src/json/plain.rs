//! Objects of plain values, read byte by byte without a copy: what most JSON lines are.
//!
//! Gives up at nested values and at whatever is not quite JSON. The general decoder then reads the same bytes and decides
//! what they mean, or what is wrong with them.

use memchr::memchr2;

/// A value as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    /// Digits, signs, points and exponents, in any order; the first is a digit or a minus.
    Number(&'a [u8]),
    /// The bytes between the quotes, without a backslash. They may not be UTF-8.
    Text(&'a [u8]),
    /// The same, with at least one backslash.
    Escaped(&'a [u8]),
}

/// Takes the values of objects. `None` gives up.
pub(super) trait Objects {
    /// Takes a value and its key, which has no backslash and may not be UTF-8.
    fn value(&mut self, key: &[u8], value: Value<'_>) -> Option<()>;
    /// Ends an object.
    fn end(&mut self) -> Option<()>;
}

/// Reads objects with nothing but blanks between them, or gives up.
pub(super) fn read(bytes: &[u8], objects: &mut impl Objects) -> Option<()> {
    let mut at = 0;
    loop {
        at = blank(bytes, at);
        match bytes.get(at) {
            None => return Some(()),
            Some(b'{') => at = blank(bytes, at + 1),
            Some(_) => return None,
        }
        let mut open = *bytes.get(at)? != b'}';
        while open {
            if bytes[at] != b'"' {
                return None;
            }
            let end = end_of_text(bytes, at + 1);
            if *bytes.get(end)? != b'"' {
                return None;
            }
            let key = &bytes[at + 1..end];
            at = blank(bytes, end + 1);
            if *bytes.get(at)? != b':' {
                return None;
            }
            let (value, end) = value(bytes, blank(bytes, at + 1))?;
            objects.value(key, value)?;
            at = blank(bytes, end);
            match *bytes.get(at)? {
                b',' => at = blank(bytes, at + 1),
                b'}' => open = false,
                _ => return None,
            }
            bytes.get(at)?;
        }
        objects.end()?;
        at += 1;
    }
}

/// Returns the value that begins at `at`, and the index after it.
fn value(bytes: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
    match *bytes.get(at)? {
        b'"' => {
            let mut end = end_of_text(bytes, at + 1);
            if *bytes.get(end)? == b'"' {
                return Some((Value::Text(&bytes[at + 1..end]), end + 1));
            }
            while *bytes.get(end)? == b'\\' {
                end = end_of_text(bytes, end + 2);
            }
            Some((Value::Escaped(&bytes[at + 1..end]), end + 1))
        }
        b'-' | b'0'..=b'9' => {
            let rest = &bytes[at..];
            let number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
            // Something comes after a number, as it is in an object.
            let len = rest.iter().position(|byte| !number(byte))?;
            Some((Value::Number(&rest[..len]), at + len))
        }
        b't' if bytes[at..].starts_with(b"true") => Some((Value::Boolean(true), at + 4)),
        b'f' if bytes[at..].starts_with(b"false") => Some((Value::Boolean(false), at + 5)),
        b'n' if bytes[at..].starts_with(b"null") => Some((Value::Null, at + 4)),
        _ => None,
    }
}

fn blank(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Returns the index of the first quote or backslash from `at` on, or an index behind the end.
pub(super) fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    /// Words that are looked at here; in longer text, another way is faster.
    const WORDS: usize = 4;
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    /// Marks the bytes that are 0; the lowest mark is exact.
    fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & (ONES << 7)
    }
    for _ in 0..WORDS {
        let Some(Ok(word)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) else { break };
        let word = u64::from_le_bytes(word);
        let found = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    match bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        Some(len) => at + len,
        None => bytes.len().max(at),
    }
}

/// Appends text without its backslashes. Gives up at an escape that JSON does not have.
pub(super) fn unescape(text: &[u8], into: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        into.extend_from_slice(&rest[..at]);
        let after;
        (after, rest) = rest[at + 1..].split_first()?;
        into.push(match after {
            b'"' | b'\\' | b'/' => *after,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut unit = unit(&mut rest)?;
                if let 0xd800..0xdc00 = unit {
                    rest = rest.strip_prefix(b"\\u")?;
                    let low = self::unit(&mut rest)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    unit = 0x10000 + ((unit - 0xd800) << 10) + low;
                }
                let mut utf8 = [0; 4];
                into.extend_from_slice(char::from_u32(unit)?.encode_utf8(&mut utf8).as_bytes());
                continue;
            }
            _ => return None,
        });
    }
    into.extend_from_slice(rest);
    Some(())
}

/// Takes four hexadecimal digits.
fn unit(rest: &mut &[u8]) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_the_first_quote_or_backslash() {
        for len in 0..100 {
            let mut text = vec![b'a' + 0x80; len];
            assert_eq!(end_of_text(&text, 0), len);
            for end in [b'"', b'\\'] {
                text.extend([end, b'"', b'\\', b'!', 0x22 | 0x80]);
                assert_eq!(end_of_text(&text, 0), len);
                text.truncate(len);
            }
        }
        assert_eq!(end_of_text(b"abc", 5), 5);
    }

    #[test]
    fn escapes_are_undone_or_refused() {
        let undone = |text: &str| {
            let mut into = Vec::new();
            unescape(text.as_bytes(), &mut into).map(|()| String::from_utf8(into).unwrap())
        };
        assert_eq!(undone(r#"a\"\\\/\b\f\n\r\t\u00e9\uD83d\uDE00z"#).unwrap(), "a\"\\/\u{8}\u{c}\n\r\té😀z");
        for wrong in
            [r"\", r"\x", r"\u12", r"\u12g4", r"\ud83d", r"\ud83dx", r"\ud83d\u0041", r"\ude00", r"\u+123"]
        {
            assert_eq!(undone(wrong), None, "{wrong}");
        }
    }
}
