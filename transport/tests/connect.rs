//! One `connect` and one `accept`: every endpoint, both directions, and the function that decides.

#![cfg(feature = "std")]

use std::time::Duration;

use bowstring_transport::fd::OwnedFd;
use bowstring_transport::{
    Arrival, Connector, Decision, Deliveries, Delivery, Endpoint, HandshakeConfig, HandshakeError, Incoming,
    Listener, RefusalCode, Sender, SenderConfig, Wait, socket_pair,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn sender() -> Sender {
    SenderConfig::new().slots(4, 64).build().unwrap()
}

fn receiving() -> Connector<'static> {
    Connector::new(Deliveries::only(Delivery::Copied)).greeting(b"receiver").patience(PATIENCE)
}

/// Sends one byte and returns it as it was received.
fn pass(sender: &mut Sender, incoming: Incoming, byte: u8) -> u8 {
    let receiver = incoming.foreign().unwrap();
    sender.send(&[byte]).unwrap();
    let mut got = [0];
    receiver.recv().unwrap().copy_into(&mut got).unwrap();
    got[0]
}

/// Both sides over a socket pair; the sender accepts.
fn over_a_pair(
    config: &HandshakeConfig<'_>,
) -> (Sender, Result<Arrival, HandshakeError>, Result<Incoming, HandshakeError>) {
    let (here, there): (OwnedFd, OwnedFd) = socket_pair().unwrap();
    let mut sender = sender();
    let connecting = std::thread::spawn(move || receiving().connect(there));
    let met = sender.accept(here, config);
    (sender, met, connecting.join().unwrap())
}

#[test]
fn either_side_connects_to_every_endpoint() {
    let path = std::env::temp_dir().join(format!("bowstring-connect-{}.sock", std::process::id()));
    let name = format!("bowstring-connect-{}", std::process::id());
    let at_path = Listener::bind(path.as_os_str().as_encoded_bytes()).unwrap();
    let at_name = Listener::bind_abstract(name.as_bytes()).unwrap();
    let config = HandshakeConfig::new(b"sender").patience(PATIENCE);
    for listener in [&at_path, &at_name] {
        let endpoint = || match std::ptr::eq(listener, &at_path) {
            true => Endpoint::from(path.as_path()),
            false => Endpoint::Abstract(name.as_bytes()),
        };
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| receiving().connect(endpoint()).unwrap());
            let mut accepting = sender();
            let arrival = accepting.accept(listener, &config).unwrap();
            assert_eq!(arrival.greeting(), b"receiver");
            let incoming = connecting.join().unwrap();
            assert_eq!(incoming.greeting(), b"sender");
            assert_eq!(pass(&mut accepting, incoming, 1), 1);

            let accepting = scope.spawn(|| receiving().accept(listener).unwrap());
            let mut connecting = sender();
            connecting.connect(endpoint(), &config).unwrap();
            assert_eq!(pass(&mut connecting, accepting.join().unwrap(), 2), 2);
        });
    }
}

#[test]
fn both_ways_is_asked_for_by_both() {
    let (here, there) = socket_pair().unwrap();
    let both = || {
        let receiving = receiving();
        let config = HandshakeConfig::both_ways(&receiving);
        (sender(), config)
    };
    let accepting = std::thread::spawn(move || {
        let (mut sender, config) = both();
        let (_, incoming) = sender.accept(there, &config).and_then(Arrival::both_ways).unwrap();
        (sender, incoming)
    });
    let (mut near, config) = both();
    let arrival = near.connect(here, &config).unwrap();
    assert_eq!(arrival.greeting(), b"receiver");
    let (_, incoming) = arrival.both_ways().unwrap();
    let (mut far, far_incoming) = accepting.join().unwrap();
    assert_eq!(pass(&mut near, far_incoming, 3), 3);
    assert_eq!(pass(&mut far, incoming, 4), 4);

    let (_sender, met, _incoming) = over_a_pair(&HandshakeConfig::new(b"").patience(PATIENCE));
    assert!(matches!(met.unwrap().both_ways(), Err(HandshakeError::Internal(_))));
}

#[test]
fn the_function_decides_over_a_socket_too() {
    let named = |request: &bowstring_transport::ConnectRequest<'_>| match request.greeting {
        b"receiver" => Decision::Refuse("not you"),
        _ => Decision::Welcome(b""),
    };
    let config = HandshakeConfig::new(b"").patience(PATIENCE).decide(&named);
    let (_sender, met, connected) = over_a_pair(&config);
    assert!(matches!(met, Err(HandshakeError::Refused(_))), "{met:?}");
    let Err(HandshakeError::Refused(refusal)) = connected else { panic!("{connected:?}") };
    assert_eq!((refusal.code, refusal.reason()), (RefusalCode::Application, "not you"));

    let (mut sender, met, connected) = over_a_pair(&config.decide(&|_| Decision::Welcome(b"another")));
    met.unwrap();
    let incoming = connected.unwrap();
    assert_eq!(incoming.greeting(), b"another");
    assert_eq!(pass(&mut sender, incoming, 5), 5);
}

#[test]
fn a_wait_without_a_connection_ends() {
    let name = format!("bowstring-connect-nobody-{}", std::process::id());
    let listener = Listener::bind_abstract(name.as_bytes()).unwrap();
    let config = HandshakeConfig::new(b"").wait(Wait::sleeping().at_most(Duration::from_millis(1)));
    let met = sender().accept(&listener, &config);
    assert!(matches!(met, Err(HandshakeError::TimedOut(_))), "{met:?}");
    assert!(matches!(
        receiving().connect(OwnedFd::from(std::fs::File::open("/").unwrap())),
        Err(HandshakeError::WrongSocket)
    ));
}
