//! Compares text with constants: whether a text is one of several, or begins with one.
//!
//! Texts follow each other in memory. The first eight bytes of each are read as one number, together with what is behind a
//! shorter one, and compared under a mask, which costs a tenth of comparing byte by byte. Only what is longer and begins
//! alike is compared in full.

use arrow_array::{Array, BooleanArray, GenericStringArray, OffsetSizeTrait};
use arrow_buffer::BooleanBuffer;

/// Bytes of a text that are compared at once.
const HEAD: usize = 8;

/// A constant.
#[derive(Clone, Copy)]
struct Constant<'a> {
    text: &'a [u8],
    mask: u64,
    head: u64,
}

impl<'a> Constant<'a> {
    fn new(text: &'a str) -> Constant<'a> {
        let text = text.as_bytes();
        let bits = 8 * text.len().min(HEAD) as u32;
        let mask = u64::MAX.checked_shr(u64::BITS - bits).unwrap_or(0);
        Constant { text, mask, head: head(text, 0) & mask }
    }

    /// Returns true if the bytes from `start` on, of which the first eight are `first`, begin with the constant.
    #[inline(always)]
    fn begins(&self, first: u64, bytes: &[u8], start: usize) -> bool {
        first & self.mask == self.head
            && (self.text.len() <= HEAD || bytes.get(start..).is_some_and(|rest| rest.starts_with(self.text)))
    }
}

/// Returns the eight bytes from `start` on; zeros behind the end.
#[inline(always)]
fn head(bytes: &[u8], start: usize) -> u64 {
    match bytes.get(start..).and_then(|rest| rest.first_chunk::<HEAD>()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => end(bytes, start),
    }
}

#[cold]
fn end(bytes: &[u8], start: usize) -> u64 {
    let mut eight = [0; HEAD];
    eight.iter_mut().zip(bytes.get(start..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(eight)
}

/// Returns for each text whether it is one of these.
pub(crate) fn one_of<O: OffsetSizeTrait>(texts: &GenericStringArray<O>, these: &[&str]) -> BooleanArray {
    let constants: Vec<Constant<'_>> = these.iter().map(|text| Constant::new(text)).collect();
    // Most lists are short, and a fixed number of constants is compared without a loop.
    match constants.as_slice() {
        [one] => {
            each(texts, |first, len, bytes, start| len == one.text.len() && one.begins(first, bytes, start))
        }
        [one, two] => each(texts, |first, len, bytes, start| {
            (len == one.text.len() && one.begins(first, bytes, start))
                | (len == two.text.len() && two.begins(first, bytes, start))
        }),
        any => each(texts, |first, len, bytes, start| {
            any.iter().any(|one| len == one.text.len() && one.begins(first, bytes, start))
        }),
    }
}

/// Returns for each text whether it begins with this one.
pub(crate) fn begin_with<O: OffsetSizeTrait>(texts: &GenericStringArray<O>, this: &str) -> BooleanArray {
    let this = Constant::new(this);
    each(texts, |first, len, bytes, start| len >= this.text.len() && this.begins(first, bytes, start))
}

/// Evaluates a test of each text's first bytes and its length, and of all bytes and its start.
#[inline(always)]
fn each<O: OffsetSizeTrait>(
    texts: &GenericStringArray<O>,
    holds: impl Fn(u64, usize, &[u8], usize) -> bool,
) -> BooleanArray {
    let bytes = texts.value_data();
    let offsets: &[O] = texts.value_offsets();
    let bits = BooleanBuffer::collect_bool(texts.len(), |place| {
        let (start, end) = (offsets[place].as_usize(), offsets[place + 1].as_usize());
        holds(head(bytes, start), end.wrapping_sub(start), bytes, start)
    });
    BooleanArray::new(bits, texts.nulls().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{LargeStringArray, StringArray};

    /// Texts around the length of a head, some null, the last at the end of the bytes.
    fn texts() -> Vec<Option<&'static str>> {
        let all = [
            "",
            "a",
            "ab",
            "abcdefg",
            "abcdefgh",
            "abcdefghi",
            "abcdefgx",
            "\0",
            "a\0",
            "é",
            "abcdefghij",
            "b",
        ];
        all.into_iter().flat_map(|text| [Some(text), None, Some(text)]).collect()
    }

    #[test]
    fn texts_are_compared_whole() {
        let texts = texts();
        let arrays = (StringArray::from(texts.clone()), LargeStringArray::from(texts.clone()));
        let check = |found: &BooleanArray, holds: &dyn Fn(&str) -> bool| {
            let wanted: Vec<_> = texts.iter().map(|text| text.map(holds)).collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted);
        };
        for one in texts.iter().flatten() {
            for two in texts.iter().flatten() {
                check(&one_of(&arrays.0, &[one, two]), &|text| text == *one || text == *two);
                check(&one_of(&arrays.1.slice(0, 36), &[one, two, "b"]), &|text| {
                    [one, two, "b"].contains(&text)
                });
            }
            check(&one_of(&arrays.0, &[one]), &|text| text == *one);
            check(&begin_with(&arrays.0, one), &|text| text.starts_with(one));
        }
        check(&one_of(&arrays.0, &[]), &|_| false);
        let part = begin_with(&arrays.0.slice(9, 3), "abc");
        assert_eq!(part.iter().collect::<Vec<_>>(), [Some(true), None, Some(true)]);
    }
}
