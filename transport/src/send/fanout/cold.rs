//! Operations that a message rarely needs: waiting, waking, files, the ends of receivers.
//!
//! The hot path calls these through a table that the fan-out carries, and not by name. So a linker that is given the
//! hot path alone finds what every message passes through and nothing else, and can show that none of it panics
//! (`transport/bare`). The operations behind the table make system calls, next to which an indirect call is nothing.

use crate::abi::Sleep;
use crate::error::OsError;
use crate::send::loan::{CommitFault, Loan};
use crate::send::pool::Extent;
use crate::wait::Wait;

use super::Fanout;
use super::publish::{Label, Receipt};
use super::room::LoanError;
use super::subscriber::{End, Subscriber};

// claim: hot-path-panics

/// The table. Each entry is the function of the same name, and documented there.
#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) lend_to_files: for<'a> fn(&'a mut Fanout, usize, Option<Wait>) -> Result<Loan<'a>, LoanError>,
    pub(crate) wait_for_room: fn(&mut Fanout, Extent, Option<Wait>) -> Result<u32, LoanError>,
    pub(crate) commit: fn(&mut Fanout, u32, u32, usize, Label) -> Result<Receipt, CommitFault>,
    pub(crate) pass_over: fn(&mut Fanout, usize),
    pub(crate) retire: fn(&mut Fanout, usize),
    pub(crate) forget: fn(&mut Fanout, usize, End),
    pub(crate) reap: fn(&mut Fanout) -> Result<(), OsError>,
    pub(crate) wake: fn(&mut Subscriber, Sleep),
    pub(crate) begin_timing: fn(&mut Fanout),
    pub(crate) time: fn(&mut Fanout, u64),
}

pub(super) static COLD: Cold = Cold {
    lend_to_files: Fanout::lend_to_files,
    wait_for_room: Fanout::wait_for_room,
    commit: Fanout::commit,
    pass_over: Fanout::pass_over,
    retire: Fanout::retire,
    forget: Fanout::forget,
    reap: Fanout::reap,
    wake: Subscriber::wake,
    begin_timing: Fanout::begin_timing,
    time: Fanout::time,
};
