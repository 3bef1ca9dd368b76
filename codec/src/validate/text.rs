//! UTF-8, for columns of strings.
//!
//! Strings follow each other in memory, so they are checked in blocks of many, at the speed of `simdutf8`. A block
//! may be valid and a string in it not, where an offset cuts a character in two: so each offset must be at the start
//! of a character, which is checked while the block is in cache. A block that is all ASCII, which is detected faster
//! still, has no characters to cut.

use arrow_buffer::ArrowNativeType;

use super::signs;
use crate::message::ColumnFault;
use crate::view::{Bytes, Level, Offsets};

/// Approximate number of bytes of text that are checked together.
const BLOCK: usize = 16 << 10;

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

/// Returns true if each string is valid, a block of them at a time.
fn blocks<T: ArrowNativeType>(offsets: &[T], data: &[u8]) -> bool {
    let (Some(start), Some(end), Some(rows)) =
        (offsets.first(), offsets.last(), offsets.len().checked_sub(1))
    else {
        return true;
    };
    let len = end.as_usize() - start.as_usize();
    // Assumes strings of equal size; otherwise blocks are unequal too.
    let step = if len <= BLOCK { rows } else { (rows * BLOCK / len).max(1) };
    let mut first = 0;
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
    // In bounds: the offsets rise, and end within the data.
    let block = data.get(start..end.as_usize()).unwrap_or_default();
    if signs::ascii(block) {
        return true;
    }
    // Bytes within a character are 0b10xx_xxxx. At the end of the text, none begins and none is cut.
    let inside = |at: usize| block.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    simdutf8::basic::from_utf8(block).is_ok()
        && !inner.iter().fold(false, |cut, at| cut | inside(at.as_usize() - start))
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
}
