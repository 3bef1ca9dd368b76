//! Counts the distinct values of a column: exactly while they are few, then by HyperLogLog.
//!
//! A value's hash picks one of 4096 registers, which keeps the longest run of leading zeros seen in the rest of the
//! hash. Many distinct values make long runs likely; the harmonic mean over the registers says how many it took, to
//! within 1.6 % two times out of three. (Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog", 2007.)

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// Counts up to this are exact.
pub(super) const SURE: u64 = 1000;

/// Bits of the hash that pick a register.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;

/// Counts distinct values.
#[derive(Clone, Debug)]
pub(super) enum Distinct {
    /// The hashes of all values so far.
    Few(HashSet<u64, BuildHasherDefault<Hashed>>),
    /// The registers.
    Many(Box<[u8; REGISTERS]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Distinct::Few(HashSet::default())
    }
}

impl Distinct {
    /// Takes a value of up to eight bytes.
    pub(super) fn add_word(&mut self, word: u64) {
        self.add_hash(mix(word));
    }

    /// Takes a value.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        self.add_hash(hasher.finish());
    }

    fn add_hash(&mut self, hash: u64) {
        match self {
            Distinct::Few(hashes) => {
                hashes.insert(hash);
                if hashes.len() as u64 > SURE {
                    let mut registers = Box::new([0; REGISTERS]);
                    hashes.iter().for_each(|&hash| note(&mut registers, hash));
                    *self = Distinct::Many(registers);
                }
            }
            Distinct::Many(registers) => note(registers, hash),
        }
    }

    /// Returns the number of distinct values, exact up to [`SURE`].
    pub(super) fn count(&self) -> u64 {
        match self {
            Distinct::Few(hashes) => hashes.len() as u64,
            Distinct::Many(registers) => estimate(registers),
        }
    }
}

fn note(registers: &mut [u8; REGISTERS], hash: u64) {
    let register = (hash >> (64 - BITS)) as usize;
    // At most 64 - BITS + 1, by the bit that is set below.
    let run = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
    registers[register] = registers[register].max(run);
}

fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let m = REGISTERS as f64;
    let harmonic: f64 = registers.iter().map(|&run| (-f64::from(run)).exp2()).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / harmonic;
    let empty = registers.iter().filter(|&&run| run == 0).count();
    // While many registers are empty, their number says more than the runs do.
    let estimate = if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw };
    (estimate.round() as u64).max(SURE + 1)
}

/// Spreads a word over all bits, one to one (the finisher of MurmurHash3).
fn mix(mut word: u64) -> u64 {
    word ^= word >> 33;
    word = word.wrapping_mul(0xff51_afd7_ed55_8ccd);
    word ^= word >> 33;
    word = word.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}

/// Passes on what is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "only whole hashes are put into the set");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_and_many_estimated() {
        for count in [0, 1, 10, SURE, SURE + 1, 5_000, 100_000, 1_000_000] {
            let mut words = Distinct::default();
            let mut texts = Distinct::default();
            for i in 0..count {
                words.add_word(i);
                words.add_word(i / 2);
                if count <= 100_000 {
                    texts.add_bytes(i.to_string().as_bytes());
                }
            }
            let near = |estimate: u64| {
                let off = (estimate as f64 - count as f64).abs();
                if count <= SURE { off == 0.0 } else { off <= 0.07 * count as f64 }
            };
            assert!(near(words.count()), "{count} words: {}", words.count());
            assert!(count > 100_000 || near(texts.count()), "{count} texts: {}", texts.count());
        }
    }
}
