//! Waits, as C asks for them.

use core::time::Duration;

use bowstring_transport::Wait;

/// Waits without end.
pub const BOWSTRING_FOREVER: i64 = -1;
/// Does not wait.
pub const BOWSTRING_NOW: i64 = 0;

/// Returns how a call waits: a timeout of 0 is `None`, a negative one is without end, others are nanoseconds.
#[inline(always)]
#[must_use]
pub fn wait(timeout: i64, base: Wait) -> Option<Wait> {
    match u64::try_from(timeout) {
        Ok(0) => None,
        Ok(nanos) => Some(base.at_most(Duration::from_nanos(nanos))),
        Err(_) => Some(base),
    }
}

/// Returns how a handle waits: it looks before it sleeps, or never sleeps.
pub fn base(spins: u32, never_sleep: i32) -> Wait {
    if never_sleep == 0 { Wait::sleeping().spins(spins) } else { Wait::spinning() }
}
