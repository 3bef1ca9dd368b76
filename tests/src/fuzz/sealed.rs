//! Datagrams and files for a receiver of sealed messages.

use std::os::fd::{AsFd, OwnedFd};

use bowstring_transport::session::wire::{Announcement, Kind};
use bowstring_transport::{Connector, Deliveries, Delivery, Opened, RecvError};
use rustix::fs::SealFlags;

use super::Choices;
use crate::honest;
use crate::raw::datagram::{SEALED, bare};
use crate::raw::memory::Make;
use crate::raw::{Parameters, Socket};

/// Sends arbitrary datagrams, and lets the receiver read in between.
///
/// # Panics
///
/// If a message's length differs from the announced one, or the receiver continues after a fault.
pub fn sealed(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let (here, there) = honest::sockets();
    let socket = Socket::new(here);
    socket.send(&Parameters::sender(SEALED).datagram(Kind::Welcome), &[]);
    socket.send(&bare(Kind::Start), &[]);
    let incoming =
        Connector::new(Deliveries::only(Delivery::Sealed)).connect(there).expect("a good handshake");
    let Opened::Sealed(mut receiver) = honest::open(incoming) else { panic!("not sealed") };
    let (mut number, mut over) = (0, None::<RecvError>);
    while choices.are_left() {
        let datagram = datagram(&mut choices, &mut number);
        let files: Vec<OwnedFd> = (0..descriptors(&mut choices)).filter_map(|_| file(&mut choices)).collect();
        let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        let _ = socket.send_now(&datagram, &files);
        match (receiver.try_recv(), over) {
            (Ok(Some(message)), None) => {
                // All of it can be read: there is memory behind every byte.
                let sum = message.iter().fold(0_u8, |sum, byte| sum ^ byte);
                assert_eq!(sum, 0, "fresh memory");
                assert_eq!(datagram.get(24..32), Some(&(message.len() as u64).to_le_bytes()[..]));
            }
            (Ok(None), None) => {}
            (Err(end), None) => over = Some(end),
            (now, Some(before)) => assert_eq!(now.err(), Some(before), "an end is for good"),
        }
    }
}

fn datagram(choices: &mut Choices<'_>, number: &mut u64) -> Vec<u8> {
    let mut bytes = match choices.below(8) {
        0 => return choices.bytes(64).to_vec(),
        1 => {
            let mut bye = bare(Kind::Bye);
            bye.extend([choices.below(5), 0, 0, 0, 0, 0, 0, 0]);
            bye[12] = 24;
            bye
        }
        2 => bare(Kind::Wake),
        _ => {
            *number += 1;
            let (number, len) = (choices.near(*number), choices.near(64));
            let skipped = u32::from(choices.byte());
            Announcement { number, len, reply_to: 0, tag: 0, skipped }.encode().to_vec()
        }
    };
    if choices.below(8) == 0 {
        let at = usize::from(choices.byte()) % bytes.len();
        bytes[at] = choices.byte();
    }
    bytes
}

/// Mostly one.
fn descriptors(choices: &mut Choices<'_>) -> u8 {
    if choices.below(4) > 0 { 1 } else { choices.below(4) }
}

fn file(choices: &mut Choices<'_>) -> Option<OwnedFd> {
    let len = usize::from(choices.byte()) * 64;
    let make = Make::frozen(len);
    let seals = [SealFlags::WRITE, SealFlags::SHRINK, SealFlags::GROW, SealFlags::SEAL];
    match choices.below(8) {
        0 => make.without(seals[usize::from(choices.below(4))]).descriptor().ok(),
        1 => make.hole_up_to(len).descriptor().ok(),
        2 => std::fs::File::open("/dev/null").ok().map(OwnedFd::from),
        3 => Some(honest::sockets().0),
        _ => make.descriptor().ok(),
    }
}
