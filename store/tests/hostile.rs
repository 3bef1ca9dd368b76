//! Clients and stores that lie, stall or flood: they get a typed error, and nobody else is affected.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

// checks: store

mod support;

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use bowstring_store::wire::message::{Code, How, PutHead, Record, Reply, Request, SchemaAt, TableHead};
use bowstring_store::wire::{HEADER, MAX_FDS};
use bowstring_store::{Client, Config, Mode, SegmentWriter, Segments, StoreError};
use bowstring_transport::region::{Appender, Pages, Writable};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sockopt,
};
use support::{Store, numbers, read};

/// A client that sends arbitrary datagrams.
struct Raw(OwnedFd);

impl Raw {
    fn connect(store: &Store) -> Raw {
        let kind = SocketType::SEQPACKET;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::connect(&socket, &SocketAddrUnix::new(store.socket()).unwrap()).unwrap();
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(20))).unwrap();
        Raw(socket)
    }

    fn greeted(store: &Store) -> Raw {
        let raw = Raw::connect(store);
        raw.say(&Request::Hello { pid: 1, program: "raw".into() }.encode(), &[]);
        assert!(matches!(raw.hear(), Some(Reply::Welcome { .. })));
        raw
    }

    /// Returns true if it could be sent: the store may have hung up.
    fn say(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> bool {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(fds)));
        rustix::net::sendmsg(&self.0, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).is_ok()
    }

    /// Returns the next datagram, its descriptors dropped; `None` if the store hung up.
    fn hear(&self) -> Option<Reply> {
        let mut bytes = vec![0; 64 << 10];
        let (len, _) = rustix::net::recv(&self.0, &mut bytes[..], RecvFlags::empty()).ok()?;
        let fds = |found| Reply::decode(&bytes[..len], found);
        (len > 0).then(|| fds(0).or_else(|_| fds(1)).unwrap())
    }

    fn refusal(&self) -> Option<Code> {
        match self.hear()? {
            Reply::Error { code, .. } => Some(code),
            other => panic!("{other:?}"),
        }
    }
}

fn segments() -> Segments {
    let mut writer = SegmentWriter::new(numbers(0..1).schema()).unwrap();
    writer.write(&numbers(0..100)).unwrap();
    writer.finish().unwrap()
}

fn head(segments: &Segments) -> PutHead {
    let list = &segments.list;
    PutHead {
        mode: Mode::Put,
        expected: 0,
        segments: list.len() as u32,
        schema: SchemaAt::Inline(segments.schema.to_vec()),
        name: "x".into(),
        metadata: Vec::new(),
        records: list.iter().map(|s| Record { len: s.len, rows: s.rows }).collect(),
    }
}

/// Checks that the store serves others as if nothing had happened.
fn is_well(store: &Store) {
    let mut client = store.client();
    client.put("well", &[numbers(0..10)]).unwrap();
    assert_eq!(read(&client.get("well").unwrap()).len(), 10);
}

#[test]
fn datagrams_that_are_none_end_their_own_connection_only() {
    let store = Store::new(Config::default());
    let hello = Request::Hello { pid: 1, program: "raw".into() }.encode();
    let mut wrong: Vec<Vec<u8>> = Vec::new();
    for at in 0..HEADER {
        let mut bytes = hello.clone();
        bytes[at] ^= 0x40;
        wrong.push(bytes);
    }
    wrong.extend((1..hello.len()).map(|len| hello[..len].to_vec()));
    wrong.push([&hello[..], &[0]].concat());
    wrong.push(Request::List.encode());
    wrong.push(Request::Segments(Vec::new()).encode());
    for bytes in &wrong {
        let raw = Raw::connect(&store);
        raw.say(bytes, &[]);
        assert_eq!(raw.refusal(), Some(Code::Protocol), "{bytes:?}");
        assert_eq!(raw.hear(), None);
    }
    for request in [Request::Hello { pid: 1, program: String::new() }, Request::Segments(Vec::new())] {
        let raw = Raw::greeted(&store);
        raw.say(&request.encode(), &[]);
        assert_eq!(raw.refusal(), Some(Code::Protocol));
    }
    // Descriptors where none are expected, and too few where some are.
    let segments = segments();
    let raw = Raw::greeted(&store);
    raw.say(&Request::List.encode(), &[segments.list[0].fd.as_fd()]);
    assert_eq!(raw.refusal(), Some(Code::Protocol));
    let raw = Raw::greeted(&store);
    raw.say(&Request::Put(head(&segments)).encode(), &[]);
    assert_eq!(raw.refusal(), Some(Code::Protocol));
    is_well(&store);
}

#[test]
fn what_is_not_sealed_or_not_sound_is_not_published() {
    let store = Store::new(Config::default());
    let good = segments();
    let put = |fd: BorrowedFd<'_>, change: &dyn Fn(&mut PutHead)| {
        let mut head = head(&good);
        change(&mut head);
        let raw = Raw::greeted(&store);
        raw.say(&Request::Put(head).encode(), &[fd]);
        raw.refusal()
    };
    let same = |_: &mut PutHead| {};
    let bytes: Vec<u8> = {
        let mapped = bowstring_transport::region::FrozenView::attach(
            good.list[0].fd.as_fd(),
            good.list[0].len as usize,
        );
        mapped.unwrap().to_vec()
    };
    let frozen = |bytes: &[u8]| {
        let mut file = Appender::create(c"test").unwrap();
        file.append(bytes).unwrap();
        file.freeze().unwrap()
    };
    // Not sealed at all, sealed for others only, not memory, a directory, a socket.
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let open = rustix::fs::memfd_create("open", flags | rustix::fs::MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::io::write(&open, &bytes).unwrap();
    assert_eq!(put(open.as_fd(), &same), Some(Code::Segment));
    let published = Writable::create(c"test", bytes.len(), Pages::Normal).unwrap().publish().unwrap();
    assert_eq!(put(published.as_fd(), &same), Some(Code::Segment));
    assert_eq!(put(std::fs::File::open("/proc/self/exe").unwrap().as_fd(), &same), Some(Code::Segment));
    assert_eq!(put(std::fs::File::open("/tmp").unwrap().as_fd(), &same), Some(Code::Segment));
    // Valid, but not as stated.
    let fd = good.list[0].fd.as_fd();
    assert_eq!(put(fd, &|head| head.records[0].rows += 1), Some(Code::Segment));
    assert_eq!(put(fd, &|head| head.records[0].len += 64), Some(Code::Segment));
    assert_eq!(put(fd, &|head| head.records[0].len -= 8), Some(Code::Segment));
    assert_eq!(put(fd, &|head| head.records[0].len = 0), Some(Code::Segment));
    assert_eq!(put(fd, &|head| head.records[0].len = u64::MAX), Some(Code::Limit));
    assert_eq!(put(fd, &|head| head.schema = SchemaAt::Inline(vec![7; 64])), Some(Code::Segment));
    assert_eq!(put(fd, &|head| head.name = "../x".into()), Some(Code::Name));
    assert_eq!(put(fd, &|head| head.segments = u32::MAX), Some(Code::Limit));
    // A schema among the messages, an end mark, and every byte of the first metadata changed.
    assert_eq!(
        put(frozen(&[&good.schema, &bytes[..]].concat()[..bytes.len()]).as_fd(), &same),
        Some(Code::Segment)
    );
    assert_eq!(
        put(frozen(&[&[255, 255, 255, 255, 0, 0, 0, 0], &bytes[8..]].concat()).as_fd(), &same),
        Some(Code::Segment)
    );
    let mut client = store.client();
    for at in 0..256 {
        let mut changed = bytes.clone();
        changed[at] ^= 0xff;
        let raw = Raw::greeted(&store);
        let file = frozen(&changed);
        raw.say(&Request::Put(head(&good)).encode(), &[file.as_fd()]);
        // Some bytes are ignored, or another value is valid too: then a reader accepts it, or reports the fault.
        if let Some(Reply::Done { .. }) = raw.hear() {
            let read = client.get("x").unwrap().batches().unwrap().collect::<Result<Vec<_>, _>>();
            assert!(matches!(read, Ok(_) | Err(StoreError::Message { .. } | StoreError::Rows)), "{read:?}");
            client.remove("x", 0).unwrap();
        }
    }
    assert_eq!(client.list().unwrap(), []);
    is_well(&store);
}

#[test]
fn a_put_that_is_not_ended_and_replies_that_are_not_read_are_given_up() {
    let patience = Duration::from_millis(600);
    let store = Store::new(Config { request_timeout: patience, ..Config::default() });
    let segments = segments();
    let silent = Raw::connect(&store);
    let half = Raw::greeted(&store);
    let mut begun = head(&segments);
    begun.segments = 2;
    half.say(&Request::Put(begun).encode(), &[segments.list[0].fd.as_fd()]);
    let mut many = bowstring_store::Segments { schema: segments.schema.clone(), list: Vec::new() };
    for _ in 0..1000 {
        let fd = segments.list[0].fd.try_clone().unwrap();
        many.list.push(bowstring_store::Segment {
            fd,
            len: segments.list[0].len,
            rows: segments.list[0].rows,
        });
    }
    store.client().put_segments("many", &many, &bowstring_store::Put::default()).unwrap();
    // A client that sends requests and never reads: the store queues no more than one reply for it.
    let deaf = Raw::greeted(&store);
    let get = Request::Get {
        version: 0,
        base: 0,
        from_row: 0,
        how: How::Descriptors,
        limit: 0,
        name: "many".into(),
    };
    for _ in 0..50 {
        rustix::net::send(&deaf.0, &get.encode(), SendFlags::NOSIGNAL | SendFlags::DONTWAIT).ok();
    }
    let lines = Raw::greeted(&store);
    let get =
        Request::Get { version: 0, base: 0, from_row: 0, how: How::JsonLines, limit: 0, name: "many".into() };
    lines.say(&get.encode(), &[]);
    // Others are served meanwhile, and at once.
    let begun = Instant::now();
    let mut others = 0;
    while begun.elapsed() < patience {
        is_well(&store);
        others += 1;
    }
    assert!(others > 3);
    assert_eq!(silent.hear(), None);
    assert_eq!(half.hear(), None);
    let gone = |raw: &Raw| {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if !raw.say(&Request::List.encode(), &[]) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    };
    drop(deaf);
    assert!(gone(&silent));
    is_well(&store);
    let stats = store.client().stat().unwrap();
    assert!(stats.contains("errors_total{kind=\"limit\"}"), "{stats}");
}

#[test]
fn a_store_that_lies_is_found_out() {
    let segments = segments();
    let honest = TableHead {
        version: 1,
        base: 1,
        from_row: 0,
        first_row: 0,
        end_row: 100,
        bytes: 1,
        made: 1,
        segments: 1,
        schema: SchemaAt::Inline(segments.schema.to_vec()),
        name: "x".into(),
        source: String::new(),
        metadata: Vec::new(),
        records: vec![Record { len: segments.list[0].len, rows: 100 }],
    };
    let ask = |reply: Vec<u8>, fds: &[BorrowedFd<'_>]| {
        let (here, there) = bowstring_transport::socket_pair().unwrap();
        let store = Raw(there);
        let welcome = Reply::Welcome {
            pid: 1,
            may_write: true,
            durable: false,
            max_table: 1,
            max_total: 1,
            max_segments: 1,
            program: "liar".into(),
        };
        store.say(&welcome.encode(), &[]);
        store.say(&reply, fds);
        rustix::net::shutdown(&store.0, rustix::net::Shutdown::Write).unwrap();
        let mut client = Client::from_socket(here, "test")?;
        let table = client.get("x")?;
        table.batches()?.collect::<Result<Vec<_>, _>>()
    };
    let fd = segments.list[0].fd.as_fd();
    let table = |change: &dyn Fn(&mut TableHead)| {
        let mut head = honest.clone();
        change(&mut head);
        Reply::Table(head).encode()
    };
    assert_eq!(ask(table(&|_| {}), &[fd]).unwrap()[0].num_rows(), 100);
    let wrong = |result: Result<Vec<_>, StoreError>| result.unwrap_err();
    assert!(matches!(wrong(ask(table(&|_| {}), &[])), StoreError::Protocol(_)));
    assert!(matches!(wrong(ask(table(&|head| head.segments = 2), &[fd])), StoreError::HungUp));
    assert!(matches!(wrong(ask(table(&|head| head.end_row = 101), &[fd])), StoreError::Rows));
    assert!(matches!(wrong(ask(table(&|head| head.first_row = 1), &[fd])), StoreError::Protocol(_)));
    assert!(matches!(
        wrong(ask(table(&|head| head.schema = SchemaAt::AsBefore), &[fd])),
        StoreError::Protocol(_)
    ));
    assert!(matches!(wrong(ask(table(&|head| head.records[0].len += 64), &[fd])), StoreError::Region(_)));
    let cut = table(&|head| head.records[0].len -= 8);
    assert!(matches!(wrong(ask(cut, &[fd])), StoreError::Message { .. }));
    let inline = table(&|head| head.schema = SchemaAt::Inline(vec![1; 8]));
    assert!(matches!(wrong(ask(inline, &[fd])), StoreError::Schema(_)));
    let exe = std::fs::File::open("/proc/self/exe").unwrap();
    assert!(matches!(wrong(ask(table(&|_| {}), &[exe.as_fd()])), StoreError::Region(_)));
    assert!(matches!(wrong(ask(Reply::End.encode(), &[])), StoreError::Protocol(_)));
    assert!(matches!(wrong(ask(vec![1; 40], &[])), StoreError::Protocol(_)));
    for len in 1..table(&|_| {}).len() {
        assert!(ask(table(&|_| {})[..len].to_vec(), &[fd]).is_err());
    }
}
