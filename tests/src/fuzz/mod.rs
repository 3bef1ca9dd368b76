//! The bodies of the transport's fuzz targets. Ordinary tests run them with inputs of their own, so that the bodies
//! are the same on every toolchain.
//!
//! | body | the input is | what must hold |
//! |---|---|---|
//! | [`handshake`] | parameters of both sides, and datagrams to one | no panic; what is agreed to was offered;
//! parameters survive a round trip |
//! | [`board`] | what a hostile sender writes to its board, and when | a receiver gets private copies within the
//! pool, or an error that stays |
//! | [`ledger`] | what a hostile receiver writes to its ledger, and when | an honest receiver of the same sender
//! loses nothing |
//! | [`sealed`] | datagrams and files for a receiver of sealed messages | messages of the announced length, or an
//! error that stays |

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
