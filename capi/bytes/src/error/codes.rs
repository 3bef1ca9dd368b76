//! Error codes, their meaning in a few words, and whose fault each is.

use core::ffi::c_char;

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
/// The name or path is invalid, or is not that of a socket.
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
/// The columns or the condition that were chosen do not fit the table: see the message, and `position`.
pub const BOWSTRING_CHOICE: i32 = 25;

/// Nobody's fault in particular.
pub const BOWSTRING_FAULT_NONE: u32 = 0;
/// This program asked for something impossible.
pub const BOWSTRING_FAULT_OURS: u32 = 1;
/// The peer broke the protocol, refused, or went away.
pub const BOWSTRING_FAULT_PEER: u32 = 2;
/// The host could not or would not do it.
pub const BOWSTRING_FAULT_HOST: u32 = 3;

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
        | BOWSTRING_SCHEMA
        | BOWSTRING_CHOICE => BOWSTRING_FAULT_OURS,
        BOWSTRING_CRASHED | BOWSTRING_CUT_OFF | BOWSTRING_PROTOCOL | BOWSTRING_REFUSED
        | BOWSTRING_HUNG_UP => BOWSTRING_FAULT_PEER,
        BOWSTRING_OS => BOWSTRING_FAULT_HOST,
        _ => BOWSTRING_FAULT_NONE,
    }
}

const NAMES: [(&core::ffi::CStr, i32); 26] = [
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
    (c"no such column, or no such condition", BOWSTRING_CHOICE),
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
