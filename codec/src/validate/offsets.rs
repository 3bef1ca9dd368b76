//! Offsets: into bytes, into children, into rows.

use super::signs::{self, Offset};
use crate::message::ColumnFault;
use crate::view::{Level, ListView, Offsets, RunEnd};

/// Checks that offsets begin at zero or above, never decrease, and end at `limit` or before.
pub(super) fn rising(offsets: Offsets<'_>, limit: usize) -> Result<(), ColumnFault> {
    match offsets {
        Offsets::W32(offsets) => rising_in(offsets, i32::try_from(limit).unwrap_or(i32::MAX), limit),
        Offsets::W64(offsets) => rising_in(offsets, i64::try_from(limit).unwrap_or(i64::MAX), limit),
    }
}

fn rising_in<T: Offset>(offsets: &[T], bound: T, limit: usize) -> Result<(), ColumnFault> {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
        return Ok(());
    };
    if first < T::default() {
        return Err(ColumnFault::OffsetOrder { index: 0 });
    }
    if signs::of(offsets) < T::default() {
        let before = offsets.windows(2).position(|pair| pair[1] < pair[0]).unwrap_or_default();
        return Err(ColumnFault::OffsetOrder { index: before + 1 });
    }
    // As they never decrease, they are all within bounds if the last is.
    if last > bound {
        let index = offsets.partition_point(|&offset| offset <= bound);
        return Err(ColumnFault::OffsetOutOfBounds { index, limit });
    }
    Ok(())
}

/// Checks that the rows of list views, null ones too, are within the child, and that their sizes add up to at most
/// `most`.
pub(super) fn anywhere<L: Level>(list: &ListView<'_, L>, most: usize) -> Result<(), ColumnFault> {
    let limit = list.values().len();
    let (sum, culprit) = match (list.offsets(), list.sizes()) {
        (Offsets::W32(offsets), Offsets::W32(sizes)) => {
            let within = |(&offset, &size): (&i32, &i32)| {
                // Neither negative, and a sum of 64 bits, which cannot overflow.
                (offset | size) >= 0 && (i64::from(offset) + i64::from(size)) as u64 <= limit as u64
            };
            let all = offsets.iter().zip(sizes).fold(true, |all, pair| all & within(pair));
            let sum = sizes.iter().fold(0, |sum: u64, &size| sum.saturating_add(size as u64));
            (sum, (!all).then(|| offsets.iter().zip(sizes).position(|pair| !within(pair))))
        }
        (Offsets::W64(offsets), Offsets::W64(sizes)) => {
            let within = |(&offset, &size): (&i64, &i64)| {
                // Neither negative, so the unsigned sum cannot overflow.
                (offset | size) >= 0 && offset as u64 + size as u64 <= limit as u64
            };
            let all = offsets.iter().zip(sizes).fold(true, |all, pair| all & within(pair));
            let sum = sizes.iter().fold(0, |sum: u64, &size| sum.saturating_add(size as u64));
            (sum, (!all).then(|| offsets.iter().zip(sizes).position(|pair| !within(pair))))
        }
        // A list view's offsets and sizes have one width.
        _ => (0, Some(None)),
    };
    if let Some(index) = culprit {
        return Err(ColumnFault::OffsetOutOfBounds { index: index.unwrap_or_default(), limit });
    }
    // Lists that do not overlap pass: the child's own rows are within the bound already.
    if sum > most as u64 {
        let rows = usize::try_from(sum).unwrap_or(usize::MAX);
        return Err(ColumnFault::OverlappingLists { rows, limit: most });
    }
    Ok(())
}

/// Checks that run ends rise from above zero, to the last row or beyond.
pub(super) fn runs<L: Level>(runs: &RunEnd<'_, L>) -> Result<(), ColumnFault> {
    let mut end = 0;
    for run in 0..runs.num_runs() {
        end = match runs.end(run) {
            Some(next) if next > end => next,
            _ => return Err(ColumnFault::RunEndOrder { index: run }),
        };
    }
    match end >= runs.len() {
        true => Ok(()),
        false => Err(ColumnFault::RunsTooShort { rows: runs.len(), end }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offsets: &[i32], limit: usize) -> Result<(), ColumnFault> {
        rising(Offsets::W32(offsets), limit)
    }

    #[test]
    fn finds_the_first_offset_at_fault() {
        assert_eq!(check(&[], 0), Ok(()));
        assert_eq!(check(&[3, 3, 5], 5), Ok(()));
        assert_eq!(check(&[-1, 3], 5), Err(ColumnFault::OffsetOrder { index: 0 }));
        assert_eq!(check(&[0, 4, 2, 1], 5), Err(ColumnFault::OffsetOrder { index: 2 }));
        assert_eq!(check(&[0, 4, 4, 1], 5), Err(ColumnFault::OffsetOrder { index: 3 }));
        assert_eq!(check(&[0, -4, 2], 5), Err(ColumnFault::OffsetOrder { index: 1 }));
        assert_eq!(check(&[0, 5, 6, 7], 5), Err(ColumnFault::OffsetOutOfBounds { index: 2, limit: 5 }));
        assert_eq!(check(&[i32::MAX], usize::MAX), Ok(()));
        let wide = Offsets::W64(&[0, i64::MAX]);
        assert_eq!(rising(wide, 9), Err(ColumnFault::OffsetOutOfBounds { index: 1, limit: 9 }));
    }
}
