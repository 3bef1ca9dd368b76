//! Other tools for the same work.
//!
//! # Safety
//!
//! A batch that is read out of another process's memory is dropped before that memory is given back.
#![allow(unsafe_code)]

use std::io::{BufReader, BufWriter, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_ipc::reader::{StreamDecoder, StreamReader};
use arrow_ipc::writer::StreamWriter;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{Alignment, BackpressureStrategy, LogLevel, NodeBuilder, ipc, set_log_level};
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;

use super::turns::{End, Gives, Link, Takes};
use super::work::{self, Work};
use crate::handoff::floor::{SEALS, receive_fd, send_fd};

// ---- arrow-ipc over a socket ----

struct SocketGiver {
    writer: StreamWriter<BufWriter<UnixStream>>,
    work: &'static Work,
}

pub(super) fn socket_gives(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    let socket = BufWriter::new(UnixStream::from(link.stream(End::Gives)));
    let mut writer = StreamWriter::try_new(socket, &work.batch.schema()).expect("the schema fits the socket");
    writer.flush().expect("the other process reads");
    Some(Box::new(SocketGiver { writer, work }))
}

impl Gives for SocketGiver {
    fn give(&mut self, _: u64) {
        self.writer.write(&self.work.batch).expect("the other process reads");
        self.writer.flush().expect("the other process reads");
    }
}

struct SocketTaker(StreamReader<BufReader<UnixStream>>);

pub(super) fn socket_takes(link: &Link, _: &Work) -> Option<Box<dyn Takes>> {
    let socket = BufReader::new(UnixStream::from(link.stream(End::Takes)));
    Some(Box::new(SocketTaker(StreamReader::try_new(socket, None).expect("a schema"))))
}

impl Takes for SocketTaker {
    fn take(&mut self) -> u64 {
        let batch = self.0.next().expect("a batch").expect("a batch that arrow-ipc reads");
        work::sum_batch(&batch)
    }
}

// ---- a fresh file in memory for each batch ----

/// The buffers alone, without a description: the other process knows their layout.
struct Files {
    socket: OwnedFd,
    buffers: &'static [Buffer],
    /// The length of each buffer, and the sum with each padded to a multiple of 64.
    lens: Vec<usize>,
    len: usize,
}

impl Files {
    fn new(socket: OwnedFd, buffers: &'static [Buffer], work: &Work) -> Files {
        let lens: Vec<usize> = work.buffers.iter().map(Buffer::len).collect();
        let len = lens.iter().map(|len| len.next_multiple_of(64)).sum();
        Files { socket, buffers, lens, len }
    }

    /// Returns a mapping of the whole file.
    fn map(&self, fd: &OwnedFd, prot: i32) -> *mut u8 {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a null hint replaces nothing.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), self.len, prot, flags, fd.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED, "the file cannot be mapped");
        at.cast()
    }

    fn create() -> OwnedFd {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name is a string.
        let fd = unsafe { libc::memfd_create(c"batch".as_ptr(), flags) };
        assert!(fd >= 0, "no file in memory");
        // SAFETY: the descriptor is new and ours.
        unsafe { OwnedFd::from_raw_fd(fd) }
    }

    fn seal_and_send(&self, fd: &OwnedFd) {
        // SAFETY: a plain call on a descriptor of ours.
        assert_eq!(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, SEALS) }, 0);
        send_fd(&self.socket, fd);
    }

    fn unmap(&self, at: *mut u8) {
        // SAFETY: mapped by `map` with this length, and no slice of it is left.
        unsafe { libc::munmap(at.cast(), self.len) };
    }
}

pub(super) fn memfd_gives(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    Some(Box::new(Files::new(link.packets(End::Gives), &work.buffers, work)))
}

pub(super) fn memfd_takes(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    Some(Box::new(Files::new(link.packets(End::Takes), &[], work)))
}

impl Gives for Files {
    fn give(&mut self, _: u64) {
        let fd = Files::create();
        // SAFETY: a plain call on a descriptor of ours.
        assert_eq!(unsafe { libc::ftruncate(fd.as_raw_fd(), self.len as i64) }, 0);
        let start = self.map(&fd, libc::PROT_READ | libc::PROT_WRITE);
        let mut at = start;
        for buffer in self.buffers {
            // SAFETY: within the mapping, whose length is that of all buffers; nobody else has the file yet.
            unsafe { std::slice::from_raw_parts_mut(at, buffer.len()) }.copy_from_slice(buffer);
            at = at.wrapping_add(buffer.len().next_multiple_of(64));
        }
        self.unmap(start);
        self.seal_and_send(&fd);
    }
}

/// The same, written and not mapped by the giver: the kernel then neither faults nor zeroes a page.
struct Written(Files);

pub(super) fn memfd_written(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    Some(Box::new(Written(Files::new(link.packets(End::Gives), &work.buffers, work))))
}

impl Gives for Written {
    fn give(&mut self, _: u64) {
        let fd = Files::create();
        let mut at = 0;
        for buffer in self.0.buffers {
            // SAFETY: the buffer's bytes, and a descriptor of ours.
            let written =
                unsafe { libc::pwrite(fd.as_raw_fd(), buffer.as_ptr().cast(), buffer.len(), at as i64) };
            assert_eq!(written, buffer.len() as isize, "memory for the file");
            at += buffer.len().next_multiple_of(64);
        }
        // SAFETY: a plain call on a descriptor of ours.
        assert_eq!(unsafe { libc::ftruncate(fd.as_raw_fd(), self.0.len as i64) }, 0);
        self.0.seal_and_send(&fd);
    }
}

impl Takes for Files {
    fn take(&mut self) -> u64 {
        let fd = receive_fd(&self.socket);
        let start = self.map(&fd, libc::PROT_READ);
        let (mut total, mut at) = (0_u64, start);
        for len in &self.lens {
            // SAFETY: within the mapping, which is as long as all of them; immutable by its seals.
            total = total.wrapping_add(work::sum(unsafe { std::slice::from_raw_parts(at, *len) }));
            at = at.wrapping_add(len.next_multiple_of(64));
        }
        self.unmap(start);
        total
    }
}

// ---- iceoryx2, with arrow-ipc's messages ----

/// The target of a `StreamWriter`: the memory it was given last.
struct Target {
    at: *mut u8,
    left: usize,
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let len = bytes.len().min(self.left);
        // SAFETY: that much is left of the memory, which does not overlap `bytes`.
        unsafe { self.at.copy_from_nonoverlapping(bytes.as_ptr(), len) };
        (self.at, self.left) = (self.at.wrapping_add(len), self.left - len);
        Ok(len)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// More than arrow-ipc puts around a batch, or than its schema takes.
const MORE: usize = 64 << 10;

struct IceoryxGiver {
    publisher: Publisher<ipc::Service, [u8], ()>,
    writer: StreamWriter<Target>,
    work: &'static Work,
    len: usize,
}

struct IceoryxTaker {
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    decoder: StreamDecoder,
}

/// Creates a service that loses nothing, with as many messages in flight as the others have.
fn service(link: &Link, work: &Work) -> Option<PortFactory<ipc::Service, [u8], ()>> {
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new().create::<ipc::Service>().ok()?;
    let name = link.name.as_str().try_into().ok()?;
    let builder = node.service_builder(&name).publish_subscribe::<[u8]>();
    let builder = builder.payload_alignment(Alignment::new(64)?).enable_safe_overflow(false);
    builder.history_size(0).subscriber_max_buffer_size(work.slots()).open_or_create().ok()
}

/// Each end must know the other before the first message, or that one is lost.
fn meet(socket: &OwnedFd) {
    // SAFETY: one byte each way, from and to a byte that lives.
    unsafe { libc::send(socket.as_raw_fd(), [0_u8].as_ptr().cast(), 1, 0) };
    // SAFETY: one byte each way, from and to a byte that lives.
    unsafe { libc::recv(socket.as_raw_fd(), [0_u8].as_mut_ptr().cast(), 1, 0) };
}

pub(super) fn iceoryx_gives(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    let mut schema = vec![0_u8; MORE];
    let target = Target { at: schema.as_mut_ptr(), left: schema.len() };
    let mut writer = StreamWriter::try_new(target, &work.batch.schema()).ok()?;
    let len = work.bytes + MORE;
    let service = service(link, work)?;
    let publisher = service.publisher_builder().initial_max_slice_len(len);
    let publisher =
        publisher.backpressure_strategy(BackpressureStrategy::RetryUntilDelivered).create().ok()?;
    *writer.get_mut() = Target { at: NonNull::dangling().as_ptr(), left: 0 };
    meet(&link.packets(End::Gives));
    Some(Box::new(IceoryxGiver { publisher, writer, work, len }))
}

pub(super) fn iceoryx_takes(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    // The schema is sent once; here, it is known.
    let mut schema = Vec::new();
    StreamWriter::try_new(&mut schema, &work.batch.schema()).ok()?;
    let mut decoder = StreamDecoder::new().with_require_alignment(true);
    decoder.decode(&mut Buffer::from_vec(schema)).ok()?;
    let subscriber = service(link, work)?.subscriber_builder().create().ok()?;
    meet(&link.packets(End::Takes));
    Some(Box::new(IceoryxTaker { subscriber, decoder }))
}

impl Gives for IceoryxGiver {
    fn give(&mut self, _: u64) {
        let mut sample = self.publisher.loan_slice_uninit(self.len).expect("a sample");
        let at = sample.payload_mut().as_mut_ptr().cast();
        *self.writer.get_mut() = Target { at, left: self.len };
        self.writer.write(&self.work.batch).expect("the sample is long enough");
        // SAFETY: the message is written, and no more than the message is read.
        unsafe { sample.assume_init() }.send().expect("a subscriber");
    }
}

impl Takes for IceoryxTaker {
    fn take(&mut self) -> u64 {
        loop {
            let Some(sample) = self.subscriber.receive().expect("a connection") else {
                std::hint::spin_loop();
                continue;
            };
            let bytes = sample.payload();
            // SAFETY: the buffer and the batch over it are gone before the sample is, at the end of this block.
            let mut buffer = unsafe {
                Buffer::from_custom_allocation(NonNull::from(bytes).cast(), bytes.len(), Arc::new(()))
            };
            let batch = self.decoder.decode(&mut buffer).expect("a batch that arrow-ipc reads");
            return work::sum_batch(&batch.expect("a whole message"));
        }
    }
}
