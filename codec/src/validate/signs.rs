//! Whether offsets ever go down, found without comparing: the loop that full validation spends its time in.
//!
//! What counts is a sign: that of each offset, and that of each step up to it. Where no offset is negative, no
//! difference overflows; and where one is, the first not being so, some step goes down. So one bit, gathered over all of
//! them, tells. The loop is compiled twice, the second time for machines with AVX2, which take twice as much at once.
//!
//! # Safety
//!
//! Code compiled for AVX2 is called where the machine was asked whether it has it.
#![allow(unsafe_code)]

use std::ops::BitOr;

/// A number of the width of offsets.
pub(super) trait Offset: Copy + Ord + Default + BitOr<Output = Self> {
    /// The difference, which may overflow.
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

/// A negative number if some offset is less than the one before it, where the first is not negative.
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
}
