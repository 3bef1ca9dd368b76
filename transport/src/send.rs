//! The sending side: a pool of slots, loans and publications, and the receivers that it fans out to.

pub(crate) mod fanout;
pub(crate) mod file_loan;
pub(crate) mod loan;
pub(crate) mod pool;
pub(crate) mod sender;
