//! Packs what holds of each value into bits, eight values at a time, in a form that compilers turn into vector
//! instructions.

use arrow_buffer::{BooleanBuffer, Buffer};

/// Values of one word of bits.
const WORD: usize = 64;
/// Multiplied with eight bytes of 0 or 1, moves the lowest bit of each to its place in the highest byte.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Returns one bit for each value.
#[inline(always)]
pub(crate) fn of<T: Copy>(values: &[T], holds: impl Fn(T) -> bool) -> BooleanBuffer {
    let (whole, rest) = values.as_chunks::<WORD>();
    let mut words: Vec<u64> = Vec::with_capacity(values.len().div_ceil(WORD));
    words.extend(whole.iter().map(|values| {
        // Bytes first, since bits of one word depend on each other.
        let mut bytes = [0_u8; WORD];
        for (byte, &value) in bytes.iter_mut().zip(values) {
            *byte = u8::from(holds(value));
        }
        word(&bytes)
    }));
    if !rest.is_empty() {
        let set = |(place, &value): (usize, &T)| u64::from(holds(value)) << place;
        words.push(rest.iter().enumerate().map(set).fold(0, |word, bit| word | bit));
    }
    BooleanBuffer::new(Buffer::from_vec(words), 0, values.len())
}

#[inline(always)]
fn word(bytes: &[u8; WORD]) -> u64 {
    let (eights, _) = bytes.as_chunks::<8>();
    let mut packed = [0_u8; 8];
    for (byte, eight) in packed.iter_mut().zip(eights) {
        *byte = (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) as u8;
    }
    u64::from_le_bytes(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_that_of_its_value() {
        for len in [0, 1, 7, 63, 64, 65, 127, 128, 200] {
            let values: Vec<usize> = (0..len).map(|n| n * n % 11).collect();
            let bits = of(&values, |value| value > 4);
            assert_eq!(bits.iter().collect::<Vec<_>>(), values.iter().map(|v| *v > 4).collect::<Vec<_>>());
        }
        let one = |place| of(&(0..64).collect::<Vec<_>>(), |value| value == place);
        assert!((0..64).all(|place| one(place).set_indices().eq([place])));
    }
}
