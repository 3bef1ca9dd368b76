//! What a message meets rarely on its way out: waiting, waking, files, the ends of receivers.
//!
//! The way of a message calls these through a table that the hub carries, and not by name. A linker that is given the
//! way of a message alone therefore finds what every message passes through and nothing else, and can show that none of
//! it panics (`transport/bare`). Behind the table there are system calls, next to which a call more or less is nothing.

use crate::abi::Sleep;
use crate::error::OsError;
use crate::loan::Loan;
use crate::ring::Note;
use crate::wait::Wait;

use super::Hub;
use super::lane::Lane;
use super::publish::{Label, Receipt};
use super::room::LoanError;

// claim: hot-path-panics

/// The table. Each entry is the function of the same name, and documented there.
#[derive(Debug)]
pub(crate) struct Rare {
    pub(crate) lend_file: for<'a> fn(&'a mut Hub, usize, Option<Wait>) -> Result<Loan<'a>, LoanError>,
    pub(crate) wait_for_room: fn(&mut Hub, u32, Option<Wait>) -> Result<u32, LoanError>,
    pub(crate) publish_draft: fn(&mut Hub, usize, Label) -> Result<Receipt, OsError>,
    pub(crate) publish_copy: fn(&mut Hub, u32, Note, u64) -> u64,
    pub(crate) pass_over: fn(&mut Hub, usize),
    pub(crate) retire: fn(&mut Hub, usize),
    pub(crate) reap: fn(&mut Hub) -> Result<(), OsError>,
    pub(crate) wake: fn(&mut Lane, Sleep),
    pub(crate) begin_timing: fn(&mut Hub),
    pub(crate) time: fn(&mut Hub, u64),
}

pub(super) static RARE: Rare = Rare {
    lend_file: Hub::lend_file,
    wait_for_room: Hub::wait_for_room,
    publish_draft: Hub::publish_draft,
    publish_copy: Hub::publish_copy,
    pass_over: Hub::pass_over,
    retire: Hub::retire,
    reap: Hub::reap,
    wake: Lane::wake,
    begin_timing: Hub::begin_timing,
    time: Hub::time,
};
