//! Many sessions in one process, every third with a receiver that is killed: nothing is left behind, and memory does
//! not grow. `BOWSTRING_SESSIONS` sets the number.

// checks: sessions-leave-nothing, sessions-deep, sleeping-syscalls

use std::cell::Cell;

use bowstring_tests::buffer_stats::BufferStats;
use bowstring_tests::honest;
use bowstring_tests::puppet::Puppet;
use bowstring_transport::{HandshakeConfig, RecvError, SenderConfig, Wait};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = vec![
        Trial::test("sessions leave nothing behind", sessions),
        Trial::test("sleeping sides make few system calls", calls_per_megabyte),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// Both ends here, and a clean close.
fn clean() -> Result<(), String> {
    let mut pair = honest::Pair::new(SenderConfig::new().slots(8, 4096), 2 * 4096);
    pair.serve(20)
}

/// A receiver in a process of its own, killed with messages on lease.
fn killed() -> Result<(), Failed> {
    let (here, there) = honest::sockets();
    let mut receiver = Puppet::start(
        env!("CARGO_BIN_EXE_puppet"),
        &["receive", "Pooled", "one of three released"],
        Some(there),
    );
    let mut sender = SenderConfig::new().slots(8, 64).build()?;
    sender.accept(here, &HandshakeConfig::new(b"").patience(honest::PATIENCE))?;
    for number in 1..=3 {
        honest::send(&mut sender, number, 64)?;
    }
    receiver.await_step()?;
    receiver.kill();
    sender.reap()?;
    if sender.receivers() == 0 { Ok(()) } else { Err("the dead receiver is still served".into()) }
}

/// Returns the resident memory in KiB.
fn resident() -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn sessions() -> Result<(), Failed> {
    let wanted = match std::env::var("BOWSTRING_SESSIONS") {
        Ok(number) => number.parse()?,
        Err(_) => 300,
    };
    let session = |number: u64| if number % 3 == 2 { killed() } else { clean().map_err(Failed::from) };
    // What is created once, on first use, is not a leak.
    (0..30).try_for_each(session)?;
    let (before, memory) = (BufferStats::take(), resident()?);
    (0..wanted).try_for_each(session)?;
    BufferStats::take().same_as(&before)?;
    let grown = resident()?.saturating_sub(memory);
    println!("{wanted} sessions, {grown} KiB of memory more, {} descriptors", before.descriptors());
    // Far less than a page for each; what the allocator keeps is not ours.
    if grown <= 1024 { Ok(()) } else { Err(format!("{grown} KiB more after {wanted} sessions").into()) }
}

/// A receiver that always sleeps at once: the worst-case price of a message.
fn calls_per_megabyte() -> Result<(), Failed> {
    const MESSAGES: u64 = 1000;
    const LENGTH: usize = 64 << 10;
    let asleep = Wait::sleeping().spins(0).at_most(honest::PATIENCE);
    let mut sender = SenderConfig::new().slots(16, LENGTH).build()?;
    let receiver = honest::join_pooled(&mut sender);
    let ends = std::thread::spawn(move || {
        let taken = Cell::new(0);
        loop {
            match receiver.recv_with(asleep) {
                Ok(_) => taken.set(taken.get() + 1),
                Err(RecvError::Closed) => return (taken.get(), receiver.stats().sleeps),
                Err(other) => panic!("{other}"),
            }
        }
    });
    for number in 1..=MESSAGES {
        honest::send(&mut sender, number, LENGTH)?;
    }
    let (wakes, stalls) = (sender.stats().wake_ups, sender.stats().stalls);
    drop(sender);
    let (taken, sleeps) = ends.join().map_err(|_| "the receiver panicked")?;
    if taken != MESSAGES {
        return Err(format!("{taken} of {MESSAGES} messages").into());
    }
    let megabytes = (MESSAGES * LENGTH as u64) >> 20;
    let calls = (sleeps + wakes + stalls).div_ceil(megabytes);
    println!("{sleeps} sleeps, {wakes} wake-ups, {stalls} stalls: {calls} calls per MiB");
    // At worst each message meets a receiver that has just gone to sleep, and a sender that waits.
    if sleeps + wakes <= 2 * MESSAGES + 64 { Ok(()) } else { Err("more calls than messages".into()) }
}
