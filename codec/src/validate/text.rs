//! UTF-8, for columns of strings.
//!
//! Strings lie one after the other, so they are checked as one run of bytes, at the speed of `simdutf8`. That run
//! may be valid and a string in it not, where an offset cuts a character in two: so each offset must stand where a
//! character begins. Text that is all ASCII, which is found out faster still, has no characters to cut.

use crate::decode::ColumnFault;
use crate::view::{Bytes, Level, Offsets};

/// Checks that each row is UTF-8. Offsets have been checked.
pub(super) fn bytes<L: Level>(bytes: &Bytes<'_, L>) -> Result<(), ColumnFault> {
    let offsets = bytes.offsets();
    let (Some(start), Some(end)) = (offsets.get(0), offsets.get(bytes.len())) else {
        return Ok(());
    };
    // In bounds: the offsets rise, and end within the data.
    let run = bytes.data().get(start..end).unwrap_or_default();
    if run.is_ascii() {
        return Ok(());
    }
    let sound = simdutf8::basic::from_utf8(run).is_ok()
        && match offsets {
            Offsets::W32(offsets) => offsets.iter().all(|&at| starts_character(run, at as usize - start)),
            Offsets::W64(offsets) => offsets.iter().all(|&at| starts_character(run, at as usize - start)),
        };
    if sound {
        return Ok(());
    }
    let culprit = (0..bytes.len())
        .find(|&index| bytes.get(index).is_none_or(|bytes| simdutf8::basic::from_utf8(bytes).is_err()));
    Err(ColumnFault::NotUtf8 { index: culprit.unwrap_or_default() })
}

/// Whether a character begins at a place in valid UTF-8, or the text ends there.
#[inline]
fn starts_character(text: &[u8], at: usize) -> bool {
    // Bytes within a character are 0b10xx_xxxx.
    text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)
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
        // Bytes that no row has are anything.
        assert_eq!(check(&[1, 2], b"\xffa\xff"), Ok(()));
        assert_eq!(check(&[2, 3], text), Err(ColumnFault::NotUtf8 { index: 0 }));
        assert_eq!(check(&[], text), Ok(()));
    }
}
