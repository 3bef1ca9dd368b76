//! A hostile sender's memory, against a receiver that copies.

use std::time::Duration;

use bowstring_transport::session::wire::Kind;
use bowstring_transport::{Connector, CopyingReceiver, Deliveries, Delivery, Opened, RecvError, Wait};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use super::Choices;
use crate::honest;
use crate::raw::datagram::{COPIED, SLOTS, bare};
use crate::raw::play::{Entry, Offered, POOL, board as words};
use crate::raw::{Parameters, Socket};

/// Writes arbitrary words to the board, and lets the receiver read in between.
///
/// # Panics
///
/// If the receiver hands out anything outside the pool, or continues after a fault.
pub fn board(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let (here, there) = honest::sockets();
    let socket = Socket::new(here);
    let offered = Offered::new();
    // Both replies are there in advance, so that one thread can play both sides.
    let all = [offered.pool.as_fd(), offered.board.as_fd(), offered.stats_region.as_fd()];
    socket.send(&Parameters::sender(COPIED).datagram(Kind::Welcome), &all);
    socket.send(&bare(Kind::Start), &[]);
    let incoming =
        Connector::new(Deliveries::only(Delivery::Copied)).connect(there).expect("a good handshake");
    let Opened::Copied(mut receiver) = honest::open(incoming) else { panic!("not copied") };
    let mut ticket = 1;
    let mut over = None;
    while choices.are_left() {
        hostile(&mut choices, &offered, &socket, &mut ticket);
        if let Err(end) = look(&mut choices, &mut receiver) {
            match over {
                None if matches!(end, RecvError::TimedOut) => {}
                None => over = Some(end),
                Some(before) => assert_eq!(end, before, "an end is for good"),
            }
        } else {
            assert_eq!(over, None, "an end is for good");
        }
    }
}

/// One thing that a hostile sender does.
fn hostile(choices: &mut Choices<'_>, offered: &Offered, socket: &Socket, ticket: &mut u64) {
    let entry = |choices: &mut Choices<'_>| Entry {
        ticket: *ticket,
        number: choices.near(*ticket),
        len: choices.near(64),
        slot: choices.near_u32(*ticket as u32 % SLOTS),
    };
    match choices.below(8) {
        // As an honest one does.
        0 | 1 => {
            let slot = *ticket as u32 % SLOTS;
            offered.publish(Entry { ticket: *ticket, number: *ticket, len: 64, slot });
            *ticket += 1;
        }
        2 => {
            let entry = entry(choices);
            offered.publish(entry);
            *ticket += 1;
        }
        3 => {
            let entry = Entry { ticket: choices.near(*ticket), ..entry(choices) };
            offered.write_at(choices.near(*ticket), entry);
        }
        4 => offered.head(choices.near_u32((*ticket as u32) << 1)),
        5 => {
            let at = usize::from(choices.byte()) * 4 % offered.board.len();
            offered.board.u32_at(at).store(choices.near_u32(1), Ordering::Release);
        }
        6 => offered.board.u32_at(words::WANT_ROOM).store(choices.near_u32(1), Ordering::Release),
        _ => {
            // Its receiver only reads a limited number; a full socket would make this one wait.
            let _ = socket.send_now(&datagram(choices), &[]);
        }
    }
}

fn datagram(choices: &mut Choices<'_>) -> Vec<u8> {
    if choices.below(2) == 0 { bare(Kind::Wake) } else { choices.bytes(32).to_vec() }
}

/// One action of a receiver. What it gets is in its own memory and at most as long as the pool.
fn look(choices: &mut Choices<'_>, receiver: &mut CopyingReceiver) -> Result<(), RecvError> {
    match choices.below(4) {
        0 => {
            if receiver.inner().arm()? {
                receiver.inner().disarm()?;
            }
            // This is where the end is reported.
            receiver.try_recv()?;
        }
        1 => {
            let wait = Wait::sleeping().spins(0).at_most(Duration::ZERO);
            assert!(receiver.recv_with(wait)?.bytes.len() <= POOL);
        }
        2 => {
            // In place, by a receiver that may only copy: with room for it, and without.
            if let Some(lease) = receiver.inner().try_recv()? {
                let (mut enough, mut short) = (vec![0; lease.len()], [0; 16]);
                assert!(lease.len() <= POOL);
                assert!(lease.copy_into(&mut enough).is_some());
                assert_eq!(lease.copy_into(&mut short).is_some(), lease.len() <= short.len());
            }
        }
        _ => {
            if let Some(copy) = receiver.try_recv()? {
                assert!(copy.bytes.len() <= POOL);
                std::hint::black_box(copy.bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
            }
        }
    }
    Ok(())
}
