//! Arrow's C structs, made wrong, through the tables layer of the C interface.
//!
//! The bytes choose a table and what is wrong with its structs. What must hold: no read beyond what the structs promise,
//! no panic, and each struct that is handed over is released once. What is sent all the same arrives as a batch of as many
//! rows.
//!
//! # Map
//!
//! `made` makes a schema and an array that are right, `damage` makes them wrong; [`run`] hands them over.

mod damage;
mod made;
mod run;

pub use run::run;

/// The choices that a fuzzer's bytes make. After the last byte all are 0.
pub(crate) struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, end: usize) -> usize {
        self.byte() as usize % end.max(1)
    }

    fn short(&mut self) -> i16 {
        i16::from_le_bytes([self.byte(), self.byte()])
    }
}
