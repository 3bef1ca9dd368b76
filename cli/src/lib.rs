//! Shared by the programs at a terminal: their messages, interruption, and exit codes.
//!
//! | module | what is in it |
//! |---|---|
//! | [`args`] | words that mean the same to both on the command line |
//! | [`output_options`] | messages and reports, and where they go |
//! | [`bytes`] | numbers of bytes, read and said |
//! | [`exit`] | the exit codes |
//! | [`failure`] | an error that ends a program |
//! | [`progress`] | a line that says how far it has come |
//! | [`signals`] | being asked to end |
//! | [`text`] | figures for reading, and what a stranger's data may not do to a terminal |
//! | [`users`] | users of the host, by name or number |
//! | [`self_docs`] | what a program prints of its own: completions, the manual page |

pub mod args;
pub mod bytes;
pub mod exit;
pub mod failure;
pub mod output_options;
pub mod progress;
pub mod self_docs;
pub mod signals;
pub mod text;
pub mod users;
