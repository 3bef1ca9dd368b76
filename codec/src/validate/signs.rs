//! Checks whether offsets ever decrease, and whether text is ASCII, without comparing: the loops in which full
//! validation spends its time.
//!
//! Only signs count: that of each offset, and that of each step up to it. If no offset is negative, no difference
//! overflows; and if one is, the first not being so, some step goes down. So one bit, gathered over all of them, is
//! enough, and so is one bit of each byte of text. The loops are compiled twice, the second time for machines with
//! AVX2, which process twice as much at once.
//!
//! # Safety
//!
//! Code compiled for AVX2 is called only after the machine reported AVX2.
#![allow(unsafe_code)]

use std::ops::BitOr;

/// A number of the width of offsets.
pub(super) trait Offset: Copy + Ord + Default + BitOr<Output = Self> {
    /// Returns the difference, which may overflow.
    fn minus(self, other: Self) -> Self;
}

impl Offset for i32 {
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
}

impl Offset for i64 {
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
}

/// Returns a negative number if some offset is less than the one before it, given that the first is not negative.
pub(super) fn of<T: Offset>(offsets: &[T]) -> T {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has just said that it has AVX2.
        return unsafe { of_avx2(offsets) };
    }
    of_any(offsets)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn of_avx2<T: Offset>(offsets: &[T]) -> T {
    of_any(offsets)
}

#[inline(always)]
fn of_any<T: Offset>(offsets: &[T]) -> T {
    let steps = offsets.iter().zip(offsets.get(1..).unwrap_or_default());
    steps.fold(T::default(), |signs, (&before, &next)| signs | (next | next.minus(before)))
}

/// Bytes that are looked at first: where text is not ASCII, they mostly show it.
const START: usize = 256;

/// Bytes processed between two checks of the result, after that.
const STEP: usize = 4096;

/// Returns the length of a part of the text, from its start, that is all ASCII: no byte of it has its sign bit set. All of
/// the text, if that is; otherwise the part may end some way before the first byte that is not.
pub(super) fn ascii(text: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has just said that it has AVX2.
        return unsafe { ascii_avx2(text) };
    }
    ascii_any(text)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn ascii_avx2(text: &[u8]) -> usize {
    ascii_any(text)
}

#[inline(always)]
fn ascii_any(text: &[u8]) -> usize {
    let (start, rest) = text.split_at(text.len().min(START));
    if has_signs(start) {
        return 0;
    }
    let mut plain = start.len();
    // A loop and not a call of `take_while`, which would not be compiled for AVX2.
    for step in rest.chunks(STEP) {
        if has_signs(step) {
            return plain;
        }
        plain += step.len();
    }
    plain
}

/// Returns true if some byte has its sign bit set. Gathers words and not bytes, and the last word twice instead of the bytes
/// that the others leave: short text takes a third of the time so.
#[inline(always)]
fn has_signs(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks();
    let mut signs = match text.last_chunk() {
        Some(last) => u64::from_ne_bytes(*last),
        None => rest.iter().fold(0, |signs, byte| signs | u64::from(*byte)),
    };
    for word in words {
        signs |= u64::from_ne_bytes(*word);
    }
    signs & 0x8080_8080_8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn falls<T: Offset>(offsets: &[T]) -> bool {
        offsets.windows(2).any(|pair| pair[1] < pair[0])
    }

    proptest! {
        #[test]
        fn the_sign_tells_what_comparing_tells(
            first in 0..=i32::MAX,
            mut rest in prop::collection::vec(prop_oneof![any::<i32>(), 0..100], 0..200),
            sorted: bool,
        ) {
            if sorted {
                rest.sort_unstable();
            }
            let offsets: Vec<i32> = std::iter::once(first).chain(rest).collect();
            prop_assert_eq!(of(&offsets) < 0, falls(&offsets));
            prop_assert_eq!(of_any(&offsets) < 0, falls(&offsets));
            let wide: Vec<i64> = offsets.iter().map(|&offset| i64::from(offset) << 32).collect();
            prop_assert_eq!(of(&wide) < 0, falls(&wide));
            prop_assert_eq!(of_any(&wide) < 0, falls(&wide));
        }
    }
    #[test]
    fn one_byte_that_is_not_ascii_is_found_wherever_it_is() {
        for len in (0..70).chain([START - 1, START, START + 1, START + STEP, START + STEP + 5]) {
            let mut text = vec![0x7f; len];
            assert_eq!((ascii(&text), ascii_any(&text)), (len, len));
            for at in 0..len {
                text[at] = 0x80;
                assert!(ascii(&text) <= at && ascii(&text) == ascii_any(&text), "{at} of {len}");
                text[at] = b'a';
            }
        }
    }
}
