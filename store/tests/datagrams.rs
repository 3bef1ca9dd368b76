//! Every datagram decodes as it was, and mutated ones decode or are refused, without a panic.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bowstring_store::wire::fuzz::datagram;
use bowstring_store::wire::message::{Code, How, PutHead, Record, Reply, Request, SchemaAt, TableHead};
use bowstring_store::{Entry, Mode};

// checks: store

fn requests() -> Vec<(Request, u8)> {
    let name = || "a.table".to_owned();
    let metadata = vec![("key".to_owned(), "value".to_owned())];
    let records = vec![Record { len: 64, rows: 1 }, Record { len: 128, rows: 2 }];
    vec![
        (Request::Hello { pid: 7, program: "test".into() }, 0),
        (Request::Get { version: 1, base: 2, from_row: 3, how: How::JsonLines, limit: 4, name: name() }, 0),
        (Request::Follow { base: 1, from_row: 2, name: name() }, 0),
        (
            Request::Put(PutHead {
                mode: Mode::Append,
                expected: 9,
                segments: 2,
                schema: SchemaAt::Descriptor(70_000),
                name: name(),
                metadata: metadata.clone(),
                records: records.clone(),
            }),
            3,
        ),
        (Request::Segments(records), 2),
        (Request::Remove { expected: 1, name: name() }, 0),
        (Request::Rename { name: name(), to: "b".into() }, 0),
        (Request::Annotate { name: name(), metadata }, 0),
        (Request::List, 0),
        (Request::Stat, 0),
    ]
}

fn replies() -> Vec<(Reply, u8)> {
    let head = TableHead {
        version: 1,
        base: 2,
        from_row: 3,
        first_row: 4,
        end_row: 5,
        bytes: 6,
        made: 7,
        segments: 8,
        schema: SchemaAt::Inline(vec![1; 64]),
        name: "t".into(),
        source: "/a/file".into(),
        metadata: vec![("k".into(), String::new())],
        records: vec![Record { len: 1, rows: 2 }],
    };
    let entry = Entry {
        name: "t".into(),
        version: 1,
        rows: 2,
        bytes: 3,
        made: 4,
        requests: 5,
        columns: 6,
        segments: 7,
        followers: 8,
        source: "s".into(),
        trouble: "none".into(),
    };
    let welcome = Reply::Welcome {
        pid: 1,
        may_write: true,
        durable: false,
        max_table: 2,
        max_total: 3,
        max_segments: 4,
        program: "p".into(),
    };
    vec![
        (welcome, 0),
        (Reply::Error { code: Code::Limit, text: "no".into() }, 0),
        (Reply::Error { code: Code::Other(77), text: "later".into() }, 0),
        (Reply::Done { version: 1, base: 2, rows: 3 }, 0),
        (Reply::Table(head), 1),
        (Reply::Segments(vec![Record { len: 1, rows: 2 }]), 1),
        (Reply::Rows(b"{}\n".to_vec()), 0),
        (Reply::Entry(entry), 0),
        (Reply::End, 0),
        (Reply::Stats("a 1\n".into()), 0),
    ]
}

#[test]
fn datagrams_come_back_as_they_were() {
    for (request, fds) in requests() {
        assert_eq!(Request::decode(&request.encode(), fds.into()), Ok(request.clone()));
        assert!(Request::decode(&request.encode(), usize::from(fds) + 1).is_err());
    }
    for (reply, fds) in replies() {
        assert_eq!(Reply::decode(&reply.encode(), fds.into()), Ok(reply.clone()));
        assert!(Reply::decode(&reply.encode(), usize::from(fds) + 1).is_err());
    }
}

#[test]
fn mutated_datagrams_are_read_or_refused() {
    let requests = requests().into_iter().map(|(request, fds)| (request.encode(), fds));
    let all = requests.chain(replies().into_iter().map(|(reply, fds)| (reply.encode(), fds)));
    for (bytes, fds) in all {
        let whole = [&[fds], &bytes[..]].concat();
        for len in 0..whole.len() {
            datagram(&whole[..len]);
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut mutated = whole.clone();
                mutated[len] = value;
                datagram(&mutated);
            }
        }
    }
}
