//! Choices, read from a fuzzer's bytes.

/// Once the bytes have run out every choice is the first one.
pub(super) struct Choices<'a>(&'a [u8]);

/// Numbers at which arithmetic goes wrong.
const EDGES: [u64; 10] = [0, 1, 2, 7, 8, 4096, u32::MAX as u64, i64::MAX as u64, u64::MAX - 1, u64::MAX];

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices(bytes)
    }

    pub(super) fn are_left(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            None => 0,
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
        }
    }

    pub(super) fn below(&mut self, n: u8) -> u8 {
        self.byte() % n
    }

    /// Returns a number: near another, at an edge, or any.
    pub(super) fn near(&mut self, honest: u64) -> u64 {
        match self.below(4) {
            0 => honest,
            1 => honest.wrapping_add(self.byte() as i8 as u64),
            2 => EDGES[usize::from(self.byte()) % EDGES.len()],
            _ => self.any(),
        }
    }

    pub(super) fn near_u32(&mut self, honest: u32) -> u32 {
        self.near(honest.into()) as u32
    }

    fn any(&mut self) -> u64 {
        u64::from_le_bytes([(); 8].map(|()| self.byte()))
    }

    /// Returns up to `most` of the remaining bytes.
    pub(super) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
