//! Steps all threads of a child by system calls.
//!
//! # Safety
//!
//! As on the page above: `ptrace` and `waitpid` get numbers of a child of this thread and of its threads, and a pointer to
//! one local.

use super::Tracee;

/// A child all of whose threads are traced, those that it will start too. Dropping it kills it.
#[derive(Debug)]
pub struct Threads {
    pid: i32,
    /// The thread that stands still for the tracer.
    stopped: Option<i32>,
    over: bool,
}

/// The point at which a child of several threads stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// One of its threads enters or leaves the kernel.
    SystemCall,
    /// Its first thread has called [`mark`](super::mark).
    Mark,
    /// It ended.
    Over(i32),
}

impl Threads {
    /// Takes over a child that has one thread, which has asked to be traced and has stopped.
    #[must_use]
    pub fn of(mut child: Tracee) -> Threads {
        let options = libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
        // SAFETY: no memory is involved; see the module's page.
        let set = unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, child.pid, 0, options) };
        assert_eq!(set, 0, "PTRACE_SETOPTIONS: {}", std::io::Error::last_os_error());
        child.over = true;
        Threads { pid: child.pid, stopped: Some(child.pid), over: false }
    }

    /// Lets the threads go on until one of them stops. Others run meanwhile, up to their own next stop.
    pub fn step(&mut self) -> Stopped {
        if let Some(thread) = self.stopped.take() {
            proceed(thread);
        }
        loop {
            let (thread, status) = wait();
            if !libc::WIFSTOPPED(status) {
                if thread == self.pid {
                    self.over = true;
                    return Stopped::Over(status);
                }
                continue;
            }
            let stop = match libc::WSTOPSIG(status) {
                signal if signal == libc::SIGTRAP | 0x80 => Stopped::SystemCall,
                libc::SIGSTOP if thread == self.pid => Stopped::Mark,
                // A thread was started, or is about to run its first instruction.
                libc::SIGTRAP | libc::SIGSTOP => {
                    proceed(thread);
                    continue;
                }
                signal => panic!("the child got signal {signal}"),
            };
            self.stopped = Some(thread);
            return stop;
        }
    }

    /// Kills the child where it stands and waits until it is gone. A system call that was about to begin does not happen.
    pub fn kill(&mut self) {
        if self.over {
            return;
        }
        // SAFETY: a signal to a child that has not been waited for, so the number is still its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        // The first thread is reported last.
        while !matches!(wait(), (thread, status) if thread == self.pid && !libc::WIFSTOPPED(status)) {}
        self.over = true;
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Lets a thread go on to its next entry to or exit from the kernel.
fn proceed(thread: i32) {
    // SAFETY: no memory is involved; see the module's page. A thread that was killed meanwhile is an error without effect.
    unsafe { libc::ptrace(libc::PTRACE_SYSCALL, thread, 0, 0) };
}

/// Returns the next thread of a child of this thread that stopped or ended, and its status.
fn wait() -> (i32, i32) {
    let mut status = 0;
    // SAFETY: the status is a local that outlives the call.
    let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    assert!(thread > 0, "waitpid: {}", std::io::Error::last_os_error());
    (thread, status)
}
