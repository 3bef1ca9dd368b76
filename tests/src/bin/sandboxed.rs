//! One side of a channel that gives up nearly all system calls once the channel is open.
//!
//! `sandboxed ROLE MODE` connects over standard input, enters the sandbox, sends or receives messages, writes `done`
//! to standard output and ends. A call that the sandbox does not allow kills it at once.
//!
//! | mode | allowed | how the two wait for each other |
//! |---|---|---|
//! | `strict` | `read`, `write`, `exit`, `sigreturn`: `SECCOMP_MODE_STRICT` | they poll |
//! | `futex` | `futex`, `write`, `exit` | they sleep |
//! | `none` | `exit`: to show that the sandbox works | not at all |
//!
//! # Safety
//!
//! `prctl` and `syscall` are given numbers, and pointers to locals that outlive the call.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use bowstring_tests::honest::{self, PATIENCE, check, fill};
use bowstring_transport::{
    Connector, Deliveries, Delivery, HandshakeConfig, LoanError, Opened, PooledReceiver, Sender,
    SenderConfig, Wait,
};

const MESSAGES: u64 = 20_000;
const SLOT: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("standard input");
    match arguments[..] {
        ["send", mode] => send(socket, mode),
        ["receive", mode] => receive(socket, mode),
        _ => panic!("what is {arguments:?}?"),
    }
}

fn enter(mode: &str) {
    match mode {
        "strict" => strict(),
        "futex" => filter(&[libc::SYS_futex, libc::SYS_write, libc::SYS_exit]),
        "none" => filter(&[libc::SYS_exit]),
        other => panic!("no mode {other:?}"),
    }
}

fn strict() {
    // SAFETY: no pointers; see the file's page.
    let entered = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
    assert_eq!(entered, 0, "{}", std::io::Error::last_os_error());
}

/// Allows these calls and kills the process at any other.
fn filter(calls: &[libc::c_long]) {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for &call in calls {
        let call = u32::try_from(call).expect("a call's number");
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call));
        program.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    }
    program.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_KILL_PROCESS));
    let filter =
        libc::sock_fprog { len: u16::try_from(program.len()).expect("short"), filter: program.as_mut_ptr() };
    // SAFETY: no pointers.
    let bound = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(bound, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the program is a local that outlives the call, which copies it.
    let entered = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    assert_eq!(entered, 0, "{}", std::io::Error::last_os_error());
}

/// Reports it and ends, by the two calls that every mode but `none` allows.
fn done() -> ! {
    let word = b"done\n";
    // SAFETY: the word outlives the call.
    unsafe { libc::syscall(libc::SYS_write, 1, word.as_ptr(), word.len()) };
    leave(0)
}

/// Ends this thread, which is the only one: strict mode has no `exit_group`.
fn leave(code: i32) -> ! {
    // SAFETY: nothing of the process is used afterwards.
    unsafe { libc::syscall(libc::SYS_exit, code) };
    unreachable!("a thread that has ended")
}

fn send(socket: OwnedFd, mode: &str) {
    let mut sender = SenderConfig::new().slots(4, SLOT).build().expect("memory");
    sender.watch_every(Duration::MAX);
    sender.accept(socket, &HandshakeConfig::new(b"").patience(PATIENCE)).expect("an honest receiver");
    enter(mode);
    for number in 1..=MESSAGES {
        if mode == "strict" { send_busily(&mut sender, number) } else { send_sleepily(&mut sender, number) }
    }
    // Closing needs no call either, but leaving does, and the receiver may still be reading: let it go first.
    while sender.stats().slots_in_use > 0 {
        let _ = sender.try_loan(4 * SLOT).map(drop);
    }
    done()
}

fn send_busily(sender: &mut Sender, number: u64) {
    loop {
        match sender.try_loan(SLOT) {
            Err(LoanError::Full) => std::hint::spin_loop(),
            Err(_) => leave(3),
            Ok(mut loan) => {
                fill(&mut loan, number);
                return if loan.commit(SLOT).is_err() {
                    leave(4)
                };
            }
        }
    }
}

/// Sleeps at once if there is no room, without spinning first.
fn send_sleepily(sender: &mut Sender, number: u64) {
    let wait = Wait::sleeping().spins(0).watch_every(Duration::MAX);
    let Ok(mut loan) = sender.loan_with(SLOT, wait) else { leave(3) };
    fill(&mut loan, number);
    if loan.commit(SLOT).is_err() {
        leave(4)
    }
}

fn receive(socket: OwnedFd, mode: &str) {
    let meeting = Connector::new(Deliveries::only(Delivery::Pooled)).patience(PATIENCE);
    let Opened::Pooled(receiver) = honest::open(meeting.connect(socket).expect("an honest sender")) else {
        panic!("not pooled")
    };
    receiver.watch_every(Duration::MAX);
    enter(mode);
    for number in 1..=MESSAGES {
        if mode == "strict" { take_busily(&receiver, number) } else { take_sleepily(&receiver, number) }
    }
    done()
}

fn take_busily(receiver: &PooledReceiver, number: u64) {
    loop {
        match receiver.try_recv() {
            Ok(None) => std::hint::spin_loop(),
            Ok(Some(lease)) if check(&lease, number).is_ok() => return,
            _ => leave(5),
        }
    }
}

fn take_sleepily(receiver: &PooledReceiver, number: u64) {
    match receiver.recv_with(Wait::sleeping().spins(0).watch_every(Duration::MAX)) {
        Ok(lease) if check(&lease, number).is_ok() => {}
        _ => leave(5),
    }
}
