//! The caller's error object.

use core::ffi::c_char;
use core::fmt::{self, Write};

pub mod codes;
pub mod failure;

pub use codes::*;
pub use failure::*;

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
    /// For `BOWSTRING_CHOICE`: the byte of the condition at which the wrong part begins, counted from 1; 0 if there is no
    /// such place. For every other code: 0.
    pub position: u32,
    /// The reason, in words: UTF-8, cut to fit, terminated by a zero.
    pub message: [c_char; BOWSTRING_MESSAGE_BYTES],
}

impl Error {
    /// Puts a failure into words.
    #[cold]
    pub fn fill(&mut self, failure: &impl Reported) {
        self.say(failure.code(), failure.os_error(), failure.fault(), format_args!("{failure}"));
        self.position = failure.position();
    }

    /// Puts a code and its reason into the object.
    #[cold]
    pub fn say(&mut self, code: i32, os_error: i32, fault: u32, reason: fmt::Arguments<'_>) {
        (self.code, self.os_error, self.fault, self.position) = (code, os_error, fault, 0);
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
