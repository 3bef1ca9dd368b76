//! Sending messages.
#![allow(unsafe_code)]

use core::ffi::c_char;
use core::time::Duration;

use bowstring_transport::fd::AsRawFd;
use bowstring_transport::region::Pages;
use bowstring_transport::{
    CommitFault, ConnectRequest, Deliveries, Delivery, Label as Tags, Loan, OnSlow, ReceiverId,
    Sender as Inner, SenderConfig, To, Wait,
};

use crate::address::Address;
use crate::error::{BOWSTRING_AGAIN, BOWSTRING_ARGUMENT, Error, Failure, end_code};
use crate::guard::guard;
use crate::handle::{Entered, Handle};
use crate::handshake::{HandshakeOptions, Terms};
use crate::listener::{Listener, descriptor};
use crate::pointer::{self, out, partly};
use crate::receiver::Receiver;
use crate::stats::{SenderStats, SubscriberStats};
use crate::time;

/// A receiver that is slow is waited for.
pub const BOWSTRING_BLOCK: u32 = 0;
/// A receiver that is slow misses messages.
pub const BOWSTRING_SKIP: u32 = 1;
/// A receiver that is slow is disconnected.
pub const BOWSTRING_DISCONNECT: u32 = 2;

/// The page size of the machine.
pub const BOWSTRING_PAGES_NORMAL: u32 = 0;
/// Transparent huge pages, if the host grants them.
pub const BOWSTRING_PAGES_HUGE: u32 = 1;
/// Pages of 2 MiB from the host's reserve.
pub const BOWSTRING_PAGES_HUGETLB: u32 = 2;

/// How a sender is made. Zero in a field means its default; NULL in place of the struct means all defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SenderOptions {
    /// `sizeof(bowstring_sender_options)`.
    pub size: usize,
    /// Slots of the pool; 0 means 64.
    pub slots: u32,
    /// `BOWSTRING_PAGES_…`.
    pub pages: u32,
    /// Bytes of a slot, a multiple of 64; 0 means 64 KiB. A message may take several slots, and be as long as the pool.
    pub slot_size: u64,
    /// A set of `BOWSTRING_POOLED`, `BOWSTRING_COPIED` and `BOWSTRING_SEALED` to offer; 0 means all.
    pub deliveries: u32,
    /// What to do with receivers that are slow: `BOWSTRING_BLOCK`, `BOWSTRING_SKIP`, or `BOWSTRING_DISCONNECT`.
    pub on_slow: u32,
    /// The slots that a receiver may hold before it is skipped or disconnected.
    pub quota: u32,
    /// 0.
    pub reserved: u32,
}

/// What goes with a message besides its bytes. Zero in a field means none; NULL in place of the struct means all zero.
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

/// What became of a message.
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

/// The sending end: a pool of slots, and up to 64 receivers.
pub struct Sender {
    inner: Inner,
    /// The room that is lent. It borrows `inner`, which stays where it is in its own mapping, and is dropped before
    /// `inner` is used: see [`idle`].
    loan: Option<Loan<'static>>,
    wait: Wait,
}

impl SenderOptions {
    const DEFAULT: SenderOptions = SenderOptions {
        size: size_of::<SenderOptions>(),
        slots: 0,
        pages: 0,
        slot_size: 0,
        deliveries: 0,
        on_slow: 0,
        quota: 0,
        reserved: 0,
    };

    /// Reads the caller's options.
    ///
    /// # Safety
    /// Unless it is null, `at` points to options as the header describes them.
    pub unsafe fn read(at: *const SenderOptions) -> Result<SenderOptions, Failure> {
        // SAFETY: the caller's promise; the struct begins with its size and holds numbers only.
        unsafe { pointer::options(at, SenderOptions::DEFAULT) }
    }

    /// The configuration that they describe.
    pub fn config(&self) -> Result<SenderConfig, Failure> {
        let slots = if self.slots == 0 { 64 } else { self.slots };
        let slot_size = if self.slot_size == 0 { 64 << 10 } else { self.slot_size };
        let slot_size = usize::try_from(slot_size).map_err(|_| Failure::argument("a slot is too large"))?;
        let pages = match self.pages {
            BOWSTRING_PAGES_NORMAL => Pages::Normal,
            BOWSTRING_PAGES_HUGE => Pages::Huge,
            BOWSTRING_PAGES_HUGETLB => Pages::HugeTlb,
            _ => return Err(Failure::argument("pages are one of BOWSTRING_PAGES_…")),
        };
        if self.deliveries & !7 != 0 {
            return Err(Failure::argument("deliveries are a set of BOWSTRING_POOLED, _COPIED and _SEALED"));
        }
        let kinds = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];
        let mut chosen = kinds.into_iter().filter(|kind| self.deliveries & *kind as u32 != 0);
        let first = chosen.next().map_or(Deliveries::ANY, Deliveries::only);
        let deliveries = chosen.fold(first, Deliveries::and);
        let config = SenderConfig::new().slots(slots, slot_size).pages(pages).deliveries(deliveries);
        Ok(config.on_slow(self.policy()?))
    }

    /// What to do with receivers that are slow.
    pub fn policy(&self) -> Result<OnSlow, Failure> {
        policy(self.on_slow, self.quota)
    }
}

fn policy(on_slow: u32, quota: u32) -> Result<OnSlow, Failure> {
    Ok(match (on_slow, quota) {
        (BOWSTRING_BLOCK, _) => OnSlow::Block,
        (BOWSTRING_SKIP | BOWSTRING_DISCONNECT, 0) => {
            return Err(Failure::argument("skipping and disconnecting need a quota of slots"));
        }
        (BOWSTRING_SKIP, quota) => OnSlow::Skip { quota },
        (BOWSTRING_DISCONNECT, quota) => OnSlow::CutOff { quota },
        _ => return Err(Failure::argument("on_slow is BOWSTRING_BLOCK, _SKIP or _DISCONNECT")),
    })
}

/// Enters a sender that has nothing lent out.
///
/// # Safety
/// As for [`Handle::enter`].
#[inline(always)]
unsafe fn idle<'a>(sender: *mut Handle<Sender>) -> Result<Entered<'a, Sender>, Failure> {
    // SAFETY: the caller's promise.
    let entered = unsafe { Handle::enter(sender) }?;
    if entered.loan.is_some() {
        return Err(Failure::state("a loan is out: commit or discard it first"));
    }
    Ok(entered)
}

/// The receiver that a number of C's stands for.
fn receiver_of(sender: &Inner, number: u64) -> Result<ReceiverId, Failure> {
    let gone = Failure::Plain(BOWSTRING_ARGUMENT, "no receiver of that number is connected");
    sender.subscribers().find(|id| id.to_bits() == number).ok_or(gone)
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

/// Waits up to `timeout` nanoseconds for a receiver to connect to `listener`; 0 lets in whoever is there and returns
/// `BOWSTRING_AGAIN` if nobody is, a negative one waits without end. Also notices receivers that have died: call it now
/// and then with 0. `receiver`, unless NULL, gets the receiver's number.
///
/// Threads: one at a time for each sender and each listener.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_accept(
    sender: *mut Handle<Sender>,
    listener: *mut Handle<Listener>,
    options: *const HandshakeOptions,
    timeout: i64,
    receiver: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let listener = unsafe { Handle::enter(listener) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        sender.inner.set_patience(terms.patience());
        let mut answer = |request: &ConnectRequest<'_>| terms.answer(request);
        let arrival = match time::wait(timeout, Wait::sleeping()) {
            Some(wait) => sender.inner.accept_for(&listener.0, terms.access, wait, &mut answer)?,
            None => match sender.inner.poll_accept_from(&listener.0, terms.access, &mut answer)? {
                Some(arrival) => arrival,
                None => return Err(Failure::Plain(BOWSTRING_AGAIN, "nobody connects now")),
            },
        };
        // SAFETY: the caller's promise.
        unsafe { number(receiver, arrival.receiver) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// # Safety
/// As for [`pointer::may`].
unsafe fn number(place: *mut u64, receiver: ReceiverId) {
    // SAFETY: the caller's promise.
    if let Some(place) = unsafe { pointer::may(place) } {
        *place = receiver.to_bits();
    }
}

/// Connects to a receiver that listens at `address`. `receiver`, unless NULL, gets its number.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_connect(
    sender: *mut Handle<Sender>,
    address: *const c_char,
    options: *const HandshakeOptions,
    receiver: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        let arrival = sender.inner.connect_socket(address.dial()?, &terms.introduction())?;
        // SAFETY: the caller's promise.
        unsafe { number(receiver, arrival.receiver) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Meets a receiver over a connected socket, such as one end of a pair whose other end a child has. The receiver calls
/// `bowstring_receiver_meet`. `fd` belongs to the library from now on, also if this fails. `receiver`, unless NULL, gets
/// the receiver's number.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`; nothing else uses `fd`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_meet(
    sender: *mut Handle<Sender>,
    fd: i32,
    options: *const HandshakeOptions,
    receiver: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let fd = unsafe { descriptor(fd) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        let arrival = sender.inner.accept_socket(fd, &terms.introduction())?;
        // SAFETY: the caller's promise.
        unsafe { number(receiver, arrival.receiver) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
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
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(data) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        let wait = time::wait(timeout, sender.wait);
        let mut loan = match wait {
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
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        let Some(loan) = sender.loan.take() else {
            return Err(Failure::state("there is no loan to commit"));
        };
        let tags = if label.is_null() {
            Tags::default()
        } else {
            const DEFAULT: Label =
                Label { size: size_of::<Label>(), reply_to: 0, to: 0, tag: 0, required: 0 };
            // SAFETY: the caller's promise; the struct begins with its size and holds numbers only.
            match unsafe { pointer::options(label, DEFAULT) } {
                Ok(label) => {
                    let to = ReceiverId::from_bits(label.to).map_or(To::All, To::Only);
                    Tags { tag: label.tag, reply_to: label.reply_to, to, required: label.required != 0 }
                }
                Err(failure) => {
                    sender.loan = Some(loan);
                    return Err(failure);
                }
            }
        };
        match loan.try_commit_as(used, tags) {
            Ok(sent) => {
                // SAFETY: the caller's promise.
                if let Some(receipt) = unsafe { pointer::may(receipt) } {
                    *receipt =
                        Receipt { number: sent.number, receivers: sent.receivers, skipped: sent.skipped };
                }
                Ok(())
            }
            Err(refused) => {
                let why = refused.why;
                sender.loan = refused.loan;
                Err(why.into())
            }
        }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
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

/// Sets how this sender waits for room: it looks `spins` times before it sleeps, or never sleeps if `never_sleep` is not 0.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_set_wait(
    sender: *mut Handle<Sender>,
    spins: u32,
    never_sleep: i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { Handle::enter(sender) }?.wait = time::base(spins, never_sleep);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Gives one receiver a policy of its own.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_set_on_slow(
    sender: *mut Handle<Sender>,
    receiver: u64,
    on_slow: u32,
    quota: u32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        let receiver = receiver_of(&sender.inner, receiver)?;
        sender.inner.set_on_slow(receiver, policy(on_slow, quota)?);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Sets how often a busy sender looks whether its receivers live; 50 ms if never called.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_watch_every(
    sender: *mut Handle<Sender>,
    nanoseconds: u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { idle(sender) }?.inner.watch_every(Duration::from_nanos(nanoseconds));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Returns the next receiver that has ended since this was last asked: its number, and how it ended (`BOWSTRING_CLOSED`,
/// `BOWSTRING_CRASHED`, `BOWSTRING_CUT_OFF` or `BOWSTRING_PROTOCOL`). `BOWSTRING_AGAIN` if none has. Looks at the receivers'
/// processes first.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_next_ended(
    sender: *mut Handle<Sender>,
    receiver: *mut u64,
    how: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(how) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        sender.inner.reap()?;
        let ended = sender.inner.next_ended();
        let (id, end) = ended.ok_or(Failure::Plain(BOWSTRING_AGAIN, "no receiver has ended"))?;
        // SAFETY: the caller's promise.
        unsafe { number(receiver, id) };
        place.set(end_code(end));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Writes the descriptors of the receivers' sockets to `fds`, which has room for `room` of them, and their number to
/// `count`, which may be larger than `room`. They are readable when a receiver is gone, and after `bowstring_sender_arm`
/// when one has given something back. They stay the sender's.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`; `fds` has room for `room` descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_fds(
    sender: *mut Handle<Sender>,
    fds: *mut i32,
    room: usize,
    count: *mut usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(count) }?;
        if room != 0 && (fds.is_null() || !fds.is_aligned()) {
            return Err(Failure::argument("the place for descriptors is NULL or not aligned"));
        }
        // SAFETY: the caller's promise.
        let sender = unsafe { idle(sender) }?;
        let mut found = 0;
        for fd in sender.inner.descriptors() {
            if found < room {
                // SAFETY: within the room that the caller vouches for.
                unsafe { fds.wrapping_add(found).write(fd.as_raw_fd()) };
            }
            found += 1;
        }
        place.set(found);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Announces that the caller will sleep on `bowstring_sender_fds` until a message of `len` bytes has room, and returns 1
/// in `may_sleep`; 0 if there is room already. After the sleep call `bowstring_sender_disarm`.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_arm(
    sender: *mut Handle<Sender>,
    len: usize,
    may_sleep: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(may_sleep) }?;
        // SAFETY: the caller's promise.
        place.set(unsafe { idle(sender) }?.inner.arm(len).into());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Ends the sleep that `bowstring_sender_arm` announced.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_disarm(sender: *mut Handle<Sender>, error: *mut Error) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { idle(sender) }?.inner.disarm();
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Reads the sender's statistics; `size` is `sizeof *stats`.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_get_stats(
    sender: *mut Handle<Sender>,
    stats: *mut SenderStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, sender.inner.stats().into()) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Reads the statistics of one receiver; `size` is `sizeof *stats`. `BOWSTRING_ARGUMENT` once it has gone.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_get_subscriber(
    sender: *mut Handle<Sender>,
    receiver: u64,
    stats: *mut SubscriberStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let sender = unsafe { idle(sender) }?;
        let receiver = receiver_of(&sender.inner, receiver)?;
        let gone = Failure::argument("the receiver has gone");
        let found = sender.inner.subscriber_stats(receiver).ok_or(gone)?;
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, found.into()) }
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

// ---- both directions ----

/// Connects for both directions: what `sender` sends goes there, and what comes back is received by `receiver`. `address`
/// is that of a sender which calls `bowstring_sender_accept_both`. `number`, unless NULL, gets the other side's number as a
/// receiver of `sender`.
///
/// Threads: one at a time for each sender; the receiver may then be used by another thread.
///
/// # Safety
/// As for `bowstring_sender_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_connect_both(
    sender: *mut Handle<Sender>,
    address: *const c_char,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<Receiver>,
    number: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(receiver) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        let (id, incoming) = sender.inner.connect_both_over(address.dial()?, &terms.wanted())?;
        place.set(Handle::give(Receiver::open(incoming)?)?);
        // SAFETY: the caller's promise.
        unsafe { self::number(number, id) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Waits up to `timeout` nanoseconds until somebody has connected for both directions; 0 does not wait, a negative one
/// waits without end.
///
/// Threads: one at a time for each sender and each listener; the receiver may then be used by another thread.
///
/// # Safety
/// As for `bowstring_sender_accept`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_accept_both(
    sender: *mut Handle<Sender>,
    listener: *mut Handle<Listener>,
    options: *const HandshakeOptions,
    timeout: i64,
    receiver: *mut *mut Handle<Receiver>,
    number: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(receiver) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let listener = unsafe { Handle::enter(listener) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        sender.inner.set_patience(terms.patience());
        let mut answer = |request: &ConnectRequest<'_>| terms.answer(request);
        let wanted = terms.wanted();
        let (id, incoming) = match time::wait(timeout, Wait::sleeping()) {
            Some(wait) => sender.inner.accept_both(&listener.0, &wanted, wait, &mut answer)?,
            None => match sender.inner.poll_accept_both(&listener.0, &wanted, &mut answer)? {
                Some(both) => both,
                None => return Err(Failure::Plain(BOWSTRING_AGAIN, "nobody connects now")),
            },
        };
        place.set(Handle::give(Receiver::open(incoming)?)?);
        // SAFETY: the caller's promise.
        unsafe { self::number(number, id) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
