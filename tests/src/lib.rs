//! What the tests of this package share: programs that misbehave, die or starve, and the means to watch the others.
//!
//! | module | what it is |
//! |---|---|
//! | [`buffer_stats`] | counts a process's descriptors and mappings, before and after |
//! | [`raw`] | speaks the protocol by hand: datagrams, regions and words, from the constants and nothing else |
//! | [`fuzz`] | what fuzz targets do with their input |
//! | [`hostile`] | the table of ways to speak it wrongly, each with the error that it must end in |
//! | [`honest`] | a sender and a receiver that exchange numbered, patterned messages and check every byte |
//! | [`puppet`] | a child process that says which step it has come to |
//! | [`trace`] | stepping a child by system calls or by instructions |

// claim: coverage

pub mod buffer_stats;
pub mod fuzz;
pub mod honest;
pub mod hostile;
pub mod puppet;
pub mod raw;
pub mod trace;
