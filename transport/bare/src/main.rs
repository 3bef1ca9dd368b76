//! A sender and its receiver in two processes, without a standard library, a libc or an allocator.
//!
//! The program forks. The child receives pooled messages in place and checks every byte; the parent lends, writes and
//! commits them, closes, and exits with the child's verdict: 0 if everything arrived as sent. For the other statuses
//! see [`Wrong`].
//!
//! # Safety
//!
//! Unsafe are the entry point, which a libc provides elsewhere, and the declaration that the sender is honest.

// checks: no-allocator
#![no_std]
#![no_main]
#![allow(unsafe_code)]

mod kernel;
mod memory;

use core::arch::naked_asm;
use core::panic::PanicInfo;

use bowstring_transport::fd::OwnedFd;
use bowstring_transport::{Connector, Deliveries, HandshakeConfig, RecvError, SenderConfig, socket_pair};
use rustix::process::{Pid, WaitOptions, waitpid};

use kernel::{exit, fork};

/// Enough messages to go around the pool many times.
const MESSAGES: u32 = 10_000;
/// Slots of the pool, and the bytes of each.
const POOL: (u32, usize) = (8, 4096);

/// The exit status of the program.
#[derive(Clone, Copy)]
enum Wrong {
    Socket = 1,
    Fork,
    Sender,
    Connector,
    Loan,
    Commit,
    Wait,
    Receiver,
    Contents,
    Ending,
    Panic,
}

/// Returns the bytes of a message: some of one slot, some of two.
fn length(message: u32) -> usize {
    (message as usize * 97) % 6000
}

fn send(socket: OwnedFd) -> Result<(), Wrong> {
    let mut sender = SenderConfig::new().slots(POOL.0, POOL.1).build().map_err(|_| Wrong::Sender)?;
    sender.accept(socket, &HandshakeConfig::new(b"")).map_err(|_| Wrong::Connector)?;
    for message in 0..MESSAGES {
        let mut loan = sender.loan(length(message)).map_err(|_| Wrong::Loan)?;
        loan.fill(message as u8);
        loan.commit(length(message)).map_err(|_| Wrong::Commit)?;
    }
    Ok(())
}

fn receive(socket: OwnedFd) -> Result<(), Wrong> {
    let incoming = Connector::new(Deliveries::SLOTS).connect(socket).map_err(|_| Wrong::Connector)?;
    // SAFETY: the sender is this program's other half, which leaves published slots alone.
    let receiver = unsafe { incoming.pooled() }.map_err(|_| Wrong::Connector)?;
    for message in 0..MESSAGES {
        let lease = receiver.recv().map_err(|_| Wrong::Receiver)?;
        if lease.len() != length(message) || lease.iter().any(|&byte| byte != message as u8) {
            return Err(Wrong::Contents);
        }
    }
    match receiver.recv() {
        Err(RecvError::Closed) => Ok(()),
        _ => Err(Wrong::Ending),
    }
}

fn run() -> Result<(), Wrong> {
    let (here, there) = socket_pair().map_err(|_| Wrong::Socket)?;
    match fork() {
        0 => {
            drop(here);
            exit(status(receive(there)))
        }
        child => {
            drop(there);
            let child = Pid::from_raw(child).filter(|_| child > 0).ok_or(Wrong::Fork)?;
            send(here)?;
            let ended = waitpid(Some(child), WaitOptions::empty()).map_err(|_| Wrong::Wait)?;
            match ended.and_then(|(_, status)| status.exit_status()) {
                Some(0) => Ok(()),
                Some(other) => exit(other),
                None => Err(Wrong::Wait),
            }
        }
    }
}

fn status(outcome: Result<(), Wrong>) -> i32 {
    outcome.map_or_else(|wrong| wrong as i32, |()| 0)
}

/// The entry point: the kernel provides a stack and no return address.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "and rsp, -16", "call {entry}", "ud2", entry = sym entry)
}

extern "C" fn entry() -> ! {
    exit(status(run()))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(Wrong::Panic as i32)
}
