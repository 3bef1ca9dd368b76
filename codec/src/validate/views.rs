//! Views: their targets, their prefixes, and the padding of short ones.

use crate::message::ColumnFault;
use crate::view::{Level, View, Views};

/// Checks each row's view, null or not, and for strings that its bytes are UTF-8.
pub(super) fn views<L: Level>(views: &Views<'_, L>) -> Result<(), ColumnFault> {
    for (index, view) in views.views().iter().enumerate() {
        let Some(bytes) = views.resolve(view) else {
            return Err(ColumnFault::ViewOutOfBounds { index });
        };
        if view.is_inline() {
            if !is_padded(view) {
                return Err(ColumnFault::ViewPadding { index });
            }
        } else if bytes.first_chunk() != Some(&view.prefix) {
            return Err(ColumnFault::ViewPrefix { index });
        }
        if views.is_utf8() && !bytes.is_ascii() && simdutf8::basic::from_utf8(bytes).is_err() {
            return Err(ColumnFault::NotUtf8 { index });
        }
    }
    Ok(())
}

/// Returns true if the bytes of a short view past its value are zero.
fn is_padded(view: &View) -> bool {
    let bits = u128::from_le_bytes(bytemuck::cast(*view));
    // A full view has nothing to pad, and would shift by all of its bits.
    let used = 32 + 8 * view.len;
    used >= 128 || bits >> used == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero() {
        let view = |len: u32, bytes: [u8; 12]| {
            let mut raw = [0; 16];
            raw[..4].copy_from_slice(&len.to_le_bytes());
            raw[4..].copy_from_slice(&bytes);
            bytemuck::cast::<[u8; 16], View>(raw)
        };
        for len in 0..=12usize {
            let mut bytes = [0; 12];
            bytes[..len].fill(7);
            assert!(is_padded(&view(len as u32, bytes)), "{len}");
            if len < 12 {
                bytes[len] = 1;
                assert!(!is_padded(&view(len as u32, bytes)), "{len}");
                bytes[len] = 0;
                bytes[11] = 1;
                assert!(!is_padded(&view(len as u32, bytes)), "{len}");
            }
        }
    }
}
