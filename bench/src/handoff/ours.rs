//! This project's contenders: a channel each way between the two processes.
#![allow(unsafe_code)]

use bowstring_transport::{
    Arrival, Connector, Deliveries, Delivery, HandshakeConfig, Incoming, PooledReceiver, SealedReceiver,
    Sender, SenderConfig, Wait,
};

use super::process::Pair;
use super::{End, Load, PingPong};

/// Connects both directions over the pair's socket.
pub(crate) fn join(end: End, pair: &Pair, config: SenderConfig, delivery: Delivery) -> (Sender, Incoming) {
    let mut sender = config.build().expect("a sender");
    let meeting = Connector::new(Deliveries::only(delivery));
    let socket = pair.socket(end);
    let config = HandshakeConfig::both_ways(&meeting);
    let met = match end {
        End::Asks => sender.connect(socket, &config),
        End::Answers => sender.accept(socket, &config),
    };
    let (_, incoming) = met.and_then(Arrival::both_ways).expect("the two processes meet");
    (sender, incoming)
}

struct Pooled {
    sender: Sender,
    receiver: PooledReceiver,
    load: Load,
    wait: Wait,
    round: u8,
}

fn pooled(end: End, pair: &Pair, load: Load, wait: Wait) -> Option<Box<dyn PingPong>> {
    let config = SenderConfig::new().slots(load.buffers() as u32, load.len.next_multiple_of(4096));
    let (sender, incoming) = join(end, pair, config, Delivery::Pooled);
    // SAFETY: the other process runs this same code, which leaves published slots alone.
    let receiver = unsafe { incoming.pooled() }.expect("pooled delivery");
    Some(Box::new(Pooled { sender, receiver, load, wait, round: 0 }))
}

pub(crate) fn spin(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    pooled(end, pair, load, Wait::spinning())
}

pub(crate) fn sleep(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    pooled(end, pair, load, Wait::sleeping().spins(0))
}

/// From this size on, room is lent when it is needed: it then includes what was given back last, and is still cached.
const LONG: usize = 2 << 20;

/// Like a program that replies to requests: room for a short reply is lent before the message comes, and the message is
/// given back after the reply went.
impl PingPong for Pooled {
    fn ping(&mut self) {
        self.round = self.round.wrapping_add(1);
        let mut loan = self.sender.loan(self.load.len).expect("room");
        self.load.write(&mut loan, self.round);
        loan.commit(self.load.len).expect("a receiver");
        self.load.read(&self.receiver.recv_with(self.wait).expect("a message"));
    }
    fn pong(&mut self) {
        self.round = self.round.wrapping_add(1);
        let early = match self.load.len {
            LONG.. => None,
            short => Some(self.sender.loan(short).expect("room")),
        };
        let message = self.receiver.recv_with(self.wait).expect("a message");
        self.load.read(&message);
        let mut loan = match early {
            Some(loan) => loan,
            None => self.sender.loan(self.load.len).expect("room"),
        };
        self.load.write(&mut loan, self.round);
        loan.commit(self.load.len).expect("a receiver");
    }
}

struct Sealed {
    sender: Sender,
    receiver: SealedReceiver,
    load: Load,
    round: u8,
}

pub(crate) fn sealed(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    let config = SenderConfig::new().deliveries(Deliveries::SEALED);
    let (sender, incoming) = join(end, pair, config, Delivery::Sealed);
    let receiver = incoming.sealed().expect("sealed delivery");
    Some(Box::new(Sealed { sender, receiver, load, round: 0 }))
}

impl Sealed {
    fn say(&mut self) {
        let mut loan = self.sender.loan(self.load.len).expect("room");
        self.load.write(&mut loan, self.round);
        loan.commit(self.load.len).expect("a receiver");
    }

    fn hear(&mut self) {
        self.load.read(&self.receiver.recv().expect("a message"));
    }
}

impl PingPong for Sealed {
    fn ping(&mut self) {
        self.round = self.round.wrapping_add(1);
        self.say();
        self.hear();
    }
    fn pong(&mut self) {
        self.round = self.round.wrapping_add(1);
        self.hear();
        self.say();
    }
}
