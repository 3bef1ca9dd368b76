//! Error codes, and the caller's error object.

use core::ffi::c_char;
use core::fmt::{self, Write};

use bowstring_transport::{
    CommitFault, End, Fault, GeometryError, HandshakeError, LoanError, OsError, RecvError, SendError,
};

/// Success.
pub const BOWSTRING_OK: i32 = 0;
/// Nothing is there now, or there is no room now: a call with timeout 0 returns it. The error object is not touched.
pub const BOWSTRING_AGAIN: i32 = 1;
/// The time is over.
pub const BOWSTRING_TIMED_OUT: i32 = 2;
/// The other side has closed, and everything it sent has been received.
pub const BOWSTRING_CLOSED: i32 = 3;
/// The other side died without closing. Everything it had committed has been received.
pub const BOWSTRING_CRASHED: i32 = 4;
/// The sender disconnected this receiver for being slow.
pub const BOWSTRING_CUT_OFF: i32 = 5;
/// There is no receiver.
pub const BOWSTRING_NO_RECEIVER: i32 = 6;
/// The message, or the batch, is longer than can be sent.
pub const BOWSTRING_TOO_LONG: i32 = 7;
/// An argument is null, out of range, or not one of the constants.
pub const BOWSTRING_ARGUMENT: i32 = 8;
/// The call comes out of order: a message released twice, a commit without a loan, a receiver closed before its messages.
pub const BOWSTRING_STATE: i32 = 9;
/// Another thread is using the same handle at this moment.
pub const BOWSTRING_BUSY: i32 = 10;
/// The peer broke the protocol.
pub const BOWSTRING_PROTOCOL: i32 = 11;
/// The peer refused, or this side refused the peer.
pub const BOWSTRING_REFUSED: i32 = 12;
/// The peer hung up during the handshake.
pub const BOWSTRING_HUNG_UP: i32 = 13;
/// The operating system returned an error: see `os_error`.
pub const BOWSTRING_OS: i32 = 14;
/// Somebody listens at that address already.
pub const BOWSTRING_IN_USE: i32 = 15;
/// Nobody listens at that address.
pub const BOWSTRING_NOT_FOUND: i32 = 16;
/// The name or path is not one, or not that of a socket.
pub const BOWSTRING_ADDRESS: i32 = 17;
/// This library, or this delivery, does not support the call.
pub const BOWSTRING_UNSUPPORTED: i32 = 18;
/// The schema cannot be sent or read.
pub const BOWSTRING_SCHEMA: i32 = 19;
/// Arrow data is malformed, or does not have the schema.
pub const BOWSTRING_DATA: i32 = 20;
/// The wait was interrupted.
pub const BOWSTRING_INTERRUPTED: i32 = 21;
/// A bug in this library. The handle it happened on must only be closed.
pub const BOWSTRING_PANIC: i32 = 22;
/// The message is sent, and some receiver lacks it still: it gets it before anything else is sent. Do not send it again.
pub const BOWSTRING_UNFINISHED: i32 = 23;
/// The store has another version of the table, or a table where there must be none.
pub const BOWSTRING_CONFLICT: i32 = 24;

/// Nobody's fault in particular.
pub const BOWSTRING_FAULT_NONE: u32 = 0;
/// This program asked for something impossible.
pub const BOWSTRING_FAULT_OURS: u32 = 1;
/// The peer broke the protocol, refused, or went away.
pub const BOWSTRING_FAULT_PEER: u32 = 2;
/// The host could not or would not do it.
pub const BOWSTRING_FAULT_HOST: u32 = 3;

/// Bytes of an error's message, its terminating zero included.
pub const BOWSTRING_MESSAGE_BYTES: usize = 496;

/// An error, in memory of the caller. Functions fill it when they fail, and only then; each takes NULL for a caller that
/// looks at the code alone.
#[repr(C)]
pub struct Error {
    /// The code, which the function also returned.
    pub code: i32,
    /// The value of `errno`, for `BOWSTRING_OS`; otherwise 0.
    pub os_error: i32,
    /// Whose fault it was: one of `BOWSTRING_FAULT_…`.
    pub fault: u32,
    /// 0.
    pub reserved: u32,
    /// The reason, in words: UTF-8, cut to fit, terminated by a zero.
    pub message: [c_char; BOWSTRING_MESSAGE_BYTES],
}

/// Why a call failed, before it was put into words.
pub enum Failure {
    /// A code and its words.
    Plain(i32, &'static str),
    /// The handshake failed.
    Meet(HandshakeError),
    /// There was no room.
    Loan(LoanError),
    /// A message was not sent.
    Commit(CommitFault),
    /// Nothing was received.
    Receive(RecvError),
    /// A system call failed.
    Os(OsError),
    /// Something of the standard library's failed with this error number.
    Errno(i32),
}

/// A failure that can be told to C.
pub trait Reported: fmt::Display {
    /// Its code.
    fn code(&self) -> i32;
    /// The value of `errno`, or 0.
    fn os_error(&self) -> i32;
    /// Whose fault it was.
    fn fault(&self) -> u32 {
        fault_of(self.code())
    }
}

impl Failure {
    /// An argument that cannot be used.
    #[must_use]
    pub const fn argument(why: &'static str) -> Failure {
        Failure::Plain(BOWSTRING_ARGUMENT, why)
    }

    /// A call that comes out of order.
    #[must_use]
    pub const fn state(why: &'static str) -> Failure {
        Failure::Plain(BOWSTRING_STATE, why)
    }
}

impl Reported for Failure {
    fn code(&self) -> i32 {
        match self {
            Failure::Plain(code, _) => *code,
            Failure::Meet(e) => handshake_code(e),
            Failure::Loan(e) => loan_code(e),
            Failure::Commit(e) => commit_code(e),
            Failure::Receive(e) => receive_code(e),
            Failure::Errno(ENOENT | ECONNREFUSED) => BOWSTRING_NOT_FOUND,
            Failure::Os(_) | Failure::Errno(_) => BOWSTRING_OS,
        }
    }

    fn os_error(&self) -> i32 {
        match self {
            Failure::Os(e)
            | Failure::Meet(HandshakeError::Os(e))
            | Failure::Loan(LoanError::Os(e))
            | Failure::Commit(CommitFault::Os(e))
            | Failure::Receive(RecvError::Os(e)) => e.raw_os_error(),
            Failure::Errno(number) => *number,
            _ => 0,
        }
    }

    fn fault(&self) -> u32 {
        match self {
            Failure::Meet(e) => match e.fault() {
                Fault::Ours => BOWSTRING_FAULT_OURS,
                Fault::Peer => BOWSTRING_FAULT_PEER,
                Fault::Host => BOWSTRING_FAULT_HOST,
            },
            other => fault_of(other.code()),
        }
    }
}

/// Whose fault an error of this code is.
#[must_use]
pub fn fault_of(code: i32) -> u32 {
    match code {
        BOWSTRING_TOO_LONG
        | BOWSTRING_ARGUMENT
        | BOWSTRING_STATE
        | BOWSTRING_BUSY
        | BOWSTRING_ADDRESS
        | BOWSTRING_UNSUPPORTED
        | BOWSTRING_PANIC
        | BOWSTRING_SCHEMA => BOWSTRING_FAULT_OURS,
        BOWSTRING_CRASHED | BOWSTRING_CUT_OFF | BOWSTRING_PROTOCOL | BOWSTRING_REFUSED
        | BOWSTRING_HUNG_UP => BOWSTRING_FAULT_PEER,
        BOWSTRING_OS => BOWSTRING_FAULT_HOST,
        _ => BOWSTRING_FAULT_NONE,
    }
}

const ENOENT: i32 = 2;
const ECONNREFUSED: i32 = 111;

/// The code of a failed handshake.
#[must_use]
pub fn handshake_code(e: &HandshakeError) -> i32 {
    match e {
        HandshakeError::Os(e) if matches!(e.raw_os_error(), ENOENT | ECONNREFUSED) => BOWSTRING_NOT_FOUND,
        HandshakeError::Os(_) => BOWSTRING_OS,
        HandshakeError::Wire(_) | HandshakeError::Region(..) => BOWSTRING_PROTOCOL,
        HandshakeError::HungUp => BOWSTRING_HUNG_UP,
        HandshakeError::TimedOut(_) => BOWSTRING_TIMED_OUT,
        HandshakeError::InUse => BOWSTRING_IN_USE,
        HandshakeError::NotASocket | HandshakeError::WrongSocket => BOWSTRING_ADDRESS,
        HandshakeError::GreetingTooLong(_) | HandshakeError::Geometry(_) => BOWSTRING_ARGUMENT,
        _ => BOWSTRING_REFUSED,
    }
}

fn loan_code(e: &LoanError) -> i32 {
    match e {
        LoanError::NoReceiver(_) => BOWSTRING_NO_RECEIVER,
        LoanError::TooLong { .. } => BOWSTRING_TOO_LONG,
        LoanError::Full => BOWSTRING_AGAIN,
        LoanError::Os(_) => BOWSTRING_OS,
        _ => BOWSTRING_TIMED_OUT,
    }
}

fn commit_code(e: &CommitFault) -> i32 {
    match e {
        CommitFault::TooLong { .. } => BOWSTRING_TOO_LONG,
        CommitFault::Os(_) => BOWSTRING_OS,
        CommitFault::Unfinished(_) => BOWSTRING_UNFINISHED,
        _ => BOWSTRING_TIMED_OUT,
    }
}

fn receive_code(e: &RecvError) -> i32 {
    match e {
        RecvError::Closed => BOWSTRING_CLOSED,
        RecvError::CutOff => BOWSTRING_CUT_OFF,
        RecvError::TimedOut => BOWSTRING_TIMED_OUT,
        RecvError::Fault(_) => BOWSTRING_PROTOCOL,
        RecvError::Os(_) => BOWSTRING_OS,
        _ => BOWSTRING_CRASHED,
    }
}

/// How a receiver ended, as the code that its own side would see.
#[must_use]
pub fn end_code(end: End) -> i32 {
    match end {
        End::Closed => BOWSTRING_CLOSED,
        End::Crashed => BOWSTRING_CRASHED,
        End::CutOff => BOWSTRING_CUT_OFF,
        _ => BOWSTRING_PROTOCOL,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Plain(_, why) => f.write_str(why),
            Failure::Meet(e) => e.fmt(f),
            Failure::Loan(e) => e.fmt(f),
            Failure::Commit(e) => e.fmt(f),
            Failure::Receive(e) => e.fmt(f),
            Failure::Os(e) => e.fmt(f),
            Failure::Errno(number) => write!(f, "the user's directory of channels: errno {number}"),
        }
    }
}

impl From<HandshakeError> for Failure {
    fn from(e: HandshakeError) -> Failure {
        Failure::Meet(e)
    }
}

impl From<GeometryError> for Failure {
    fn from(e: GeometryError) -> Failure {
        Failure::Meet(HandshakeError::Geometry(e))
    }
}

impl From<LoanError> for Failure {
    fn from(e: LoanError) -> Failure {
        Failure::Loan(e)
    }
}

impl From<CommitFault> for Failure {
    fn from(e: CommitFault) -> Failure {
        Failure::Commit(e)
    }
}

impl From<SendError> for Failure {
    fn from(e: SendError) -> Failure {
        match e {
            SendError::Loan(e) => Failure::Loan(e),
            SendError::Commit(e) => Failure::Commit(e),
        }
    }
}

impl From<RecvError> for Failure {
    fn from(e: RecvError) -> Failure {
        Failure::Receive(e)
    }
}

impl From<OsError> for Failure {
    fn from(e: OsError) -> Failure {
        Failure::Os(e)
    }
}

impl Error {
    /// Puts a failure into words.
    #[cold]
    pub fn fill(&mut self, failure: &impl Reported) {
        self.say(failure.code(), failure.os_error(), failure.fault(), format_args!("{failure}"));
    }

    /// Puts a code and its reason into the object.
    #[cold]
    pub fn say(&mut self, code: i32, os_error: i32, fault: u32, reason: fmt::Arguments<'_>) {
        (self.code, self.os_error, self.fault, self.reserved) = (code, os_error, fault, 0);
        self.message = [0; BOWSTRING_MESSAGE_BYTES];
        // Leaves room for the terminating zero.
        let mut words = Words { room: &mut self.message[..BOWSTRING_MESSAGE_BYTES - 1] };
        let _ = words.write_fmt(reason);
    }
}

/// Text that is cut where its room ends, between characters.
struct Words<'a> {
    room: &'a mut [c_char],
}

impl Write for Words<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut len = text.len().min(self.room.len());
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        let (to, rest) = core::mem::take(&mut self.room).split_at_mut(len);
        for (to, byte) in to.iter_mut().zip(text.bytes()) {
            // C reads up to the first zero: one from outside must not hide the rest.
            *to = if byte == 0 { b'?' } else { byte } as c_char;
        }
        self.room = if len < text.len() { &mut [] } else { rest };
        Ok(())
    }
}

const NAMES: [(&core::ffi::CStr, i32); 25] = [
    (c"ok", BOWSTRING_OK),
    (c"nothing is there now", BOWSTRING_AGAIN),
    (c"timed out", BOWSTRING_TIMED_OUT),
    (c"closed", BOWSTRING_CLOSED),
    (c"the other side died", BOWSTRING_CRASHED),
    (c"disconnected for being slow", BOWSTRING_CUT_OFF),
    (c"no receiver", BOWSTRING_NO_RECEIVER),
    (c"too long", BOWSTRING_TOO_LONG),
    (c"invalid argument", BOWSTRING_ARGUMENT),
    (c"out of order", BOWSTRING_STATE),
    (c"in use by another thread", BOWSTRING_BUSY),
    (c"the peer broke the protocol", BOWSTRING_PROTOCOL),
    (c"refused", BOWSTRING_REFUSED),
    (c"the peer hung up", BOWSTRING_HUNG_UP),
    (c"system error", BOWSTRING_OS),
    (c"address in use", BOWSTRING_IN_USE),
    (c"nobody listens there", BOWSTRING_NOT_FOUND),
    (c"invalid address", BOWSTRING_ADDRESS),
    (c"not supported", BOWSTRING_UNSUPPORTED),
    (c"unusable schema", BOWSTRING_SCHEMA),
    (c"malformed data", BOWSTRING_DATA),
    (c"interrupted", BOWSTRING_INTERRUPTED),
    (c"a bug in libbowstring", BOWSTRING_PANIC),
    (c"sent, and some receiver lacks it still", BOWSTRING_UNFINISHED),
    (c"another version is there", BOWSTRING_CONFLICT),
];

/// Returns the meaning of a code in a few words. Never NULL; never to be freed.
///
/// Threads: any.
#[allow(unsafe_code, reason = "the symbol's name")]
#[unsafe(no_mangle)]
pub extern "C" fn bowstring_code_name(code: i32) -> *const c_char {
    let known = NAMES.iter().find(|(_, known)| *known == code);
    known.map_or(c"unknown code", |(name, _)| name).as_ptr()
}

/// An error of the standard library's, of which the number is known.
#[cfg(feature = "std")]
#[must_use]
pub fn os_failure(error: &std::io::Error) -> Failure {
    Failure::Errno(error.raw_os_error().unwrap_or(0))
}
