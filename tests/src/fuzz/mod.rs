//! What the transport's fuzz targets do with their input. Ordinary tests do the same with inputs of their own, so that
//! the bodies are the same on every toolchain.
//!
//! | body | the input is | what must hold |
//! |---|---|---|
//! | [`handshake`] | two cards, and datagrams to one side | no panic; what is agreed to was offered; cards survive reading and writing |
//! | [`board`] | what a hostile sender writes to its board, and when | a receiver gets private copies within the pool, or an error that stays |
//! | [`ledger`] | what a hostile receiver writes to its ledger, and when | an honest receiver of the same sender loses nothing |
//! | [`sealed`] | datagrams and files for a receiver of sealed messages | messages of the length announced, or an error that stays |

// claim: fuzz, fuzz-deep

mod board;
mod choices;
mod handshake;
mod ledger;
mod sealed;

pub use board::board;
pub use handshake::handshake;
pub use ledger::ledger;
pub use sealed::sealed;

use choices::Choices;
