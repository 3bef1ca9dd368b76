//! The handshake without a socket: whatever it receives, a side ends in an agreement that both share, or in a
//! refusal.

use bowstring_transport::session::machine::{
    Agreement, Connector, ConnectorHeard, Incoming, ListenerHeard, ListenerSide, RefusalCode, Stop,
};
use bowstring_transport::session::wire::{
    self, Announcement, Bye, INLINE_GREETING, Kind, MAX_GREETING, MAX_REASON, PARAMETERS, Parameters, Past,
    Receives, Sends, features,
};
use bowstring_transport::{Delivery, Geometry};
use proptest::prelude::*;

// ---- parameters ----

/// Generates parameters as a program may set them: mostly sensible, now and then with an impossible pool.
fn parameters() -> impl Strategy<Value = Parameters> {
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
            Parameters { features, pid, observer: false, sends, receives, greeting, greeting_in_descriptor }
        },
    )
}

/// Generates a connector's parameters: one that only observes neither sends nor receives.
fn connectors_parameters() -> impl Strategy<Value = Parameters> {
    (parameters(), prop::bool::weighted(0.1)).prop_map(|(parameters, observer)| match observer {
        true => Parameters { observer, sends: Sends::default(), receives: Receives::default(), ..parameters },
        false => parameters,
    })
}

fn datagram(parameters: &Parameters, kind: Kind) -> Vec<u8> {
    let inline = if parameters.greeting_in_descriptor { 0 } else { parameters.greeting as usize };
    [&parameters.encode(kind)[..], &vec![b'g'; inline]].concat()
}

// ---- a conversation ----

/// The datagrams in order, with their numbers of descriptors.
#[derive(Clone, Debug)]
struct Said {
    bytes: Vec<u8>,
    descriptors: usize,
}

/// Changes to a datagram on its way; an honest socket does none of it. Offsets are taken modulo its length.
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
        // The parameters more often than the greeting.
        8 => (0..PARAMETERS, to).prop_map(|(at, to)| Change::Byte { at, to }),
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

/// The outcome for one side.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Open(Agreement),
    /// It refused, or was refused, with this code.
    Refused(RefusalCode),
    /// It received nonsense, or still waits.
    Stuck,
}

/// Returns the number of descriptors that a side hands over.
fn descriptors(sends_slots: bool, receives_slots: bool) -> usize {
    3 * usize::from(sends_slots) + usize::from(receives_slots)
}

fn slots_in(agreement: &Agreement) -> bool {
    matches!(agreement.incoming, Some(Incoming::Slots { .. }))
}

fn slots_out(agreement: &Agreement) -> bool {
    agreement.outgoing.is_some_and(Delivery::uses_slots)
}

/// Handles a datagram once, and again if it is repeated.
fn hear<T>(mut hear: impl FnMut(&Said) -> Result<T, Stop>, said: &Said, twice: bool) -> Result<T, Stop> {
    let heard = hear(said);
    // A repetition is a protocol violation everywhere.
    if twice {
        assert!(hear(said).is_err(), "heard {said:?} twice");
    }
    if heard.is_err() {
        assert!(hear(said).is_err(), "whoever has lost the thread hears no more");
    }
    heard
}

/// Lets two machines talk; `tamper` sees every datagram before it is handled. Returns the connector's fate and the
/// listener's.
fn converse(
    connectors: Parameters,
    listeners: Parameters,
    mut tamper: impl FnMut(usize, &mut Said) -> bool,
) -> (Fate, Fate) {
    let mut connector = Connector::new(connectors);
    let mut listener = ListenerSide::new(listeners);
    let mut tamper = |place: usize, bytes: Vec<u8>, descriptors: usize| {
        let mut said = Said { bytes, descriptors };
        let twice = tamper(place, &mut said);
        (said, twice)
    };
    let past = Past { messages: 7, items: 700 };
    let opening = |kind, agreement: &Agreement| {
        let (bytes, len) = wire::opening(kind, agreement.features, past);
        bytes[..len].to_vec()
    };
    let greeting = |parameters: &Parameters| usize::from(parameters.greeting_in_descriptor);

    let hello = datagram(&connectors, Kind::Hello);
    let (said, twice) = tamper(0, hello, greeting(&connectors));
    let theirs = match hear(|said| listener.hear(&said.bytes, said.descriptors), &said, twice) {
        Ok(ListenerHeard::Hello(parameters)) if !twice => parameters,
        Ok(ListenerHeard::Hello(_)) | Err(Stop::Fault(_)) => return (Fate::Stuck, Fate::Stuck),
        Err(Stop::Refused(refusal)) => return (Fate::Stuck, Fate::Refused(refusal.code)),
        Ok(other) => panic!("{other:?} for a HELLO"),
    };
    let (welcome, ours) = match listener.decide(theirs) {
        Ok(decision) => decision,
        Err(code) => {
            let refusal = [&wire::refuse(code as u32, 3)[..], b"no!"].concat();
            let (said, twice) = tamper(1, refusal, 0);
            return match hear(|said| connector.hear(&said.bytes, said.descriptors), &said, twice) {
                Err(Stop::Refused(refusal)) => (Fate::Refused(refusal.code), Fate::Refused(code)),
                Err(Stop::Fault(_)) => (Fate::Stuck, Fate::Refused(code)),
                Ok(other) => panic!("{other:?} for a REFUSE"),
            };
        }
    };
    let count =
        greeting(&welcome) + descriptors(slots_out(&ours), slots_in(&ours)) + usize::from(ours.observer);
    let (said, twice) = tamper(1, datagram(&welcome, Kind::Welcome), count);
    let agreed = match hear(|said| connector.hear(&said.bytes, said.descriptors), &said, twice) {
        Ok(ConnectorHeard::Welcome(agreement)) if !twice => agreement,
        Ok(ConnectorHeard::Welcome(_)) | Err(Stop::Fault(_)) => return (Fate::Stuck, Fate::Stuck),
        Err(Stop::Refused(refusal)) => return (Fate::Refused(refusal.code), Fate::Stuck),
        Ok(other) => panic!("{other:?} for a WELCOME"),
    };
    let mut listeners_fate = Fate::Open(ours);
    if !agreed.observer {
        let duplex = agreed.outgoing.is_some() && agreed.incoming.is_some();
        let count = descriptors(slots_out(&agreed), slots_in(&agreed)) + usize::from(duplex);
        let (said, twice) = tamper(2, opening(Kind::Attach, &agreed), count);
        listeners_fate = match hear(|said| listener.hear(&said.bytes, said.descriptors), &said, twice) {
            Ok(ListenerHeard::Attach(agreement, _)) => Fate::Open(agreement),
            Err(_) => return (Fate::Stuck, Fate::Stuck),
            Ok(other) => panic!("{other:?} for an ATTACH"),
        };
    }
    let (said, twice) = tamper(3, opening(Kind::Start, &ours), 0);
    let untouched = said.bytes == opening(Kind::Start, &ours);
    match hear(|said| connector.hear(&said.bytes, said.descriptors), &said, twice) {
        Ok(ConnectorHeard::Start(told)) => {
            let known = agreed.features & wire::features::PAST != 0;
            assert!(!untouched || told == if known { past } else { Past::default() }, "{told:?}");
            (Fate::Open(agreed), listeners_fate)
        }
        Err(_) => (Fate::Stuck, listeners_fate),
        Ok(other) => panic!("{other:?} for a START"),
    }
}

/// A listener may not choose a feature that was not offered.
#[test]
fn features_that_were_not_offered_are_refused() {
    let wants = Receives { deliveries: 4, ..Receives::default() };
    for (offered, chosen, taken) in [(0, 0, true), (0, 1, false), (1, 1, true), (1, 3, false), (3, 2, true)] {
        let mut connector =
            Connector::new(Parameters { features: offered, receives: wants, ..Parameters::default() });
        let sends = Sends { deliveries: 4, ..Sends::default() };
        let welcome = Parameters { features: chosen, sends, ..Parameters::default() };
        let heard = connector.hear(&welcome.encode(Kind::Welcome), 0);
        assert_eq!(heard.is_ok(), taken, "{offered} offered, {chosen} chosen: {heard:?}");
        if !taken {
            assert_eq!(heard, Err(Stop::Fault(wire::WireFault::Choice)));
        }
    }
}

/// Checks that an agreement is possible for a side with parameters `ours`.
fn assert_possible(agreement: &Agreement, ours: &Parameters) {
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
    fn two_sides_agree_or_refuse_alike(connectors in connectors_parameters(), listeners in parameters()) {
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
        connectors in connectors_parameters(),
        listeners in parameters(),
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
            // The words of ATTACH and START are all checked, but for what was sent before, and so is each count of
            // descriptors.
            let checked = |said: &Said| (said.bytes.len(), said.bytes[..wire::PREFIX.min(said.bytes.len())].to_vec());
            harmless = said.descriptors == before.descriptors && (place < 2 || checked(said) == checked(&before));
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

    /// Arbitrary bytes, some behind a valid prefix, are no handshake.
    #[test]
    fn noise_opens_nothing(
        ours in parameters(),
        listens in any::<bool>(),
        words in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..200), any::<u16>(), any::<bool>(), 0..6_usize), 1..6),
    ) {
        let mut listener = ListenerSide::new(ours);
        let mut connector = Connector::new(ours);
        for (noise, kind, true_beginning, descriptors) in words {
            let mut bytes = noise;
            if true_beginning {
                let kinds = [Kind::Hello, Kind::Welcome, Kind::Attach, Kind::Start, Kind::Refuse, Kind::Bye];
                let prefix = wire::prefix(kinds[kind as usize % kinds.len()], wire::PREFIX + bytes.len());
                bytes.splice(0..0, prefix);
            }
            if listens {
                match listener.hear(&bytes, descriptors) {
                    Ok(ListenerHeard::Attach(..)) => panic!("opened by {bytes:?}"),
                    Ok(ListenerHeard::Hello(parameters)) => {
                        if let Ok((_, agreement)) = listener.decide(parameters) {
                            assert_possible(&agreement, &ours);
                        }
                        return Ok(());
                    }
                    Err(_) => {}
                }
            } else {
                match connector.hear(&bytes, descriptors) {
                    Ok(ConnectorHeard::Start(_)) => panic!("opened by {bytes:?}"),
                    Ok(ConnectorHeard::Welcome(agreement)) => {
                        assert_possible(&agreement, &ours);
                        return Ok(());
                    }
                    Err(_) => {}
                }
            }
        }
    }

    #[test]
    fn every_datagram_reads_back_as_it_was_written(
        parameters in connectors_parameters(),
        (number, len, reply_to, tag, skipped) in any::<(u64, u64, u64, u32, u32)>(),
        closing in any::<u32>(),
        code in any::<u32>(),
        reason in ".{0,24}",
    ) {
        for kind in [Kind::Hello, Kind::Welcome] {
            let bytes = datagram(&parameters, kind);
            assert_eq!((wire::kind(&bytes), Parameters::decode(&bytes)), (Ok(kind), Ok(parameters)));
            // Every prefix of it is refused.
            for cut in [0, 7, 8, 15, PARAMETERS - 1, bytes.len() - 1] {
                assert!(wire::kind(&bytes[..cut]).is_err());
            }
        }
        let message = Announcement { number, len, reply_to, tag, skipped };
        assert_eq!(wire::kind(&message.encode()), Ok(Kind::Message));
        assert_eq!(Announcement::decode(&message.encode()), Ok(message));
        assert_eq!(Bye::decode(&wire::leaving(), 0), Ok(Bye::default()));
        prop_assume!(reason.len() <= MAX_REASON);
        for (counts, missed) in [(0, 0), (features::MISSED, len)] {
            let bye = Bye { code: closing, missed, reason: &reason };
            let (head, cut) = bye.head(counts);
            let datagram = [&head[..cut], reason.as_bytes()].concat();
            assert_eq!(wire::kind(&datagram), Ok(Kind::Bye));
            assert_eq!(Bye::decode(&datagram, counts | features::REASONS), Ok(bye));
            assert_eq!(Bye::decode(&datagram, counts).is_ok(), reason.is_empty());
            // Neither form passes for the other.
            let other = counts ^ features::MISSED | features::REASONS;
            assert!(Bye::decode(&datagram, other).is_err(), "{datagram:?}");
        }
        let refusal = [&wire::refuse(code, reason.len())[..], reason.as_bytes()].concat();
        assert_eq!(wire::kind(&refusal), Ok(Kind::Refuse));
        assert_eq!(wire::read_refuse(&refusal), Ok((code, &*reason)));
    }
}
