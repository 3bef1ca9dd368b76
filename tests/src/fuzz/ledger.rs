//! A hostile receiver's memory, against a sender that serves an honest one beside it.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use bowstring_transport::session::wire::Kind;
use bowstring_transport::{HandshakeConfig, OnSlow, SenderConfig};

use super::Choices;
use crate::honest::{self, Pair};
use crate::raw::datagram::{POOLED, SLOT_SIZE, SLOTS, bare};
use crate::raw::memory::Make;
use crate::raw::play::{LEDGER, ledger as words};
use crate::raw::{Parameters, Socket};

/// Writes noise to its ledger while the sender works.
///
/// # Panics
///
/// If the honest receiver gets anything but what was sent to it, or the pool does not come back whole.
pub fn ledger(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut pair = Pair::new(SenderConfig::new().slots(SLOTS, SLOT_SIZE as usize), 2 * SLOT_SIZE as usize);
    let (here, there) = honest::sockets();
    let socket = Socket::new(there);
    let region = Make::published(LEDGER).region().expect("a ledger");
    // In advance, so that one thread can play both sides.
    socket.send(&Parameters::receiver(POOLED).datagram(Kind::Hello), &[]);
    socket.send(&bare(Kind::Attach), &[region.as_fd()]);
    let met = pair.sender.accept(here, &HandshakeConfig::new(b"")).expect("a good handshake");
    // At most what leaves room for an honest message wherever it is held.
    let quota = 1 + u32::from(choices.below(2));
    let policy = if choices.below(4) == 0 { OnSlow::CutOff { quota } } else { OnSlow::Skip { quota } };
    assert!(pair.sender.set_on_slow(met.receiver, policy));
    let mut sent = 0;
    while choices.are_left() {
        let slot = usize::from(choices.byte()) % SLOTS as usize;
        match choices.below(7) {
            // As an honest one does, and nearly so.
            0 | 1 => region.u64_at(words::RELEASED + 8 * slot).store(choices.near(sent), Ordering::Release),
            2 => region.u32_at(words::WAITING).store(choices.near_u32(1), Ordering::Release),
            3 => region.u32_at(words::BELL).store(choices.near_u32(1), Ordering::Release),
            4 => {
                let at = usize::from(choices.byte()) * 4 % region.len();
                region.u32_at(at).store(choices.near_u32(1), Ordering::Release);
            }
            5 => {
                let _ = socket.send_now(choices.bytes(32), &[]);
            }
            _ => drop(pair.sender.reap()),
        }
        let count = u64::from(choices.below(3));
        sent += count;
        pair.serve(count).expect("the honest receiver is served");
    }
    // The hostile one leaves, and its slots come back.
    drop((socket, region));
    pair.sender.reap().expect("nothing here fails");
    assert_eq!(pair.sender.receivers(), 1, "the hostile receiver is gone and the honest one is not");
    let whole = pair.sender.try_loan(SLOTS as usize * SLOT_SIZE as usize).map(drop);
    whole.expect("every slot comes back");
}
