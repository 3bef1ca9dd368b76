//! The handshake without a socket: whatever is heard, a side ends in an agreement that both share, or in a refusal.

use bowstring_transport::session::machine::{Agreement, Heard, Incoming, Machine, RefusalCode, Side};
use bowstring_transport::session::wire::{
    self, Announcement, CARD, Card, INLINE_GREETING, Kind, MAX_GREETING, MAX_REASON, Receives, Sends,
};
use bowstring_transport::{Delivery, Geometry};
use proptest::prelude::*;

// ---- cards ----

/// A card as a program may bring it: mostly sensible, now and then with an impossible pool.
fn card() -> impl Strategy<Value = Card> {
    let slots = prop_oneof![8 => 1_u32..=16, 1 => Just(0), 1 => any::<u32>()];
    let slot_size = prop_oneof![8 => (1_u64..=8).prop_map(|n| n * 64), 1 => 0_u64..200, 1 => any::<u64>()];
    let first = prop_oneof![8 => 1_u64..100, 1 => Just(0), 1 => any::<u64>()];
    let max_pool = prop_oneof![4 => Just(u64::MAX), 4 => 0_u64..10_000];
    let sends = (0_u32..8, slots, slot_size, first, prop::bool::weighted(0.2)).prop_map(
        |(deliveries, slots, slot_size, first, huge_tlb)| Sends {
            deliveries,
            slots,
            slot_size,
            first,
            huge_tlb,
        },
    );
    let receives = (0_u32..8, max_pool, any::<bool>())
        .prop_map(|(deliveries, max_pool, huge_tlb)| Receives { deliveries, max_pool, huge_tlb });
    let greeting = prop_oneof![
        (0..100_u32).prop_map(|len| (len, false)),
        Just((INLINE_GREETING as u32, false)),
        (1..=MAX_GREETING as u32).prop_map(|len| (len, true)),
    ];
    // Most sides either send or receive.
    (any::<u64>(), any::<u32>(), sends, receives, 0..6_u8, greeting).prop_map(
        |(features, pid, sends, receives, role, (greeting, greeting_in_descriptor))| {
            let (sends, receives) = match role {
                0 | 1 => (sends, Receives::default()),
                2 | 3 => (Sends::default(), receives),
                _ => (sends, receives),
            };
            Card { features, pid, observer: false, sends, receives, greeting, greeting_in_descriptor }
        },
    )
}

/// A connector's card: one that only observes neither sends nor receives.
fn connectors_card() -> impl Strategy<Value = Card> {
    (card(), prop::bool::weighted(0.1)).prop_map(|(card, observer)| match observer {
        true => Card { observer, sends: Sends::default(), receives: Receives::default(), ..card },
        false => card,
    })
}

fn datagram(card: &Card, kind: Kind) -> Vec<u8> {
    let inline = if card.greeting_in_descriptor { 0 } else { card.greeting as usize };
    [&card.encode(kind)[..], &vec![b'g'; inline]].concat()
}

// ---- a conversation ----

/// What is said, in its order, and with how many descriptors.
#[derive(Clone, Debug)]
struct Said {
    bytes: Vec<u8>,
    descriptors: usize,
}

/// What may happen to a datagram on its way; an honest socket does none of it. Places are taken modulo its length.
#[derive(Clone, Debug)]
enum Change {
    Byte { at: usize, to: u8 },
    Cut { to: usize },
    Longer { by: usize },
    Descriptors(usize),
    Twice,
}

fn change() -> impl Strategy<Value = Change> {
    let to = prop_oneof![Just(0), Just(1), Just(255), any::<u8>()];
    prop_oneof![
        // The words of a card more often than its greeting.
        8 => (0..CARD, to).prop_map(|(at, to)| Change::Byte { at, to }),
        // The choices: observer, deliveries, slots, huge pages.
        8 => (prop::sample::select(vec![28, 32, 36, 56, 60, 64]), 0..8_u8)
            .prop_map(|(at, to)| Change::Byte { at, to }),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(at, to)| Change::Byte { at, to }),
        1 => any::<usize>().prop_map(|to| Change::Cut { to }),
        1 => (1..200_usize).prop_map(|by| Change::Longer { by }),
        2 => (0..8_usize).prop_map(Change::Descriptors),
        1 => Just(Change::Twice),
    ]
}

impl Said {
    fn change(&mut self, change: &Change) {
        let len = self.bytes.len();
        match *change {
            Change::Byte { at, to } => self.bytes[at % len] = to,
            Change::Cut { to } => self.bytes.truncate(to % len),
            Change::Longer { by } => self.bytes.resize(len + by, 0),
            Change::Descriptors(count) => self.descriptors = count,
            Change::Twice => {}
        }
    }
}

/// How one side fares.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Open(Agreement),
    /// It refused, or was refused, with this code.
    Refused(RefusalCode),
    /// What it heard made no sense, or it still waits.
    Stuck,
}

/// What a side hands over, counted from what it agreed to.
fn descriptors(sends_slots: bool, receives_slots: bool) -> usize {
    3 * usize::from(sends_slots) + usize::from(receives_slots)
}

fn slots_in(agreement: &Agreement) -> bool {
    matches!(agreement.incoming, Some(Incoming::Slots { .. }))
}

fn slots_out(agreement: &Agreement) -> bool {
    agreement.outgoing.is_some_and(Delivery::uses_slots)
}

/// Two machines talk; `tamper` sees every datagram before it is heard. Answers the connector's fate and the
/// listener's.
fn converse(
    connectors: Card,
    listeners: Card,
    mut tamper: impl FnMut(usize, &mut Said) -> bool,
) -> (Fate, Fate) {
    let mut connector = Machine::new(Side::Connector, connectors);
    let mut listener = Machine::new(Side::Listener, listeners);
    let mut deliver = |place: usize, to: &mut Machine, bytes: Vec<u8>, descriptors: usize| {
        let mut said = Said { bytes, descriptors };
        let twice = tamper(place, &mut said);
        let heard = to.hear(&said.bytes, said.descriptors);
        // A repetition is against the protocol wherever it comes.
        if twice {
            assert!(to.hear(&said.bytes, said.descriptors).is_err(), "heard {said:?} twice");
        }
        if heard.is_err() {
            assert!(
                to.hear(&said.bytes, said.descriptors).is_err(),
                "whoever has lost the thread hears no more"
            );
        }
        (heard, twice)
    };
    let greeting = |card: &Card| usize::from(card.greeting_in_descriptor);

    let hello = datagram(&connectors, Kind::Hello);
    let theirs = match deliver(0, &mut listener, hello, greeting(&connectors)) {
        (Ok(Heard::Hello(card)), false) => card,
        (Ok(Heard::Hello(_)) | Err(_), _) => return (Fate::Stuck, Fate::Stuck),
        (Ok(Heard::Refused(refusal)), _) => return (Fate::Stuck, Fate::Refused(refusal.code)),
        (Ok(other), _) => panic!("{other:?} for a HELLO"),
    };
    let (welcome, ours) = match listener.decide(theirs) {
        Ok(decision) => decision,
        Err(code) => {
            let refusal = [&wire::refuse(code as u32, 3)[..], b"no!"].concat();
            return match deliver(1, &mut connector, refusal, 0) {
                (Ok(Heard::Refused(refusal)), _) => (Fate::Refused(refusal.code), Fate::Refused(code)),
                (Err(_), _) => (Fate::Stuck, Fate::Refused(code)),
                (Ok(other), _) => panic!("{other:?} for a REFUSE"),
            };
        }
    };
    let count =
        greeting(&welcome) + descriptors(slots_out(&ours), slots_in(&ours)) + usize::from(ours.observer);
    let agreed = match deliver(1, &mut connector, datagram(&welcome, Kind::Welcome), count) {
        (Ok(Heard::Welcome(agreement)), false) => agreement,
        (Ok(Heard::Welcome(_)) | Err(_), _) => return (Fate::Stuck, Fate::Stuck),
        (Ok(Heard::Refused(refusal)), _) => return (Fate::Refused(refusal.code), Fate::Stuck),
        (Ok(other), _) => panic!("{other:?} for a WELCOME"),
    };
    let mut listeners_fate = Fate::Open(ours);
    if !agreed.observer {
        let duplex = agreed.outgoing.is_some() && agreed.incoming.is_some();
        let count = descriptors(slots_out(&agreed), slots_in(&agreed)) + usize::from(duplex);
        let attach = wire::prefix(Kind::Attach, wire::PREFIX).to_vec();
        listeners_fate = match deliver(2, &mut listener, attach, count).0 {
            Ok(Heard::Attach(agreement)) => Fate::Open(agreement),
            Err(_) => return (Fate::Stuck, Fate::Stuck),
            Ok(other) => panic!("{other:?} for an ATTACH"),
        };
    }
    let start = wire::prefix(Kind::Start, wire::PREFIX).to_vec();
    match deliver(3, &mut connector, start, 0).0 {
        Ok(Heard::Start(agreement)) => (Fate::Open(agreement), listeners_fate),
        Err(_) => (Fate::Stuck, listeners_fate),
        Ok(other) => panic!("{other:?} for a START"),
    }
}

/// What an agreement may be at all for a side that brought `ours`.
fn assert_possible(agreement: &Agreement, ours: &Card) {
    if let Some(delivery) = agreement.outgoing {
        assert_ne!(ours.sends.deliveries & delivery as u32, 0, "not offered");
    }
    let Some(incoming) = &agreement.incoming else { return };
    assert_ne!(ours.receives.deliveries & incoming.delivery() as u32, 0, "not wanted");
    if let Incoming::Slots { geometry, first, huge_tlb, .. } = *incoming {
        assert!(geometry.pool_bytes() as u64 <= ours.receives.max_pool, "larger than it would map");
        assert!(first != 0 && (ours.receives.huge_tlb || !huge_tlb));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_sides_agree_or_refuse_alike(connectors in connectors_card(), listeners in card()) {
        match converse(connectors, listeners, |_, _| false) {
            (Fate::Open(a), Fate::Open(b)) => {
                assert_eq!(a.outgoing, b.incoming.map(|i| i.delivery()));
                assert_eq!(b.outgoing, a.incoming.map(|i| i.delivery()));
                assert_eq!((a.observer, b.observer), (connectors.observer, connectors.observer));
                for (receiver, sends) in [(&a, &listeners.sends), (&b, &connectors.sends)] {
                    if let Some(Incoming::Slots { geometry, first, huge_tlb, .. }) = receiver.incoming {
                        let offered = Geometry::new(sends.slots, sends.slot_size, u64::MAX).unwrap();
                        assert_eq!((geometry, first, huge_tlb), (offered, sends.first, sends.huge_tlb));
                    }
                }
                assert_possible(&a, &connectors);
                assert_possible(&b, &listeners);
            }
            (Fate::Refused(a), Fate::Refused(b)) => assert_eq!(a, b),
            other => panic!("{other:?}"),
        }
    }

    /// A conversation that is disturbed ends, or opens what both sides might have agreed to anyway.
    #[test]
    fn a_disturbed_conversation_ends_or_is_a_valid_one(
        connectors in connectors_card(),
        listeners in card(),
        place in 0..4_usize,
        change in change(),
    ) {
        let undisturbed = converse(connectors, listeners, |_, _| false);
        let mut harmless = true;
        let fates = converse(connectors, listeners, |at, said| {
            if at != place {
                return false;
            }
            let before = said.clone();
            said.change(&change);
            // The words of ATTACH and START are all checked, and so is each count of descriptors.
            harmless = said.descriptors == before.descriptors && (place < 2 || said.bytes == before.bytes);
            matches!(change, Change::Twice)
        });
        for (fate, ours) in [(fates.0, &connectors), (fates.1, &listeners)] {
            if let Fate::Open(agreement) = fate {
                assert_possible(&agreement, ours);
            }
        }
        if !harmless && let (Fate::Open(_), Fate::Open(_)) = fates {
            panic!("{change:?} at {place} went unnoticed: {fates:?} instead of {undisturbed:?}");
        }
    }

    /// Bytes of any kind, some behind a true beginning, are no handshake.
    #[test]
    fn noise_opens_nothing(
        ours in card(),
        listens in any::<bool>(),
        words in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..200), any::<u16>(), any::<bool>(), 0..6_usize), 1..6),
    ) {
        let side = if listens { Side::Listener } else { Side::Connector };
        let mut machine = Machine::new(side, ours);
        for (noise, kind, true_beginning, descriptors) in words {
            let mut bytes = noise;
            if true_beginning {
                let kinds = [Kind::Hello, Kind::Welcome, Kind::Attach, Kind::Start, Kind::Refuse, Kind::Bye];
                let prefix = wire::prefix(kinds[kind as usize % kinds.len()], wire::PREFIX + bytes.len());
                bytes.splice(0..0, prefix);
            }
            match machine.hear(&bytes, descriptors) {
                Ok(Heard::Attach(_) | Heard::Start(_)) => panic!("opened by {bytes:?}"),
                Ok(Heard::Hello(card)) => {
                    if let Ok((_, agreement)) = machine.decide(card) {
                        assert_possible(&agreement, &ours);
                    }
                    return Ok(());
                }
                Ok(Heard::Welcome(agreement)) => {
                    assert_possible(&agreement, &ours);
                    return Ok(());
                }
                Ok(Heard::Refused(_)) | Err(_) => {}
            }
        }
    }

    #[test]
    fn every_datagram_reads_back_as_it_was_written(
        card in connectors_card(),
        (number, len, reply_to, tag, skipped) in any::<(u64, u64, u64, u32, u32)>(),
        cut_off in any::<bool>(),
        code in any::<u32>(),
        reason in ".{0,24}",
    ) {
        for kind in [Kind::Hello, Kind::Welcome] {
            let bytes = datagram(&card, kind);
            assert_eq!((wire::kind(&bytes), Card::decode(&bytes)), (Ok(kind), Ok(card)));
            // Every prefix of it is refused.
            for cut in [0, 7, 8, 15, CARD - 1, bytes.len() - 1] {
                assert!(wire::kind(&bytes[..cut]).is_err());
            }
        }
        let message = Announcement { number, len, reply_to, tag, skipped };
        assert_eq!(wire::kind(&message.encode()), Ok(Kind::Message));
        assert_eq!(Announcement::decode(&message.encode()), Ok(message));
        assert_eq!(wire::kind(&wire::bye(cut_off)), Ok(Kind::Bye));
        assert_eq!(wire::read_bye(&wire::bye(cut_off)), Ok(cut_off));
        prop_assume!(reason.len() <= MAX_REASON);
        let refusal = [&wire::refuse(code, reason.len())[..], reason.as_bytes()].concat();
        assert_eq!(wire::kind(&refusal), Ok(Kind::Refuse));
        assert_eq!(wire::read_refuse(&refusal), Ok((code, &*reason)));
    }
}
