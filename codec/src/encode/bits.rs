//! Bitmaps: copied from any bit to bit 0, and counted.

use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;

/// Bytes that hold `bits` bits.
pub(crate) const fn bytes_for(bits: usize) -> usize {
    bits.div_ceil(8)
}

/// Counts the bits of `from..from + len` that are set.
pub(crate) fn count_ones(bits: &[u8], from: usize, len: usize) -> usize {
    UnalignedBitChunk::new(bits, from, len).count_ones()
}

/// Copies the bits `from..from + len` of `source` to the front of `out`, which is exactly long enough, and clears the
/// bits after them.
///
/// Bits that begin on a byte are a plain copy. Otherwise eight bytes at a time: a word holds all but the last few
/// bits of eight bytes' worth, and the next byte holds the rest.
pub(crate) fn copy(source: &[u8], from: usize, len: usize, out: &mut [u8]) {
    debug_assert_eq!(out.len(), bytes_for(len));
    debug_assert!(bytes_for(from + len) <= source.len());
    let source = &source[from / 8..bytes_for(from + len)];
    let shift = from % 8;
    if shift == 0 {
        out.copy_from_slice(source);
    } else {
        let (words, rest) = out.as_chunks_mut::<8>();
        let mut at = 0;
        for word in words {
            // A full word of output ends within `source`, whose last bit is at or behind the word's.
            let low = source[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            let high = source.get(at + 8).map_or(0, |byte| u64::from(*byte));
            *word = ((low >> shift) | (high << (64 - shift))).to_le_bytes();
            at += 8;
        }
        for byte in rest {
            let high = source.get(at + 1).copied().unwrap_or(0);
            *byte = (source[at] >> shift) | (high << (8 - shift));
            at += 1;
        }
    }
    clear_behind(out, len);
}

/// Clears the bits of the last byte after the first `len` bits.
pub(crate) fn clear_behind(bits: &mut [u8], len: usize) {
    if let Some(last) = bits.get_mut(len / 8)
        && !len.is_multiple_of(8)
    {
        *last &= (1 << (len % 8)) - 1;
    }
}

#[cfg(test)]
mod tests {
    //! Compared with the simplest possible copy, for every offset and length that matters.

    use super::*;

    #[test]
    fn copies_like_one_bit_at_a_time() {
        let source: Vec<u8> = (0u32..40).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let bit = |i: usize| source[i / 8] >> (i % 8) & 1;
        for from in 0..80 {
            for len in 0..(source.len() * 8 - from) {
                let mut out = vec![0xff; bytes_for(len)];
                copy(&source, from, len, &mut out);
                let mut dull = vec![0; bytes_for(len)];
                for i in 0..len {
                    dull[i / 8] |= bit(from + i) << (i % 8);
                }
                assert_eq!(out, dull, "{len} bits from {from}");
                assert_eq!(count_ones(&source, from, len), (0..len).map(|i| bit(from + i) as usize).sum());
            }
        }
    }
}
