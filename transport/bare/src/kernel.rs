//! The two system calls of a process's life that libraries leave to a libc: `fork` and `exit_group`, on x86-64.
//!
//! # Safety
//!
//! Both calls take no pointers. What makes `fork` delicate elsewhere, threads and handlers of a libc, is not here.
#![allow(unsafe_code)]

use core::arch::asm;

/// Splits the process: 0 in the child, its id in the parent, negative if it could not be done.
pub(crate) fn fork() -> i32 {
    let outcome: i64;
    // SAFETY: the child gets a copy of all memory, this stack included, and goes on from here; nothing else runs in
    // this process that could have held anything half done. The kernel clobbers rcx and r11.
    unsafe {
        asm!("syscall", inlateout("rax") 57_i64 => outcome, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    outcome as i32
}

/// Ends the process.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: there is nobody left to be surprised.
    unsafe {
        asm!("syscall", "ud2", in("rax") 231_i64, in("rdi") i64::from(status), options(noreturn, nostack))
    }
}
