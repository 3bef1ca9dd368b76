//! The handshake's machine, on either side.

use bowstring_transport::session::machine::{Connector, ConnectorHeard, ListenerHeard, ListenerSide};
use bowstring_transport::session::wire::{self, Kind, Parameters, Receives, Sends};

use super::Choices;

/// Handles arbitrary datagrams.
///
/// # Panics
///
/// If something was agreed to that was not offered, or the parameters do not survive a round trip.
pub fn handshake(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let ours = parameters(&mut choices);
    match choices.below(2) {
        0 => listen(&mut choices, ours),
        _ => connect(&mut choices, ours),
    }
}

fn listen(choices: &mut Choices<'_>, ours: Parameters) {
    let mut machine = ListenerSide::new(ours);
    while choices.are_left() {
        let datagram = datagram(choices);
        let descriptors = usize::from(choices.below(9));
        let Ok(heard) = machine.hear(&datagram, descriptors) else { break };
        match heard {
            ListenerHeard::Hello(parameters) => {
                survives(&datagram, Kind::Hello, &parameters);
                let Ok((welcome, agreement)) = machine.decide(parameters) else { break };
                assert_eq!(welcome.sends.deliveries & !ours.sends.deliveries, 0, "more than was offered");
                assert_eq!(
                    welcome.sends.deliveries & !parameters.receives.deliveries,
                    0,
                    "more than was wanted"
                );
                assert!(welcome.sends.deliveries.count_ones() <= 1, "one delivery is chosen");
                assert_eq!(agreement.outgoing.is_some(), welcome.sends.deliveries != 0);
                // An observer that wants messages as well contradicts itself.
                if !parameters.observer
                    || (parameters.sends.deliveries, parameters.receives.deliveries) == (0, 0)
                {
                    accepted(parameters, welcome);
                }
            }
            ListenerHeard::Attach(..) => {}
        }
    }
    assert!(!machine.awaiting().is_empty());
}

fn connect(choices: &mut Choices<'_>, ours: Parameters) {
    let mut machine = Connector::new(ours);
    while choices.are_left() {
        let datagram = datagram(choices);
        let descriptors = usize::from(choices.below(9));
        let Ok(heard) = machine.hear(&datagram, descriptors) else { break };
        match heard {
            ConnectorHeard::Welcome(agreement) => {
                assert_eq!(agreement.features & !ours.features, 0, "a feature that was not offered");
                survives(&datagram, Kind::Welcome, &agreement.theirs);
                assert!(agreement.outgoing.is_none_or(|d| ours.sends.deliveries & d as u32 != 0));
                assert!(
                    agreement.incoming.is_none_or(|i| ours.receives.deliveries & i.delivery() as u32 != 0)
                );
            }
            ConnectorHeard::Start(_) => {}
        }
    }
    assert!(!machine.awaiting().is_empty());
}

/// Checks that a connector takes the WELCOME that our listener sends for its HELLO.
fn accepted(hello: Parameters, welcome: Parameters) {
    // The caller adds the greeting.
    let datagram = Parameters { greeting: 0, greeting_in_descriptor: false, ..welcome }.encode(Kind::Welcome);
    // As many descriptors as the two agree to.
    let heard = (0..=5).any(|count| Connector::new(hello).hear(&datagram, count).is_ok());
    assert!(heard, "{hello:?} does not take {welcome:?}");
}

/// Checks that a datagram encodes to the same bytes after decoding.
fn survives(datagram: &[u8], kind: Kind, parameters: &Parameters) {
    assert_eq!(datagram[..wire::PARAMETERS], parameters.encode(kind), "{parameters:?}");
}

fn parameters(choices: &mut Choices<'_>) -> Parameters {
    let flags = choices.byte();
    let greeting = u32::from(choices.below(40));
    Parameters {
        features: u64::from(flags >> 5),
        pid: 1,
        observer: flags & 3 == 3,
        sends: Sends {
            deliveries: u32::from(choices.below(9)),
            slots: choices.near_u32(8),
            slot_size: choices.near(4096),
            first: choices.near(1),
            huge_tlb: flags & 4 != 0,
        },
        receives: Receives {
            deliveries: u32::from(choices.below(9)),
            max_pool: choices.near(1 << 20),
            huge_tlb: flags & 8 != 0,
        },
        greeting,
        greeting_in_descriptor: flags & 16 != 0 && greeting > 0,
    }
}

fn datagram(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut bytes = match choices.below(8) {
        0 => return choices.bytes(160).to_vec(),
        which @ (1..=4) => {
            let parameters = parameters(choices);
            let mut bytes = parameters.encode(if which < 3 { Kind::Hello } else { Kind::Welcome }).to_vec();
            if !parameters.greeting_in_descriptor {
                bytes.resize(wire::PARAMETERS + parameters.greeting as usize, b'g');
            }
            bytes
        }
        which @ (5 | 6) => {
            let kind = if which == 5 { Kind::Attach } else { Kind::Start };
            let past = wire::Past { messages: choices.byte().into(), items: choices.byte().into() };
            let (bytes, len) = wire::opening(kind, choices.byte().into(), past);
            bytes[..len].to_vec()
        }
        _ => {
            let reason = choices.bytes(100);
            [&wire::refuse(choices.byte().into(), reason.len()), reason].concat()
        }
    };
    // Sometimes with a few wrong bytes.
    for _ in 0..choices.below(8).saturating_sub(5) {
        let at = usize::from(choices.byte()) % bytes.len();
        bytes[at] = choices.byte();
    }
    bytes
}
