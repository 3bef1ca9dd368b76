//! Other tools for the same work.
#![allow(unsafe_code)]

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{LogLevel, NodeBuilder, ipc, set_log_level};

use super::process::Pair;
use super::{End, Load, PingPong};

/// The published crate, a service each way, polled.
struct Iceoryx {
    publisher: Publisher<ipc::Service, [u8], ()>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    load: Load,
    round: u8,
}

pub(crate) fn iceoryx(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new().create::<ipc::Service>().ok()?;
    let (out, into) = if end == End::Asks { ("there", "back") } else { ("back", "there") };
    let service = |way: &str| {
        let name = format!("{}/{way}", pair.name).as_str().try_into().ok()?;
        let builder = node.service_builder(&name).publish_subscribe::<[u8]>();
        builder.history_size(0).subscriber_max_buffer_size(4).open_or_create().ok()
    };
    let publisher = service(out)?.publisher_builder().initial_max_slice_len(load.len).create().ok()?;
    let subscriber = service(into)?.subscriber_builder().create().ok()?;
    // Each end must know the other before the first message, or that one is lost.
    let mut socket = std::fs::File::from(pair.socket(end));
    socket.write_all(b"!").ok()?;
    socket.read_exact(&mut [0]).ok()?;
    Some(Box::new(Iceoryx { publisher, subscriber, load, round: 0 }))
}

impl Iceoryx {
    fn say(&mut self) {
        let sample = self.publisher.loan_slice_uninit(self.load.len).expect("a sample");
        // SAFETY: any bytes are a `u8`; the untouched case sends what the memory holds, as the others do.
        let mut sample = unsafe { sample.assume_init() };
        self.load.write(sample.payload_mut(), self.round);
        sample.send().expect("a subscriber");
    }

    fn hear(&mut self) {
        loop {
            if let Some(sample) = self.subscriber.receive().expect("a connection") {
                return self.load.read(sample.payload());
            }
            std::hint::spin_loop();
        }
    }
}

impl PingPong for Iceoryx {
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

/// A socket of sequenced packets, asleep in between.
struct Socket {
    socket: OwnedFd,
    buffer: Vec<u8>,
    load: Load,
    round: u8,
}

pub(crate) fn seqpacket(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    let size: i32 = 1 << 20;
    let socket = pair.socket(end);
    for name in [libc::SO_SNDBUF, libc::SO_RCVBUF] {
        let value = (&raw const size).cast();
        // SAFETY: the value is a whole `i32`.
        unsafe {
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, value, size_of::<i32>() as u32)
        };
    }
    Some(Box::new(Socket { socket, buffer: vec![0; load.len], load, round: 0 }))
}

impl Socket {
    fn say(&mut self) {
        self.load.write(&mut self.buffer, self.round);
        let bytes = self.buffer.as_ptr().cast();
        // SAFETY: the buffer is as long as stated.
        let sent = unsafe { libc::send(self.socket.as_raw_fd(), bytes, self.load.len, 0) };
        assert_eq!(sent, self.load.len as isize);
    }

    fn hear(&mut self) {
        let bytes = self.buffer.as_mut_ptr().cast();
        // SAFETY: the buffer has room for as much.
        let got = unsafe { libc::recv(self.socket.as_raw_fd(), bytes, self.load.len, 0) };
        assert_eq!(got, self.load.len as isize);
        self.load.read(&self.buffer);
    }
}

impl PingPong for Socket {
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

/// A pipe each way, asleep in between.
struct Pipe {
    into: std::fs::File,
    out: std::fs::File,
    buffer: Vec<u8>,
    load: Load,
    round: u8,
}

pub(crate) fn pipe(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    let [into, out] = pair.pipes(end);
    Some(Box::new(Pipe { into, out, buffer: vec![0; load.len], load, round: 0 }))
}

impl Pipe {
    fn say(&mut self) {
        self.load.write(&mut self.buffer, self.round);
        self.out.write_all(&self.buffer).expect("the other process reads");
    }

    fn hear(&mut self) {
        self.into.read_exact(&mut self.buffer).expect("the other process writes");
        self.load.read(&self.buffer);
    }
}

impl PingPong for Pipe {
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
