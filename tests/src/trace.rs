//! Steps a child by instructions or by system calls, to kill it at each.
//!
//! # Safety
//!
//! `ptrace` and `waitpid` get the number of a child of this process, pass no pointers except one to a local, and
//! touch no other memory of this process.
#![cfg(target_arch = "x86_64")]
#![allow(unsafe_code)]

mod threads;

use std::time::{Duration, Instant};

pub use self::threads::{Stopped, Threads};

/// A child that has asked to be traced. Dropping it kills it, if it still runs.
#[derive(Debug)]
pub struct Tracee {
    pid: i32,
    over: bool,
}

/// A reason that a child stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At the requested step.
    Step,
    /// By this signal.
    Signal(i32),
    /// It ended.
    Over(i32),
}

/// The distance that a child runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// One instruction.
    Instruction,
    /// To the next entry to or exit from the kernel.
    SystemCall,
    /// Until a signal stops it.
    On,
}

/// In the child: asks the parent to trace it, and stops until the parent continues it.
pub fn ask_and_stop() {
    // SAFETY: no memory is involved; see the module's page.
    let asked = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
    assert_eq!(asked, 0, "PTRACE_TRACEME: {}", std::io::Error::last_os_error());
    mark();
}

/// Stops the traced child here.
pub fn mark() {
    // SAFETY: a signal to this thread, whose effect is a stop that the tracer sees.
    let raised = unsafe { libc::raise(libc::SIGSTOP) };
    assert_eq!(raised, 0);
}

/// Leaves this process at once, without unwinding, destructors or handlers.
pub fn leave(code: i32) -> ! {
    // SAFETY: ends the process; nothing of it is used afterwards.
    unsafe { libc::_exit(code) }
}

/// Forks, and runs `child` in the child.
///
/// The caller has one thread: otherwise the child could find a lock held by a thread that it does not have.
pub fn fork(child: impl FnOnce() -> i32) -> Tracee {
    await_last_thread();
    // SAFETY: this process has one thread, as just checked, so the child is a whole copy of it.
    match unsafe { libc::fork() } {
        0 => {
            let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(101);
            leave(code)
        }
        pid => {
            assert!(pid > 0, "fork: {}", std::io::Error::last_os_error());
            Tracee { pid, over: false }
        }
    }
}

/// Returns once this process has one thread.
///
/// A thread that was joined may be listed a moment longer: joining waits for the kernel to clear the thread's number,
/// which it does shortly before the thread ends. A thread that stays is the caller's mistake.
fn await_last_thread() {
    let patience = Instant::now() + Duration::from_secs(30);
    while std::fs::read_dir("/proc/self/task").expect("/proc").count() != 1 {
        assert!(Instant::now() < patience, "forked with other threads about");
        std::thread::yield_now();
    }
}

impl Tracee {
    /// Takes over a child that was started by other means, and asks to be traced itself.
    #[must_use]
    pub fn of(pid: u32) -> Tracee {
        Tracee { pid: i32::try_from(pid).expect("a process number"), over: false }
    }

    /// Returns the child's number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits until the child has stopped.
    pub fn await_stop(&mut self) -> Stop {
        let mut status = 0;
        // SAFETY: the status is a local that outlives the call.
        let waited = unsafe { libc::waitpid(self.pid, &raw mut status, libc::__WALL) };
        assert_eq!(waited, self.pid, "waitpid: {}", std::io::Error::last_os_error());
        if libc::WIFSTOPPED(status) {
            return match libc::WSTOPSIG(status) {
                libc::SIGTRAP => Stop::Step,
                signal => Stop::Signal(signal),
            };
        }
        self.over = true;
        Stop::Over(status)
    }

    /// Continues the stopped child, and waits until it stops again. The signal that stopped it is not delivered.
    pub fn go(&mut self, how: Go) -> Stop {
        let request = match how {
            Go::Instruction => libc::PTRACE_SINGLESTEP,
            Go::SystemCall => libc::PTRACE_SYSCALL,
            Go::On => libc::PTRACE_CONT,
        };
        // SAFETY: no memory is involved; see the module's page.
        let gone = unsafe { libc::ptrace(request, self.pid, 0, 0) };
        assert_eq!(gone, 0, "ptrace: {}", std::io::Error::last_os_error());
        self.await_stop()
    }

    /// Returns the address of the stopped child's next instruction.
    #[must_use]
    pub fn place(&self) -> u64 {
        self.registers().rip
    }

    fn registers(&self) -> libc::user_regs_struct {
        let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::uninit();
        // SAFETY: the kernel fills the struct, which is a local that outlives the call.
        let got = unsafe { libc::ptrace(libc::PTRACE_GETREGS, self.pid, 0, registers.as_mut_ptr()) };
        assert_eq!(got, 0, "PTRACE_GETREGS: {}", std::io::Error::last_os_error());
        // SAFETY: the call has succeeded, so all of it is written; every bit pattern is valid anyway.
        unsafe { registers.assume_init() }
    }

    /// Lets the stopped child run until it comes to `place` for the first time.
    pub fn run_to(&mut self, place: u64) {
        let code = self.peek(place);
        // The breakpoint instruction of x86 is one byte.
        self.poke(place, code & !0xFF | 0xCC);
        assert_eq!(self.go(Go::On), Stop::Step, "the child did not come to {place:#x}");
        self.poke(place, code);
        let mut registers = self.registers();
        assert_eq!(registers.rip, place + 1);
        registers.rip = place;
        // SAFETY: the kernel reads the struct, which is a local that outlives the call.
        let set = unsafe { libc::ptrace(libc::PTRACE_SETREGS, self.pid, 0, &raw const registers) };
        assert_eq!(set, 0, "PTRACE_SETREGS: {}", std::io::Error::last_os_error());
    }

    fn peek(&self, place: u64) -> i64 {
        // SAFETY: reads the child's memory into the return value.
        unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, self.pid, place, 0) }
    }

    fn poke(&self, place: u64, word: i64) {
        // SAFETY: writes to the child's own copy of its code.
        let poked = unsafe { libc::ptrace(libc::PTRACE_POKETEXT, self.pid, place, word) };
        assert_eq!(poked, 0, "PTRACE_POKETEXT: {}", std::io::Error::last_os_error());
    }

    /// Kills the child where it stands and waits until it is gone.
    pub fn kill(&mut self) {
        if self.over {
            return;
        }
        // SAFETY: a signal to a child that has not been waited for, so the number is still its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        while !matches!(self.await_stop(), Stop::Over(_)) {}
    }

    /// Returns the child's exit code; `None` if a signal ended it.
    #[must_use]
    pub fn code(status: i32) -> Option<i32> {
        libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        self.kill();
    }
}
