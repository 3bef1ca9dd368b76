//! The two ends of a channel as the models drive them: the hand-off's own code, wrapped as in
//! [`fanout`](crate::send::fanout) and [`receiver`](crate::receive::receiver) but without their time limits.

use std::sync::Arc;
use std::vec::Vec;

use crate::abi::{BoardHead, Closing, Entry, LedgerHead, Released, Sleep};
use crate::ring::{self, Board, Ledger, Note, Polled, Publisher, Room, SleepCheck, Taker};
use crate::send::pool::{Extent, Occupation};
use crate::sync::futex;
use crate::sync::model::{Payload, thread};

/// The first ticket of every model: the head word's count wraps with the third message, the low half of the ticket's.
pub(super) const FIRST: u64 = (1 << 31) - 2;

/// The manner in which an end waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// Looks again and again.
    Awake,
    /// Announces a sleep and sleeps.
    Asleep,
}

/// The slots of a pool.
pub(super) type Slots = Arc<[Payload]>;

pub(super) fn slots(count: usize) -> Slots {
    (0..count).map(|_| Payload::default()).collect()
}

/// The board and the ledger of a channel, in ordinary memory.
#[derive(Debug)]
pub(super) struct Channel {
    head: BoardHead,
    entries: Vec<Entry>,
    ledger: LedgerHead,
    released: Vec<Released>,
    slots: Slots,
}

impl Channel {
    pub(super) fn new(slots: &Slots) -> Arc<Channel> {
        let channel = Channel {
            head: BoardHead::default(),
            entries: (0..slots.len().next_power_of_two()).map(|_| Entry::default()).collect(),
            ledger: LedgerHead::default(),
            released: slots.iter().map(|_| Released::default()).collect(),
            slots: slots.clone(),
        };
        ring::begin(channel.board(), FIRST);
        Arc::new(channel)
    }

    pub(super) fn board(&self) -> Board<'_> {
        Board { head: &self.head, entries: &self.entries }
    }

    pub(super) fn ledger(&self) -> Ledger<'_> {
        Ledger { head: &self.ledger, released: &self.released }
    }

    /// Gives a message back, on any thread.
    pub(super) fn release(&self, note: Note) {
        if ring::release(self.board(), self.ledger(), note.slot, note.number) == Sleep::Futex {
            futex::wake(&self.ledger.bell);
        }
    }

    /// Reads a message on lease and checks that it is whole.
    pub(super) fn read(&self, note: Note) {
        assert_eq!(note, self::note(note.number, note.slot), "an entry's words belong together");
        assert_eq!(self.slots[note.slot as usize].read(), note.number, "the slot holds its message");
    }
}

/// Returns the entry of message `number`.
fn note(number: u64, slot: u32) -> Note {
    Note { number, len: 10 + number, reply_to: 20 + number, slot, tag: 30 + number as u32 }
}

/// A sender of messages of one slot each.
#[derive(Debug)]
pub(super) struct Sending {
    slots: Slots,
    channels: Vec<(Arc<Channel>, Publisher)>,
    occupation: Occupation,
    number: u64,
    waits: Waits,
    /// The channels whose receiver has not been seen to leave, one bit each.
    pub(super) live: u64,
}

impl Sending {
    pub(super) fn new(slots: &Slots, channels: &[Arc<Channel>], waits: Waits) -> Sending {
        Sending {
            slots: slots.clone(),
            channels: channels.iter().map(|c| (c.clone(), Publisher::new(FIRST))).collect(),
            occupation: Occupation::new(slots.len() as u32).expect("a page of memory"),
            number: 0,
            waits,
            live: (1 << channels.len()) - 1,
        }
    }

    /// Sends the next message to everyone; waits for room.
    pub(super) fn send(&mut self) {
        let slot = self.room();
        self.number += 1;
        self.slots[slot as usize].write(self.number);
        let given = self.live;
        for (place, (channel, publisher)) in self.channels.iter_mut().enumerate() {
            if given & 1 << place != 0 {
                let outstanding = self.occupation.held(place).messages;
                assert!(publisher.publish(channel.board(), note(self.number, slot), outstanding));
            }
        }
        self.wake_sleepers(given);
        self.occupation.occupy(slot, Extent::new(1, 0), self.number, given & self.live);
        let channels = &self.channels;
        let has_released = |subscriber: usize, slot, number| {
            ring::is_released(channels[subscriber].0.ledger(), slot, number)
        };
        self.occupation.look_ahead(has_released);
    }

    fn wake_sleepers(&mut self, given: u64) {
        ring::publish_fence();
        for (place, (channel, publisher)) in self.channels.iter_mut().enumerate() {
            if given & 1 << place == 0 {
                continue;
            }
            match publisher.sleeper(channel.ledger()) {
                Sleep::Futex => {
                    if futex::wake(&channel.head.head) {
                        publisher.has_woken();
                    }
                }
                Sleep::Left => self.live &= !(1 << place),
                Sleep::No | Sleep::Socket => {}
            }
        }
    }

    fn look_for_room(&mut self) -> Option<u32> {
        let channels = &self.channels;
        self.occupation.find(Extent::new(1, 0), |subscriber, slot, number| {
            ring::is_released(channels[subscriber].0.ledger(), slot, number)
        })
    }

    fn room(&mut self) -> u32 {
        loop {
            if let Some(slot) = self.look_for_room() {
                return slot;
            }
            if self.waits == Waits::Awake {
                thread::yield_now();
                continue;
            }
            let rooms: Vec<Room> = (self.channels.iter())
                .map(|(channel, _)| Room::announce(channel.board(), channel.ledger(), Sleep::Futex))
                .collect();
            ring::want_fence();
            let found = self.look_for_room();
            if found.is_none() {
                let held = |place: &usize| self.occupation.held(*place).messages > 0;
                let bells = (0..self.channels.len())
                    .filter(held)
                    .map(|place| (&self.channels[place].0.ledger.bell, rooms[place].bell));
                futex::wait_any(bells, u64::MAX).expect("nothing here can fail");
            }
            for (channel, _) in &self.channels {
                Room::withdraw(channel.board());
            }
            if let Some(slot) = found {
                return slot;
            }
        }
    }

    /// Closes all channels.
    pub(super) fn close(mut self, why: Closing) {
        for (channel, publisher) in &mut self.channels {
            publisher.close(channel.board(), why, "");
        }
        self.wake_sleepers(self.live);
    }

    /// Returns the number of messages that receivers hold, as far as their ledgers say now.
    pub(super) fn reclaim(&mut self) -> u32 {
        for (place, (channel, _)) in self.channels.iter().enumerate() {
            self.occupation
                .reclaim_subscriber(place, |slot, number| ring::is_released(channel.ledger(), slot, number));
        }
        self.occupation.in_use()
    }
}

/// A receiver.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) channel: Arc<Channel>,
    taker: Taker,
    waits: Waits,
    /// The number of the last message taken.
    last: u64,
}

impl Receiving {
    pub(super) fn new(channel: &Arc<Channel>, waits: Waits) -> Receiving {
        Receiving { channel: channel.clone(), taker: Taker::new(FIRST), waits, last: 0 }
    }

    /// Returns the next message if it is there, read and on lease.
    pub(super) fn poll(&mut self) -> Option<Note> {
        match self.taker.poll(self.channel.board()) {
            Polled::Message(note) => {
                self.last += 1;
                assert_eq!(note.number, self.last, "messages come in order, and each once");
                self.channel.read(note);
                Some(note)
            }
            Polled::Empty => None,
            Polled::Alien { .. } => panic!("an honest sender's entry is never alien"),
        }
    }

    /// Returns the next message, read and on lease; waits for it.
    pub(super) fn next(&mut self) -> Result<Note, Closing> {
        loop {
            if let Some(note) = self.poll() {
                return Ok(note);
            }
            if self.waits == Waits::Awake {
                thread::yield_now();
                continue;
            }
            let (board, ledger) = (self.channel.board(), self.channel.ledger());
            match self.taker.announce_sleep(board, ledger, Sleep::Futex) {
                SleepCheck::Sleep(word) => {
                    futex::wait(&board.head.head, word, u64::MAX).expect("nothing here can fail");
                    self.taker.awake(ledger);
                }
                SleepCheck::Look => {}
                SleepCheck::Ended(code) => return Err(Closing::read(code, false).expect("a code of ours")),
                SleepCheck::Alien { .. } => panic!("an honest sender's head is never alien"),
            }
        }
    }

    /// Returns true if checking the board finds that everything published was taken.
    pub(super) fn has_taken_all(&self) -> bool {
        matches!(self.taker.look(self.channel.board()), SleepCheck::Sleep(_))
    }

    /// Takes no more, and gives back unread what is published.
    pub(super) fn leave(self) {
        if self.taker.leave(self.channel.board(), self.channel.ledger()) == Sleep::Futex {
            futex::wake(&self.channel.ledger.bell);
        }
    }
}
