//! A message on its way out: lent, written by C, committed.
#![allow(unsafe_code)]

use core::time::Duration;

use bowstring_transport::{CommitFault, Label as Tags, Loan, Receipt as Sent, ReceiverId, To, Wait};

use super::{Sender, idle};
use crate::error::{BOWSTRING_OK, Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::pointer::{self, out};
use crate::time;

/// Options for committing a message. Zero in a field means none; NULL in place of the struct means all zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Label {
    /// `sizeof(bowstring_label)`.
    pub size: usize,
    /// The number of the request that this replies to.
    pub reply_to: u64,
    /// The only receiver that is to have it, as `bowstring_sender_accept` returned it; 0 means all.
    pub to: u64,
    /// A word that belongs to the application.
    pub tag: u32,
    /// 1 if no receiver may be skipped for being slow: one that would be is disconnected.
    pub required: u32,
}

/// The outcome of a commit.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Receipt {
    /// Its number, which a reply names.
    pub number: u64,
    /// The receivers that were given it.
    pub receivers: u32,
    /// The receivers that were passed over because they are slow.
    pub skipped: u32,
}

/// Lends room for a message of up to `len` bytes, at `*data`. `timeout` is in nanoseconds: 0 returns `BOWSTRING_AGAIN` if
/// there is no room now, a negative one waits without end. The bytes are those of some earlier message, or zero: write all
/// that you commit. Until `bowstring_commit` or `bowstring_discard` the sender accepts no other call.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`. Nothing is written to `*data` after the commit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_loan(
    sender: *mut Handle<Sender>,
    len: usize,
    timeout: i64,
    data: *mut *mut u8,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    if let Ok(place) = unsafe { out(data) }
        // SAFETY: the caller's promise.
        && let Ok(mut sender) = unsafe { idle(sender) }
        && let Some(mut loan) = sender.inner.loan_slot(len)
    {
        place.set(loan.as_mut_ptr());
        // SAFETY: as in `lend_any`.
        sender.loan = Some(unsafe { core::mem::transmute::<Loan<'_>, Loan<'static>>(loan) });
        return BOWSTRING_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { lend_any(sender, len, timeout, data, error) }
}

/// Lends whatever can be lent, or says why it cannot: see [`guard`](crate::guard).
///
/// # Safety
/// As for `bowstring_loan`.
#[inline(never)]
unsafe fn lend_any(
    sender: *mut Handle<Sender>,
    len: usize,
    timeout: i64,
    data: *mut *mut u8,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(data) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        let mut loan = match time::wait(timeout, sender.wait) {
            Some(wait) => sender.inner.loan_with(len, wait)?,
            None => sender.inner.try_loan(len)?,
        };
        place.set(loan.as_mut_ptr());
        // SAFETY: the loan borrows what `inner` owns, in a mapping that stays where it is; `idle` keeps everything from
        // `inner` until the loan is gone, and it goes before `inner` when the handle is closed.
        let loan = unsafe { core::mem::transmute::<Loan<'_>, Loan<'static>>(loan) };
        sender.loan = Some(loan);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Sends the first `used` bytes of the loan. `label` and `receipt` may be NULL. If it fails with `BOWSTRING_UNFINISHED`,
/// the message is sent, and `bowstring_finish` waits until everybody has it. If it fails otherwise, nobody was given
/// anything, and the loan is still out: `bowstring_loaned` says where.
///
/// Threads: that of the loan.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_commit(
    sender: *mut Handle<Sender>,
    used: usize,
    label: *const Label,
    receipt: *mut Receipt,
    error: *mut Error,
) -> i32 {
    if label.is_null()
        // SAFETY: the caller's promise.
        && let Ok(mut entered) = unsafe { Handle::enter(sender) }
        && let Some(sent) = Loan::commit_kept(&mut entered.loan, used)
    {
        // SAFETY: the caller's promise.
        unsafe { give(receipt, sent) };
        return BOWSTRING_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { commit_any(sender, used, label, receipt, error) }
}

/// Commits whatever can be committed, or says why it cannot: see [`guard`](crate::guard).
///
/// # Safety
/// As for `bowstring_commit`.
#[inline(never)]
unsafe fn commit_any(
    sender: *mut Handle<Sender>,
    used: usize,
    label: *const Label,
    receipt: *mut Receipt,
    error: *mut Error,
) -> i32 {
    const DEFAULT: Label = Label { size: size_of::<Label>(), reply_to: 0, to: 0, tag: 0, required: 0 };
    let body = || {
        // SAFETY: the caller's promise; the struct begins with its size and holds numbers only.
        let label = unsafe { pointer::options(label, DEFAULT) }?;
        let to = ReceiverId::from_bits(label.to).map_or(To::All, To::Only);
        let tags = Tags { tag: label.tag, reply_to: label.reply_to, to, required: label.required != 0 };
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        let Some(loan) = sender.loan.take() else {
            return Err(Failure::state("there is no loan to commit"));
        };
        match loan.try_commit_as(used, tags) {
            Ok(sent) => {
                // SAFETY: the caller's promise.
                unsafe { give(receipt, sent) };
                Ok(())
            }
            Err(refused) => {
                sender.loan = refused.loan;
                Err(refused.why.into())
            }
        }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// # Safety
/// As for [`pointer::may`].
#[inline(always)]
unsafe fn give(receipt: *mut Receipt, sent: Sent) {
    // SAFETY: the caller's promise.
    if let Some(receipt) = unsafe { pointer::may(receipt) } {
        *receipt = Receipt { number: sent.number, receivers: sent.receivers, skipped: sent.skipped };
    }
}

/// Waits up to `timeout` nanoseconds until no receiver lacks what was sent; a negative one waits without end.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_finish(
    sender: *mut Handle<Sender>,
    timeout: i64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        let wait = time::wait(timeout, Wait::sleeping()).unwrap_or(Wait::sleeping().at_most(Duration::ZERO));
        sender.inner.finish(wait).map_err(CommitFault::Unfinished)?;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Returns where the loan is and how long it is. `BOWSTRING_STATE` if there is none.
///
/// Threads: that of the loan.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_loaned(
    sender: *mut Handle<Sender>,
    data: *mut *mut u8,
    len: *mut usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(data) }?;
        // SAFETY: the caller's promise.
        let length = unsafe { out(len) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        let loan = sender.loan.as_mut().ok_or(Failure::state("there is no loan"))?;
        length.set(loan.len());
        place.set(loan.as_mut_ptr());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Gives the loan back unsent. `BOWSTRING_STATE` if there is none.
///
/// Threads: that of the loan.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_discard(sender: *mut Handle<Sender>, error: *mut Error) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        sender.loan.take().map(drop).ok_or(Failure::state("there is no loan to discard"))
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Sends `len` bytes that are there already: loan, copy, commit.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`; `data` points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_send(
    sender: *mut Handle<Sender>,
    data: *const u8,
    len: usize,
    timeout: i64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let bytes = unsafe { pointer::bytes(data, len) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        let mut loan = match time::wait(timeout, sender.wait) {
            Some(wait) => sender.inner.loan_with(len, wait)?,
            None => sender.inner.try_loan(len)?,
        };
        loan.copy_from_slice(bytes);
        loan.commit(len)?;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
