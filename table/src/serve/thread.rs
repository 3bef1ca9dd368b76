//! The serving thread: it sleeps until somebody connects, speaks or hangs up.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;

use bowstring_transport::BreakOff;

use super::waiting_room::is_hopeless;
use super::{Serving, Signals};
use crate::send::Interrupt;
use crate::turn::Turn;

pub(super) const BELL: u64 = 0;
pub(super) const LISTENER: u64 = 1;
const RECEIVER: u64 = 2;

/// During a handshake, whose datagrams arrive on a socket that is not watched here, and while a receiver lacks a message.
const HANDSHAKE: Duration = Duration::from_millis(1);
/// While there are receivers: the death of one whose child holds its socket shows on no socket.
const LOOK: Duration = Duration::from_millis(100);

/// Adds `fd` to `set`, for readability and hang-ups.
pub(super) fn watch(set: &OwnedFd, fd: BorrowedFd<'_>, what: u64) -> Result<(), Errno> {
    match epoll::add(set, fd, epoll::EventData::new_u64(what), epoll::EventFlags::IN) {
        Err(Errno::EXIST) => Ok(()),
        added => added,
    }
}

/// Serves until the end is requested.
pub(super) fn serve(turn: &Turn<Serving>, signals: &Signals, set: &OwnedFd) {
    let stop = || signals.stop.load(Ordering::Acquire);
    loop {
        let pause = match turn.take_briefly(LOOK) {
            // Another thread has it, perhaps for good.
            None if stop() => return,
            None => Some(Duration::ZERO),
            Some(mut serving) => {
                serving.look_after(set);
                let to_hand_over = serving.sender.receivers() > 0 && serving.waiting.len() > 0;
                if to_hand_over && !stop() {
                    drop(serving);
                    // This waits for receivers, so a caller without patience must not wait for it.
                    let Some(again) = turn.take(LOOK) else { continue };
                    serving = again;
                    serving.hand_over(signals);
                }
                if stop() || signals.finish.load(Ordering::Acquire) && serving.waiting() == 0 {
                    serving.keep().close();
                    return;
                }
                serving.pause()
            }
        };
        sleep(set, signals, pause);
    }
}

impl Serving {
    /// Closes the table, which is incomplete if a waiting batch could not be sent.
    fn close(self) {
        if self.incomplete {
            self.sender.abandon_with(BreakOff::Failed, "a batch could not be sent");
        }
    }

    /// Accepts newcomers and takes back what the dead held.
    fn look_after(&mut self, set: &OwnedFd) {
        // An error here concerns a newcomer, or shows again when the program sends.
        let _ = self.sender.poll_accept();
        self.note_seen();
        let _ = self.sender.reap();
        self.hear_of_the_departed();
        for socket in self.sender.sockets() {
            let _ = watch(set, socket, RECEIVER);
        }
    }

    /// Sends the waiting batches to the connected receivers.
    fn hand_over(&mut self, signals: &Signals) {
        self.sender.interrupt_by(Interrupt::from(signals.stop.clone()));
        self.set_patience(None);
        // Nothing that can be sent is lost: it stays, here or with the sender.
        if let Err(error) = self.waiting.hand_over(&mut self.sender)
            && is_hopeless(&error)
        {
            self.lost = Some(error);
            self.incomplete = true;
        }
        self.sender.interrupt_by(Interrupt::default());
    }

    /// Returns how long to sleep; `None` is until something happens.
    fn pause(&self) -> Option<Duration> {
        if self.sender.handshakes() > 0 || self.sender.newcomers() > 0 || !self.sender.is_finished() {
            Some(HANDSHAKE)
        } else if self.sender.receivers() > 0 {
            Some(LOOK)
        } else {
            None
        }
    }
}

fn sleep(set: &OwnedFd, signals: &Signals, pause: Option<Duration>) {
    let pause = pause.map(|pause| Timespec {
        tv_sec: pause.as_secs().cast_signed(),
        tv_nsec: pause.subsec_nanos().into(),
    });
    let mut events =
        [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 8];
    let Ok(count) = epoll::wait(set, &mut events, pause.as_ref()) else { return };
    if events.iter().take(count).any(|event| event.data.u64() == BELL) {
        let mut rung = [0; 8];
        let _ = rustix::io::read(&signals.bell, &mut rung);
    }
}
