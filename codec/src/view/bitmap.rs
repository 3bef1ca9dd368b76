//! Bits, least significant first: validity and booleans.

/// A run of bits in borrowed memory.
#[derive(Clone, Copy)]
pub struct Bitmap<'a> {
    bytes: &'a [u8],
    len: usize,
}

impl<'a> Bitmap<'a> {
    /// Returns the first `len` bits of `bytes`, or as many as there are.
    pub(crate) fn new(bytes: &'a [u8], len: usize) -> Self {
        debug_assert!(bytes.len() >= len.div_ceil(8), "structure has checked the length");
        Self { bytes, len: len.min(bytes.len().saturating_mul(8)) }
    }

    /// Returns the number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no bits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the bit at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<bool> {
        (index < self.len).then(|| self.bytes[index / 8] >> (index % 8) & 1 == 1)
    }

    /// Returns the bits in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = bool> + use<'a> {
        let bytes = self.bytes;
        (0..self.len).map(move |index| bytes[index / 8] >> (index % 8) & 1 == 1)
    }

    /// Returns the bytes that hold the bits. Bits past the last are arbitrary.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Counts the bits that are set.
    #[must_use]
    pub fn count_ones(&self) -> usize {
        let (words, rest) = self.bytes[..self.len / 8].as_chunks::<8>();
        let mut ones: usize = words.iter().map(|word| u64::from_le_bytes(*word).count_ones() as usize).sum();
        ones += rest.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
        if !self.len.is_multiple_of(8) {
            let used = self.bytes[self.len / 8] & ((1 << (self.len % 8)) - 1);
            ones += used.count_ones() as usize;
        }
        ones
    }
}

impl std::fmt::Debug for Bitmap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bitmap").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_one_bit_after_the_other_would() {
        let bytes: Vec<u8> = (0..37u8).map(|n| n.wrapping_mul(73)).collect();
        for len in 0..=bytes.len() * 8 {
            let bits = Bitmap::new(&bytes, len);
            assert_eq!(bits.count_ones(), bits.iter().filter(|bit| *bit).count(), "{len}");
            assert_eq!(bits.get(len), None);
        }
    }
}
