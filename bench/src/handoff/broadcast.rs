//! One message to eight receivers, compared with eight channels that each carry it.

use std::time::Instant;

use bowstring_transport::{Connector, Deliveries, Delivery, HandshakeConfig, Sender, SenderConfig, Wait};

use super::process::{Pair, fork, wait};
use super::{End, Load};
use crate::Options;

const RECEIVERS: usize = 8;
const MESSAGES: u32 = 4000;
const ROUNDS: usize = 9;

/// Receives everything until the sender closes.
#[allow(unsafe_code)]
fn receive_all(pair: &Pair, load: Load) {
    let incoming = Connector::new(Deliveries::only(Delivery::Pooled))
        .connect(pair.socket(End::Answers))
        .expect("a sender");
    // SAFETY: the sender is `send_all`, which leaves published slots alone.
    let receiver = unsafe { incoming.pooled() }.expect("pooled delivery");
    while let Ok(lease) = receiver.recv_with(Wait::sleeping().spins(0)) {
        load.read(&lease);
    }
}

/// Returns the nanoseconds for sending a message to all, through `senders` that have the receivers among them.
fn send_all(mut senders: Vec<Sender>, load: Load, messages: u32) -> f64 {
    let start = Instant::now();
    for n in 0..messages {
        for sender in &mut senders {
            let mut loan = sender.loan(load.len).expect("room");
            load.write(&mut loan, n as u8);
            loan.commit(load.len).expect("receivers");
        }
    }
    // The time counts until the last receiver has given the last message back.
    for sender in &mut senders {
        while sender.stats().slots_in_use > 0 {
            let pool = sender.stats().slots * sender.stats().slot_size;
            drop(sender.loan(pool as usize).expect("an empty pool"));
        }
    }
    start.elapsed().as_nanos() as f64 / f64::from(messages)
}

fn one_run(load: Load, together: bool) -> f64 {
    let messages = if load.len > 64 << 10 { MESSAGES / 20 } else { MESSAGES };
    let pairs: Vec<Pair> = (0..RECEIVERS).map(|i| Pair::new(load, &format!("broadcast-{i}"))).collect();
    let children: Vec<_> = pairs.iter().map(|pair| fork(|| receive_all(pair, load))).collect();
    let config = SenderConfig::new().slots(load.buffers() as u32, load.len.next_multiple_of(4096));
    let mut senders = vec![config.build().expect("a sender")];
    for (i, pair) in pairs.iter().enumerate() {
        if i > 0 && !together {
            senders.push(config.build().expect("a sender"));
        }
        let last = senders.last_mut().expect("there is one");
        last.accept(pair.socket(End::Asks), &HandshakeConfig::new(b"")).expect("a receiver");
    }
    let nanos = send_all(senders, load, messages);
    children.into_iter().for_each(wait);
    nanos
}

pub(crate) fn run(options: Options) {
    for (name, len) in [("64B", 64), ("64KiB", 64 << 10), ("1MiB", 1 << 20)] {
        let load = Load { len, touched: true };
        let (mut together, mut apart) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            together.push(one_run(load, true));
            apart.push(one_run(load, false));
        }
        together.sort_by(f64::total_cmp);
        apart.sort_by(f64::total_cmp);
        let (ours, floor) = (together[ROUNDS / 2], apart[ROUNDS / 2]);
        if options.json {
            println!(
                "{{\"bench\":\"handoff/broadcast-8/{name}\",\"unit\":\"ns\",\"ours\":{ours:.0},\"peers\":{{\"8 channels\":{floor:.0}}},\"over_8_channels\":{:.2}}}",
                ours / floor
            );
        } else {
            println!(
                "broadcast to 8, {name}: {ours:.0} ns a message; 8 channels: {floor:.0} ns ({:.2}×)",
                ours / floor
            );
        }
    }
}
