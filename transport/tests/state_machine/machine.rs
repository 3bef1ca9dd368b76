//! The real sender and receivers, driven side by side with the model.

use std::time::Duration;

use bowstring_transport::{
    Connector, Deliveries, Delivery, End, HandshakeConfig, Honest, Label, Lease, Loan, LoanError, Meta,
    OnSlow, Opened, ReceiverId, RecvError, Sender, SenderConfig, To, Wait, socket_pair,
};
use proptest::sample::Index;

use crate::oracle::{Message, NoLoan, Oracle, Room, SLOT};

/// Long enough for any machine: everything that is waited for has already happened.
const PATIENT: Wait = Wait::sleeping().at_most(Duration::from_secs(20));

/// Sealed messages that may be in flight to one receiver; its socket has room for about a dozen.
const SEALED_IN_FLIGHT: usize = 4;

#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) slots: u32,
    pub(crate) first_ticket: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Join {
        delivery: Delivery,
        policy: OnSlow,
    },
    /// Commits up to `unused` bytes less than were lent.
    Send {
        len: usize,
        unused: usize,
        tag: u32,
        to: Option<Index>,
    },
    /// Takes a loan and drops it.
    Abandon {
        len: usize,
    },
    /// Takes a message and gives it back at once, or keeps the lease.
    Receive {
        receiver: Index,
        keep: bool,
    },
    Release {
        lease: Index,
    },
    Leave {
        receiver: Index,
    },
    SetPolicy {
        receiver: Index,
        policy: OnSlow,
    },
    Reap,
}

/// A lease that was kept, and its expected content.
struct Kept {
    receiver: usize,
    lease: Lease<'static, Honest>,
    message: Message,
}

pub(crate) struct Machine {
    oracle: Oracle,
    sender: Sender,
    /// In the order of joining; `None` once it has left.
    receivers: Vec<(ReceiverId, Option<Opened>)>,
    kept: Vec<Kept>,
    /// The address of the pool; an empty one is filled from its start.
    pool: Option<usize>,
}

/// Adds a receiver to `sender`.
fn join(sender: &mut Sender, wanted: Delivery) -> (ReceiverId, Opened) {
    let (here, there) = socket_pair().unwrap();
    std::thread::scope(|scope| {
        let meeting = Connector::new(Deliveries::only(wanted));
        let incoming = scope.spawn(move || meeting.connect(there).unwrap());
        let arrival = sender.accept(here, &HandshakeConfig::new(b"")).unwrap();
        // SAFETY: the sender is this test, which writes only through loans and so to no leased slot.
        let opened = unsafe { incoming.join().unwrap().open() }.unwrap();
        (arrival.receiver, opened)
    })
}

/// Borrows a loan, if the model has one too; returns it with its first slot if it lies in slots, which must be free.
fn lend<'s>(
    sender: &'s mut Sender,
    oracle: &Oracle,
    pool: &mut Option<usize>,
    len: usize,
) -> Option<(Loan<'s>, Option<usize>)> {
    let (loan, room) = match (sender.try_loan(len), oracle.loan(len)) {
        (Ok(loan), Ok(room)) => (loan, room),
        (Err(found), Err(expected)) => {
            assert_eq!(no_loan(found), expected);
            return None;
        }
        (found, expected) => panic!("{found:?} where the model has {expected:?}"),
    };
    assert_eq!(loan.len(), len);
    if room == Room::File {
        return Some((loan, None));
    }
    let at = loan.as_ptr() as usize;
    let offset = at - *pool.get_or_insert(at);
    assert!(
        offset.is_multiple_of(SLOT) && oracle.is_free(offset / SLOT, len),
        "byte {offset} of the pool is taken"
    );
    Some((loan, Some(offset / SLOT)))
}

/// Returns bytes that vary with the seed and along the message.
fn pattern(len: usize, seed: u32) -> Vec<u8> {
    (0..len).map(|i| (seed as usize).wrapping_mul(31).wrapping_add(i * 7) as u8).collect()
}

fn message(meta: Meta, bytes: &[u8]) -> Message {
    Message { number: meta.number, tag: meta.tag, reply_to: meta.reply_to, bytes: bytes.to_vec() }
}

impl Machine {
    pub(crate) fn new(start: Start) -> Machine {
        let config = SenderConfig::new().slots(start.slots, SLOT).first_ticket(start.first_ticket);
        let mut sender = config.build().unwrap();
        // Nothing depends on the clock: an end is noticed when a message meets it or when the test checks.
        sender.watch_every(Duration::MAX);
        Machine {
            oracle: Oracle::new(start.slots as usize),
            sender,
            receivers: Vec::new(),
            kept: Vec::new(),
            pool: None,
        }
    }

    pub(crate) fn step(&mut self, op: Op) {
        match op {
            Op::Join { .. } if self.receivers.len() == 6 => {}
            Op::Join { delivery, policy } => {
                let (id, opened) = join(&mut self.sender, delivery);
                if let Opened::Pooled(receiver) = &opened {
                    receiver.watch_every(Duration::MAX);
                }
                assert!(self.sender.set_on_slow(id, policy));
                self.receivers.push((id, Some(opened)));
                self.oracle.join(delivery, policy);
            }
            Op::Send { len, unused, tag, to } => self.send(len, unused, tag, to),
            Op::Abandon { len } => {
                let _ = lend(&mut self.sender, &self.oracle, &mut self.pool, len);
            }
            Op::Receive { receiver, keep } => {
                if let Some(i) = self.pick(receiver) {
                    self.receive(i, keep);
                }
            }
            Op::Release { lease } => {
                if !self.kept.is_empty() {
                    let kept = self.kept.swap_remove(lease.index(self.kept.len()));
                    self.release(kept);
                }
            }
            Op::Leave { receiver } => {
                if let Some(i) = self.pick(receiver) {
                    self.receivers[i].1 = None;
                    self.oracle.leave(i);
                }
            }
            Op::SetPolicy { receiver, policy } => {
                if let Some(i) = self.pick(receiver) {
                    let there = self.sender.set_on_slow(self.receivers[i].0, policy);
                    assert_eq!(there, self.oracle.has_subscriber(i));
                    self.oracle.receivers[i].policy = policy;
                }
            }
            Op::Reap => {
                self.sender.reap().unwrap();
                self.oracle.reap();
            }
        }
        self.compare();
    }

    /// Picks any receiver, including those that have left.
    fn pick(&self, which: Index) -> Option<usize> {
        (!self.receivers.is_empty()).then(|| which.index(self.receivers.len()))
    }

    fn send(&mut self, len: usize, unused: usize, tag: u32, to: Option<Index>) {
        // A full socket of a receiver of files makes its sender wait, which one thread alone cannot.
        for i in 0..self.receivers.len() {
            let receiver = &self.oracle.receivers[i];
            if receiver.delivery == Delivery::Sealed && receiver.queue.len() == SEALED_IN_FLIGHT {
                self.receive(i, false);
            }
        }
        let to = to.and_then(|which| self.pick(which));
        let Some((mut loan, start)) = lend(&mut self.sender, &self.oracle, &mut self.pool, len) else {
            return;
        };
        let used = len.saturating_sub(unused);
        let bytes = pattern(used, tag);
        loan[..used].copy_from_slice(&bytes);
        let message = Message { number: 0, tag, reply_to: u64::from(tag) << 7, bytes };
        let address = to.map_or(To::All, |i| To::Only(self.receivers[i].0));
        let label = Label { tag, reply_to: message.reply_to, to: address, required: false };
        let receipt = loan.commit_as(used, label).unwrap();
        let expected = self.oracle.commit(start, message, to);
        assert_eq!((receipt.number, receipt.receivers as usize, receipt.skipped as usize), expected);
    }

    fn receive(&mut self, i: usize, keep: bool) {
        let Some(opened) = &mut self.receivers[i].1 else { return };
        let expected = self.oracle.take(i);
        if expected.is_none() && self.oracle.receivers[i].cut_off {
            return assert_eq!(end(opened), RecvError::CutOff);
        }
        let found = match opened {
            Opened::Pooled(receiver) => receiver.try_recv().unwrap().map(|lease| {
                let found = message(lease.meta(), &lease);
                if keep {
                    let lease = lease.detach();
                    self.kept.push(Kept { receiver: i, lease, message: found.clone() });
                }
                found
            }),
            Opened::Copied(receiver) => {
                receiver.try_recv().unwrap().map(|copied| message(copied.meta, copied.bytes))
            }
            Opened::Sealed(receiver) => {
                receiver.try_recv().unwrap().map(|sealed| message(sealed.meta(), &sealed))
            }
        };
        assert_eq!(found, expected);
        let kept = keep && matches!(opened, Opened::Pooled(_));
        if let Some(message) = found.filter(|_| !kept) {
            self.oracle.release(i, message.number);
        }
        let stats = match opened {
            Opened::Pooled(receiver) => receiver.stats(),
            Opened::Copied(receiver) => receiver.inner().stats(),
            Opened::Sealed(receiver) => receiver.stats(),
        };
        assert_eq!(stats.missed, self.oracle.receivers[i].missed);
    }

    fn release(&mut self, kept: Kept) {
        let Kept { receiver, lease, message: expected } = kept;
        assert_eq!(message(lease.meta(), &lease), expected, "a lease never changes");
        drop(lease);
        self.oracle.release(receiver, expected.number);
    }

    fn compare(&mut self) {
        assert_eq!(self.sender.receivers() as usize, self.oracle.live());
        let found: Vec<(ReceiverId, End)> = std::iter::from_fn(|| self.sender.next_ended()).collect();
        let expected: Vec<_> =
            self.oracle.ended.drain(..).map(|(i, end)| (self.receivers[i].0, end)).collect();
        assert_eq!(found, expected);
    }

    /// Closes the sender; every receiver gets what is left and then its own kind of end.
    pub(crate) fn finish(mut self) {
        drop(self.sender);
        for (i, (_, opened)) in self.receivers.iter_mut().enumerate() {
            let Some(opened) = opened else { continue };
            while let Some(expected) = self.oracle.take(i) {
                let found = match opened {
                    Opened::Pooled(receiver) => {
                        let lease = receiver.recv_with(PATIENT).unwrap();
                        message(lease.meta(), &lease)
                    }
                    Opened::Copied(receiver) => {
                        let copied = receiver.recv_with(PATIENT).unwrap();
                        message(copied.meta, copied.bytes)
                    }
                    Opened::Sealed(receiver) => {
                        let sealed = receiver.recv_with(PATIENT).unwrap();
                        message(sealed.meta(), &sealed)
                    }
                };
                assert_eq!(found, expected);
            }
            let expected =
                if self.oracle.receivers[i].cut_off { RecvError::CutOff } else { RecvError::Closed };
            assert_eq!(end(opened), expected);
        }
        for kept in self.kept {
            assert_eq!(message(kept.lease.meta(), &kept.lease), kept.message, "a lease outlives its sender");
        }
    }
}

/// Returns the end that a receiver sees after taking everything.
fn end(opened: &mut Opened) -> RecvError {
    let outcome = match opened {
        Opened::Pooled(receiver) => receiver.recv_with(PATIENT).map(drop),
        Opened::Copied(receiver) => receiver.recv_with(PATIENT).map(drop),
        Opened::Sealed(receiver) => receiver.recv_with(PATIENT).map(drop),
    };
    outcome.expect_err("nothing is left to take")
}

fn no_loan(e: LoanError) -> NoLoan {
    match e {
        LoanError::NoReceiver(last) => NoLoan::NoReceiver(last),
        LoanError::TooLong { .. } => NoLoan::TooLong,
        LoanError::Full => NoLoan::Full,
        other => panic!("a loan that does not wait: {other:?}"),
    }
}
