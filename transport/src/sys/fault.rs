//! Makes system calls fail on purpose.
//!
//! A plan names a call, which occurrence of it fails, and the errno it fails with. Plans are per thread, so that tests
//! run beside each other.

use std::cell::Cell;
use std::thread_local;

use rustix::io::Errno;

use crate::error::Call;

/// The call that fails, and its error.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The call.
    pub call: Call,
    /// Occurrences that succeed first.
    pub after: u32,
    /// Occurrences that fail then.
    pub times: u32,
    /// The error number that they fail with.
    pub errno: i32,
}

thread_local! {
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
    static FAILED: Cell<u32> = const { Cell::new(0) };
}

/// Runs `f` under a plan; returns its result and the number of calls that failed.
pub fn under<R>(plan: Plan, f: impl FnOnce() -> R) -> (R, u32) {
    PLAN.set(Some(plan));
    FAILED.set(0);
    let result = f();
    PLAN.set(None);
    (result, FAILED.get())
}

pub(super) fn gate(call: Call) -> Result<(), Errno> {
    let Some(mut plan) = PLAN.get().filter(|plan| plan.call == call) else { return Ok(()) };
    if plan.after > 0 {
        plan.after -= 1;
    } else if plan.times > 0 {
        plan.times -= 1;
        FAILED.set(FAILED.get() + 1);
        PLAN.set(Some(plan));
        return Err(Errno::from_raw_os_error(plan.errno));
    }
    PLAN.set(Some(plan));
    Ok(())
}
