//! Sending messages.
#![allow(unsafe_code)]

use bowstring_transport::{Loan, Sender as Inner, Wait};

use crate::error::{Error, Failure};
use crate::guard::guard;
use crate::handle::{Entered, Handle};
use crate::pointer::out;

pub mod both;
pub mod join;
pub mod loan;
pub mod options;
pub mod receivers;
pub mod waiting;

pub use options::SenderOptions;

/// The sending end: a pool of slots, and up to 64 receivers.
pub struct Sender {
    inner: Inner,
    /// The room that is lent. It borrows `inner`, which stays where it is in its own mapping, and is dropped before
    /// `inner` is used: see [`idle`].
    loan: Option<Loan<'static>>,
    wait: Wait,
}

/// Enters a sender that has nothing lent out.
///
/// # Safety
/// As for [`Handle::enter`].
#[inline(always)]
pub(crate) unsafe fn idle<'a>(sender: *mut Handle<Sender>) -> Result<Entered<'a, Sender>, Failure> {
    // SAFETY: the caller's promise.
    let entered = unsafe { Handle::enter(sender) }?;
    if entered.loan.is_some() {
        return Err(Failure::state("a loan is out: commit or discard it first"));
    }
    Ok(entered)
}

/// Makes a sender: its pool is allocated now.
///
/// Threads: any; the sender is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_open(
    options: *const SenderOptions,
    sender: *mut *mut Handle<Sender>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(sender) }?;
        // SAFETY: the caller's promise.
        let config = unsafe { SenderOptions::read(options) }?.config()?;
        place.set(Handle::give(Sender { inner: config.build()?, loan: None, wait: Wait::sleeping() })?);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Closes the sender and sets `*sender` to NULL. Receivers get what was committed, and then `BOWSTRING_CLOSED`. A loan that
/// is out is discarded.
///
/// Threads: the one that uses the sender.
///
/// # Safety
/// `sender` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_close(sender: *mut *mut Handle<Sender>, error: *mut Error) -> i32 {
    let discard = |sender: &mut Sender| {
        sender.loan = None;
        Ok(())
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(sender, discard) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Gives the channel up before its end and sets `*sender` to NULL. Receivers get what was committed, and then
/// `BOWSTRING_CRASHED`, so that nobody takes a part for the whole.
///
/// Threads: the one that uses the sender.
///
/// # Safety
/// As for `bowstring_sender_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_abandon(
    sender: *mut *mut Handle<Sender>,
    error: *mut Error,
) -> i32 {
    let discard = |sender: &mut Sender| {
        sender.loan = None;
        Ok(())
    };
    let body = || {
        // SAFETY: the caller's promise.
        if let Some(sender) = unsafe { Handle::close(sender, discard) }? {
            sender.inner.abandon();
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
