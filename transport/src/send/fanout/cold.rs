//! What a message meets rarely on its way out: waiting, waking, files, the ends of receivers.
//!
//! The way of a message calls these through a table that the fanout carries, and not by name. A linker that is given the
//! way of a message alone therefore finds what every message passes through and nothing else, and can show that none of
//! it panics (`transport/bare`). Behind the table there are system calls, next to which a call more or less is nothing.

use crate::abi::Sleep;
use crate::error::OsError;
use crate::ring::Note;
use crate::send::loan::Loan;
use crate::wait::Wait;

use super::Fanout;
use super::publish::{Label, Receipt};
use super::room::LoanError;
use super::subscriber::Subscriber;

// claim: hot-path-panics

/// The table. Each entry is the function of the same name, and documented there.
#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) lend_file: for<'a> fn(&'a mut Fanout, usize, Option<Wait>) -> Result<Loan<'a>, LoanError>,
    pub(crate) wait_for_room: fn(&mut Fanout, u32, Option<Wait>) -> Result<u32, LoanError>,
    pub(crate) publish_draft: fn(&mut Fanout, usize, Label) -> Result<Receipt, OsError>,
    pub(crate) publish_copy: fn(&mut Fanout, u32, Note, u64) -> u64,
    pub(crate) pass_over: fn(&mut Fanout, usize),
    pub(crate) retire: fn(&mut Fanout, usize),
    pub(crate) reap: fn(&mut Fanout) -> Result<(), OsError>,
    pub(crate) wake: fn(&mut Subscriber, Sleep),
    pub(crate) begin_timing: fn(&mut Fanout),
    pub(crate) time: fn(&mut Fanout, u64),
}

pub(super) static RARE: Cold = Cold {
    lend_file: Fanout::lend_file,
    wait_for_room: Fanout::wait_for_room,
    publish_draft: Fanout::publish_draft,
    publish_copy: Fanout::publish_copy,
    pass_over: Fanout::pass_over,
    retire: Fanout::retire,
    reap: Fanout::reap,
    wake: Subscriber::wake,
    begin_timing: Fanout::begin_timing,
    time: Fanout::time,
};
