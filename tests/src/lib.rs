//! Shared by the tests of this package: programs that misbehave, die or starve, and the means to watch the others.
//!
//! | module | contents |
//! |---|---|
//! | [`buffer_stats`] | counts a process's descriptors and mappings, before and after |
//! | [`raw`] | speaks the protocol by hand: datagrams, regions and words, from the constants and nothing else |
//! | [`fuzz`] | the bodies of fuzz targets |
//! | [`hostile`] | the table of protocol violations, each with the error that it must end in |
//! | [`honest`] | a sender and a receiver that exchange numbered, patterned messages and check every byte |
//! | [`puppet`] | a child process that reports each step |
//! | [`trace`] | steps a child by system calls or by instructions, one thread of it or all |

// claim: coverage

pub mod buffer_stats;
pub mod fuzz;
pub mod honest;
pub mod hostile;
pub mod puppet;
pub mod raw;
pub mod trace;
