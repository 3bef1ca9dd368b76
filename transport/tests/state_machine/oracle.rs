//! The expected behaviour of a sender and its receivers, in the simplest form: a list of slots, and a list of messages for each.

use std::collections::VecDeque;

use bowstring_transport::{Delivery, End, OnSlow};

/// The bytes of a slot.
pub(crate) const SLOT: usize = 64;

/// A message as its receiver should see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) number: u64,
    pub(crate) tag: u32,
    pub(crate) reply_to: u64,
    pub(crate) bytes: Vec<u8>,
}

/// A message in slots and the receivers that have not given it back.
#[derive(Clone, Debug)]
struct Run {
    start: usize,
    span: usize,
    number: u64,
    holders: Vec<usize>,
}

/// A receiver, as both sides should see it. Its index in [`Oracle::receivers`] never changes.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) delivery: Delivery,
    pub(crate) policy: OnSlow,
    /// Its place among the sender's subscribers, until its subscriber has ended.
    subscriber: Option<usize>,
    /// True if the sender gives it messages.
    live: bool,
    pub(crate) cut_off: bool,
    /// True if the receiver is still there; its leases may outlive it.
    pub(crate) here: bool,
    /// Sent and not taken.
    pub(crate) queue: VecDeque<Message>,
    pub(crate) missed: u64,
}

/// Reasons why there is no loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoLoan {
    NoReceiver(Option<End>),
    TooLong,
    Full,
}

/// The place in which to write a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Slots,
    File,
}

#[derive(Debug)]
pub(crate) struct Oracle {
    slots: usize,
    runs: Vec<Run>,
    next_number: u64,
    pub(crate) receivers: Vec<Receiver>,
    last_end: Option<End>,
    /// The ends that the sender has to report, in order.
    pub(crate) ended: VecDeque<(usize, End)>,
}

fn span(len: usize) -> usize {
    len.div_ceil(SLOT).max(1)
}

impl Oracle {
    pub(crate) fn new(slots: usize) -> Oracle {
        Oracle {
            slots,
            runs: Vec::new(),
            next_number: 1,
            receivers: Vec::new(),
            last_end: None,
            ended: VecDeque::new(),
        }
    }

    pub(crate) fn join(&mut self, delivery: Delivery, policy: OnSlow) {
        let subscriber =
            (0..).find(|&subscriber| self.receivers.iter().all(|r| r.subscriber != Some(subscriber)));
        self.receivers.push(Receiver {
            delivery,
            policy,
            subscriber,
            live: true,
            cut_off: false,
            here: true,
            queue: VecDeque::new(),
            missed: 0,
        });
    }

    /// Returns true if the sender still keeps a subscriber for receiver `i`.
    pub(crate) fn has_subscriber(&self, i: usize) -> bool {
        self.receivers[i].subscriber.is_some()
    }

    /// Returns the number of receivers that are given messages.
    pub(crate) fn live(&self) -> usize {
        self.receivers.iter().filter(|r| r.live).count()
    }

    /// Returns true if a message of `len` bytes has room, and of what kind.
    pub(crate) fn loan(&self, len: usize) -> Result<Room, NoLoan> {
        let mut subscribers = self.receivers.iter().filter(|r| r.subscriber.is_some()).peekable();
        if subscribers.peek().is_some() && subscribers.all(|r| r.delivery == Delivery::Sealed) {
            return if self.live() > 0 { Ok(Room::File) } else { Err(NoLoan::NoReceiver(self.last_end)) };
        }
        let span = span(len);
        if span > self.slots {
            return Err(NoLoan::TooLong);
        }
        if self.live() == 0 {
            return Err(NoLoan::NoReceiver(self.last_end));
        }
        let is_room = (0..=self.slots - span).any(|start| self.is_free(start, len));
        if is_room { Ok(Room::Slots) } else { Err(NoLoan::Full) }
    }

    /// Returns true if all slots that a message of `len` bytes takes from `start` on are free. Which of several such
    /// places the sender chooses is up to it.
    pub(crate) fn is_free(&self, start: usize, len: usize) -> bool {
        let end = start + span(len);
        end <= self.slots && self.runs.iter().all(|run| run.start + run.span <= start || end <= run.start)
    }

    /// Sends, from slot `start` on if from any; returns the message's number, and how many receivers were given it
    /// and how many were skipped.
    pub(crate) fn commit(
        &mut self,
        start: Option<usize>,
        mut message: Message,
        to: Option<usize>,
    ) -> (u64, usize, usize) {
        let (number, span) = (self.next_number, span(message.bytes.len()));
        self.next_number += 1;
        message.number = number;
        let mut addressed: Vec<usize> = (0..self.receivers.len())
            .filter(|&i| self.receivers[i].live && to.is_none_or(|only| only == i))
            .collect();
        // The order of the subscribers decides the order of ends: those cut off first, then those found to have left
        // their slots, then those found to have left their socket.
        addressed.sort_by_key(|&i| self.receivers[i].subscriber);
        let (mut holders, mut skipped, mut left, mut gone) = (Vec::new(), 0, Vec::new(), Vec::new());
        let mut given = 0;
        for i in addressed {
            let receiver = &mut self.receivers[i];
            if receiver.delivery == Delivery::Sealed {
                if receiver.here {
                    receiver.queue.push_back(message.clone());
                    given += 1;
                } else {
                    gone.push(i);
                }
                continue;
            }
            let held: usize = self.runs.iter().filter(|r| r.holders.contains(&i)).map(|r| r.span).sum();
            let fits = |quota: u32| held == 0 || held + span <= quota as usize;
            match receiver.policy {
                OnSlow::Skip { quota } if !fits(quota) => {
                    skipped += 1;
                    receiver.missed += 1;
                }
                OnSlow::CutOff { quota } if !fits(quota) => {
                    receiver.cut_off = true;
                    self.retire(i);
                }
                _ if !receiver.here => left.push(i),
                _ => {
                    receiver.queue.push_back(message.clone());
                    holders.push(i);
                    given += 1;
                }
            }
        }
        if let Some(start) = start
            && !holders.is_empty()
        {
            self.runs.push(Run { start, span, number, holders });
        }
        left.into_iter().for_each(|i| self.retire(i));
        gone.into_iter().for_each(|i| self.end(i));
        (number, given, skipped)
    }

    /// Takes the next message of receiver `i`.
    pub(crate) fn take(&mut self, i: usize) -> Option<Message> {
        self.receivers[i].queue.pop_front()
    }

    /// Lets receiver `i` give back message `number`.
    pub(crate) fn release(&mut self, i: usize, number: u64) {
        for run in self.runs.iter_mut().filter(|run| run.number == number) {
            run.holders.retain(|&holder| holder != i);
        }
        self.runs.retain(|run| !run.holders.is_empty());
    }

    /// Removes receiver `i`. It gives back what it has not taken; its leases stay out.
    pub(crate) fn leave(&mut self, i: usize) {
        self.receivers[i].here = false;
        for message in std::mem::take(&mut self.receivers[i].queue) {
            self.release(i, message.number);
        }
    }

    /// Lets the sender check all receivers.
    pub(crate) fn reap(&mut self) {
        let mut subscribers: Vec<usize> =
            (0..self.receivers.len()).filter(|&i| self.receivers[i].subscriber.is_some()).collect();
        subscribers.sort_by_key(|&i| self.receivers[i].subscriber);
        for i in subscribers {
            if !self.receivers[i].here || self.receivers[i].cut_off {
                self.retire(i);
            }
        }
    }

    /// Stops messages to receiver `i`; its subscriber ends once it holds nothing, but is reported as ended now.
    fn retire(&mut self, i: usize) {
        self.receivers[i].live = false;
        self.last_end = Some(self.how_ended(i));
        if !self.runs.iter().any(|run| run.holders.contains(&i)) {
            self.end(i);
        }
    }

    fn end(&mut self, i: usize) {
        let end = self.how_ended(i);
        let receiver = &mut self.receivers[i];
        (receiver.live, receiver.subscriber) = (false, None);
        self.last_end = Some(end);
        self.ended.push_back((i, end));
    }

    fn how_ended(&self, i: usize) -> End {
        if self.receivers[i].cut_off { End::CutOff } else { End::Closed }
    }
}
