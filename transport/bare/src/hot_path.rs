//! The hot path alone, in a program that is linked and never run.
//!
//! It has no allocator, no libc and no standard library. With link-time optimisation, the program contains what the
//! hot path can reach and nothing else: if it allocated, the link would fail. With the feature `no-panic` the panic
//! handler references an undefined symbol, so any reachable panic fails the link; `panics.py` then lists what can
//! panic.

// checks: hot-path-panics
#![no_std]
#![no_main]
#![allow(unsafe_code)]

mod memory;

use core::panic::PanicInfo;

use bowstring_transport::{
    CommitFault, Foreign, Honest, Lease, LoanError, PooledReceiver, Receiver, RecvError, Sender,
};

#[cfg(feature = "no-panic")]
unsafe extern "C" {
    /// Defined nowhere.
    fn a_panic_is_left() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[cfg(feature = "no-panic")]
    // SAFETY: never linked, hence never called.
    unsafe {
        a_panic_is_left()
    }
    #[cfg(not(feature = "no-panic"))]
    loop {
        core::hint::spin_loop();
    }
}

/// Borrows a loan, writes it, commits it.
#[unsafe(no_mangle)]
extern "C" fn send(sender: &mut Sender, byte: u8, len: usize) -> bool {
    fn go(sender: &mut Sender, byte: u8, len: usize) -> Result<(), LoanError> {
        let mut loan = sender.try_loan(len)?;
        loan.fill(byte);
        match loan.commit(len) {
            Ok(_) => Ok(()),
            Err(CommitFault::Unfinished(_)) => Err(LoanError::Full),
            Err(_) => Err(LoanError::TimedOut),
        }
    }
    go(sender, byte, len).is_ok()
}

/// Takes a message, reads it in place, gives it back.
#[unsafe(no_mangle)]
extern "C" fn receive_in_place(receiver: &PooledReceiver) -> u64 {
    fn sum(lease: &Lease<'_, Honest>) -> u64 {
        lease.iter().map(|&byte| u64::from(byte)).sum()
    }
    let got: Result<Option<u64>, RecvError> = receiver.try_recv().map(|lease| lease.as_ref().map(sum));
    got.ok().flatten().unwrap_or(0)
}

/// Waits for a message, reads it in place, gives it back.
#[unsafe(no_mangle)]
extern "C" fn receive_waiting(receiver: &PooledReceiver) -> usize {
    receiver.recv().map_or(0, |lease| lease.len())
}

/// Takes a message, copies it, gives it back.
#[unsafe(no_mangle)]
extern "C" fn receive_copied(receiver: &Receiver<Foreign>, into: &mut [u8; 4096]) -> bool {
    receiver.try_recv().is_ok_and(|lease| lease.is_some_and(|lease| lease.copy_into(into).is_some()))
}

/// The linker's entry point; the arguments keep it from making assumptions about them.
#[unsafe(no_mangle)]
extern "C" fn _start(
    sender: &mut Sender,
    pooled: &PooledReceiver,
    foreign: &Receiver<Foreign>,
    scratch: &mut [u8; 4096],
) -> u64 {
    let sent = send(sender, scratch[0], usize::from(scratch[1]));
    let taken = receive_in_place(pooled) + receive_waiting(pooled) as u64;
    taken + u64::from(sent) + u64::from(receive_copied(foreign, scratch))
}
