//! Dictionary keys.

use crate::message::ColumnFault;
use crate::view::{Bitmap, Keys};

/// Checks that each non-null row has a key of the dictionary. The keys of null rows are arbitrary.
pub(super) fn keys(keys: &Keys<'_>, validity: Option<Bitmap<'_>>) -> Result<(), ColumnFault> {
    let values = keys.num_values();
    // A negative key, read as unsigned, is above any count of values, so one comparison covers both.
    let all = match keys.keys().width() {
        1 => below::<u8>(keys, |key| usize::from(key) < values),
        2 => below::<u16>(keys, |key| usize::from(key) < values),
        4 => below::<u32>(keys, |key| (key as usize) < values),
        _ => below::<u64>(keys, |key| key < values as u64),
    };
    // Signed keys that are negative are above any count only if the count is below half the width's range.
    if all && (!keys.is_signed() || fits_signed(keys.keys().width(), values)) {
        return Ok(());
    }
    let null = |index| validity.is_some_and(|validity| validity.get(index) == Some(false));
    let astray = |&index: &usize| !null(index) && keys.key(index).is_none_or(|key| key >= values);
    match (0..keys.len()).find(astray) {
        Some(index) => Err(ColumnFault::DictionaryIndex { index, values }),
        None => Ok(()),
    }
}

fn below<T: bytemuck::AnyBitPattern>(keys: &Keys<'_>, within: impl Fn(T) -> bool) -> bool {
    let Some(keys) = keys.keys().as_slice::<T>() else { return false };
    keys.iter().fold(true, |all, &key| all & within(key))
}

/// Returns true if the count is so small that no negative key of this width looks like one of the values.
fn fits_signed(width: usize, values: usize) -> bool {
    match width {
        1 => values <= 1 << 7,
        2 => values <= 1 << 15,
        4 => values <= 1 << 31,
        _ => true,
    }
}
