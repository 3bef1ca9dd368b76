//! UTF-8, for columns of strings.
//!
//! Strings follow each other in memory, so they are checked together. Text that is all ASCII has no characters to cut
//! in two, so nothing is left to check of it, up to the first byte that is not. From there on it is checked in blocks of
//! many strings, at the speed of `simdutf8`. A block may be valid and a string in it not, where an offset cuts a
//! character in two: so each offset must be at the start of a character, which is checked while the block is in cache,
//! for eight offsets at once.

use arrow_buffer::ArrowNativeType;

use super::signs;
use crate::message::ColumnFault;
use crate::view::{Bytes, Level, Offsets};

/// Approximate number of bytes of text that are checked together: with their offsets they stay in a core's first cache.
const BLOCK: usize = 8 << 10;

/// Checks that each row is UTF-8. Offsets have been checked.
pub(super) fn bytes<L: Level>(bytes: &Bytes<'_, L>) -> Result<(), ColumnFault> {
    let sound = match bytes.offsets() {
        Offsets::W32(offsets) => blocks(offsets, bytes.data()),
        Offsets::W64(offsets) => blocks(offsets, bytes.data()),
    };
    if sound {
        return Ok(());
    }
    let culprit = (0..bytes.len())
        .find(|&index| bytes.get(index).is_none_or(|bytes| simdutf8::basic::from_utf8(bytes).is_err()));
    Err(ColumnFault::NotUtf8 { index: culprit.unwrap_or_default() })
}

/// Returns true if each string is valid.
fn blocks<T: ArrowNativeType>(offsets: &[T], data: &[u8]) -> bool {
    let (Some(start), Some(end), Some(rows)) =
        (offsets.first(), offsets.last(), offsets.len().checked_sub(1))
    else {
        return true;
    };
    // In bounds: the offsets rise, and end within the data.
    let text = data.get(start.as_usize()..end.as_usize()).unwrap_or_default();
    let plain = signs::ascii(text);
    if plain == text.len() {
        return true;
    }
    // Assumes strings of equal size; otherwise blocks are unequal too.
    let step = if text.len() <= BLOCK { rows } else { (rows * BLOCK / text.len()).max(1) };
    // The row with the first byte that was not found to be ASCII: the first offset is not above it.
    let mut first = offsets.partition_point(|at| at.as_usize() <= start.as_usize() + plain).saturating_sub(1);
    while first < rows {
        let last = rows.min(first + step);
        if !block(&offsets[first..=last], data) {
            return false;
        }
        first = last;
    }
    true
}

fn block<T: ArrowNativeType>(offsets: &[T], data: &[u8]) -> bool {
    let [start, inner @ .., end] = offsets else { return true };
    let start = start.as_usize();
    let block = data.get(start..end.as_usize()).unwrap_or_default();
    signs::ascii(block) == block.len()
        || (simdutf8::basic::from_utf8(block).is_ok() && !cuts(inner, start, block))
}

/// Returns true if one of these offsets is within a character of a block that begins at `start`.
fn cuts<T: ArrowNativeType>(offsets: &[T], start: usize, block: &[u8]) -> bool {
    // At the end of the text, no character begins and none is cut.
    let byte = |at: &T| block.get(at.as_usize() - start).copied().unwrap_or_default();
    // Bytes within a character are 0b10xx_xxxx: the first bit is set and the second is not. In a word of eight bytes, the
    // shift brings the second bit of each to the place of its first.
    let first_bits = |bytes: [u8; 8]| {
        let word = u64::from_ne_bytes(bytes);
        word & !(word << 1)
    };
    let (groups, rest) = offsets.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(last, at)| *last = byte(at));
    let inside = groups.iter().fold(first_bits(last), |inside, group| {
        inside | first_bits(std::array::from_fn(|nth| byte(&group[nth])))
    });
    inside & 0x8080_8080_8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Structure;

    /// Checks the same with offsets of either width.
    fn check(offsets: &[i32], data: &[u8]) -> Result<(), ColumnFault> {
        let verdict = bytes(&Bytes::<Structure>::new(Offsets::W32(offsets), data, true));
        let wide: Vec<i64> = offsets.iter().map(|&offset| offset.into()).collect();
        assert_eq!(bytes(&Bytes::<Structure>::new(Offsets::W64(&wide), data, true)), verdict);
        verdict
    }

    #[test]
    fn strings_are_valid_each_for_itself() {
        let text = "aé日x".as_bytes();
        assert_eq!(check(&[0, 1, 3, 6, 7], text), Ok(()));
        assert_eq!(check(&[1, 3, 3, 7], text), Ok(()));
        assert_eq!(check(&[0, 2, 7], text), Err(ColumnFault::NotUtf8 { index: 0 }));
        assert_eq!(check(&[1, 2, 3, 7], text), Err(ColumnFault::NotUtf8 { index: 0 }));
        assert_eq!(check(&[0, 1, 5, 7], text), Err(ColumnFault::NotUtf8 { index: 1 }));
        assert_eq!(check(&[0, 1, 2], b"a\xff"), Err(ColumnFault::NotUtf8 { index: 1 }));
        // Bytes that belong to no row are arbitrary.
        assert_eq!(check(&[1, 2], b"\xffa\xff"), Ok(()));
        assert_eq!(check(&[2, 3], text), Err(ColumnFault::NotUtf8 { index: 0 }));
        // Empty rows at the end stand before bytes that no row has.
        assert_eq!(check(&[0, 2, 2, 2], b"\xc3\xa9\xa9"), Ok(()));
        assert_eq!(check(&[0, 1, 2, 2], b"\xc3\xa9\xa9"), Err(ColumnFault::NotUtf8 { index: 0 }));
        assert_eq!(check(&[], text), Ok(()));
    }
    /// Text of several blocks, with one byte changed or one offset moved in each of its parts.
    #[test]
    fn every_block_is_checked() {
        let (text, rows) = ("é日x".repeat(3 * BLOCK / 6), 3 * BLOCK / 6);
        let offsets: Vec<i32> = (0..=rows as i32).map(|row| row * 6).collect();
        assert_eq!(check(&offsets, text.as_bytes()), Ok(()));
        for row in (0..rows).step_by(97).chain([rows - 1]) {
            let mut wrong = text.clone().into_bytes();
            wrong[row * 6 + 2] = 0xff;
            assert_eq!(check(&offsets, &wrong), Err(ColumnFault::NotUtf8 { index: row }));
            if row > 0 {
                let mut moved = offsets.clone();
                moved[row] += 1;
                assert_eq!(check(&moved, text.as_bytes()), Err(ColumnFault::NotUtf8 { index: row - 1 }));
            }
        }
    }

    /// Plain text of some steps, and then rows that are not plain, with one byte changed or one offset moved.
    #[test]
    fn what_follows_plain_text_is_checked() {
        for plain in [0, 1, 7, 100, 255, 256, 257, 4351, 4352, 4353, 9000] {
            let text = "a".repeat(plain) + &"é".repeat(20);
            let offsets: Vec<i32> =
                (0..=plain as i32).chain((1..=20).map(|row| plain as i32 + 2 * row)).collect();
            assert_eq!(check(&offsets, text.as_bytes()), Ok(()), "{plain}");
            for row in 0..20 {
                let mut wrong = text.clone().into_bytes();
                wrong[plain + 2 * row + 1] = b'a';
                assert_eq!(check(&offsets, &wrong), Err(ColumnFault::NotUtf8 { index: plain + row }));
                let mut moved = offsets.clone();
                moved[plain + row] += 1;
                let index = (plain + row).saturating_sub(1);
                assert_eq!(
                    check(&moved, text.as_bytes()),
                    Err(ColumnFault::NotUtf8 { index }),
                    "{plain}, {row}"
                );
            }
        }
    }
}
