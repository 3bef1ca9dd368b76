//! Giving a message to receivers that take a file of its own.

use rustix::event::PollFlags;
use rustix::fd::AsFd;
use rustix::io::Errno;

use crate::connect::session::wire::Announcement;
use crate::error::{Call, OsError};
use crate::peer::Vital;
use crate::region::{Frozen, Writable};
use crate::ring::Note;
use crate::send::loan::Draft;
use crate::send::pool::subscribers;
use crate::stats::Counter;
use crate::sys;
use crate::wait::{Step, Wait, Waiting};

use super::Fanout;
use super::publish::{Label, Receipt};
use super::subscriber::{End, OnSlow, Subscriber};

impl Fanout {
    /// Sends a copy of a message in slots to the subscribers that receive files.
    pub(super) fn publish_copy(&mut self, slot: u32, note: Note, to: u64) -> u64 {
        let used = note.len as usize;
        if to == 0 {
            return 0;
        }
        let Some(pool) = &self.pool else { return 0 };
        let start = slot as usize * pool.geometry.slot_size();
        let copy = Writable::create(c"bowstring-message", used, self.pages).and_then(|mut file| {
            if let Some(message) = pool.region.bytes(start, used) {
                file.copy_from_slice(message);
            }
            file.freeze()
        });
        match copy {
            Ok(file) => {
                let announcement = Announcement {
                    number: note.number,
                    len: note.len,
                    reply_to: note.reply_to,
                    tag: note.tag,
                    skipped: 0,
                };
                let given = self.send_file(&file, announcement, to, None);
                for place in subscribers(given) {
                    self.stats_region.sent(place, used as u64);
                }
                given
            }
            // The slots' receivers have the message already, so it cannot be called back: these see a gap.
            Err(_) => {
                subscribers(to).for_each(|place| self.pass_over(place));
                0
            }
        }
    }

    /// Sends the first `used` bytes of the draft. If that fails, a copy of them is the draft, unless the host cannot even
    /// keep that.
    pub(crate) fn publish_draft(&mut self, used: usize, label: Label) -> Result<Receipt, OsError> {
        let Some(Draft { file, wait }) = self.draft.take() else {
            return Err(OsError::new(Call::Send, Errno::INVAL));
        };
        let file = file.freeze_first(used)?;
        self.publish_file(&file, label, wait)
            .inspect_err(|_| self.draft = file.thaw().ok().map(|file| Draft { file, wait }))
    }

    /// Sends a sealed message to everyone addressed. `Err` if it reached nobody for want of something on the host.
    fn publish_file(&mut self, file: &Frozen, label: Label, wait: Option<Wait>) -> Result<Receipt, OsError> {
        let addressed = self.addressed(label.to);
        let announcement = announcement(self.next_number, file.len(), label);
        let given = self.send_file(file, announcement, addressed, Some((wait, addressed.count_ones())));
        if given == 0
            && addressed.count_ones() == 1
            && let Some(e) = self.refused_by_host.take()
        {
            return Err(e);
        }
        self.next_number += 1;
        self.count(given, file.len());
        let _ = self.reap_if_due();
        let skipped = (addressed & self.live & !given).count_ones();
        Ok(Receipt { number: announcement.number, receivers: given.count_ones(), skipped })
    }

    /// Sends the descriptor to each subscriber in `to`; answers those that were given it.
    fn send_file(
        &mut self,
        file: &Frozen,
        what: Announcement,
        to: u64,
        patience: Option<(Option<Wait>, u32)>,
    ) -> u64 {
        let mut given = 0;
        for place in subscribers(to) {
            let skipped = self.subscribers[place].as_ref().map_or(0, Subscriber::skipped);
            // Its low half: the receiver adds up the differences.
            let datagram = Announcement { skipped: skipped as u32, ..what }.encode();
            match self.send_to(place, file, &datagram, patience) {
                Ok(()) => given |= 1 << place,
                Err(e) if e.is(Errno::PIPE) || e.is(Errno::CONNRESET) => {
                    let said_bye = self.subscribers[place].as_mut().is_some_and(|subscriber| {
                        subscriber.drain_socket();
                        subscriber.has_left()
                    });
                    self.forget(place, if said_bye { End::Closed } else { End::Crashed });
                }
                Err(e) => {
                    self.refused_by_host = Some(e);
                    // Alone, the sender gets its loan back and may try again; among others, this one is passed over.
                    if patience.is_none_or(|(_, addressed)| addressed > 1) {
                        self.pass_over(place);
                    }
                }
            }
        }
        given
    }

    /// Sends to one subscriber; for a subscriber that blocks, waits until its socket has room.
    fn send_to(
        &self,
        place: usize,
        file: &Frozen,
        datagram: &[u8],
        patience: Option<(Option<Wait>, u32)>,
    ) -> Result<(), OsError> {
        let Some(subscriber) = &self.subscribers[place] else { return Ok(()) };
        let mut waiting: Option<Waiting> = None;
        loop {
            let refused = match sys::send(subscriber.control.socket(), &[datagram, &[]], &[file.as_fd()]) {
                Err(e) if e.is(Errno::AGAIN) => e,
                outcome => return outcome,
            };
            let wait = match (subscriber.on_slow, patience) {
                (OnSlow::Block, None) => Wait::sleeping(),
                (OnSlow::Block, Some((Some(wait), _))) => wait,
                _ => return Err(refused),
            };
            self.stats_region.add(Counter::Stalls, u64::from(waiting.is_none()));
            match waiting.get_or_insert_with(|| Waiting::begin(wait.spins(0))).step() {
                Step::Look | Step::Glance => {}
                Step::Watch => self.still_there(place)?,
                Step::Sleep(nanos) => {
                    let (_, writable) = subscriber.control.wait(PollFlags::OUT, nanos)?;
                    if !writable {
                        self.still_there(place)?;
                    }
                }
                Step::TimedOut => return Err(refused),
            }
        }
    }

    fn still_there(&self, place: usize) -> Result<(), OsError> {
        match &self.subscribers[place] {
            Some(subscriber) if subscriber.control.vital()? != Vital::Alive => {
                Err(OsError::new(Call::Send, Errno::PIPE))
            }
            _ => Ok(()),
        }
    }
}

fn announcement(number: u64, len: usize, label: Label) -> Announcement {
    Announcement { number, len: len as u64, reply_to: label.reply_to, tag: label.tag, skipped: 0 }
}
