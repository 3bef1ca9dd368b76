//! The two system calls that a Rust program leaves to libc: `fork` and `exit_group`, on x86-64.
//!
//! # Safety
//!
//! Both calls take no pointers. The usual trouble with `fork`, threads and libc's handlers, does not exist here.
#![allow(unsafe_code)]

use core::arch::asm;

/// Forks the process: returns 0 in the child, its id in the parent, a negative number on failure.
pub(crate) fn fork() -> i32 {
    let outcome: i64;
    // SAFETY: the child gets a copy of all memory, this stack included, and goes on from here; no other thread could
    // have left anything half done. The kernel clobbers rcx and r11.
    unsafe {
        asm!("syscall", inlateout("rax") 57_i64 => outcome, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    outcome as i32
}

/// Ends the process.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: nothing runs in this process afterwards.
    unsafe {
        asm!("syscall", "ud2", in("rax") 231_i64, in("rdi") i64::from(status), options(noreturn, nostack))
    }
}
