//! Choices, read from bytes; and values, made from a seed.

/// A source of choices for a generator. When the bytes have run out every choice is the first, the simplest.
#[derive(Debug)]
pub struct Source<'a> {
    bytes: &'a [u8],
    state: u64,
}

impl<'a> Source<'a> {
    /// Creates a source of choices from these bytes. Values come from a generator that all of them seed.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { bytes, state: seed | 1 }
    }

    /// Returns a choice out of `n`, of which there are at most 256.
    pub fn below(&mut self, n: usize) -> usize {
        match self.bytes.split_first() {
            None => 0,
            Some((first, rest)) => {
                self.bytes = rest;
                usize::from(*first) % n.max(1)
            }
        }
    }

    /// Returns the next value (xorshift64*).
    pub fn value(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a value below `n`.
    pub fn value_below(&mut self, n: usize) -> usize {
        (self.value() >> 32) as usize % n.max(1)
    }
}
